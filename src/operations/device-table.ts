// The table of devices as administrators look through it: a page of it with what was chosen of each device, where to go on and back, and
// all of it as CSV.
import { AppError } from '../errors.ts';
import type { AttributeValue } from '../posture/attributes.ts';
import { bareTag } from '../posture/facts.ts';
import type { DeviceFilters } from '../store/device-filters.ts';
import type { FreshnessState } from '../store/device-freshness.ts';
import { valuesOfDevices } from '../store/device-list.ts';
import {
  type Found,
  type TableColumn,
  type TableOrder,
  type TablePlace,
  type TableRow,
  tablePage,
  tableRows,
} from '../store/device-table.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import { csvLine } from './csv.ts';
import { placeCursor, readCursor, TurningPlace } from './cursors.ts';
import type { Request } from './devices.ts';
import { deviceMatch, type Match } from './explain.ts';
import { type AsOf, readJudging } from './postures.ts';

type Asked = Pick<Request, 'db' | 'now'>;

/** What may be chosen beside the full names of attributes. */
export const deviceColumns = [
  ...['hostname', 'user', 'os', 'tags', 'serials', 'addresses', 'created', 'lastSeen'],
  ...['freshness', 'match', 'postureIdentity', 'postures'],
] as const;
type PlainColumn = Exclude<TableColumn, 'confirmed'> | 'freshness';

export interface TableQuery {
  filters: DeviceFilters;
  order: TableOrder;
  isDescending: boolean;
  /** Each a device's, or the full name of an attribute. */
  columns: readonly string[];
  /** What was confirmed before is stale. */
  freshSince: Date;
}

/** A device with what was chosen of it. */
export interface DeviceLine extends Partial<Omit<TableRow, 'match' | 'confirmed'>> {
  id: string;
  name: string;
  match?: Match;
  freshness?: { state: FreshnessState; confirmedAt: Date | null };
  /** By full name, where attributes were chosen. */
  attributes?: Record<string, AttributeValue>;
}

export interface DeviceTable {
  devices: DeviceLine[];
  /** Where postures were chosen: whether a worker judges, and when one looked last. */
  judged?: Pick<AsOf, 'at' | 'hasWorker'>;
  total: Found['total'];
  nextCursor: string | null;
  previousCursor: string | null;
}

/** @throws AppError invalid for a column that there is not */
export function readColumns(columns: readonly string[]): string[] {
  for (const column of columns)
    if (!column.includes(':') && !(deviceColumns as readonly string[]).includes(column))
      throw new AppError(
        'invalid',
        `column: ${deviceColumns.join(', ')}, or the full name of an attribute such as sentinelOne:infected`,
      );
  return [...new Set(columns)];
}

/**
 * @param cursor of another page; null: the first one
 * @param isCounted false: the total is not wanted
 * @throws AppError invalid for a cursor that is none of this order
 */
export async function pageOfTable(
  asked: Asked,
  query: TableQuery,
  cursor: string | null,
  limit: number,
  isCounted = true,
): Promise<DeviceTable> {
  const from = cursor === null ? null : placeOf(cursor, query.order);
  const { places: found, total } = await tablePage(asked.db, { ...query, from, limit: limit + 1, isCounted });
  const isMore = found.length > limit;
  const places = from?.goesBack ? found.slice(-limit) : found.slice(0, limit);
  const [first, last] = [places.at(0), places.at(-1)];
  const isBefore = from !== null && (!from.goesBack || isMore);
  const isBehind = from?.goesBack === true || isMore;
  return {
    devices: await linesOf(asked, query, places),
    ...(query.columns.includes('postures') ? { judged: await judgedNow(asked) } : {}),
    total,
    nextCursor: isBehind && last !== undefined ? placeCursor(['>', last.key, last.id]) : null,
    previousCursor: isBefore && first !== undefined ? placeCursor(['<', first.key, first.id]) : null,
  };
}

async function judgedNow({ db, now }: Asked): Promise<Pick<AsOf, 'at' | 'hasWorker'>> {
  return await inSnapshot(db, async client => await readJudging(client, now()));
}

