// Devices and their identifiers: the bulk way in, the rows of lists, and why a device has no posture.
import type { IdentifierKind } from '../posture/identifiers.ts';
import type { Queryable } from './client.ts';
import { startDerivation } from './derive.ts';
import { isCollecting, isPlaceholder, settleIdentifiers } from './match.ts';
import type { Write } from './write.ts';

/** The field in which identifiers of each kind are given and told. */
const kinds = {
  serial: 'serialNumbers',
  address: 'addresses',
  certificate_fingerprint: 'certificateFingerprints',
} as const satisfies Record<IdentifierKind, string>;

/** A device as it is imported: the fields in `fields` and the kinds of identifiers in `kinds` are set, the others stay. */
export interface IncomingDevice {
  id: string;
  fields: readonly ('hostname' | 'user' | 'os' | 'tags')[];
  kinds: readonly IdentifierKind[];
  hostname: string | null;
  user: string | null;
  os: string | null;
  tags: readonly string[];
  /** Canonical, `kind:value`, each once and sorted by bytes, with the raw form of each at the same place. */
  identifiers: readonly string[];
  raws: readonly string[];
}

/** Ids of the devices that were created, and changed. */
export interface Upserted {
  created: string[];
  changed: string[];
}

const otherKinds = ['address', 'certificate_fingerprint'] as const;

/** A row with what is reported of a device, nulls where nothing is. */
const reportedOf = (device: string) =>
  `(select array_agg(x.identifier order by x.identifier) as identifiers, array_agg(x.raw order by x.identifier) as raws
    from device_identifiers x where x.device_id = ${device} and x.source = 'reported')`;

/** Of identifiers, each with its raw form at the same place: the raw forms of those of a kind. */
const rawsOf = (kind: string, identifiers: string, raws: string) =>
  `(select coalesce(jsonb_agg(s.r order by s.i collate "C"), '[]') from unnest(${identifiers}, ${raws}) s(i, r) where starts_with(s.i, '${kind}:'))`;

/**
 * Creates and changes devices, each id once, settles their identifiers and touches what follows from that; the caller
 * derives. Leaves an event for each device that changed.
 */
