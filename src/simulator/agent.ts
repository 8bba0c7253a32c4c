// One agent as the simulated console knows it, and how a seed makes it: sites, names, versions, states. What moves by
// itself (last contact, update time) is not kept here but computed when a row is rendered.
import type { ChurnRates } from './churn.ts';
import { type Model, models } from './models.ts';
import { flat, fraction, mix, pick, pickWeighted, threeDigits } from './random.ts';
import { reportedSerial, trueSerial } from './serials.ts';

export interface Site {
  /** From 0 on. */
  index: number;
  accountId: string;
  accountName: string;
  id: string;
  name: string;
  groups: readonly { id: string; name: string }[];
  weight: number;
}

/** How a row strays from what the swagger promises. */
export type Quirk = 'none' | 'string_booleans' | 'nulls';

/** One agent. Times are ms since 1970. Change it through the fleet, which moves `changedAt` along. */
export interface SimulatedAgent {
  readonly id: string;
  /** Counter of the installation: the uuid depends on it. */
  readonly install: number;
  /** Counter of the machine: a reinstalled agent keeps it. */
  readonly machine: number;
  readonly model: Model;
  readonly revision: number;
  readonly site: Site;
  /** What is reported: null, '' and absent (undefined) all occur. */
  serial: string | null | undefined;
  hostname: string;
  user: string;
  version: string;
  active: boolean;
  activeThreats: number;
  infected: boolean;
  firewall: boolean;
  encrypted: boolean;
  operationalState: string;
  networkStatus: string;
  upToDate: boolean;
  rebootRequired: boolean;
  decommissioned: boolean;
  uninstalled: boolean;
  quirk: Quirk;
  registeredAt: number;
  /** Of an inactive agent; an active one is in touch all the time. */
  lastActiveAt: number;
  changedAt: number;
  bootedAt: number;
}

/** Values that a test or a caller may set on an agent. */
export type AgentChange = Partial<Omit<SimulatedAgent, 'id' | 'install' | 'machine' | 'model' | 'revision' | 'site'>>;

/** What the fleet and its churn share. */
export interface FleetState {
  seed: number;
  agents: SimulatedAgent[];
  at: number;
  steps: number;
  installs: number;
  machines: number;
  rates: ChurnRates;
}

const groupNames = ['Default Group', 'Workstations', 'Servers'];

function site(account: number, index: number, name: string, weight: number): Site {
  const base = 1_350_000_000_000 + index * 7_000;
  return {
    index: index - 1,
    accountId: `135000000000${account}000001`,
    accountName: account === 1 ? 'Example Holding' : 'Example Labs',
    id: `${base}000101`,
    name,
    groups: groupNames.map((group, i) => ({ id: `${base + i + 1}000777`, name: group })),
    weight,
  };
}

/** Two accounts with five sites. */
export const sites: readonly Site[] = [
  site(1, 1, 'Headquarters', 42),
  site(1, 2, 'Branch North', 20),
  site(1, 3, 'Branch South', 15),
  site(1, 4, 'Data Centre', 15),
  site(2, 5, 'Labs', 8),
];

export const newestVersion = '24.2.3.471';
const olderVersions = ['24.2.2.310', '24.1.5.277', '24.1.2.6', '23.4.6.347', '23.3.3.264'];
const firstNames = [
  'alice',
  'bob',
  'carol',
  'dmitri',
  'erin',
  'farid',
  'grace',
  'hana',
  'ivan',
  'julia',
  'kofi',
  'lena',
];
const lastNames = [
  'adams',
  'brandt',
  'costa',
  'dubois',
  'evans',
  'fischer',
  'garcia',
  'hansen',
  'ito',
  'jansen',
  'kaya',
];
const states = [
  'partially_disabled',
  'auto_fully_disabled',
  'fully_disabled',
  'disabled_error',
  'db_corruption',
  'maintenance_v9',
];
export const dayMs = 86_400_000;

/** 19 digits that grow with the counter, as snowflake-like ids do. */
function agentId(install: number, seed: number): string {
  const hash = mix(install, seed + 11);
  const tail = threeDigits(hash % 1_000) + threeDigits((hash >>> 10) % 1_000);
  return `${1_400_000_000_000 + install * 7_919 + (hash % 7_919)}${tail}`;
}

