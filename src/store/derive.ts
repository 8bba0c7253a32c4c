// What devices have, derived from what agents say (laws 1-3, 5): identifiers -> matches -> speakers -> attributes. Each step is
// one SELECT over tables and nothing else; writing takes just the rows in which it differs, and `verify` runs the same
// SELECTs over everything. Times it compares are columns, so that the answer does not depend on when it is asked.
import type { Client } from './client.ts';
import type { Write } from './write.ts';

/** When the values of an agent (a, of integration i) were confirmed for the last time. */
export const confirmedAt = 'coalesce(a.frozen_at, greatest(a.observed_at, i.swept_at))';

/** Whether evidence of that age no longer counts for integration i. */
export const expired = (confirmed: string) =>
  `coalesce(${confirmed} + i.expire_after_ms * interval '1 millisecond' <= i.judged_at, false)`;

/**
 * Whether an identifier stands for no device: fewer than 4 characters, one character repeated, or on the list. An expression
 * and no function of the database, for such a function is called row by row, and this is asked for millions of them.
 * @param identifier an SQL expression for `kind:value`
 */
export const isPlaceholder = (identifier: string) => {
  const value = `substr(${identifier}, strpos(${identifier}, ':') + 1)`;
  const bare = `translate(${value}, '-._', '')`;
  return `(length(${value}) < 4 or ${bare} = repeat(left(${bare}, 1), length(${bare})) or ${value} in (select value from placeholder_serials))`;
};

/**
 * For each identifier of a device: why it matches nothing, or null. A serial set by hand wins over reported ones. One pass over
 * the rows, sorted by identifier: looked up one by one, an import of a million devices takes minutes for it.
 * @param rows a FROM clause giving rows d of device_identifiers, all of each identifier among them
 */
export const identifierProblems = (rows: string) => `
  select device_id, identifier, source, stored,
    case
      when ${isPlaceholder('identifier')} then 'placeholder_serial'
      when source = 'manual' then null
      when is_replaced then 'replaced_by_manual'
      when bool_or(source = 'manual') over same then 'serial_set_on_other_device'
      -- A device has an identifier once as reported.
      when count(*) filter (where not is_replaced) over same > 1 then 'serial_on_several_devices'
    end as problem
  from (
    select d.device_id, d.identifier, d.source, d.problem as stored,
      d.device_id in (select device_id from device_identifiers where source = 'manual') as is_replaced
    from ${rows}
  ) s
  window same as (partition by identifier)`;

/**
 * For each row of a relation with (integration_id, agent_id, identifiers, bound_device_id): the device it belongs to, or why none.
 * Agents of a million go through here at once, so it is one hash join and not a look-up a row.
 * @param columns of the relation to give besides, so that nothing has to be joined to it again
 */
export const agentMatches = (relation: string, columns: readonly string[] = []) => `
  select r.integration_id, r.agent_id, ${columns.map(name => `r.${name}, `).join('')}coalesce(r.bound_device_id, h.device_id) as device_id,
    case
      when coalesce(r.bound_device_id, h.device_id) is not null then null
      when cardinality(r.identifiers) = 0 then 'no_serial'
      when h.devices > 1 then 'serials_of_several_devices'
      when h.shared then 'serial_on_several_devices'
      when not exists (select from unnest(r.identifiers) u(identifier) where not ${isPlaceholder('u.identifier')}) then 'placeholder_serial'
      else 'no_device'
    end as problem
  from ${relation} r
  left join (
    select p.integration_id, p.agent_id, bool_or(d.problem is not null) as shared, count(distinct d.device_id) filter (where d.problem is null) as devices,
      case when min(d.device_id) filter (where d.problem is null) = max(d.device_id) filter (where d.problem is null) then min(d.device_id) filter (where d.problem is null) end as device_id
    from (select x.integration_id, x.agent_id, u.identifier from ${relation} x, unnest(x.identifiers) u(identifier) where cardinality(x.identifiers) > 1) p
    join device_identifiers d on d.identifier = p.identifier and (d.problem is null or d.problem = 'serial_on_several_devices')
    group by 1, 2
    union all
    -- Nearly every agent has one identifier: no grouping then. Of several devices with it none has problem null.
    select x.integration_id, x.agent_id, d.device_id is null, (d.device_id is not null)::int, d.device_id
    from ${relation} x join (
      select identifier, device_id from device_identifiers where problem is null
      union all
      select distinct identifier, null from device_identifiers where problem = 'serial_on_several_devices'
    ) d on d.identifier = x.identifiers[1]
    where cardinality(x.identifiers) = 1
  ) h on h.integration_id = r.integration_id and h.agent_id = r.agent_id`;

