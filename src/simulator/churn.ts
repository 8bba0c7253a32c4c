// What happens to a fleet as time passes: by chance at rates per hour, or to an exact share of agents for a benchmark.
import {
  type FleetState,
  fallSilent,
  isListed,
  makeAgent,
  newestVersion,
  reinstallAgent,
  type SimulatedAgent,
} from './agent.ts';
import { createRandom, mix } from './random.ts';

/** Probabilities per hour for an agent that is in the state where it can happen. */
export interface ChurnRates {
  goesSilent: number;
  /** Of silent ones. */
  returns: number;
  infected: number;
  /** Of infected ones. */
  cured: number;
  upgraded: number;
  firewallSwitched: number;
  encryptionSwitched: number;
  disabled: number;
  /** Of disabled ones. */
  enabled: number;
  networkQuarantined: number;
  /** Of silent ones. */
  decommissioned: number;
  /** Of decommissioned ones: they called in again. */
  recommissioned: number;
  /** Of decommissioned and uninstalled ones: gone also when asked for by id. */
  purged: number;
  uninstalled: number;
  reinstalled: number;
  /** New machines, as a share of the fleet. */
  enrolled: number;
}

export type ChurnEvent = keyof ChurnRates;

/** How often each thing happened, and on which agents something did. */
export interface ChurnReport {
  events: Readonly<Record<ChurnEvent, number>>;
  /** Agents whose posture was changed by `changePercent`. */
  changed: readonly string[];
}

export interface Advance {
  minutes: number;
  /** Instead of the fleet's own rates. */
  rates?: ChurnRates;
  /** Exactly this share of the listed agents changes one posture value, and nothing else happens: 0 for nothing. */
  changePercent?: number;
}

/** A lively but plausible organisation: some events an hour in a fleet of 500. */
export const usualChurn: ChurnRates = {
  goesSilent: 0.02,
  returns: 0.15,
  infected: 0.003,
  cured: 0.2,
  upgraded: 0.012,
  firewallSwitched: 0.002,
  encryptionSwitched: 0.002,
  disabled: 0.002,
  enabled: 0.08,
  networkQuarantined: 0.001,
  decommissioned: 0.006,
  recommissioned: 0.01,
  purged: 0.006,
  uninstalled: 0.0002,
  reinstalled: 0.0006,
  enrolled: 0.0015,
};

/** The same at another pace: 10 means ten times as much an hour; 0 means that nothing happens. */
export function churnAtPace(pace: number, rates: ChurnRates = usualChurn): ChurnRates {
  const paced = { ...rates };
  for (const name of eventNames) paced[name] = Math.min(1, rates[name] * pace);
  return paced;
}

export const eventNames = Object.keys(usualChurn) as readonly ChurnEvent[];

/** Only `lastActiveDate` and `updatedAt` move. */
export const noChurn: ChurnRates = churnAtPace(0);

const stepMinutes = 15;
const disabledStates = ['partially_disabled', 'auto_fully_disabled', 'fully_disabled', 'disabled_error'];

/** @returns what may befall an agent in its present state, with the rate of each */
function possible(agent: SimulatedAgent): readonly ChurnEvent[] {
  if (agent.uninstalled) return ['purged'];
  if (agent.decommissioned) return ['recommissioned', 'purged'];
  if (!agent.active) return ['returns', 'decommissioned'];
  return [
    'goesSilent',
    agent.infected ? 'cured' : 'infected',
    ...(agent.upToDate ? [] : (['upgraded'] as const)),
    'firewallSwitched',
    'encryptionSwitched',
    agent.operationalState === 'na' ? 'disabled' : 'enabled',
    'networkQuarantined',
    'uninstalled',
    'reinstalled',
  ];
}

