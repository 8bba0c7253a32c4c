// Which columns the table has: remembered in this browser, and in the address where they are not the usual ones.
import { Autocomplete, Button, Checkbox, Group, Popover, Stack } from '@mantine/core';
import { IconColumns3 } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { texts } from '../../texts.ts';
import { attributesQuery, isAttributeName, needsValues, plainColumns, type TableState } from './table-state.ts';

const words = texts.devices.columns;

/** @returns the head of a column */
export function columnName(column: string): string {
  return (words.names as Readonly<Record<string, string>>)[column] ?? column;
}

export function ColumnsMenu({ state, maySeeValues }: { state: TableState; maySeeValues: boolean }) {
  const [isOpen, setOpen] = useState(false);
  const [name, setName] = useState('');
  const { columns, setColumns } = state;
  const offered = [
    ...plainColumns.filter(column => maySeeValues || !needsValues(column)),
    ...columns.filter(column => column.includes(':')),
  ];
  const toggle = (column: string) =>
    setColumns(columns.includes(column) ? columns.filter(other => other !== column) : [...columns, column]);
  const { data } = useQuery({ ...attributesQuery, enabled: isOpen && maySeeValues });
  const names = (data?.attributes ?? []).flatMap(({ name: its, origin, isFamily }) =>
    origin === 'builtin' || isFamily ? [] : [its],
  );
  const isGood = isAttributeName(name.trim());
  return (
    <Popover opened={isOpen} onChange={setOpen} position="bottom-end" width={300} trapFocus shadow="md">
      <Popover.Target>
        <Button
          variant="default"
          aria-expanded={isOpen}
          leftSection={<IconColumns3 size={16} aria-hidden />}
          onClick={() => setOpen(open => !open)}
        >
          {words.button}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={words.button}>
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
      </Popover.Dropdown>
    </Popover>
  );
}
