// What devices have, derived from what agents say (laws 1-3, 5): matches (match.ts) -> speakers -> attributes. Each step is
// one SELECT over tables and nothing else; writing takes just the rows in which it differs, and `verify` runs the same
// SELECTs over everything. Times it compares are columns, so that the answer does not depend on when it is asked.
import type { Client } from './client.ts';
import type { Write } from './write.ts';

/** When the values of an agent (a, of integration i) were confirmed for the last time. */
export const confirmedAt = 'coalesce(a.frozen_at, greatest(a.observed_at, i.swept_at))';

/** Whether evidence of that age no longer counts for integration i. */
export const expired = (confirmed: string) =>
  `coalesce(${confirmed} + i.expire_after_ms * interval '1 millisecond' <= i.judged_at, false)`;

/** Of the agents of each touched device: which one speaks for it (reason null), and why the others do not; and what each says. */
const places = `
  select integration_id, agent_id, device_id, source,
    case when gone_reason is not null then gone_reason when is_expired then 'expired' when place > 1 then 'older_duplicate' end as reason,
    stored_reason, values, moving, observed_at, frozen_at
  from (
    select *, row_number() over (
      partition by device_id, source
      order by (gone_reason is null and not is_expired) desc, active desc, registered_at desc nulls last, length(agent_id) desc, agent_id desc, integration_id desc
    ) as place
    from (
      select a.integration_id, a.agent_id, a.device_id, i.provider as source, a.gone_reason, a.reason as stored_reason,
        a.active is true as active, a.registered_at, ${expired(confirmedAt)} as is_expired, a.values || a.moving as values, a.moving, a.observed_at, a.frozen_at
      from agents a join integrations i on i.id = a.integration_id
      where a.device_id in (select device_id from touched_devices)
    ) candidates
  ) ranked`;

/** What the touched devices' attributes should be, beside what they are, where the two differ. */
const plan = `
  with wanted as (
    select device_id, source, values, moving, integration_id, agent_id, observed_at, frozen_at from places where reason is null
  ), kept as (
    select w.device_id, w.source, jsonb_object_agg(v.key, v.value) as values,
      jsonb_object_agg(v.key, jsonb_build_object('integration', w.integration_id, 'confirmedAt', w.confirmed_at)) as withheld,
      (array_agg(w.integration_id order by w.confirmed_at desc, w.integration_id desc, w.agent_id desc))[1] as integration_id,
      (array_agg(w.agent_id order by w.confirmed_at desc, w.integration_id desc, w.agent_id desc))[1] as agent_id
    from withheld_values w join integrations i on i.id = w.integration_id, jsonb_each(w.values) v
    where w.device_id in (select device_id from touched_devices) and not ${expired('w.confirmed_at')}
    group by w.device_id, w.source
  ), merged as (
    select device_id, source, case when k.values is null then w.values else k.values || coalesce(w.values, '{}') end as values,
      coalesce(w.moving, '{}') as moving, w.observed_at, w.frozen_at,
      case when k.values is null or w.values is null then k.withheld else nullif(k.withheld - array(select jsonb_object_keys(w.values)), '{}') end as withheld,
      case when k.values is null or w.values <> '{}' then w.integration_id else k.integration_id end as integration_id,
      case when k.values is null or w.values <> '{}' then w.agent_id else k.agent_id end as agent_id
    from wanted w full join kept k using (device_id, source)
  ), compared as (
    select device_id, source, d.is_stored is true as is_stored, d.values as old_values, m.values as new_values, m.moving, m.integration_id, m.agent_id,
      m.observed_at, m.frozen_at, m.withheld, d.integration_id as old_integration_id, d.agent_id as old_agent_id
    from (select * from merged where values <> '{}') m
    full join (
      select device_id, source, true as is_stored, nullif(values, '{}') as values, case when values <> '{}' then integration_id end as integration_id,
        case when values <> '{}' then agent_id end as agent_id, observed_at, frozen_at, withheld
      -- What administrators state is no agent's.
      from device_attributes where source <> 'custom' and device_id in (select device_id from touched_devices)
    ) d using (device_id, source)
    where d.values is distinct from m.values or d.agent_id is distinct from m.agent_id or d.integration_id is distinct from m.integration_id
      or d.observed_at is distinct from m.observed_at or d.frozen_at is distinct from m.frozen_at or d.withheld is distinct from m.withheld
  )
  select device_id, source, is_stored, old_values, new_values, integration_id, agent_id, observed_at, frozen_at, withheld, old_integration_id, old_agent_id,
    case when new_values is null then old_values when old_values is null then null else
      (select jsonb_object_agg(key, value) from jsonb_each(old_values) where new_values -> key is distinct from value and not (new_values ? key and moving ? key)) end as old_part,
    case when old_values is null then new_values when new_values is null then null else
      (select jsonb_object_agg(key, value) from jsonb_each(new_values) where old_values -> key is distinct from value and not (old_values ? key and moving ? key)) end as new_part,
    old_values is not null and (new_values is null or exists (select from jsonb_object_keys(old_values) k where not new_values ? k)) as loses
  from compared`;

