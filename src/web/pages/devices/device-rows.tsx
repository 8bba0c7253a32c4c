// The rows of the table: each leads to its device. On narrow screens the same cells stand as cards.
import { Group, Skeleton, Table, UnstyledButton, VisuallyHidden } from '@mantine/core';
import { IconArrowDown, IconArrowUp, IconSelector } from '@tabler/icons-react';
import { memo } from 'react';
import { Link, useNavigate } from 'react-router';
import { Cut } from '../../parts/long-text.tsx';
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
  /** False: no worker judges, and postures are of before. */
  isJudged: boolean;
}

export function DeviceRows({ lines, state, isOld, isJudged }: DeviceRowsProps) {
  const columns = ['name', ...state.columns];
  const shown = state.columns.join(',');
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
              : lines.map(line => <Row key={line.id} line={line} shown={shown} isJudged={isJudged} />)}
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

interface RowProps {
  line: DeviceLine;
  /** Their names, with commas between: a text stays the same where nothing changed. */
  shown: string;
  isJudged: boolean;
}

/** The table's own, without what its components cost for hundreds of cells. */
const { classes } = Table;

/** Drawn anew where its device changed: not for each change of the address. */
const Row = memo(function Row({ line, shown, isJudged }: RowProps) {
  const navigate = useNavigate();
  const to = pathOf(line.id);
  const columns = shown === '' ? [] : shown.split(',');
  const hasMatch = columns.includes('match');
  return (
    <tr
      className={`${classes.tr} devices-row`}
      data-hover
      data-with-row-border
      onClick={event => {
        const isSelecting = window.getSelection()?.type === 'Range';
        // Links and buttons within do what they do; and a new tab is the browser's.
        if (isSelecting || (event.target as HTMLElement).closest('a, button')) return;
        if (event.metaKey || event.ctrlKey) window.open(new URL(to.slice(1), document.baseURI), '_blank', 'noopener');
        else navigate(to);
      }}
    >
      <th scope="row" className={`${classes.th} devices-name`}>
        <Link to={to} className="devices-link">
          <Cut>{line.name}</Cut>
        </Link>
        {line.name !== line.id && (
          <span className="devices-id">
            <Cut>{line.id}</Cut>
          </span>
        )}
      </th>
      {columns.map(column => (
        <td key={column} className={classes.td} data-label={columnName(column)}>
          <Cell line={line} column={column} saysWhy={!hasMatch} isJudged={isJudged} />
        </td>
      ))}
    </tr>
  );
});

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
