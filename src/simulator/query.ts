// The query of GET /agents: names, limits and filters as the vendor's swagger has them, and the keyset cursor.
import { AppError } from '../errors.ts';
import type { SimulatedAgent } from './agent.ts';
import { lastActiveAt, updatedAt, uuidOf } from './row-holes.ts';

/** A place between two agents in a sorted listing. */
export interface Cursor {
  /** Of the last agent given out. */
  id: string;
  sortBy: string;
  sortValue: string;
  sortOrder: 'asc' | 'desc';
  /** Which page comes next, from 2 on. The real cursor has no such thing; faults at page n need it. */
  page: number;
}

type Filter = (agent: SimulatedAgent, at: number) => boolean;

export interface AgentsQuery {
  limit: number;
  skip: number;
  sortBy: string;
  sortOrder: 'asc' | 'desc';
  cursor: Cursor | null;
  countOnly: boolean;
  skipCount: boolean;
  /** Asked for by id: then only these are looked at. */
  ids: readonly string[] | null;
  filters: readonly Filter[];
}

const bool = (value: boolean): string => (value ? '1' : '0');

/** What can be sorted by (the console has about 90 names), as text that orders as the value does. */
export const sortKeys: Readonly<Record<string, (agent: SimulatedAgent, at: number) => string>> = {
  id: agent => agent.id,
  createdAt: agent => String(agent.registeredAt).padStart(15, '0'),
  registeredAt: agent => String(agent.registeredAt).padStart(15, '0'),
  updatedAt: (agent, at) => String(updatedAt(agent, at)).padStart(15, '0'),
  lastActiveDate: (agent, at) => String(lastActiveAt(agent, at)).padStart(15, '0'),
  computerName: agent => agent.hostname,
  serialNumber: agent => agent.serial ?? '',
  uuid: uuidOf,
  siteId: agent => agent.site.id,
  agentVersion: agent => agent.version,
  operationalState: agent => agent.operationalState,
  isActive: agent => bool(agent.active),
  infected: agent => bool(agent.infected),
  activeThreats: agent => String(agent.activeThreats).padStart(6, '0'),
};

const booleans: Readonly<Record<string, (agent: SimulatedAgent) => boolean>> = {
  isActive: agent => agent.active,
  isDecommissioned: agent => agent.decommissioned,
  isUninstalled: agent => agent.uninstalled,
  isPendingUninstall: () => false,
  isUpToDate: agent => agent.upToDate,
  infected: agent => agent.infected,
  firewallEnabled: agent => agent.firewall,
  encryptedApplications: agent => agent.encrypted,
  threatRebootRequired: agent => agent.rebootRequired,
};

const texts: Readonly<Record<string, (agent: SimulatedAgent) => string>> = {
  siteIds: agent => agent.site.id,
  accountIds: agent => agent.site.accountId,
  uuids: uuidOf,
  operationalStates: agent => agent.operationalState,
  networkStatuses: agent => agent.networkStatus,
  osTypes: agent => agent.model.osType,
  machineTypes: agent => agent.model.machineType,
};

const times: Readonly<Record<string, (agent: SimulatedAgent, at: number) => number>> = {
  updatedAt,
  lastActiveDate: lastActiveAt,
  createdAt: agent => agent.registeredAt,
  registeredAt: agent => agent.registeredAt,
};

const comparisons: Readonly<Record<string, (value: number, bound: number) => boolean>> = {
  gt: (value, bound) => value > bound,
  gte: (value, bound) => value >= bound,
  lt: (value, bound) => value < bound,
  lte: (value, bound) => value <= bound,
};

function refuse(detail: string): never {
  throw new AppError('invalid', detail);
}

/** Base64 JSON, given out percent-encoded. A space pads the JSON so that the text always ends in `%3D`, as in the field. */
export function encodeCursor(cursor: Cursor): string {
  let text = JSON.stringify({
    id_column: 'AgentView.id',
    id_value: cursor.id,
    id_sort_order: cursor.sortOrder,
    sort_by_column: `AgentView.${cursor.sortBy}`,
    sort_by_value: cursor.sortValue,
    sort_order: cursor.sortOrder,
    page: cursor.page,
  });
  if (Buffer.byteLength(text) % 3 === 0) text += ' ';
  return encodeURIComponent(Buffer.from(text).toString('base64'));
}

/** @param text as it arrives, percent-decoded once by the server. Throws AppError `invalid`. */
export function decodeCursor(text: string): Cursor {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(text)) refuse('cursor: Invalid cursor');
  let found: unknown;
  try {
    found = JSON.parse(Buffer.from(text, 'base64').toString());
  } catch {
    refuse('cursor: Invalid cursor');
  }
  if (typeof found !== 'object' || found === null) refuse('cursor: Invalid cursor');
  const facts = new Map(Object.entries(found));
  const sortBy = String(facts.get('sort_by_column')).replace('AgentView.', '');
  const order = facts.get('sort_order');
  const id = facts.get('id_value');
  const sortValue = facts.get('sort_by_value');
  const page = facts.get('page');
  if (typeof id !== 'string' || typeof sortValue !== 'string' || (order !== 'asc' && order !== 'desc')) {
    refuse('cursor: Invalid cursor');
  }
  if (!(sortBy in sortKeys) || typeof page !== 'number') refuse('cursor: Invalid cursor');
  return { id, sortBy, sortValue, sortOrder: order, page };
}

