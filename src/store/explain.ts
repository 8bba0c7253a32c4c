// Reads for explaining: the agents around a device, and its values with their source and age.
import type { AttributeValue } from '../posture/attributes.ts';
import type { Queryable } from './client.ts';
import { confirmedAt } from './derive.ts';
import type { StatedTimes } from './schema-custom.ts';

export interface ExplainedAgent {
  id: string;
  integration: string;
  hostname: string | null;
  serials: string[];
  deviceId: string | null;
  active: boolean | null;
  /** Null: it speaks for its device. */
  reason: string | null;
  bound: boolean;
  /** The device that it is bound to by hand. */
  boundDevice: string | null;
  confirmedAt: Date | null;
  goneAt: Date | null;
}

const agentColumns = `a.agent_id as id, i.name as integration, a.hostname, a.serials, a.device_id as "deviceId", a.active, a.reason,
  a.bound_device_id is not null as bound, a.bound_device_id as "boundDevice", ${confirmedAt} as "confirmedAt", a.gone_at as "goneAt"`;

/**
 * Agents of a device, those bound to it, and those that have one of the identifiers though they are not matched to it. Who
 * speaks comes first.
 */
export async function agentsAround(
  db: Queryable,
  deviceId: string | null,
  identifiers: readonly string[],
): Promise<ExplainedAgent[]> {
  const { rows } = await db.query(
    `select ${agentColumns} from agents a join integrations i on i.id = a.integration_id
     where a.device_id = $1 or a.bound_device_id = $1 or (cardinality(a.identifiers) > 0 and (a.identifiers[1]) collate "C" = any($2)) or (cardinality(a.identifiers) > 1 and a.identifiers && $2::text[])
     order by (a.device_id is not distinct from $1 and a.reason is null) desc, a.agent_id desc limit 200`,
    [deviceId, identifiers],
  );
  return rows;
}

/** Agents of that id, in whichever integration. */
export async function agentsById(db: Queryable, agentId: string): Promise<ExplainedAgent[]> {
  const { rows } = await db.query(
    `select ${agentColumns} from agents a join integrations i on i.id = a.integration_id where a.agent_id = $1 order by i.name`,
    [agentId],
  );
  return rows;
}

export interface ExplainedValues {
  source: string;
  integration: string | null;
  values: Record<string, AttributeValue>;
  confirmedAt: Date | null;
  /** Of the values that no agent says any more, kept because their loss is withheld: where they come from, by name. */
  withheld: Record<string, { integration: string; confirmedAt: string }>;
  /** Of what administrators stated: when that was, and when it ends, by name. */
  stated: StatedTimes;
}

/**
 * Planned once a session: some clients ask for each device before each request that it sends.
 * @returns the values of a device by source: providers, and administrators; null where there is no such device
 */
export async function valuesOf(db: Queryable, deviceId: string): Promise<ExplainedValues[] | null> {
  const text = `
     select d.source, i.name as integration, d.values, ${confirmedAt} as "confirmedAt", coalesce(d.stated, '{}') as stated,
       (select coalesce(jsonb_object_agg(k, jsonb_build_object('integration', o.name, 'confirmedAt', w.confirmed_at)), '{}')
        from withheld_values w join integrations o on o.id = w.integration_id, jsonb_object_keys(w.values) k
        where w.device_id = d.device_id and w.source = d.source) as withheld
     from devices v
     left join device_attributes d on d.device_id = v.id and d.values <> '{}'
     left join integrations i on i.id = d.integration_id
     left join agents a on a.integration_id = d.integration_id and a.agent_id = d.agent_id
     where v.id = $1 order by d.source`;
  const { rows } = await db.query({ name: 'values of a device', text, values: [deviceId] });
  return rows.length === 0 ? null : rows.filter(row => row.source !== null);
}
