// Agents as lists for people: of one integration, in the order of their ids, so that a page can be gone on from.
import type { Queryable } from './client.ts';

export interface AgentFilter {
  integrationId: string;
  /** `matched` and `unmatched` without those that are gone. */
  match: 'matched' | 'unmatched' | 'gone' | null;
  /** A reason code. */
  reason: string | null;
  /** Part of an id, host name or serial number, in any case. */
  search: string | null;
  /** Behind this id. */
  after: string | null;
  limit: number;
}

export interface ListedAgent {
  id: string;
  hostname: string | null;
  serials: string[];
  active: boolean | null;
  registeredAt: Date | null;
  lastActiveAt: Date | null;
  observedAt: Date;
  frozenAt: Date | null;
  goneReason: string | null;
  goneAt: Date | null;
  device: string | null;
  boundDevice: string | null;
  reason: string | null;
}

const matches = {
  matched: 'device_id is not null',
  unmatched: 'gone_reason is null and reason is not null',
  gone: 'gone_reason is not null',
} as const;

/** @returns the agents that the filter means, by id */
export async function listAgents(db: Queryable, filter: AgentFilter): Promise<ListedAgent[]> {
  const { integrationId, match, reason, search, after, limit } = filter;
  const parameters: unknown[] = [integrationId, limit];
  const given = (value: unknown) => `$${parameters.push(value)}`;
  const where = [
    'integration_id = $1',
    match === null ? null : matches[match],
    after === null ? null : `agent_id > ${given(after)}`,
    reason === null ? null : `reason = ${given(reason)}`,
    search === null ? null : searched(given(`%${search.replace(/[\\%_]/g, '\\$&')}%`)),
  ];
  const { rows } = await db.query(
    `select agent_id as id, hostname, serials, active, registered_at as "registeredAt", last_active_at as "lastActiveAt",
       observed_at as "observedAt", frozen_at as "frozenAt", gone_reason as "goneReason", gone_at as "goneAt",
       device_id as device, bound_device_id as "boundDevice", reason
     from agents where ${where.filter(part => part !== null).join(' and ')} order by agent_id limit $2`,
    parameters,
  );
  return rows;
}

const searched = (pattern: string) =>
  `(agent_id ilike ${pattern} or hostname ilike ${pattern} or exists (select from unnest(serials) s where s ilike ${pattern}))`;