function whole(name: string, value: string, low: number, high: number): number {
  if (!/^\d+$/.test(value)) refuse(`${name}: Not a valid integer.`);
  const number = Number(value);
  if (number < low) refuse(`${name}: Must be greater than or equal to ${low}.`);
  if (number > high) refuse(`${name}: Must be less than or equal to ${high}.`);
  return number;
}

function truth(name: string, value: string): boolean {
  const folded = value.toLowerCase();
  if (folded !== 'true' && folded !== 'false') refuse(`${name}: Not a valid boolean.`);
  return folded === 'true';
}

function list(name: string, value: string, most: number): string[] {
  const found = value.split(',').map(entry => entry.trim());
  if (found.some(entry => entry === '')) refuse(`${name}: Field may not contain empty values.`);
  if (found.length > most) refuse(`${name}: Longer than maximum length ${most}.`);
  return found;
}

function timeFilter(name: string, value: string): Filter | null {
  const [column = '', comparison = ''] = name.split('__');
  const read = times[column];
  if (!read) return null;
  if (comparison === 'between') {
    const bounds = /^(\d{1,15})-(\d{1,15})$/.exec(value);
    if (!bounds) refuse(`${name}: Not a valid range.`);
    return (agent, at) => read(agent, at) >= Number(bounds[1]) && read(agent, at) <= Number(bounds[2]);
  }
  const compare = comparisons[comparison];
  if (!compare) return null;
  const bound = Date.parse(value);
  if (Number.isNaN(bound)) refuse(`${name}: Not a valid datetime.`);
  return (agent, at) => compare(read(agent, at), bound);
}

/** @returns the filter of one parameter, null for a name that is no filter. Throws AppError `invalid` on a bad value. */
function filterOf(name: string, value: string): Filter | null {
  const boolean = booleans[name];
  if (boolean) {
    const wanted = new Set(list(name, value, 2).map(entry => truth(name, entry)));
    return agent => wanted.has(boolean(agent));
  }
  const text = texts[name];
  if (text) {
    const wanted = new Set(list(name, value, name === 'uuids' ? 5_000 : 500));
    return agent => wanted.has(text(agent));
  }
  const refused = name.endsWith('Nin') ? texts[name.replace(/Nin$/, '')] : undefined;
  if (refused) {
    const unwanted = new Set(list(name, value, 500));
    return agent => !unwanted.has(refused(agent));
  }
  if (name === 'groupIds') {
    const wanted = new Set(list(name, value, 500));
    return agent => agent.site.groups.some(group => wanted.has(group.id));
  }
  if (name === 'serialNumber__contains' || name === 'externalId__contains') {
    const wanted = list(name, value, 255).map(entry => entry.toLowerCase());
    if (wanted.some(entry => entry.length < 2)) refuse(`${name}: Shorter than minimum length 2.`);
    if (name === 'externalId__contains') return () => false;
    return agent => wanted.some(entry => (agent.serial ?? '').toLowerCase().includes(entry));
  }
  if (name === 'activeThreats') {
    const number = whole(name, value, 0, 1_000_000);
    return agent => agent.activeThreats === number;
  }
  if (name === 'activeThreats__gt') {
    const number = whole(name, value, 0, 1_000_000);
    return agent => agent.activeThreats > number;
  }
  return timeFilter(name, value);
}

/** Reads a query. Throws AppError `invalid` whose message is the `detail` of a 400. */
export function parseQuery(search: URLSearchParams): AgentsQuery {
  const query: AgentsQuery & { filters: Filter[] } = {
    limit: 10,
    skip: 0,
    sortBy: 'id',
    sortOrder: 'asc',
    cursor: null,
    countOnly: false,
    skipCount: false,
    ids: null,
    filters: [],
  };
  for (const [name, value] of search) {
    if (name === 'limit') query.limit = whole(name, value, 1, 1_000);
    else if (name === 'skip') query.skip = whole(name, value, 0, 1_000);
    else if (name === 'countOnly' || name === 'skipCount') query[name] = truth(name, value);
    else if (name === 'cursor') query.cursor = value === '' ? null : decodeCursor(value);
    else if (name === 'sortBy')
      query.sortBy = value in sortKeys ? value : refuse(`sortBy: Must be one of: ${Object.keys(sortKeys).join(', ')}.`);
    else if (name === 'sortOrder')
      query.sortOrder = value === 'asc' || value === 'desc' ? value : refuse('sortOrder: Must be one of: asc, desc.');
    else if (name === 'ids') {
      query.ids = list(name, value, 5_000);
      if (query.ids.some(id => !/^\d{18,19}$/.test(id)))
        refuse('ids: Must be greater than or equal to 100000000000000000.');
    } else {
      const filter = filterOf(name, value) ?? refuse(`dict_values(['${name}']): Unknown field`);
      query.filters.push(filter);
    }
  }
  // What is shown when a state is not asked for is not documented; leaving such agents out is the likely answer.
  if (!search.has('isDecommissioned')) query.filters.push(agent => !agent.decommissioned);
  if (!search.has('isUninstalled')) query.filters.push(agent => !agent.uninstalled);
  if (query.cursor && (query.cursor.sortBy !== query.sortBy || query.cursor.sortOrder !== query.sortOrder)) {
    refuse('cursor: Cursor does not fit sortBy and sortOrder');
  }
  return query;
}
