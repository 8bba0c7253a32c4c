// From a provider's agents to staged rows: canonical identifiers, moving values apart, and nothing that PostgreSQL cannot
// store. One odd agent never costs the page.
import type { AttributeSpec } from '../posture/attributes.ts';
import { canonicalIdentifiers } from '../posture/serials.ts';
import type { Agent, AgentPage } from '../providers/provider.ts';
import type { MovingAttribute, StagedAgent } from '../store/sweep.ts';

/** Longer ids are no ids; the primary key would refuse them and the whole page with them. */
const longestId = 256;
const longestText = 1_000;

/** The provider's attributes that move at every check-in. */
export function movingAttributes(specs: readonly AttributeSpec[]): MovingAttribute[] {
  return specs.flatMap(({ name, resolutionMs }) => (resolutionMs ? [{ name, resolutionMs }] : []));
}

export interface StagedPage {
  rows: StagedAgent[];
  /** Rows that could not be read, those without id included. */
  skipped: number;
  /** Of them, those without a usable id: they cannot be counted as agents by id, but the provider counts them. */
  nameless: number;
}

/** @param moving names of the moving attributes */
export function stagePage(page: AgentPage, moving: ReadonlySet<string>): StagedPage {
  const rows: StagedAgent[] = [];
  let nameless = 0;
  for (const agent of page.agents) {
    if (isUsableId(agent.id)) rows.push(stageAgent(agent, moving));
    else nameless++;
  }
  let unreadable = 0;
  for (const { id } of page.skipped) {
    if (id !== null && isUsableId(id)) {
      rows.push(unreadableAgent(id));
      unreadable++;
    } else nameless++;
  }
  return { rows, skipped: unreadable + nameless, nameless };
}

function stageAgent(agent: Agent, moving: ReadonlySet<string>): StagedAgent {
  const values: Record<string, unknown> = {};
  const movingValues: Record<string, string> = {};
  for (const name in agent.values) {
    const value = agent.values[name];
    if (value === undefined) continue;
    if (moving.has(name)) movingValues[name] = String(value);
    else values[name] = typeof value === 'string' ? clean(value) : value;
  }
  return {
    agentId: agent.id,
    readable: true,
    hostname: agent.hostname === null ? null : clean(agent.hostname),
    identifiers: canonicalIdentifiers(agent.identifiers),
    serials: agent.identifiers.filter(({ kind }) => kind === 'serial').map(({ value }) => clean(value)),
    decommissioned: agent.decommissioned,
    active: agent.active,
    registeredAt: storable(agent.registeredAt),
    lastActiveAt: storable(agent.lastActiveAt),
    values,
    moving: movingValues,
  };
}

function unreadableAgent(agentId: string): StagedAgent {
  return {
    agentId,
    readable: false,
    hostname: null,
    identifiers: [],
    serials: [],
    decommissioned: false,
    active: null,
    registeredAt: null,
    lastActiveAt: null,
    values: {},
    moving: {},
  };
}

const isUsableId = (id: string) => id !== '' && id.length <= longestId && id === clean(id);

/** PostgreSQL stores neither NUL nor half of a surrogate pair; texts of unreasonable length are cut. */
function clean(text: string): string {
  const short = text.length > longestText ? text.slice(0, longestText) : text;
  return (short.includes('\0') ? short.replaceAll('\0', '') : short).toWellFormed();
}

/** Four-digit years only: what lies outside is a mistake, and its text form is not PostgreSQL's. */
function storable(at: Date | null): Date | null {
  if (at === null) return null;
  const year = at.getUTCFullYear();
  return year >= 1 && year <= 9999 ? at : null;
}