export async function upsertDevices(write: Write, incoming: readonly IncomingDevice[]): Promise<Upserted> {
  const { client } = write;
  await startDerivation(client);
  await client.query('drop table if exists incoming, upserted');
  await client.query(
    `create temp table incoming on commit drop as
     select r.id collate "C" as id, r.fields, r.kinds, r.hostname, r."user" as user_name, r.os, r.tags, r.identifiers, r.raws
     from jsonb_to_recordset($1) as r(id text, fields text[], kinds text[], hostname text, "user" text, os text, tags text[], identifiers text[], raws text[])`,
    [JSON.stringify(incoming)],
  );
  await client.query('analyze incoming (id)');
  await client.query(
    `create temp table upserted on commit drop as
     select *, hostname is distinct from old_hostname or user_name is distinct from old_user_name or os is distinct from old_os or tags is distinct from old_tags as is_changed,
       gone_identifiers <> '{}' or not identifiers <@ old_identifiers as has_new_identity
     from (
       select i.id, d.id is null as is_new, i.kinds, i.identifiers, i.raws,
         case when 'hostname' = any(i.fields) then i.hostname else d.hostname end as hostname, d.hostname as old_hostname,
         case when 'user' = any(i.fields) then i.user_name else d.user_name end as user_name, d.user_name as old_user_name,
         case when 'os' = any(i.fields) then i.os else d.os end as os, d.os as old_os,
         case when 'tags' = any(i.fields) then i.tags else coalesce(d.tags, '{}') end as tags, coalesce(d.tags, '{}') as old_tags,
         coalesce(o.identifiers, '{}') as old_identifiers, o.raws as old_raws,
         case when o.identifiers is null then '{}' else
           array(select v from unnest(o.identifiers) v where split_part(v, ':', 1) = any(i.kinds) and not v = any(i.identifiers)) end as gone_identifiers
       from incoming i left join devices d on d.id = i.id left join lateral ${reportedOf('d.id')} o on true
     ) s`,
  );
  await client.query('analyze upserted (id, is_new, is_changed, has_new_identity)');
  const { rows } = await client.query(
    `select coalesce(array_agg(id) filter (where is_new), '{}') as created,
       coalesce(array_agg(id) filter (where not is_new and (is_changed or has_new_identity)), '{}') as changed from upserted`,
  );
  await client.query(
    `insert into devices (id, hostname, user_name, os, tags, created_at, updated_at, revision)
     select id, hostname, user_name, os, tags, $1::timestamptz, $1::timestamptz, $2::bigint from upserted where is_new`,
    [write.at, write.revision],
  );
  await client.query('delete from removed_devices r using upserted u where r.id = u.id and u.is_new');
  await client.query(
    `update devices d set hostname = u.hostname, user_name = u.user_name, os = u.os, tags = u.tags, revision = $2,
       updated_at = case when u.is_changed then $1 else d.updated_at end
     from upserted u where d.id = u.id and not u.is_new and (u.is_changed or u.has_new_identity)`,
    [write.at, write.revision],
  );
  const gone = await client.query(
    `delete from device_identifiers x using upserted u where x.device_id = u.id and not u.is_new and u.has_new_identity and x.source = 'reported' and x.identifier = any(u.gone_identifiers)
     returning x.identifier`,
  );
  // Inserted as what they nearly always are, matching, where nobody else has them: there is nothing to settle then.
  const added = await client.query(
    `with added as (insert into device_identifiers (device_id, identifier, source, raw, problem)
     select n.device_id, n.identifier, 'reported', n.raw,
       case when ${isPlaceholder('n.identifier')} then 'placeholder_serial'
         when n.is_new and n.times = 1 and o.is_taken is null then null else 'unsettled' end
     from (
       select u.id as device_id, u.is_new, r.identifier collate "C" as identifier, r.raw, count(*) over (partition by r.identifier collate "C") as times
       from upserted u, unnest(u.identifiers, u.raws) r(identifier, raw)
       where u.has_new_identity and not r.identifier collate "C" = any(u.old_identifiers)
     ) n
     left join lateral (select true as is_taken from device_identifiers x where x.identifier = n.identifier limit 1) o on true
     returning identifier, problem)
     select identifier from added where problem = 'unsettled'`,
  );
  await settleIdentifiers(
    write,
    `select unnest(gone_identifiers) from upserted where has_new_identity
     union select i from upserted, unnest(identifiers) i where has_new_identity and not i = any(old_identifiers)`,
    [],
    { unsettled: [...gone.rows, ...added.rows].map(row => row.identifier) },
  );
  await deviceEvents(write);
  return rows[0];
}

