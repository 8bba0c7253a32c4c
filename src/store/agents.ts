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

export interface AgentList {
  /** In the order of their ids. */
  agents: ListedAgent[];
  /** Where to go on; null: that was all. Where much was looked through for little there may be no agent on a page. */
  next: string | null;
}

const matches = {
  matched: 'device_id is not null',
  unmatched: 'gone_reason is null and reason is not null',
  gone: 'gone_reason is not null',
} as const;

const columns = `agent_id as id, hostname, serials, active, registered_at as "registeredAt", last_active_at as "lastActiveAt",
  observed_at as "observedAt", frozen_at as "frozenAt", gone_reason as "goneReason", gone_at as "goneAt",
  device_id as device, bound_device_id as "boundDevice", reason`;

/** A search looks through so many agents at a time: no question keeps the database busy for long, however many there are. */
const mostLookedAt = 100_000;

/** @param lookedAt how many agents a search looks through at a time @returns the agents that the filter means, by id */
export async function listAgents(db: Queryable, filter: AgentFilter, lookedAt = mostLookedAt): Promise<AgentList> {
  const { integrationId, match, reason, search, after, limit } = filter;
  const parameters: unknown[] = [integrationId];
  const given = (value: unknown) => `$${parameters.push(value)}`;
  const where = [
    'integration_id = $1',
    match === null ? null : matches[match],
    after === null ? null : `agent_id > ${given(after)}`,
    reason === null ? null : `reason = ${given(reason)}`,
  ].filter(part => part !== null);
  const meant = `from agents where ${where.join(' and ')} order by agent_id`;
  const most = given(limit + 1);
  if (search === null) {
    const { rows } = await db.query(`select ${columns} ${meant} limit ${most}`, parameters);
    return cut(rows, limit, null);
  }
  const found = `select ${columns} from (select * ${meant} limit ${given(lookedAt)}) looked
    where ${searched(given(patternOf(search)))} order by agent_id limit ${most}`;
  const { rows } = await db.query(
    `select l."lookedTo", f.* from (select (select agent_id ${meant} offset ${given(lookedAt - 1)} limit 1) as "lookedTo") l
     left join (${found}) f on true order by f.id`,
    parameters,
  );
  const agents = rows.filter(({ id }) => id !== null).map(({ lookedTo: _, ...agent }) => agent);
  return cut(agents, limit, rows[0]?.lookedTo ?? null);
}

function cut(rows: ListedAgent[], limit: number, lookedTo: string | null): AgentList {
  const agents = rows.slice(0, limit);
  return { agents, next: rows.length > limit ? (agents.at(-1)?.id ?? null) : lookedTo };
}

const patternOf = (search: string) => `%${search.replace(/[\\%_]/g, '\\$&')}%`;

const searched = (pattern: string) =>
  `(agent_id ilike ${pattern} or hostname ilike ${pattern} or exists (select from unnest(serials) s where s ilike ${pattern}))`;
