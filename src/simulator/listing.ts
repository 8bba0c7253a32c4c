// One page of a listing: by id a binary search into the fleet, which makes page 1,000 as fast as page 1; by any other
// column a sort, which is enough for a test double.
import type { SimulatedAgent } from './agent.ts';
import { type Fleet, seekId } from './fleet.ts';
import { type AgentsQuery, type Cursor, sortKeys } from './query.ts';

export interface Listing {
  agents: SimulatedAgent[];
  /** The place after the last agent, null when none follows. */
  next: Cursor | null;
  /** How many match in all; null on cursor pages and with skipCount, where the console does not count. */
  total: number | null;
}

/** Who can be seen at all: the token's scope and the faults that hide agents. */
export type Visible = ((agent: SimulatedAgent) => boolean) | null;

function sorted(agents: readonly SimulatedAgent[], query: AgentsQuery, at: number): SimulatedAgent[] {
  const key = sortKeys[query.sortBy] ?? (agent => agent.id);
  const keyed = agents.map(agent => ({ agent, key: key(agent, at) }));
  const down = query.sortOrder === 'desc' ? -1 : 1;
  keyed.sort((a, b) => down * (a.key < b.key ? -1 : a.key > b.key ? 1 : a.agent.id < b.agent.id ? -1 : 1));
  return keyed.map(entry => entry.agent);
}

/** Where to go on in a sorted list. `inclusive`: with the cursor's own agent once more. */
function startOf(list: readonly SimulatedAgent[], query: AgentsQuery, at: number, inclusive: boolean): number {
  const { cursor } = query;
  if (!cursor) return 0;
  if (query.sortBy === 'id' && query.sortOrder === 'asc') {
    const place = seekId(list, cursor.id);
    return list[place]?.id === cursor.id && !inclusive ? place + 1 : place;
  }
  const key = sortKeys[query.sortBy] ?? (agent => agent.id);
  const down = query.sortOrder === 'desc';
  const place = list.findIndex(agent => {
    const value = key(agent, at);
    if (value !== cursor.sortValue) return down ? value < cursor.sortValue : value > cursor.sortValue;
    if (agent.id === cursor.id) return inclusive;
    return down ? agent.id < cursor.id : agent.id > cursor.id;
  });
  return place === -1 ? list.length : place;
}

/** How many agents a query finds, whatever its page. */
export function countAgents(fleet: Fleet, query: AgentsQuery, visible: Visible): number {
  const pool = query.ids ? byIds(fleet, query.ids) : fleet.agents;
  const { filters } = query;
  const { at } = fleet;
  let count = 0;
  for (const agent of pool) if ((!visible || visible(agent)) && filters.every(filter => filter(agent, at))) count++;
  return count;
}

function byIds(fleet: Fleet, ids: readonly string[]): SimulatedAgent[] {
  const found = ids.map(id => fleet.find(id)).filter(agent => agent !== undefined);
  return [...new Set(found)].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** @param inclusive repeats the cursor's own agent, for the fault of overlapping pages */
export function listAgents(fleet: Fleet, query: AgentsQuery, visible: Visible, inclusive = false): Listing {
  const { at } = fleet;
  const pool = query.ids ? byIds(fleet, query.ids) : fleet.agents;
  const byId = query.sortBy === 'id' && query.sortOrder === 'asc';
  const list = byId ? pool : sorted(pool, query, at);
  const agents: SimulatedAgent[] = [];
  let skip = query.cursor ? 0 : query.skip;
  let more = false;
  for (let i = startOf(list, query, at, inclusive); i < list.length; i++) {
    const agent = list[i];
    if (!agent || (visible && !visible(agent)) || !query.filters.every(filter => filter(agent, at))) continue;
    if (skip > 0) skip--;
    else if (agents.length < query.limit) agents.push(agent);
    else {
      more = true;
      break;
    }
  }
  const last = agents.at(-1);
  return {
    agents,
    next: more && last ? cursorAfter(last, query, at) : null,
    total: query.cursor || query.skipCount ? null : countAgents(fleet, query, visible),
  };
}

/** The cursor that goes on after an agent. */
export function cursorAfter(agent: SimulatedAgent, query: AgentsQuery, at: number): Cursor {
  return {
    id: agent.id,
    sortBy: query.sortBy,
    sortValue: sortKeys[query.sortBy]?.(agent, at) ?? agent.id,
    sortOrder: query.sortOrder,
    page: (query.cursor?.page ?? 1) + 1,
  };
}