/** Starts a derivation in the transaction under way: gives it the empty temporary table touched_devices, where ids may repeat. */
export async function startDerivation(client: Client): Promise<void> {
  await client.query(
    'create temp table if not exists touched_devices (device_id text collate "C" not null) on commit drop',
  );
}

/** Adds devices to those whose attributes are derived; `selectIds` gives one column, nulls are passed over. */
export async function touchDevices(client: Client, selectIds: string, parameters: unknown[] = []): Promise<void> {
  await client.query(
    `insert into touched_devices select s.id from (${selectIds}) s(id) where s.id is not null`,
    parameters,
  );
}

/** How many devices a sweep may take values from, and what an administrator has accepted. */
export interface LossLimit {
  integrationId: string;
  /** False: the sweep saw only a part, so every loss is withheld and nothing is held. */
  complete: boolean;
  /** With complete false: losses because the provider says that an agent is decommissioned are admitted up to the limit. */
  admitsDecommissioned?: boolean;
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
  // Nobody else writes attributes while the head is held, and without ON CONFLICT a million rows go in a third faster.
  await client.query(
    `update device_attributes d set values = coalesce(p.new_values, '{}'), integration_id = p.integration_id, agent_id = p.agent_id,
       observed_at = p.observed_at, frozen_at = p.frozen_at, withheld = p.withheld, revision = $1, changed_at = $2
     from plan p where p.is_stored and d.device_id = p.device_id and d.source = p.source`,
    [write.revision, write.at],
  );
  await client.query(
    `insert into device_attributes (device_id, source, values, integration_id, agent_id, observed_at, frozen_at, withheld, revision, changed_at)
     select device_id, source, new_values, integration_id, agent_id, observed_at, frozen_at, withheld, $1::bigint, $2::timestamptz from plan where not is_stored`,
    [write.revision, write.at],
  );
  await write.events(
    `select case when old_values is null then 'NODE.CREATE.ATTRIBUTES' when new_values is null then 'NODE.DELETE.ATTRIBUTES' else 'NODE.UPDATE.ATTRIBUTES' end as event,
       p.device_id as target_id, d.hostname as target_name, p.old_part as old, p.new_part as new
     from plan p left join devices d on d.id = p.device_id where p.old_part is not null or p.new_part is not null`,
  );
  const counts = await countParts(client);
  const withheld = limit
    ? await client.query(
        'select count(*)::int as n from withheld_values w, jsonb_object_keys(w.values) where w.withheld_by = $1',
        [limit.integrationId],
      )
    : null;
  return {
    attributes: { ...counts, withheld: withheld?.rows[0].n ?? 0 },
    ...judged,
  };
}

/** Counts the values that the plan sets, changes and removes. Of devices that gain or lose all, keys are counted as a whole: it is faster. */
async function countParts(client: Client): Promise<{ set: number; changed: number; removed: number }> {
  const keys = (part: string) => `coalesce(sum(jsonb_array_length(jsonb_path_query_array(${part}, '$.*'))), 0)::int`;
  const { rows } = await client.query(`
    with changing as (
      select old_part ? k as was, true as "is" from plan, jsonb_object_keys(new_part) k where old_part is not null
      union all
      select true, false from plan, jsonb_object_keys(old_part) k where not new_part ? k
    )
    select (select ${keys('new_part')} from plan where old_part is null) + (select count(*)::int from changing where not was) as set,
      (select count(*)::int from changing where was and "is") as changed,
      (select ${keys('old_part')} from plan where new_part is null) + (select count(*)::int from changing where not "is") as removed`);
  return rows[0];
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
  if (limit.admitsDecommissioned) return await admitDecommissioned(client, limit);
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

/** Applies the losses of agents that are told to be decommissioned, all of them or none, and withholds the others. */
async function admitDecommissioned(
  client: Client,
  limit: LossLimit,
): Promise<Pick<Derived, 'heldDevices' | 'lostDevices' | 'usedAcceptance'>> {
  const told = `exists (select from agents a where a.integration_id = l.integration_id and a.agent_id = l.agent_id and a.gone_reason = 'decommissioned')`;
  const { rows } = await client.query(`select count(distinct device_id)::int as devices from losses l where ${told}`);
  let lostDevices = rows[0].devices as number;
  if (lostDevices + limit.recentLosses > (await mostLosses(client, limit))) lostDevices = 0;
  if (lostDevices > 0) await client.query(`delete from losses l where ${told}`);
  const { rowCount } = await client.query('select from losses limit 1');
  if (rowCount === 1) await withhold(client, limit.integrationId);
  return { heldDevices: 0, lostDevices, usedAcceptance: false };
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
    `with supplied as (select device_id, source, values from places where reason is null)
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