function hostnameOf(model: Model, machine: number, user: string, seed: number): string {
  const number = String(machine + 1).padStart(5, '0');
  // Macs are named by their owners, with a typographic apostrophe and spaces.
  if (model.osType === 'macos' && fraction(machine, seed + 12) < 0.3) {
    const first = user.split('.')[0] ?? user;
    return `${first.charAt(0).toUpperCase()}${first.slice(1)}’s MacBook ${number}`;
  }
  if (model.prefix === 'ip') return `ip-10-${(machine >> 16) & 255}-${(machine >> 8) & 255}-${machine & 255}`;
  return `${model.prefix}-${number}`;
}

function userOf(machine: number, seed: number): string {
  return `${pick(firstNames, fraction(machine, seed + 13))}.${pick(lastNames, fraction(machine, seed + 14))}`;
}

/** The agent of one installation on one machine at a time, as the seed has it. */
export function makeAgent(state: FleetState, install: number, machine: number, registeredAt: number): SimulatedAgent {
  const { seed, at } = state;
  const chance = (salt: number): number => fraction(install, seed + salt);
  const model = pickWeighted(models, fraction(machine, seed + 15));
  const user = model.machineType === 'server' ? '' : userOf(machine, seed);
  const active = chance(20) < 0.88;
  const threats = chance(21) < 0.015 ? 1 + (mix(install, seed) % 3) : 0;
  const version = chance(22) < 0.6 ? newestVersion : pick(olderVersions, chance(23));
  const quirk = chance(24);
  const silentMs = active ? 0 : Math.floor((0.2 + 20 * chance(26) ** 2) * dayMs);
  const lastActiveAt = Math.max(registeredAt, at - silentMs);
  return {
    id: flat(agentId(install, seed)),
    install,
    machine,
    model,
    revision: mix(machine, seed + 25) % model.revisions.length,
    site: pickWeighted(sites, fraction(machine, seed + 16)),
    serial: reportedSerial(model, trueSerial(model.serialForm, machine, seed), machine, seed),
    hostname: flat(hostnameOf(model, machine, user, seed)),
    user,
    version,
    active,
    activeThreats: threats,
    infected: threats > 0,
    firewall: chance(27) < 0.82,
    encrypted: model.machineType === 'server' ? false : chance(28) < 0.93,
    operationalState: chance(29) < 0.97 ? 'na' : pick(states, chance(30)),
    networkStatus: chance(31) < 0.985 ? 'connected' : pick(['disconnected', 'connecting', 'disconnecting'], chance(32)),
    upToDate: version === newestVersion,
    rebootRequired: chance(33) < 0.01,
    decommissioned: false,
    uninstalled: false,
    quirk: quirk < 0.004 ? 'string_booleans' : quirk < 0.008 ? 'nulls' : 'none',
    registeredAt,
    lastActiveAt,
    changedAt: Math.max(registeredAt, at - Math.floor(chance(34) * 5 * dayMs)),
    bootedAt: at - Math.floor(chance(35) * 20 * dayMs),
  };
}

/** Lets an agent fall silent at the fleet's time. The console notices by silence alone and does not move `updatedAt`. */
export function fallSilent(agent: SimulatedAgent, at: number): void {
  agent.active = false;
  agent.lastActiveAt = at;
}

/** Makes `source`'s machine have a new agent registered now, and the old one silent. */
export function reinstallAgent(state: FleetState, source: SimulatedAgent): SimulatedAgent {
  const agent = makeAgent(state, state.installs++, source.machine, state.at);
  Object.assign(agent, { serial: source.serial, hostname: source.hostname, active: true, version: newestVersion });
  agent.upToDate = true;
  fallSilent(source, Math.min(source.lastActiveAt, state.at));
  state.agents.push(agent);
  return agent;
}

/** True for what a listing shows that asks for neither decommissioned nor uninstalled agents. */
export function isListed(agent: SimulatedAgent): boolean {
  return !agent.decommissioned && !agent.uninstalled;
}