const byTime: readonly TableOrder[] = ['created', 'lastSeen'];

function placeOf(cursor: string, order: TableOrder) {
  const [direction, key, id] = readCursor(cursor, TurningPlace);
  // An empty text: it has no time.
  const isTime = typeof key === 'number' || (order === 'lastSeen' && key === '');
  if (isTime !== byTime.includes(order)) throw new AppError('invalid', 'cursor: it is of this list in another order');
  return { place: { key, id }, goesBack: direction === '<' };
}

async function linesOf(
  asked: Asked,
  { columns, freshSince }: TableQuery,
  places: readonly TablePlace[],
): Promise<DeviceLine[]> {
  const ids = places.map(({ id }) => id);
  const attributes = columns.filter(column => column.includes(':'));
  const plain = columns.filter(column => !column.includes(':')) as PlainColumn[];
  const stored = plain.map((column): TableColumn => (column === 'freshness' ? 'confirmed' : column));
  const rows: ({ id: string; name: string } & Partial<TableRow>)[] = await tableRows(asked.db, ids, stored);
  const values = attributes.length === 0 ? null : await valuesOfDevices(asked.db, ids, asked.now());
  return rows.map(({ match, confirmed, tags, ...row }) => ({
    ...row,
    ...(tags === undefined ? {} : { tags: tags.map(tag => `tag:${bareTag(tag)}`) }),
    ...(match === undefined ? {} : { match: deviceMatch({ reason: match }) }),
    ...(confirmed === undefined
      ? {}
      : { freshness: { state: stateOf(confirmed, freshSince), confirmedAt: confirmed } }),
    ...(values === null ? {} : { attributes: chosenOf(values.get(row.id)?.attributes ?? {}, attributes) }),
  }));
}

function stateOf(confirmed: Date | null, since: Date): FreshnessState {
  if (confirmed === null) return 'none';
  return confirmed < since ? 'stale' : 'fresh';
}

function chosenOf(values: Record<string, AttributeValue>, names: readonly string[]): Record<string, AttributeValue> {
  return Object.fromEntries(
    names.flatMap(name => {
      const value = Object.hasOwn(values, name) ? values[name] : undefined;
      return value === undefined ? [] : [[name, value] as const];
    }),
  );
}

const pageSize = 500;

/** @returns the whole table, a page at a time */
export async function* tablePages(asked: Asked, query: TableQuery): AsyncGenerator<DeviceLine[]> {
  for (let cursor: string | null = null; ; ) {
    // To count them for each page would take longer than to find them.
    const page: DeviceTable = await pageOfTable(asked, query, cursor, pageSize, false);
    yield page.devices;
    cursor = page.nextCursor;
    if (cursor === null) return;
  }
}

/** The whole table as CSV, a text a page, the first with the names of the columns; a cell that a spreadsheet would reckon is text. */
export async function* tableAsCsv(asked: Asked, query: TableQuery): AsyncGenerator<string> {
  yield csvLine(['id', 'name', ...query.columns]);
  for await (const devices of tablePages(asked, query))
    yield devices
      .map(line => csvLine([line.id, line.name, ...query.columns.map(column => cellOf(line, column))]))
      .join('');
}

function cellOf(line: DeviceLine, column: string): string {
  if (column.includes(':')) return String(line.attributes?.[column] ?? '');
  switch (column as PlainColumn) {
    case 'serials':
      return (line.serials ?? []).map(({ serial }) => serial).join('; ');
    case 'match':
      return line.match?.reason ?? 'matched';
    case 'freshness':
      return line.freshness?.confirmedAt?.toISOString() ?? '';
    case 'postures':
      return (line.postures ?? []).map(({ posture, state }) => `${posture} ${state}`).join('; ');
    case 'tags':
    case 'addresses':
      return (line[column as 'tags' | 'addresses'] ?? []).join('; ');
    case 'created':
    case 'lastSeen':
      return line[column as 'created' | 'lastSeen']?.toISOString() ?? '';
    default:
      return line[column as 'hostname' | 'user' | 'os' | 'postureIdentity'] ?? '';
  }
}