/** Of the agents of each touched device: which one speaks for it (reason null), and why the others do not. */
const places = `
  select integration_id, agent_id, device_id, source,
    case when gone_reason is not null then gone_reason when is_expired then 'expired' when place > 1 then 'older_duplicate' end as reason,
    stored_reason
  from (
    select *, row_number() over (
      partition by device_id, source
      order by (gone_reason is null and not is_expired) desc, active desc, registered_at desc nulls last, length(agent_id) desc, agent_id desc, integration_id desc
    ) as place
    from (
      select a.integration_id, a.agent_id, a.device_id, i.provider as source, a.gone_reason, a.reason as stored_reason,
        a.active is true as active, a.registered_at, ${expired(confirmedAt)} as is_expired
      from agents a join integrations i on i.id = a.integration_id
      where a.device_id in (select device_id from touched_devices)
    ) candidates
  ) ranked`;

/** What the touched devices' attributes should be, beside what they are, where the two differ. */
const plan = `
  with wanted as (
    select p.device_id, p.source, a.values || a.moving as values, a.moving, a.integration_id, a.agent_id
    from places p join agents a on a.integration_id = p.integration_id and a.agent_id = p.agent_id where p.reason is null
  ), kept as (
    select w.device_id, w.source, jsonb_object_agg(v.key, v.value) as values,
      (array_agg(w.integration_id order by w.confirmed_at desc, w.integration_id desc, w.agent_id desc))[1] as integration_id,
      (array_agg(w.agent_id order by w.confirmed_at desc, w.integration_id desc, w.agent_id desc))[1] as agent_id
    from withheld_values w join integrations i on i.id = w.integration_id, jsonb_each(w.values) v
    where w.device_id in (select device_id from touched_devices) and not ${expired('w.confirmed_at')}
    group by w.device_id, w.source
  ), merged as (
    select device_id, source, case when k.values is null then w.values else k.values || coalesce(w.values, '{}') end as values,
      coalesce(w.moving, '{}') as moving,
      case when k.values is null or w.values <> '{}' then w.integration_id else k.integration_id end as integration_id,
      case when k.values is null or w.values <> '{}' then w.agent_id else k.agent_id end as agent_id
    from wanted w full join kept k using (device_id, source)
  ), compared as (
    select device_id, source, d.values as old_values, m.values as new_values, m.moving, m.integration_id, m.agent_id,
      d.integration_id as old_integration_id, d.agent_id as old_agent_id
    from (select * from merged where values <> '{}') m
    full join (select * from device_attributes where device_id in (select device_id from touched_devices) and values <> '{}') d using (device_id, source)
    where d.values is distinct from m.values or d.agent_id is distinct from m.agent_id or d.integration_id is distinct from m.integration_id
  )
  select *,
    case when new_values is null then old_values when old_values is null then null else
      (select jsonb_object_agg(key, value) from jsonb_each(old_values) where new_values -> key is distinct from value and not (new_values ? key and moving ? key)) end as old_part,
    case when old_values is null then new_values when new_values is null then null else
      (select jsonb_object_agg(key, value) from jsonb_each(new_values) where old_values -> key is distinct from value and not (old_values ? key and moving ? key)) end as new_part,
    old_values is not null and (new_values is null or exists (select from jsonb_object_keys(old_values) k where not new_values ? k)) as loses
  from compared`;

/** Starts a derivation in the transaction under way: gives it the empty temporary table touched_devices. */
export async function startDerivation(client: Client): Promise<void> {
  await client.query(
    'create temp table if not exists touched_devices (device_id text collate "C" primary key) on commit drop',
  );
}

/** Adds devices to those whose attributes are derived; `selectIds` gives one column, nulls are passed over. */
export async function touchDevices(client: Client, selectIds: string, parameters: unknown[] = []): Promise<void> {
  await client.query(
    `insert into touched_devices select distinct s.id from (${selectIds}) s(id) where s.id is not null on conflict do nothing`,
    parameters,
  );
}

