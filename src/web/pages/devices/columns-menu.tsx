// Which columns the table has: remembered in this browser, and in the address where they are not the usual ones.
import { Autocomplete, Button, Checkbox, Group, Stack } from '@mantine/core';
import { IconColumns3 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { texts } from '../../texts.ts';
import { TableMenu } from './table-menu.tsx';
import { attributesQuery, isAttributeName, needsValues, plainColumns, type TableState } from './table-state.ts';

const words = texts.devices.columns;

/** @returns the head of a column */
export function columnName(column: string): string {
  return (words.names as Readonly<Record<string, string>>)[column] ?? column;
}

export function ColumnsMenu(props: { state: TableState; maySeeValues: boolean }) {
  return (
    <TableMenu label={words.button} icon={IconColumns3} position="bottom-end">
      {() => <Columns {...props} />}
    </TableMenu>
  );
}

function Columns({ state, maySeeValues }: { state: TableState; maySeeValues: boolean }) {
  const [name, setName] = useState('');
  const { columns, setColumns } = state;
  const offered = [
    ...plainColumns.filter(column => maySeeValues || !needsValues(column)),
    ...columns.filter(column => column.includes(':')),
  ];
  const toggle = (column: string) =>
    setColumns(columns.includes(column) ? columns.filter(other => other !== column) : [...columns, column]);
  const { data } = useQuery({ ...attributesQuery, enabled: maySeeValues });
  const names = (data?.attributes ?? []).flatMap(({ name: its, origin, isFamily }) =>
    origin === 'builtin' || isFamily ? [] : [its],
  );
  const isGood = isAttributeName(name.trim());
  return (
    <Stack gap="xs">
      {offered.map(column => (
        <Checkbox
          key={column}
          size="sm"
          label={columnName(column)}
          checked={columns.includes(column)}
          onChange={() => toggle(column)}
        />
      ))}
      {maySeeValues && (
        <form
          onSubmit={event => {
            event.preventDefault();
            if (isGood && !columns.includes(name.trim())) setColumns([...columns, name.trim()]);
            setName('');
          }}
        >
          <Group gap="xs" align="flex-end" wrap="nowrap">
            <Autocomplete
              flex={1}
              label={words.add}
              description={words.addHelp}
              value={name}
              data={names.filter(other => !columns.includes(other))}
              limit={20}
              comboboxProps={{ withinPortal: false }}
              onChange={setName}
            />
            <Button type="submit" variant="default" disabled={!isGood}>
              {texts.devices.filters.apply}
            </Button>
          </Group>
        </form>
      )}
      <Button variant="subtle" size="compact-sm" onClick={() => setColumns(null)}>
        {words.usual}
      </Button>
    </Stack>
  );
}
