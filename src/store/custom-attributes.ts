// The rows of device_attributes with source `custom`: what administrators state of devices. Written set-based, so that a change
// of thousands of devices takes as few statements as that of one. The caller holds the head.
import type { AttributeValue } from '../posture/attributes.ts';
import { customSource } from '../posture/custom-attributes.ts';
import type { Client, Queryable } from './client.ts';
import type { attributeKeys } from './schema-custom.ts';
import type { Write } from './write.ts';

/** A value to be set or, where it is null, removed; one a device and key. */
export interface CustomChange {
  readonly device: string;
  readonly key: string;
  readonly value: AttributeValue | null;
  /** In ms; null: never. */
  readonly expiresAt: number | null;
}

/** @returns of the keys, given without capitals, those that are in use */
export async function customKeysInUse(db: Queryable, folded: readonly string[]): Promise<StoredKey[]> {
  const { rows } = await db.query('select * from attribute_keys where folded = any($1::text[])', [folded]);
  return rows;
}

export type StoredKey = typeof attributeKeys.$inferSelect;

/** @returns all keys that are in use */
export async function allCustomKeys(db: Queryable): Promise<StoredKey[]> {
  const { rows } = await db.query('select * from attribute_keys order by folded');
  return rows;
}

export async function countCustomKeys(db: Queryable): Promise<number> {
  const { rows } = await db.query('select count(*)::int as n from attribute_keys');
  return rows[0].n;
}

/** @returns of the ids those that no device has */
export async function unknownDevices(db: Queryable, ids: readonly string[]): Promise<string[]> {
  const { rows } = await db.query(
    'select i.id from unnest($1::text[]) i(id) where not exists (select from devices d where d.id = i.id) order by 1',
    [ids],
  );
  return rows.map(row => row.id);
}

/**
 * Sets and removes values of devices that there are, by keys that were looked over. A value that is set again is stated again:
 * it is younger then, which alone is no event.
 * @param comment for the audit log
 * @returns how many devices have other values, or values that end at another time, and how many were written at all
 */
export async function changeCustomValues(
  write: Write,
  changes: readonly CustomChange[],
  comment: string | null,
): Promise<{ changed: number; written: number }> {
  const { client } = write;
  const rows = changes.map(({ device, key, value, expiresAt }) => ({
    device_id: device,
    name: key,
    value,
    times: { at: write.at, ...(expiresAt === null ? {} : { expiresAt: new Date(expiresAt) }) },
  }));
  await client.query(
    `create temp table restated on commit drop as
     select c.device_id, d.hostname, a.device_id is not null as is_stored, coalesce(a.values, '{}') as old_values, coalesce(a.stated, '{}') as old_stated,
       (coalesce(a.values, '{}') - c.removed) || c.values as values, (coalesce(a.stated, '{}') - c.removed) || c.stated as stated
     from (
       select device_id collate "C" as device_id, array_agg(name) filter (where value is null) as removed,
         coalesce(jsonb_object_agg(name, value) filter (where value is not null), '{}') as values,
         coalesce(jsonb_object_agg(name, times) filter (where value is not null), '{}') as stated
       from jsonb_to_recordset($1) as r(device_id text, name text, value jsonb, times jsonb) group by device_id
     ) s cross join lateral (select s.device_id, coalesce(s.removed, '{}') as removed, s.values, s.stated) c
     join devices d on d.id = c.device_id
     left join device_attributes a on a.device_id = c.device_id and a.source = '${customSource}'`,
    [JSON.stringify(rows)],
  );
  return await applyRestated(write, comment);
}

/**
 * Removes what has expired, the oldest first.
 * @param most devices at once
 * @returns how many devices had something
 */
export async function removeExpiredValues(write: Write, most: number): Promise<number> {
  await write.client.query(
    `create temp table restated on commit drop as
     select a.device_id, d.hostname, true as is_stored, a.values as old_values, a.stated as old_stated, a.values - e.names as values, a.stated - e.names as stated
     from (select * from device_attributes where expires_at <= $1 order by expires_at limit $2) a
     left join devices d on d.id = a.device_id
     cross join lateral (select array_agg(key) as names from jsonb_each(a.stated) where (value ->> 'expiresAt')::timestamptz <= $1) e`,
    [write.at, most],
  );
  return (await applyRestated(write, 'expired')).written;
}

