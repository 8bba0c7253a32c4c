// Faults within a page that is otherwise answered: agents that are hidden, rows that are damaged, cursors and totals that
// are wrong. Rows are parsed for it, which is slow and needed only while such a fault is on.
import { isListed, type SimulatedAgent, sites } from './agent.ts';
import type { ActiveFault, FaultName } from './faults.ts';
import type { Fleet } from './fleet.ts';
import type { Visible } from './listing.ts';
import { mix } from './random.ts';

export type Striking = ReadonlyMap<FaultName, ActiveFault>;

type Row = Record<string, unknown>;

/**
 * Exactly `percent` of the listed agents, by the seed. Chosen once while the fault is on, so that the same agents are
 * missing at each page and each sweep.
 */
function chosen(fault: ActiveFault, fleet: Fleet): ReadonlySet<string> {
  const ready = fault.chosen.get('agents');
  if (ready) return ready;
  const listed = fleet.agents.filter(isListed);
  const ranked = listed.map(agent => ({ id: agent.id, rank: mix(agent.install, fleet.seed + 70) }));
  ranked.sort((a, b) => a.rank - b.rank);
  const count = Math.round((listed.length * (fault.options.percent ?? 0)) / 100);
  const set = new Set(ranked.slice(0, count).map(entry => entry.id));
  fault.chosen.set('agents', set);
  return set;
}

function both(one: Visible, other: (agent: SimulatedAgent) => boolean): Visible {
  return one ? agent => one(agent) && other(agent) : other;
}

/** Who can be seen: `inTotals` for totals, `inRows` for what is listed. */
export function visibility(
  striking: Striking,
  fleet: Fleet,
  siteIds: ReadonlySet<string> | null,
  byIds: boolean,
): { inTotals: Visible; inRows: Visible } {
  let inTotals: Visible = siteIds ? agent => siteIds.has(agent.site.id) : null;
  if (striking.has('one-site')) inTotals = both(inTotals, agent => agent.site === sites[0]);
  if (striking.has('empty-fleet')) inTotals = () => false;
  const vanished = striking.get('vanished-agents');
  if (vanished) {
    const gone = chosen(vanished, fleet);
    inTotals = both(inTotals, agent => !gone.has(agent.id));
  }
  const missing = striking.get('missing-agents');
  if (!missing || byIds) return { inTotals, inRows: inTotals };
  const left = chosen(missing, fleet);
  return { inTotals, inRows: both(inTotals, agent => !left.has(agent.id)) };
}

const wrong: Row = {
  isActive: { value: true },
  infected: 'perhaps',
  activeThreats: 'many',
  agentVersion: ['24', '1'],
  operationalState: 7,
  firewallEnabled: 'on',
  encryptedApplications: 2,
  serialNumber: { raw: 'X' },
  lastActiveDate: 'yesterday',
};

const rowFaults: Partial<Record<FaultName, (row: Row, fault: ActiveFault, fleet: Fleet) => void>> = {
  'null-field': (row, fault) => {
    for (const field of fault.options.fields ?? []) row[field] = null;
  },
  'serials-vanish': row => {
    row.serialNumber = null;
  },
  'wrong-types': (row, fault, fleet) => {
    if (chosen(fault, fleet).has(String(row.id))) Object.assign(row, wrong);
  },
  'rows-without-id': (row, fault, fleet) => {
    if (chosen(fault, fleet).has(String(row.id))) delete row.id;
  },
};

/** True when rows must be taken apart for a striking fault. */
export function damagesRows(striking: Striking): boolean {
  for (const name of striking.keys()) if (rowFaults[name]) return true;
  return false;
}

/** One row's JSON text as the striking faults leave it. */
export function damagedRow(text: string, striking: Striking, fleet: Fleet): string {
  const row = JSON.parse(text) as Row;
  // The id goes last, since the others choose by it.
  for (const name of ['null-field', 'serials-vanish', 'wrong-types', 'rows-without-id'] as const) {
    const fault = striking.get(name);
    if (fault) rowFaults[name]?.(row, fault, fleet);
  }
  return JSON.stringify(row);
}

export interface PageEnd {
  nextCursor: string | null;
  totalItems: number;
}

/**
 * What a page says about the rest of the listing, as the striking faults leave it.
 * @param sent the cursor of the request, encoded as it was given out, null on page 1
 */
export function damagedEnd(end: PageEnd, striking: Striking, sent: string | null, page: number): PageEnd {
  let { nextCursor, totalItems } = end;
  if (striking.has('ends-early')) nextCursor = null;
  if (striking.has('repeated-cursor') && sent !== null) nextCursor = sent;
  const loop = striking.get('cursor-loop');
  if (loop) {
    if (page === 1) loop.remembered = nextCursor;
    else if (page >= 3 && loop.remembered !== null) nextCursor = loop.remembered;
  }
  const total = striking.get('wrong-total');
  if (total && page === 1) totalItems = Math.ceil(totalItems * (1 + (total.options.percent ?? 10) / 100));
  return { nextCursor, totalItems };
}