function befall(state: FleetState, agent: SimulatedAgent, event: ChurnEvent, at: number): void {
  // The console moves updatedAt on what it learns or does, not on mere silence.
  if (event !== 'goesSilent') agent.changedAt = at;
  switch (event) {
    case 'goesSilent':
      fallSilent(agent, at);
      return;
    case 'returns':
      agent.active = true;
      return;
    case 'infected':
      agent.activeThreats = 1 + (mix(agent.install, at >>> 0) % 3);
      agent.infected = true;
      return;
    case 'cured':
      agent.activeThreats = 0;
      agent.infected = false;
      return;
    case 'upgraded':
      agent.version = newestVersion;
      agent.upToDate = true;
      agent.rebootRequired = mix(agent.install, 5) % 8 === 0;
      return;
    case 'firewallSwitched':
      agent.firewall = !agent.firewall;
      return;
    case 'encryptionSwitched':
      agent.encrypted = !agent.encrypted;
      return;
    case 'disabled':
      agent.operationalState = disabledStates[mix(agent.install, 6) % disabledStates.length] ?? 'fully_disabled';
      return;
    case 'enabled':
      agent.operationalState = 'na';
      return;
    case 'networkQuarantined':
      agent.networkStatus = agent.networkStatus === 'connected' ? 'disconnected' : 'connected';
      return;
    case 'decommissioned':
      agent.decommissioned = true;
      return;
    case 'recommissioned':
      agent.decommissioned = false;
      agent.active = true;
      return;
    case 'uninstalled':
      agent.uninstalled = true;
      fallSilent(agent, at);
      return;
    case 'reinstalled':
      reinstallAgent(state, agent);
      return;
    case 'purged':
    case 'enrolled':
      return; // done for all at once
  }
}

/** One step of at most 15 minutes: at most one event an agent. */
function churnStep(state: FleetState, rates: ChurnRates, minutes: number, events: Record<ChurnEvent, number>): void {
  const random = createRandom(mix(state.steps++, state.seed + 50));
  const share = {} as Record<ChurnEvent, number>;
  for (const name of eventNames) share[name] = 1 - (1 - rates[name]) ** (minutes / 60);
  const purged = new Set<SimulatedAgent>();
  const before = state.agents.length;
  for (let i = 0; i < before; i++) {
    const agent = state.agents[i];
    if (!agent) continue;
    let left = random();
    for (const event of possible(agent)) {
      left -= share[event];
      if (left >= 0) continue;
      befall(state, agent, event, state.at);
      if (event === 'purged') purged.add(agent);
      events[event]++;
      break;
    }
  }
  const enrolled = Math.floor(before * share.enrolled + random());
  for (let i = 0; i < enrolled; i++) {
    state.agents.push(makeAgent(state, state.installs++, state.machines++, state.at));
    events.enrolled++;
  }
  if (purged.size > 0) state.agents = state.agents.filter(agent => !purged.has(agent));
}

/** Changes one posture value of exactly `count` agents, chosen by the seed among those whose rows are as promised. */
function changeExactly(state: FleetState, percent: number): string[] {
  const salt = state.seed + 60 + state.steps++;
  const listed = state.agents.filter(isListed);
  const count = Math.min(listed.length, Math.round((listed.length * percent) / 100));
  const fit = listed.filter(agent => agent.quirk === 'none');
  const chosen = (count > fit.length ? listed : fit)
    .map(agent => ({ agent, rank: mix(agent.install, salt) }))
    .sort((a, b) => a.rank - b.rank)
    .slice(0, count);
  for (const { agent, rank } of chosen) {
    agent.changedAt = state.at;
    if (rank % 3 === 0) agent.firewall = !agent.firewall;
    else if (rank % 3 === 1) agent.encrypted = !agent.encrypted;
    else agent.version = `24.2.3.${500 + ((Number(agent.version.split('.')[3]) + 1) % 500)}`;
  }
  return chosen.map(({ agent }) => agent.id);
}

/** Moves the fleet on. Throws a RangeError when minutes are negative. */
export function advanceFleet(state: FleetState, advance: Advance): ChurnReport {
  if (!(advance.minutes >= 0)) throw new RangeError('a fleet cannot go back in time');
  const events = {} as Record<ChurnEvent, number>;
  for (const name of eventNames) events[name] = 0;
  if (advance.changePercent !== undefined) {
    state.at += advance.minutes * 60_000;
    return { events, changed: advance.changePercent > 0 ? changeExactly(state, advance.changePercent) : [] };
  }
  const rates = advance.rates ?? state.rates;
  const still = eventNames.every(name => rates[name] === 0);
  for (let left = advance.minutes; left > 0; left -= stepMinutes) {
    const minutes = still ? left : Math.min(left, stepMinutes);
    state.at += minutes * 60_000;
    if (still) break;
    churnStep(state, rates, minutes, events);
  }
  return { events, changed: [] };
}