/** An event for each device of the table `upserted` that changed, and one for each serial that was refused. */
async function deviceEvents(write: Write): Promise<void> {
  const changedFields = (which: 'old' | 'new') => {
    const prefix = which === 'old' ? 'old_' : '';
    return ['hostname', 'user_name', 'os', 'tags']
      .map(
        c =>
          `case when ${c} is distinct from old_${c} then jsonb_build_object('${c === 'user_name' ? 'user' : c}', ${prefix}${c}) else '{}' end`,
      )
      .join(' || ');
  };
  const changedKinds = (which: 'old' | 'new') =>
    Object.entries(kinds)
      .map(
        ([kind, field]) =>
          `case when old_${kind} <> new_${kind} then jsonb_build_object('${field}', ${which}_${kind}) else '{}' end`,
      )
      .join(' || ');
  await write.events(
    `select 'NODE.CREATE' as event, id as target_id, hostname as target_name, null::jsonb as old,
       jsonb_strip_nulls(jsonb_build_object('hostname', hostname, 'user', user_name, 'os', os, 'tags', tags,
         -- Nearly every device comes with serial numbers alone.
         'serialNumbers', case when kinds <@ '{serial}' then to_jsonb(raws) else ${rawsOf('serial', 'identifiers', 'raws')} end
       )) || ${otherKinds.map(kind => `case when '${kind}' = any(kinds) then jsonb_build_object('${kinds[kind]}', ${rawsOf(kind, 'identifiers', 'raws')}) else '{}' end`).join(' || ')} as new
     from upserted where is_new
     union all
     select 'NODE.UPDATE', id, hostname, ${changedFields('old')}, ${changedFields('new')} from upserted where not is_new and is_changed
     union all
     select 'NODE.UPDATE.POSTURE_IDENTITY', id, hostname, ${changedKinds('old')}, ${changedKinds('new')}
     from upserted u
     cross join lateral ${reportedOf('u.id')} n
     -- Computed once and not wherever it is named: that is what the offset is for.
     cross join lateral (select ${Object.keys(kinds)
       .map(
         kind =>
           `case when '${kind}' = any(kinds) then ${rawsOf(kind, 'old_identifiers', 'old_raws')} end as old_${kind}, case when '${kind}' = any(kinds) then ${rawsOf(kind, 'n.identifiers', 'n.raws')} end as new_${kind}`,
       )
       .join(', ')} offset 0) k
     where not is_new and has_new_identity`,
  );
  await write.events(
    `select 'NODE.REFUSE.POSTURE_IDENTITY' as event, u.id as target_id, u.hostname as target_name, null::jsonb as old,
       jsonb_build_object('serialNumber', x.raw, 'device', u.id, 'heldBy', m.device_id) as new
     from upserted u join device_identifiers x on x.device_id = u.id and x.problem = 'serial_set_on_other_device'
     join device_identifiers m on m.identifier = x.identifier and m.source = 'manual'
     where u.has_new_identity and not x.identifier = any(u.old_identifiers)`,
  );
}

export interface DeviceRow {
  id: string;
  createdAt: Date;
  hostname: string | null;
  user: string | null;
  os: string | null;
  tags: string[];
  serials: { serial: string; source: 'reported' | 'manual'; problem: string | null }[];
  addresses: string[];
  certificateFingerprints: string[];
  /** Of all those the ones that others claim too, so that they find no device, or an administrator's choice. */
  conflicts: {
    kind: IdentifierKind;
    value: string;
    /** A code of identifierReasons. */
    problem: string;
    /** Who claims it besides: at most 20 of them. */
    devices: string[];
  }[];
  /** Null: some agent speaks for it. */
  reason: string | null;
  /** When an agent that speaks for it was last in contact with its provider, as far as is stored: that may lag by hours. */
  lastActiveAt: Date | null;
}

const isSerial = "x.identifier like 'serial:%'";

/**
 * Whether something is so of any row, null where there is none; always by a look-up. `exists` may be answered by reading the whole table
 * once; and where a table was filled a moment ago and has no statistics yet, a condition more has it read whole for each device. A device has
 * few rows in either table.
 */
const any = (what: string, rows: string) => `(select bool_or(${what}) from ${rows})`;
const speaks = any('a.reason is null', 'agents a where a.device_id = d.id');
const matches = any('x.problem is null', `device_identifiers x where x.device_id = d.id and ${isSerial}`);

/** Why no agent speaks for device d, or null when one does. */
export const deviceReason = `
  case
    when not ${isCollecting} then 'identity_collection_off'
    when ${speaks} then null
    when not ${speaks} then
      (select a.reason from agents a where a.device_id = d.id order by a.reason = 'expired' desc, a.reason = 'gone' desc limit 1)
    when ${matches} is null then 'no_serial'
    when ${matches} then 'no_agent'
    else (select x.problem from device_identifiers x where x.device_id = d.id and ${isSerial} and x.problem <> 'replaced_by_manual'
      order by array_position(array['serial_on_several_devices', 'serial_set_on_other_device', 'placeholder_serial'], x.problem) limit 1)
  end`;

const conflicts =
  "'serial_on_several_devices', 'serial_set_on_other_device', 'address_on_several_devices', 'fingerprint_on_several_devices'";