/**
 * After identifiers of devices were changed: decides again which of them match, matches the agents that have them, and
 * touches the devices concerned. `selectIdentifiers` must give every identifier, old and new, of each changed device.
 * @param placeholders whether the list of placeholders changed. Otherwise placeholders are passed over: half a fleet may
 *   share one, it matches nothing whoever has it, and rows of it are inserted as what they are
 */
export async function settleIdentifiers(
  client: Client,
  selectIdentifiers: string,
  parameters: unknown[] = [],
  placeholders: 'changed' | 'unchanged' = 'unchanged',
): Promise<void> {
  await client.query('drop table if exists touched_identifiers, settled_identifiers');
  await client.query(
    `create temp table touched_identifiers on commit drop as select * from (
       select distinct s.identifier collate "C" as identifier from (${selectIdentifiers}) s(identifier)) t
     ${placeholders === 'unchanged' ? `where not ${isPlaceholder('identifier')}` : ''}`,
    parameters,
  );
  await client.query('analyze touched_identifiers');
  await client.query(
    `create temp table settled_identifiers on commit drop as
     select p.* from (${identifierProblems('touched_identifiers t join device_identifiers d using (identifier)')}) p
     where p.problem is distinct from p.stored`,
  );
  // First those that stop matching: two rows of one identifier never match, not even within a statement.
  for (const which of ['is not null', 'is null']) {
    await client.query(
      `update device_identifiers d set problem = s.problem from settled_identifiers s
       where d.device_id = s.device_id and d.identifier = s.identifier and d.source = s.source and s.problem ${which}`,
    );
  }
  await rematchAgents(
    client,
    `select integration_id, agent_id from agents where cardinality(identifiers) > 0 and (identifiers[1]) collate "C" in (select identifier from touched_identifiers)
     union
     select integration_id, agent_id from agents where cardinality(identifiers) > 1 and identifiers && (select coalesce(array_agg(identifier), '{}') from touched_identifiers)`,
  );
}

/** Matches agents again, given by (integration_id, agent_id), and touches their devices before and after. */
export async function rematchAgents(client: Client, selectAgents: string, parameters: unknown[] = []): Promise<void> {
  await client.query('drop table if exists rematched_agents');
  await client.query(
    `create temp table rematched_agents on commit drop as select a.integration_id, a.agent_id, a.identifiers, a.bound_device_id
     from agents a join (${selectAgents}) s(integration_id, agent_id) using (integration_id, agent_id)`,
    parameters,
  );
  await client.query('analyze rematched_agents');
  const { rows } = await client.query(
    `with matched as (${agentMatches('rematched_agents')}), changed as (
       select m.*, a.device_id as old_device_id from matched m join agents a using (integration_id, agent_id)
       where a.device_id is distinct from m.device_id or (m.device_id is null and a.gone_reason is null and a.reason is distinct from m.problem)
     ), updated as (
       update agents a set device_id = c.device_id, reason = coalesce(a.gone_reason, c.problem) from changed c
       where a.integration_id = c.integration_id and a.agent_id = c.agent_id
     ), released as (
       -- A withheld value was the device's because its agent was: an administrator's word ends both.
       delete from withheld_values w using changed c
       where w.integration_id = c.integration_id and w.agent_id = c.agent_id and w.device_id = c.old_device_id
     )
     select coalesce(array_agg(distinct id) filter (where id is not null), '{}') as ids from changed c, lateral (values (c.device_id), (c.old_device_id)) v(id)`,
  );
  await touchDevices(client, 'select unnest($1::text[])', [rows[0].ids]);
}

/** How many devices a sweep may take values from, and what an administrator has accepted. */
export interface LossLimit {
  integrationId: string;
  /** False: the sweep saw only a part, so every loss is withheld and nothing is held. */
  complete: boolean;
  floor: number;
  /** Of the integration's matched devices, 0 to 1. */
  share: number;
  /** Devices that lost values in the last 24 hours without having been accepted. */
  recentLosses: number;
  /** As many losses are admitted at once; null: none beyond the limit. */
  accepted: number | null;
}

export interface Derived {
  /** Values by what happened to them. */
  attributes: { set: number; changed: number; removed: number; withheld: number };
  /** Devices that lost a value by what a sweep saw; expiry and what an administrator does are not among them. */
  lostDevices: number;
  /** Devices whose losses are withheld because they exceed the limit; 0: no hold. */
  heldDevices: number;
  /** Whether losses beyond the limit were admitted because they had been accepted. */
  usedAcceptance: boolean;
}

