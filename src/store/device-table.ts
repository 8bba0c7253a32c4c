// The table of devices: in several orders, page by page to and fro, with what its columns show and nothing else; and how many
// devices there are. The place of a page is that of its first or last device, so that what comes and goes meanwhile shifts nothing.
import type { StandingState } from '../posture/standings.ts';
import type { Queryable } from './client.ts';
import { conditionOf, type DeviceFilters, devicePostureIdentity, type PostureIdentity } from './device-filters.ts';
import { deviceConfirmedAt } from './device-freshness.ts';
import { type DeviceRow, deviceReason } from './devices.ts';

/** By what the table is in order; what is equal goes by id. */
export const tableOrders = ['name', 'id', 'user', 'created', 'lastSeen'] as const;
export type TableOrder = (typeof tableOrders)[number];

/** Where a device stands in an order: a text, or a time in ms, which may lie before 1970; an empty text where it has none. */
export interface TablePlace {
  key: string | number;
  id: string;
}

export interface TableRequest {
  filters: DeviceFilters;
  order: TableOrder;
  isDescending: boolean;
  /** The page is what comes behind this place, or what comes before it; null: the first one. */
  from: { place: TablePlace; goesBack: boolean } | null;
  limit: number;
  /** Whether anybody wants to know how many there are. */
  isCounted: boolean;
}

/** Of the devices in an order, those whose keys are of one kind, as an index has them. */
interface Part {
  /** Of device d, which the relations have. */
  key: string;
  type: 'text' | 'timestamptz' | null;
  from: string;
}

/** As the indexes have it. */
const lower = (text: string) => `(lower(${text} collate "default") collate "C")`;
const devices = 'devices d';
const seen = 'a.device_id is not null and a.reason is null and a.last_active_at is not null';

/** In ascending order. Who was never seen stands before those who were. */
const orders: Readonly<Record<TableOrder, readonly Part[]>> = {
  id: [{ key: 'd.id', type: 'text', from: devices }],
  name: [{ key: lower("coalesce(nullif(d.hostname, ''), d.id)"), type: 'text', from: devices }],
  user: [{ key: lower("coalesce(d.user_name, '')"), type: 'text', from: devices }],
  created: [{ key: 'd.created_at', type: 'timestamptz', from: devices }],
  lastSeen: [
    {
      key: 'null',
      type: null,
      from: `${devices} where not exists (select from agents a where a.device_id = d.id and ${seen})`,
    },
    {
      key: 'l.last_active_at',
      type: 'timestamptz',
      // Of several agents that speak for a device that which was seen last, and of those the one with the highest id.
      from: `agents l join ${devices} on d.id = l.device_id
        where ${seen.replaceAll('a.', 'l.')} and not exists (select from agents a where a.device_id = l.device_id and ${seen}
          and (a.last_active_at, a.integration_id, a.agent_id) > (l.last_active_at, l.integration_id, l.agent_id))`,
    },
  ],
};

/** With so many at most they are found first, and then put in order; more of them are soon met with in the order of an index. */
const fewDevices = 5_000;
/** So many are counted if all are meant. */
const mostCounted = 1_000_000;

export interface Found {
  /** Places of so many devices at most, in the order asked for, also where the page goes back. */
  places: TablePlace[];
  /** How many devices there are of those, where that was wanted; `isExact: false`: more than that. */
  total: { devices: number; isExact: boolean };
}

export async function tablePage(db: Queryable, request: TableRequest): Promise<Found> {
  const { filters, order, isDescending, from, limit, isCounted } = request;
  const few = await fewFound(db, filters);
  const found = few?.length ?? 0;
  const total = few === null && isCounted ? await totalOf(db, filters) : { devices: found, isExact: few !== null };
  const goesBack = from?.goesBack === true;
  const isDown = isDescending !== goesBack;
  const parts = isDown ? orders[order].toReversed() : orders[order];
  // Where an order has a part without keys it is that of those who have none.
  const begun =
    from === null
      ? 0
      : parts.findIndex(({ type }) => parts.length === 1 || (type === null) === (from.place.key === ''));
  const places: TablePlace[] = [];
  for (const [n, part] of parts.entries()) {
    if (n < begun || places.length >= limit) continue;
    const place = from !== null && n === begun ? from.place : null;
    places.push(...(await partOfPage(db, part, few ?? filters, { place, isDown, limit: limit - places.length })));
  }
  return { places: goesBack ? places.reverse() : places, total };
}

