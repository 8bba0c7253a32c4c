// What of the table of devices is shown, as its address has it: search, filters, order, columns. The columns are also remembered in this
// browser, and stand in the address where they are not the usual ones.
import { useLocalStorage } from '@mantine/hooks';
import { queryOptions } from '@tanstack/react-query';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import { keepRows, olderMs } from '../../api/queries.ts';
import type { operations } from '../../api/schema.d.ts';
import { cursorParam } from '../../parts/pager.tsx';
import { useUrlState } from '../../parts/url-state.ts';

export type DeviceLine = Schemas['DeviceLine'];
export type TableQuery = NonNullable<operations['listDeviceTable']['parameters']['query']>;

/** Parameters of the address that are filters of the service, under its names. */
export const filterNames = [
  ...[
    'posture',
    'standing',
    'condition',
    'integration',
    'match',
    'freshness',
    'postureIdentity',
    'tags',
    'attribute',
    'problem',
  ],
] as const;
export type FilterName =
  | 'posture'
  | 'standing'
  | 'condition'
  | 'integration'
  | 'match'
  | 'freshness'
  | 'postureIdentity'
  | 'tags'
  | 'attribute'
  | 'problem';

export const plainColumns = [
  ...['user', 'os', 'serials', 'freshness', 'match', 'postures', 'lastSeen', 'tags', 'created', 'addresses'],
  'postureIdentity',
] as const;
const usualColumns: readonly string[] = ['user', 'serials', 'freshness', 'postures', 'lastSeen'];
/** Instead of columns: none was left. Nothing at all means the usual ones. */
const noColumns = 'none';
const pageSizes = ['25', '50', '100'] as const;
const orders = ['name', 'id', 'user', 'created', 'lastSeen'];

export interface TableState {
  search: string;
  filters: { name: FilterName; value: string }[];
  sort: string;
  columns: string[];
  limit: string;
  /** For the service, without the page. */
  query: TableQuery;
  cursor: string | null;
  change: ReturnType<typeof useUrlState>[1];
  setColumns: (columns: readonly string[] | null) => void;
  /** The address's search parameters without the page. */
  address: string;
}

function read<T extends string>(text: string | null, allowed: readonly T[], usual: T): T {
  return allowed.find(each => each === text) ?? usual;
}

/** Of a posture alone the service means those that pass it, which is said like any other standing. */
function filtersOf(params: URLSearchParams): TableState['filters'] {
  const isPostureAlone = params.has('posture') && !params.has('standing') && !params.has('condition');
  return filterNames.flatMap(name => {
    const values = name === 'standing' && isPostureAlone ? ['passing'] : params.getAll(name);
    return values.map(value => ({ name: name as FilterName, value }));
  });
}

/** @param maySeeValues what needs another scope is not asked for */
export function useTableState(maySeeValues: boolean): TableState {
  const [params, change] = useUrlState();
  const [remembered, remember] = useLocalStorage<string[]>({ key: 'posture-sync devices columns', defaultValue: [] });
  const search = params.get('q') ?? '';
  const filters = filtersOf(params);
  const given = params.get('columns');
  const chosen = given !== null ? given.split(',') : remembered.length > 0 ? remembered : usualColumns;
  const columns = chosen.filter(name => isColumn(name) && (maySeeValues || !needsValues(name)));
  const bare = (params.get('sort') ?? 'name').replace(/^-/, '');
  const sort = `${params.get('sort')?.startsWith('-') ? '-' : ''}${read(bare, orders, 'name')}`;
  const limit = read(params.get('limit'), pageSizes, '50');
  const setColumns = (next: readonly string[] | null) => {
    const kept = next?.length === 0 ? [noColumns] : [...(next ?? [])];
    remember(kept);
    const isUsual = next === null || next.join() === usualColumns.join();
    change({ columns: isUsual ? null : kept.join(',') });
  };
  const address = new URLSearchParams(params);
  address.delete(cursorParam);
  const query = {
    ...(search === '' ? {} : { search }),
    ...Object.fromEntries(
      filterNames.flatMap(name => {
        const values = params.getAll(name);
        if (values.length === 0) return [];
        return [[name, name === 'tags' || name === 'attribute' ? values : values[0]]];
      }),
    ),
    ...{ sort, column: askedOf(columns), limit: Number(limit) },
  } as TableQuery;
  return {
    ...{ search, filters, sort, columns, limit, query, change, setColumns },
    cursor: params.get(cursorParam),
    address: address.toString(),
  };
}

/** Where a device has no posture its freshness says why; and whether it passes is said by how old that is. */
function askedOf(columns: readonly string[]): string[] {
  const needed = columns.flatMap(column => ({ freshness: ['match'], postures: ['freshness'] })[column] ?? []);
  return [...new Set([...columns, ...needed])];
}

export function needsValues(column: string): boolean {
  return column.includes(':') || column === 'postures';
}

export function isColumn(name: string): boolean {
  return (plainColumns as readonly string[]).includes(name) || isAttributeName(name);
}

export function isAttributeName(text: string): boolean {
  return /^[\w.-]+:[\w.:-]+$/.test(text);
}

export const tableQuery = ({ query, cursor }: Pick<TableState, 'query' | 'cursor'>) =>
  queryOptions({
    queryKey: ['devices', 'table', query, cursor],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/tailnet/{tailnet}/devices/table', {
          params: { path: here, query: { ...query, ...(cursor === null ? {} : { cursor }) } },
          signal,
        }),
      ),
    refetchInterval: olderMs,
    // Sorting and paging leave what was shown until the next is there: nothing jumps.
    placeholderData: before => keepRows(before, before?.devices),
  });

/** The conditions that keep devices from a posture, those of most devices first. Asked once in a while: all that do not pass are counted. */
export const causesQuery = (posture: string) =>
  queryOptions({
    queryKey: ['posture conditions', posture],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/tailnet/{tailnet}/postures/{posture}', {
          params: { path: { ...here, posture }, query: { limit: 100 } },
          signal,
        }),
      ),
    select: ({ causes }) => [...new Set(causes.map(({ condition }) => condition))],
    staleTime: 60_000,
  });

/** Asked once in a while: it goes through all values. */
export const attributesQuery = queryOptions({
  queryKey: ['attribute catalogue'],
  queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/attributes', { params: { path: here }, signal })),
  staleTime: 300_000,
});

/** @returns the path of a device's page */
export function pathOf(id: string): string {
  return `/devices/${encodeURIComponent(id)}`;
}