/**
 * The one function that writes provider attributes: brings those of touched_devices to what agents, identifiers and
 * settings say, with an audit entry for each device of which a value was set, changed or removed.
 * @param limit for sweeps; without it every loss is applied
 */
export async function derive(write: Write, limit?: LossLimit): Promise<Derived> {
  const { client } = write;
  await makePlan(client);
  if (limit) await findLosses(client);
  await dropNeedlesslyWithheld(client);
  const judged = limit ? await judgeLosses(client, limit) : { heldDevices: 0, lostDevices: 0, usedAcceptance: false };
  await client.query(
    `update agents a set reason = p.reason from places p
     where a.integration_id = p.integration_id and a.agent_id = p.agent_id and p.reason is distinct from p.stored_reason`,
  );
  await client.query(
    `insert into device_attributes (device_id, source, values, integration_id, agent_id, revision, changed_at)
     select device_id, source, coalesce(new_values, '{}'), integration_id, agent_id, $1, $2 from plan
     on conflict (device_id, source) do update set values = excluded.values, integration_id = excluded.integration_id,
       agent_id = excluded.agent_id, revision = excluded.revision, changed_at = excluded.changed_at`,
    [write.revision, write.at],
  );
  await write.events(
    `select case when old_values is null then 'NODE.CREATE.ATTRIBUTES' when new_values is null then 'NODE.DELETE.ATTRIBUTES' else 'NODE.UPDATE.ATTRIBUTES' end as event,
       p.device_id as target_id, d.hostname as target_name, p.old_part as old, p.new_part as new
     from plan p left join devices d on d.id = p.device_id where p.old_part is not null or p.new_part is not null`,
  );
  const { rows } = await client.query(`
    select coalesce(sum(s), 0)::int as set, coalesce(sum(c), 0)::int as changed, coalesce(sum(r), 0)::int as removed
    from plan, lateral (
      select (select count(*) from jsonb_object_keys(new_part)) as n
    ) k, lateral (
      select case when old_part is null then n else (select count(*) from jsonb_object_keys(new_part) x where not old_part ? x) end as s,
        case when old_part is null or new_part is null then 0 else (select count(*) from jsonb_object_keys(new_part) x where old_part ? x) end as c,
        case when old_part is null then 0 else (select count(*) from jsonb_object_keys(old_part) x where new_part is null or not new_part ? x) end as r
    ) counts`);
  const withheld = limit
    ? await client.query(
        'select count(*)::int as n from withheld_values w, jsonb_object_keys(w.values) where w.withheld_by = $1',
        [limit.integrationId],
      )
    : null;
  return {
    attributes: {
      set: rows[0].set,
      changed: rows[0].changed,
      removed: rows[0].removed,
      withheld: withheld?.rows[0].n ?? 0,
    },
    ...judged,
  };
}

/** Fills the temporary tables `places` and `plan` for touched_devices. */
export async function makePlan(client: Client): Promise<void> {
  await client.query('drop table if exists places, plan');
  await client.query('analyze touched_devices');
  await client.query(`create temp table places on commit drop as ${places}`);
  await client.query('analyze places (integration_id, agent_id)');
  await client.query(`create temp table plan on commit drop as ${plan}`);
  await client.query('analyze plan (device_id)');
}

/**
 * Decides what happens to losses: applied, or kept in withheld_values, from where the plan takes them. Losses that were
 * withheld before count with the new ones, so a hold ends by itself when enough agents came back.
 */
