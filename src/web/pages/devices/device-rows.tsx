// The rows of the table: each leads to its device. On narrow screens the same cells stand as cards.
import { Group, Skeleton, Table, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconSelector } from '@tabler/icons-react';
import { Link, useNavigate } from 'react-router';
import { LongText } from '../../parts/long-text.tsx';
import { texts } from '../../texts.ts';
import { Cell } from './cells.tsx';
import { columnName } from './columns-menu.tsx';
import { type DeviceLine, pathOf, type TableState } from './table-state.ts';

const words = texts.devices;
/** What the service has orders for. */
const sortable = ['name', 'user', 'created', 'lastSeen'];
const skeletons = 12;

interface DeviceRowsProps {
  /** Null: not there yet. */
  lines: readonly DeviceLine[] | null;
  state: TableState;
  /** What is shown is what was asked for before. */
  isOld: boolean;
}

export function DeviceRows({ lines, state, isOld }: DeviceRowsProps) {
  const columns = ['name', ...state.columns];
  return (
    <div className="card devices-table" data-old={isOld} aria-busy={lines === null || isOld}>
      <Table.ScrollContainer
        minWidth={0}
        type="native"
        className="devices-scroll"
        tabIndex={0}
        aria-label={words.caption}
        role="region"
      >
        <Table highlightOnHover verticalSpacing={6} stickyHeader className="figures">
          <caption className="unseen">{words.caption}</caption>
          <Table.Thead>
            <Table.Tr>
              {columns.map(column => (
                <Head key={column} column={column} state={state} />
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {lines === null
              ? Array.from({ length: skeletons }, (_, n) => n).map(n => <SkeletonRow key={n} columns={columns} />)
              : lines.map(line => <Row key={line.id} line={line} columns={state.columns} />)}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </div>
  );
}

function Head({ column, state }: { column: string; state: TableState }) {
  const name = columnName(column);
  if (!sortable.includes(column)) return <Table.Th>{name}</Table.Th>;
  const isHere = state.sort.replace('-', '') === column;
  const isDown = state.sort.startsWith('-');
  const Icon = !isHere ? IconSelector : isDown ? IconArrowDown : IconArrowUp;
  // Of times the newest is what is looked for first.
  const first = column === 'name' || column === 'user' ? column : `-${column}`;
  const other = isDown ? column : `-${column}`;
  const next = isHere ? other : first;
  return (
    <Table.Th aria-sort={isHere ? (isDown ? 'descending' : 'ascending') : 'none'}>
      <UnstyledButton
        className="devices-sort"
        aria-label={words.sort(name)}
        onClick={() => state.change({ sort: next === 'name' ? null : next })}
      >
        <Group gap={4} wrap="nowrap" component="span">
          {name}
          <Icon size={14} aria-hidden />
        </Group>
      </UnstyledButton>
    </Table.Th>
  );
}

function Row({ line, columns }: { line: DeviceLine; columns: readonly string[] }) {
  const navigate = useNavigate();
  const to = pathOf(line.id);
  const hasMatch = columns.includes('match');
  return (
    <Table.Tr
      className="devices-row"
      onClick={event => {
        const isSelecting = window.getSelection()?.type === 'Range';
        // Links and buttons within do what they do; and a new tab is the browser's.
        if (isSelecting || (event.target as HTMLElement).closest('a, button')) return;
        if (event.metaKey || event.ctrlKey) window.open(new URL(to.slice(1), document.baseURI), '_blank', 'noopener');
        else navigate(to);
      }}
    >
      <Table.Th scope="row" className="devices-name">
        <Link to={to} className="devices-link">
          <LongText inherit>{line.name}</LongText>
        </Link>
        {line.name !== line.id && (
          <LongText size="xs" c="dimmed" fw={400}>
            {line.id}
          </LongText>
        )}
      </Table.Th>
      {columns.map(column => (
        <Table.Td key={column} data-label={columnName(column)}>
          <Cell line={line} column={column} saysWhy={!hasMatch} />
        </Table.Td>
      ))}
    </Table.Tr>
  );
}

function SkeletonRow({ columns }: { columns: readonly string[] }) {
  return (
    <Table.Tr>
      {columns.map((column, n) => (
        <Table.Td key={column}>
          {n === 0 && <VisuallyHidden>{texts.shell.loading}</VisuallyHidden>}
          <Skeleton height={n === 0 ? 34 : 16} width={n === 0 ? '75%' : '60%'} />
        </Table.Td>
      ))}
    </Table.Tr>
  );
}
