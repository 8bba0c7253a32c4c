// What would be lost by a step before it is taken. Each count is one plain SELECT beside the writers: no head is held for a
// question, and so it is as true as the moment in which it is asked.
import type { Queryable } from './client.ts';
import { confirmedAt, expired } from './derive.ts';

export interface Losses {
  devices: number;
  /** Values over all of them. */
  attributes: number;
}

/** What holds after the step; conditions and relations may use its parameters. */
interface Step {
  /** Gives the ids of the devices that it may concern. */
  devices: string;
  /** Integrations as they are then. */
  integrations: string;
  /** Whether agent a still belongs to its device. */
  agentStays?: string;
  /** Whether withheld values w, of agent a (null where that is long gone), are still the device's. */
  withheldStay?: string;
}

/**
 * Values that neither the agent which then speaks for the device nor anything withheld supplies, as `derive` would find it.
 * What a device gains, by an agent that then matches it, is not weighed against them.
 */
const lossesOf = ({ devices, integrations, agentStays = 'true', withheldStay = 'true' }: Step) => `
  with concerned as materialized (
    select d.device_id, d.source, d.values from device_attributes d
    where d.values <> '{}' and d.source <> 'custom' and d.device_id in (${devices})
  ), speakers as materialized (
    select distinct on (a.device_id, i.provider) a.device_id, i.provider as source, a.values || a.moving as values
    from agents a join ${integrations} i on i.id = a.integration_id
    where a.device_id in (select device_id from concerned) and a.gone_reason is null and not ${expired(confirmedAt)} and (${agentStays})
    order by a.device_id, i.provider, a.active is true desc, a.registered_at desc nulls last, length(a.agent_id) desc, a.agent_id desc, a.integration_id desc
  ), kept as materialized (
    select w.device_id, w.source, w.values
    from withheld_values w join ${integrations} i on i.id = w.integration_id
    left join agents a on a.integration_id = w.integration_id and a.agent_id = w.agent_id
    where w.device_id in (select device_id from concerned) and not ${expired('w.confirmed_at')} and (${withheldStay})
  )
  select count(distinct c.device_id)::int as devices, count(*)::int as attributes
  from concerned c cross join jsonb_object_keys(c.values) v(key)
  left join speakers s on s.device_id = c.device_id and s.source = c.source
  where not coalesce(s.values ? v.key, false)
    and not exists (select from kept k where k.device_id = c.device_id and k.source = c.source and k.values ? v.key)`;

async function count(db: Queryable, step: Step, parameters: unknown[]): Promise<Losses> {
  const { rows } = await db.query(lossesOf(step), parameters);
  return rows[0];
}

/** @returns what devices would lose by the removal of an integration */
export async function lossesByRemoval(db: Queryable, integrationId: string): Promise<Losses> {
  return await count(
    db,
    {
      devices: `select device_id from agents where integration_id = $1 and device_id is not null
        union select device_id from withheld_values where integration_id = $1 or withheld_by = $1
        union select device_id from device_attributes where integration_id = $1`,
      integrations: '(select * from integrations where id <> $1)',
      withheldStay: 'w.withheld_by <> $1',
    },
    [integrationId],
  );
}

/** @returns what devices would lose at once if values of an integration lived so long and no longer */
export async function lossesByExpiry(db: Queryable, integrationId: string, expireAfterMs: number): Promise<Losses> {
  return await count(
    db,
    {
      devices: `select device_id from agents where integration_id = $1 and device_id is not null
        union select device_id from withheld_values where integration_id = $1`,
      integrations: `(select id, provider, swept_at, judged_at,
        case when id = $1 then $2::bigint else expire_after_ms end as expire_after_ms from integrations)`,
    },
    [integrationId, expireAfterMs],
  );
}

/** @returns what devices would lose if these identifiers were placeholders: agents that match by nothing else go */
export async function lossesByPlaceholders(db: Queryable, identifiers: readonly string[]): Promise<Losses> {
  const agentStays = `a.bound_device_id is not null or not a.identifiers && $1::text[] or exists (
    select from unnest(a.identifiers) u(identifier) join device_identifiers m on m.identifier = u.identifier
    where m.device_id = a.device_id and m.problem is null and not m.identifier = any($1))`;
  return await count(
    db,
    {
      devices: 'select device_id from device_identifiers where identifier = any($1) and problem is null',
      integrations: 'integrations',
      agentStays,
      // Values go with the agent that they were withheld of, if it goes from this device.
      withheldStay: `a.device_id is distinct from w.device_id or ${agentStays}`,
    },
    [identifiers],
  );
}

/** @returns what a device has to lose */
export async function lossesByDevice(db: Queryable, deviceId: string): Promise<Losses> {
  const { rows } = await db.query(
    `select count(distinct device_id)::int as devices, count(*)::int as attributes
     from device_attributes cross join jsonb_object_keys(values) where device_id = $1`,
    [deviceId],
  );
  return rows[0];
}

/** An agent that an administrator bound to a device. */
export interface Binding {
  agent: string;
  device: string;
}

/** @returns the first bindings of an integration's agents by id */
export async function bindingsOf(db: Queryable, integrationId: string, limit: number): Promise<Binding[]> {
  const { rows } = await db.query(
    `select agent_id as agent, bound_device_id as device from agents
     where integration_id = $1 and bound_device_id is not null order by agent_id limit $2`,
    [integrationId, limit],
  );
  return rows;
}

/** @returns how many agents are known of an integration */
export async function countAgents(db: Queryable, integrationId: string): Promise<number> {
  const { rows } = await db.query('select count(*)::int as n from agents where integration_id = $1', [integrationId]);
  return rows[0].n;
}
