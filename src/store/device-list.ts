// Lists of devices: which ones, by what they are, by the values they have, by how they stand; page by page in the order of ids,
// which the indexes of all these tables have.
import type { AttributeValue } from '../posture/attributes.ts';
import type { StandingState } from '../posture/standings.ts';
import type { Queryable } from './client.ts';
import { type DeviceRow, deviceReason, toldDevices } from './devices.ts';
import type { StatedTimes } from './schema-custom.ts';

/** All that is given must be so; of a list every entry. */
export interface DeviceFilters {
  id?: readonly string[];
  /** As it is told: the host name, or where there is none the id. */
  name?: readonly string[];
  hostname?: readonly string[];
  user?: readonly string[];
  os?: readonly string[];
  /** Each with or without `tag:` in front. */
  tags?: readonly string[];
  /** As they are stored. */
  addresses?: readonly string[];
  createdAt?: readonly Date[];
  lastActiveAt?: readonly Date[];
  /** A code of deviceReasons, or whether some agent speaks for it. */
  match?: string;
  /** It has an identifier with this problem. */
  problem?: string;
  attributes?: readonly AttributeFilter[];
  /** How it stands in a posture, named with `posture:` in front. */
  standing?: { posture: string; state: StandingState };
  /** Part of its id, host name or user, or of something that it is known by. */
  search?: string;
}

/** At a time. `values`: it has one of them; null: any; `isSet: false`: it has none. */
export type AttributeFilter =
  | { name: string; at: Date; isSet: true; values: readonly AttributeValue[] | null }
  | { name: string; at: Date; isSet: false };

const isMatched = 'exists (select from agents a where a.device_id = d.id and a.reason is null)';

/** @returns an SQL condition on device d; what it compares with is added to the parameters */
function conditionOf(filters: DeviceFilters, parameters: unknown[]): string {
  const $ = (value: unknown) => `$${parameters.push(value)}`;
  const each = <T>(values: readonly T[] | undefined, condition: (value: T) => string) => (values ?? []).map(condition);
  const { match, problem, standing, search } = filters;
  const conditions = [
    ...each(filters.id, id => `d.id = ${$(id)}`),
    ...each(filters.name, name => `coalesce(nullif(d.hostname, ''), d.id) = ${$(name)}`),
    ...each(filters.hostname, name => `coalesce(d.hostname, '') = ${$(name)}`),
    ...each(filters.user, user => `coalesce(d.user_name, '') = ${$(user)}`),
    ...each(filters.os, os => `coalesce(d.os, '') = ${$(os)}`),
    ...each(
      filters.tags,
      tag => `d.tags && ${$([tag.replace(/^tag:/, ''), `tag:${tag.replace(/^tag:/, '')}`])}::text[]`,
    ),
    ...each(
      filters.addresses,
      address =>
        `exists (select from device_identifiers x where x.device_id = d.id and x.identifier = ${$(`address:${address}`)})`,
    ),
    ...each(filters.createdAt, at => `d.created_at = ${$(at)}`),
    ...each(
      filters.lastActiveAt,
      at =>
        `(select max(a.last_active_at) from agents a where a.device_id = d.id and a.reason is null) = ${$(at)}::timestamptz`,
    ),
    ...each(filters.attributes, attribute => attributeCondition(attribute, $)),
    ...(match === undefined ? [] : [matchCondition(match, $)]),
    ...(problem === undefined
      ? []
      : [`exists (select from device_identifiers x where x.device_id = d.id and x.problem = ${$(problem)})`]),
    ...(standing === undefined
      ? []
      : [
          `exists (select from standings s where s.posture = ${$(standing.posture)} and s.state = ${$(standing.state)} and s.device_id = d.id)`,
        ]),
    ...(search === undefined ? [] : [searchCondition($(`%${search.replace(/[\\%_]/g, '\\$&')}%`))]),
  ];
  return conditions.length === 0 ? 'true' : conditions.join(' and ');
}

function matchCondition(match: string, $: (value: unknown) => string): string {
  if (match === 'matched') return isMatched;
  // Why is asked of those only that nobody speaks for: they are told apart by a join, and why is looked up one by one.
  return match === 'unmatched' ? `not ${isMatched}` : `not ${isMatched} and (${deviceReason}) = ${$(match)}`;
}

/** What has expired may not be removed yet, and counts no more. */
function attributeCondition(filter: AttributeFilter, $: (value: unknown) => string): string {
  const at = `${$(filter.at)}::timestamptz`;
  const name = `${$(filter.name)}::text`;
  const having = (what: string) =>
    `exists (select from device_attributes v where v.device_id = d.id and ${what}
       and (v.expires_at is null or coalesce((v.stated -> ${name} ->> 'expiresAt')::timestamptz > ${at}, true)))`;
  if (!filter.isSet) return `not ${having(`v.values ? ${name}`)}`;
  if (filter.values === null) return having(`v.values ? ${name}`);
  const values = filter.values.map(value => JSON.stringify(value));
  return having(`v.values -> ${name} = any(${$(values)}::jsonb[])`);
}

/** The identifiers are gone through once, and not for each device. */
function searchCondition(pattern: string): string {
  return `(d.id ilike ${pattern} or d.hostname ilike ${pattern} or d.user_name ilike ${pattern}
    or d.id in (select x.device_id from device_identifiers x where x.raw ilike ${pattern}))`;
}

/**
 * A page of devices, by id.
 * @param after the last id of the page before; null for the first page
 */
export async function devicePage(
  db: Queryable,
  after: string | null,
  limit: number,
  filters: DeviceFilters = {},
): Promise<DeviceRow[]> {
  const parameters: unknown[] = [after ?? '', limit];
  const condition = conditionOf(filters, parameters);
  const { rows } = await db.query(
    `select * from (${toldDevices(
      `select d.* from devices d where d.id > $1 and ${condition} order by d.id limit $2`,
    )}) s order by id`,
    parameters,
  );
  return rows;
}

export interface DeviceValues {
  /** By full name. */
  attributes: Record<string, AttributeValue>;
  /** RFC 3339, of those that end by themselves. */
  expiries: Record<string, string>;
}

/** @returns what those of the devices have by then that have something, by id */
export async function valuesOfDevices(
  db: Queryable,
  ids: readonly string[],
  at: Date,
): Promise<Map<string, DeviceValues>> {
  const { rows } = await db.query<{ id: string; values: DeviceValues['attributes']; stated: StatedTimes | null }>(
    `select device_id as id, values, stated from device_attributes where device_id = any($1::text[]) and values <> '{}' order by device_id, source`,
    [ids],
  );
  const found = new Map<string, DeviceValues>();
  for (const { id, values, stated } of rows) {
    const its = found.get(id) ?? { attributes: {}, expiries: {} };
    found.set(id, its);
    for (const [name, value] of Object.entries(values)) {
      const expiresAt = stated?.[name]?.expiresAt;
      if (expiresAt !== undefined && new Date(expiresAt) <= at) continue;
      its.attributes[name] = value;
      if (expiresAt !== undefined) its.expiries[name] = new Date(expiresAt).toISOString();
    }
  }
  return found;
}

/** @returns those of the ids that devices have */
export async function knownDevices(db: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await db.query('select id from devices where id = any($1::text[])', [ids]);
  return new Set(rows.map(row => row.id));
}