/** @returns the ids of all of those; null: there are many */
async function fewFound(db: Queryable, filters: DeviceFilters): Promise<string[] | null> {
  const parameters: unknown[] = [fewDevices + 1];
  const condition = conditionOf(filters, parameters);
  if (condition === null) return null;
  const { rows } = await db.query(`select d.id from devices d where ${condition} limit $1`, parameters);
  return rows.length > fewDevices ? null : rows.map(row => row.id);
}

async function totalOf(db: Queryable, filters: DeviceFilters): Promise<Found['total']> {
  if (conditionOf(filters, []) !== null) return { devices: fewDevices, isExact: false };
  const { rows } = await db.query('select count(*)::int as n from (select from devices limit $1) s', [mostCounted + 1]);
  return { devices: Math.min(rows[0].n, mostCounted), isExact: rows[0].n <= mostCounted };
}

async function partOfPage(
  db: Queryable,
  { key, type, from }: Part,
  which: DeviceFilters | readonly string[],
  { place, isDown, limit }: { place: TablePlace | null; isDown: boolean; limit: number },
): Promise<TablePlace[]> {
  const direction = isDown ? 'desc' : 'asc';
  const parameters: unknown[] = [limit];
  const $ = (value: unknown) => `$${parameters.push(value)}`;
  const conditions = [isIds(which) ? `d.id = any(${$(which)}::text[])` : (conditionOf(which, parameters) ?? 'true')];
  const isBehind = isDown ? '<' : '>';
  if (place !== null)
    conditions.push(
      type === null
        ? `d.id ${isBehind} ${$(place.id)}`
        : `(${key}, d.id) ${isBehind} (${$(type === 'text' ? place.key : new Date(place.key).toISOString())}::${type}, ${$(place.id)})`,
    );
  const { rows } = await db.query<{ id: string; key: string | Date | null }>(
    `select d.id, ${key} as key from ${from} ${from.includes(' where ') ? 'and' : 'where'} ${conditions.join(' and ')}
     order by ${type === null ? '' : `${key} ${direction}, `}d.id ${direction} limit $1`,
    parameters,
  );
  return rows.map(row => ({ id: row.id, key: row.key instanceof Date ? row.key.getTime() : (row.key ?? '') }));
}

function isIds(which: DeviceFilters | readonly string[]): which is readonly string[] {
  return Array.isArray(which);
}

/** What a row may show beside its name; attributes are read apart. */
export interface TableRow extends Pick<DeviceRow, 'hostname' | 'user' | 'os' | 'tags' | 'serials' | 'addresses'> {
  created: Date;
  lastSeen: Date | null;
  /** When the oldest of what providers say was confirmed. */
  confirmed: Date | null;
  /** Why no agent speaks for it; null: one does. */
  match: string | null;
  postureIdentity: PostureIdentity;
  postures: { posture: string; state: StandingState }[];
}
export type TableColumn = keyof TableRow;

const listOf = (what: string, from: string) => `(select coalesce(jsonb_agg(${what}), '[]') from ${from})`;
const columns: Readonly<Record<TableColumn, string>> = {
  hostname: 'd.hostname',
  user: 'd.user_name',
  os: 'd.os',
  tags: 'd.tags',
  created: 'd.created_at',
  serials: listOf(
    "jsonb_build_object('serial', x.raw, 'source', x.source, 'problem', x.problem) order by x.source, x.identifier",
    "device_identifiers x where x.device_id = d.id and x.identifier like 'serial:%'",
  ),
  addresses: listOf(
    'x.raw order by x.identifier',
    "device_identifiers x where x.device_id = d.id and x.identifier like 'address:%'",
  ),
  lastSeen: '(select max(a.last_active_at) from agents a where a.device_id = d.id and a.reason is null)',
  confirmed: deviceConfirmedAt,
  match: `(${deviceReason})`,
  postureIdentity: devicePostureIdentity,
  postures: listOf(
    "jsonb_build_object('posture', s.posture, 'state', s.state) order by s.posture",
    'standings s where s.device_id = d.id',
  ),
};

/** @returns of each device that there still is its name and what is asked for, in the order of the ids */
export async function tableRows<Columns extends TableColumn>(
  db: Queryable,
  ids: readonly string[],
  wanted: readonly Columns[],
): Promise<({ id: string; name: string } & Pick<TableRow, Columns>)[]> {
  const chosen = wanted.map(column => `, ${columns[column]} as "${column}"`).join('');
  const { rows } = await db.query(
    `select d.id, coalesce(nullif(d.hostname, ''), d.id) as name${chosen}
     from unnest($1::text[]) with ordinality asked(id, n) join devices d on d.id = asked.id order by asked.n`,
    [ids],
  );
  return rows;
}