async function judgeLosses(
  client: Client,
  limit: LossLimit,
): Promise<Pick<Derived, 'heldDevices' | 'lostDevices' | 'usedAcceptance'>> {
  const { integrationId } = limit;
  const { rows } = await client.query(
    `select (select count(*) from losses)::int as losing, (select count(*) from withheld_values where withheld_by = $1)::int as withheld,
       (select count(*) from (select device_id from losses union select device_id from withheld_values where withheld_by = $1) d)::int as devices`,
    [integrationId],
  );
  const devices = rows[0].devices as number;
  if (devices === 0) return { heldDevices: 0, lostDevices: 0, usedAcceptance: false };
  const isOver = devices + limit.recentLosses > (await mostLosses(client, limit));
  const isAccepted = limit.accepted !== null && devices <= limit.accepted;
  if (!limit.complete || (isOver && !isAccepted)) {
    if (rows[0].losing > 0) await withhold(client, integrationId);
    return { heldDevices: limit.complete ? devices : 0, lostDevices: 0, usedAcceptance: false };
  }
  if (rows[0].withheld > 0) {
    await touchDevices(client, 'select device_id from withheld_values where withheld_by = $1', [integrationId]);
    await client.query('delete from withheld_values where withheld_by = $1', [integrationId]);
    await makePlan(client);
  }
  return { heldDevices: 0, lostDevices: devices, usedAcceptance: isOver };
}

/**
 * What the plan takes away because of what the sweep saw, with the age that it had. What expires is not among it: neither
 * values of an agent whose evidence is too old, nor values that were withheld (those that still count are in the plan).
 * Expects the table evidence_before, the ages as they were before the sweep; a value that its agent still says is as old
 * as that agent.
 */
async function findLosses(client: Client): Promise<void> {
  await client.query(
    `create temp table losses on commit drop as
     select device_id, source, integration_id, agent_id, confirmed_at, jsonb_object_agg(key, value) as values
     from (
       select p.device_id, p.source, p.old_integration_id as integration_id, p.old_agent_id as agent_id, v.key, v.value,
         case when a.gone_reason is null and (a.values || a.moving) -> v.key = v.value then ${confirmedAt} else coalesce(e.confirmed_at, ${confirmedAt}) end as confirmed_at
       from plan p
       join agents a on a.integration_id = p.old_integration_id and a.agent_id = p.old_agent_id
       join integrations i on i.id = a.integration_id
       left join evidence_before e on e.integration_id = a.integration_id and e.agent_id = a.agent_id
       cross join jsonb_each(p.old_values) v
       where p.loses and (p.new_values is null or not p.new_values ? v.key)
         and not exists (select from withheld_values w where w.device_id = p.device_id and w.source = p.source and w.values ? v.key)
     ) l join integrations i on i.id = l.integration_id
     where not ${expired('l.confirmed_at')}
     group by 1, 2, 3, 4, 5`,
  );
}

/** Expired values, and those that an agent supplies again, are no longer kept: they must not come back by a later change. */
async function dropNeedlesslyWithheld(client: Client): Promise<void> {
  const { rows } = await client.query('select exists (select from withheld_values) as any');
  if (!rows[0].any) return;
  await client.query(
    `delete from withheld_values w using integrations i
     where i.id = w.integration_id and w.device_id in (select device_id from touched_devices) and ${expired('w.confirmed_at')}`,
  );
  await client.query(
    `with supplied as (select p.device_id, p.source, a.values || a.moving as values from places p
         join agents a on a.integration_id = p.integration_id and a.agent_id = p.agent_id where p.reason is null)
     update withheld_values w set values = w.values - array(select jsonb_object_keys(s.values)) from supplied s
     where w.device_id = s.device_id and w.source = s.source and w.values ?| array(select jsonb_object_keys(s.values))`,
  );
  await client.query(
    "delete from withheld_values where device_id in (select device_id from touched_devices) and values = '{}'",
  );
}

/** @returns the greater of the floor and the share of the devices that have values from this integration */
async function mostLosses(client: Client, limit: LossLimit): Promise<number> {
  return Math.max(limit.floor, limit.share * (await devicesWithValues(client, limit.integrationId)));
}

/** @returns how many devices have values from an integration */
export async function devicesWithValues(client: Client, integrationId: string): Promise<number> {
  const { rows } = await client.query(
    "select count(*)::int as n from device_attributes where integration_id = $1 and values <> '{}'",
    [integrationId],
  );
  return rows[0].n;
}

/** Keeps the losses, and plans again. */
async function withhold(client: Client, integrationId: string): Promise<void> {
  await client.query(
    `insert into withheld_values as w (device_id, source, integration_id, agent_id, withheld_by, values, confirmed_at)
     select device_id, source, integration_id, agent_id, $1, values, confirmed_at from losses
     on conflict (device_id, source, withheld_by, integration_id, agent_id, confirmed_at) do update set values = w.values || excluded.values`,
    [integrationId],
  );
  await makePlan(client);
}