/** Removes all that administrators stated of a device. */
export async function removeCustomValues(write: Write, deviceId: string): Promise<void> {
  await write.client.query(
    `create temp table restated on commit drop as
     select a.device_id, d.hostname, true as is_stored, a.values as old_values, a.stated as old_stated, '{}'::jsonb as values, '{}'::jsonb as stated
     from device_attributes a left join devices d on d.id = a.device_id
     where a.device_id = $1 and a.source = '${customSource}' and a.values <> '{}'`,
    [deviceId],
  );
  await applyRestated(write, null);
}

export async function hasExpiredValues(db: Queryable, at: Date): Promise<boolean> {
  const { rows } = await db.query('select exists (select from device_attributes where expires_at <= $1) as any', [at]);
  return rows[0].any;
}

const earliestExpiry = `(select min((value ->> 'expiresAt')::timestamptz) from jsonb_each(r.stated))`;

/** Brings the rows, the keys and the audit log to the table `restated`. */
async function applyRestated(write: Write, details: string | null): Promise<{ changed: number; written: number }> {
  const { client } = write;
  await client.query('delete from restated where values = old_values and stated = old_stated');
  const written = await client.query(
    `update device_attributes d set values = r.values, stated = nullif(r.stated, '{}'), expires_at = ${earliestExpiry}, revision = $1, changed_at = $2
     from restated r where r.is_stored and d.device_id = r.device_id and d.source = '${customSource}'`,
    [write.revision, write.at],
  );
  const inserted = await client.query(
    `insert into device_attributes (device_id, source, values, stated, expires_at, revision, changed_at)
     select r.device_id, '${customSource}', r.values, r.stated, ${earliestExpiry}, $1::bigint, $2::timestamptz from restated r where not r.is_stored`,
    [write.revision, write.at],
  );
  await countKeys(client);
  const changed = await restatedEvents(write, details);
  return { changed, written: (written.rowCount ?? 0) + (inserted.rowCount ?? 0) };
}

/** The first value of a key makes it, and the last one takes it along. */
async function countKeys(client: Client): Promise<void> {
  await client.query(
    `insert into attribute_keys as k (folded, key, type, devices)
     select lower(n.name), n.name, coalesce(min(jsonb_typeof(r.values -> n.name)), min(jsonb_typeof(r.old_values -> n.name))),
       sum((r.values ? n.name)::int - (r.old_values ? n.name)::int)
     from restated r, jsonb_object_keys(r.old_values || r.values) n(name)
     where r.values ? n.name is distinct from r.old_values ? n.name group by n.name
     on conflict (folded) do update set devices = k.devices + excluded.devices`,
  );
  await client.query('delete from attribute_keys where devices <= 0');
}

/** An entry for each device of `restated` with other values, or expiries; those are told beside the values. */
async function restatedEvents(write: Write, details: string | null): Promise<number> {
  const part = (values: string, stated: string) =>
    `jsonb_object_agg(k, ${values} -> k) filter (where ${values} ? k) ||
       jsonb_build_object('expiries', jsonb_object_agg(k, ${stated} -> k -> 'expiresAt') filter (where ${stated} -> k ? 'expiresAt'))`;
  const told = (values: string, stated: string) => `jsonb_strip_nulls(${part(values, stated)})`;
  return await write.events(
    `select case when r.old_values = '{}' then 'NODE.CREATE.ATTRIBUTES' when r.values = '{}' then 'NODE.DELETE.ATTRIBUTES' else 'NODE.UPDATE.ATTRIBUTES' end as event,
       r.device_id as target_id, r.hostname as target_name, p.old, p.new
     from restated r cross join lateral (
       select ${told('r.old_values', 'r.old_stated')} as old, ${told('r.values', 'r.stated')} as new
       from jsonb_object_keys(r.old_values || r.values) k
       where r.old_values -> k is distinct from r.values -> k or r.old_stated -> k -> 'expiresAt' is distinct from r.stated -> k -> 'expiresAt'
     ) p where p.old is not null or p.new is not null order by r.device_id`,
    [],
    details,
  );
}
