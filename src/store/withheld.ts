// Reads of what a merge planned and of what is withheld from it.
import type { Queryable } from './client.ts';

/** What would happen to a device's values: only those that differ, by name. Null: none before, or none after. */
export interface PlannedChange {
  device: string;
  hostname: string | null;
  old: Record<string, unknown> | null;
  new: Record<string, unknown> | null;
}

/** @returns whether any value is withheld because of an integration's sweep */
export async function hasWithheld(db: Queryable, integrationId: string): Promise<boolean> {
  const { rows } = await db.query('select exists (select from withheld_values where withheld_by = $1) as any', [
    integrationId,
  ]);
  return rows[0].any;
}

/** How many devices lose a value, or else get another one, or else only gain some. */
export interface PlannedEffects {
  loses: number;
  changes: number;
  gains: number;
}

export interface PlannedChanges {
  /** The first thousand: those that lose something before those that only change, and these before those that only gain. */
  changes: PlannedChange[];
  changesTotal: number;
  effects: PlannedEffects;
}

const mostChanges = 1_000;

/** @returns the plan of the derivation under way */
export async function planChanges(session: Queryable): Promise<PlannedChanges> {
  const changed = `
    select device_id, old_part, new_part, case
      when exists (select from jsonb_object_keys(old_part) k where not coalesce(new_part ? k, false)) then 1
      when old_part is not null then 2 else 3 end as effect
    from plan where old_part is not null or new_part is not null`;
  const counted = await session.query(
    `select count(*)::int as total, count(*) filter (where effect = 1)::int as loses, count(*) filter (where effect = 2)::int as changes,
       count(*) filter (where effect = 3)::int as gains from (${changed}) c`,
  );
  const { total: changesTotal, ...effects } = counted.rows[0];
  const { rows: changes } = await session.query(
    `select device_id as device, (select hostname from devices where id = device_id) as hostname, old_part as old, new_part as new
     from (${changed}) c order by effect, device_id limit ${mostChanges}`,
  );
  return { changes, changesTotal, effects };
}

export interface WithheldLosses {
  devices: number;
  /** The first of them by id. */
  examples: WithheldDevice[];
}

/** A device whose loss of values is withheld. */
export interface WithheldDevice {
  device: string;
  hostname: string | null;
  attributes: string[];
}

/** Of the devices whose losses are withheld the first by id. */
export async function withheldDevices(db: Queryable, id: string, limit: number): Promise<WithheldDevice[]> {
  const { rows } = await db.query(
    `select w.device_id as device, d.hostname, array_agg(k order by k) as attributes
     from withheld_values w left join devices d on d.id = w.device_id, jsonb_object_keys(w.values) k
     where w.withheld_by = $1 group by w.device_id, d.hostname order by w.device_id limit $2`,
    [id, limit],
  );
  return rows;
}

/** @returns what is withheld from an integration's sweeps, as the transaction under way sees it */
export async function withheldLosses(db: Queryable, id: string, limit: number): Promise<WithheldLosses> {
  const { rows } = await db.query(
    'select count(distinct device_id)::int as devices from withheld_values where withheld_by = $1',
    [id],
  );
  return { devices: rows[0].devices, examples: await withheldDevices(db, id, limit) };
}

/** What one device would lose, and why. */
export interface HeldDevice {
  device: string;
  hostname: string | null;
  user: string | null;
  losses: { integration: string; agent: string; reason: string | null; values: Record<string, unknown> }[];
}

export interface HeldFilter {
  /** The integration whose sweeps would take the values. */
  integrationId: string;
  /** Part of a device's id or host name, in any case. */
  search: string | null;
  /** Behind this device. */
  after: string | null;
  limit: number;
}

/** A page of the devices whose losses are withheld, by id. */
export async function heldDevices(db: Queryable, filter: HeldFilter): Promise<HeldDevice[]> {
  return await heldPage(db, filter, {
    devices: 'select distinct device_id from withheld_values where withheld_by = $1',
    losses: `select jsonb_agg(jsonb_build_object('integration', i.name, 'agent', w.agent_id, 'reason', a.reason, 'values', w.values) order by w.agent_id)
      from withheld_values w join integrations i on i.id = w.integration_id
      left join agents a on a.integration_id = w.integration_id and a.agent_id = w.agent_id
      where w.device_id = p.device_id and w.withheld_by = $1`,
  });
}

/** The same where an integration lists no agent at all any more: every device that has values of it. */
export async function emptiedDevices(db: Queryable, filter: HeldFilter): Promise<HeldDevice[]> {
  return await heldPage(db, filter, {
    devices: "select device_id from device_attributes where integration_id = $1 and values <> '{}'",
    losses: `select jsonb_agg(jsonb_build_object('integration', i.name, 'agent', v.agent_id, 'reason', 'gone', 'values', v.values) order by v.source)
      from device_attributes v join integrations i on i.id = v.integration_id
      where v.device_id = p.device_id and v.integration_id = $1 and v.values <> '{}'`,
  });
}

/**
 * What is told of each device is looked up for those of the page alone: a hold may be of very many, and goes page by page.
 * @param which the ids of devices that lose something by $1, and the losses of `p.device_id`
 */
async function heldPage(
  db: Queryable,
  { integrationId, search, after, limit }: HeldFilter,
  which: { devices: string; losses: string },
): Promise<HeldDevice[]> {
  const { rows } = await db.query(
    `with page as materialized (
       select h.device_id, d.hostname, d.user_name
       from (${which.devices} and ($2::text is null or device_id > $2)) h left join devices d on d.id = h.device_id
       where $3::text is null or h.device_id ilike $3 or d.hostname ilike $3 order by h.device_id limit $4
     )
     select p.device_id as device, p.hostname, p.user_name as user, (${which.losses}) as losses from page p order by p.device_id`,
    [integrationId, after, search === null ? null : `%${search.replace(/[\\%_]/g, '\\$&')}%`, limit],
  );
  return rows;
}