/** Any 20 of them: a thousand devices may share one, and a list of devices would look at each of them for each of them. */
const rivals = `
  (select coalesce(jsonb_agg(r.device_id order by r.device_id), '[]') from (
     select o.device_id from device_identifiers o where o.identifier = x.identifier and o.device_id <> x.device_id
       and o.problem is distinct from 'replaced_by_manual' limit 20) r)`;
const aggregate = (what: string, filter: string) => `coalesce(jsonb_agg(${what}) filter (where ${filter}), '[]')`;

/**
 * Devices as they are told, in no order.
 * @param rows SELECT giving rows of devices, few enough to look each one up
 */
export const toldDevices = (rows: string) => `
  select d.id, d.created_at as "createdAt", d.hostname, d.user_name as "user", d.os, d.tags, ${deviceReason} as reason,
    (select max(a.last_active_at) from agents a where a.device_id = d.id and a.reason is null) as "lastActiveAt", i.*
  from (${rows}) d left join lateral (
    select ${aggregate("jsonb_build_object('serial', x.raw, 'source', x.source, 'problem', x.problem)", isSerial)} as serials,
      ${aggregate('x.raw', "x.identifier like 'address:%'")} as addresses,
      ${aggregate('x.raw', "x.identifier like 'certificate_fingerprint:%'")} as "certificateFingerprints",
      ${aggregate(
        `jsonb_build_object('kind', split_part(x.identifier, ':', 1), 'value', x.raw, 'problem', x.problem, 'devices', ${rivals})`,
        `x.problem in (${conflicts})`,
      )} as conflicts
    from (select * from device_identifiers where device_id = d.id order by source, identifier) x
  ) i on true`;

export async function deviceById(db: Queryable, id: string): Promise<DeviceRow | null> {
  const { rows } = await db.query(toldDevices('select * from devices where id = $1'), [id]);
  return rows[0] ?? null;
}

/** Ids of the devices that have an identifier, usable or not. */
export async function devicesWithIdentifier(db: Queryable, identifier: string): Promise<string[]> {
  const { rows } = await db.query(
    'select distinct device_id from device_identifiers where identifier = $1 order by device_id',
    [identifier],
  );
  return rows.map(row => row.device_id);
}

/** Other devices that have one of a device's identifiers, of whatever kind, placeholders left aside: at most 20 of them. */
export async function rivalDevices(db: Queryable, deviceId: string): Promise<string[]> {
  const { rows } = await db.query(
    `select distinct o.device_id from device_identifiers d join device_identifiers o on o.identifier = d.identifier and o.device_id <> d.device_id
     where d.device_id = $1 and d.problem is distinct from 'placeholder_serial' order by 1 limit 20`,
    [deviceId],
  );
  return rows.map(row => row.device_id);
}

/** All identifiers of a device, for settling after a change. */
export async function identifiersOf(
  db: Queryable,
  deviceId: string,
): Promise<{ identifier: string; source: string; raw: string }[]> {
  const { rows } = await db.query(
    'select identifier, source, raw from device_identifiers where device_id = $1 order by source, identifier',
    [deviceId],
  );
  return rows;
}

/** Removes the identifiers of a device, or those set by hand alone. The caller settles what had them, and derives. */
export async function deleteIdentifiers(write: Write, deviceId: string, source?: 'manual'): Promise<void> {
  await write.client.query(
    'delete from device_identifiers where device_id = $1 and ($2::text is null or source = $2)',
    [deviceId, source ?? null],
  );
  await write.client.query('update devices set revision = $2 where id = $1', [deviceId, write.revision]);
}

/** Removes the row of a device; readers of the change feed are told. The caller has taken care of all that hangs on it. */
export async function deleteDevice(write: Write, id: string): Promise<void> {
  await write.client.query('delete from devices where id = $1', [id]);
  await write.client.query('insert into removed_devices (id, revision, removed_at) values ($1, $2, $3)', [
    id,
    write.revision,
    write.at,
  ]);
}
