// The simulated fleet: agents ascending by id, made from a seed, that move on through time. Only a fleet's own time moves
// every active agent's last contact, so that a million agents cost nothing to move on.
import {
  type AgentChange,
  dayMs,
  type FleetState,
  fallSilent,
  isListed,
  makeAgent,
  reinstallAgent,
  type SimulatedAgent,
  type Site,
  sites,
} from './agent.ts';
import { type Advance, advanceFleet, type ChurnRates, type ChurnReport, usualChurn } from './churn.ts';
import { fraction } from './random.ts';

export interface Fleet {
  readonly seed: number;
  /** Ascending by id, with decommissioned and uninstalled ones. */
  readonly agents: readonly SimulatedAgent[];
  readonly sites: readonly Site[];
  /** The fleet's own time in ms since 1970; moves by `advance` alone. */
  readonly at: number;
  /** How many a default listing has. */
  listed(): number;
  find(id: string): SimulatedAgent | undefined;
  /** Sets values as the console would, moving `updatedAt`. Throws when there is no such agent. */
  change(id: string, change: AgentChange): SimulatedAgent;
  /** Takes an agent out for good, as a purge does. */
  purge(id: string): void;
  /** A new machine with a new agent; `change` overrides what the seed gives it. */
  enrol(change?: AgentChange): SimulatedAgent;
  /** A second record of the same machine, new id and uuid; the old one falls silent. */
  reinstall(id: string): SimulatedAgent;
  /** Moves time on, with churn by chance (see churn.ts). Steps longer than 15 minutes are taken in parts. */
  advance(advance: Advance): ChurnReport;
  /** Moves to a time; one that is not later changes nothing. */
  advanceTo(time: Date): ChurnReport;
}

export interface FleetOptions {
  /** How many agents a default listing shows; decommissioned and uninstalled ones come on top (about 4 %). */
  agents: number;
  seed?: number;
  /** Gives the fleet's starting time. */
  now?: () => Date;
  /** What happens by chance as time passes; `usualChurn` if not given, `noChurn` for nothing. */
  churn?: ChurnRates;
}

const fleetBuiltAt = Date.UTC(2026, 5, 1);

/** The first agents: mostly one a machine, with reinstalled ones, clones, and some that left, in between. */
function populate(state: FleetState, agents: number): void {
  const { seed, at } = state;
  // Registered over two years, in the order of ids. The end of those years is fixed, so that a fleet made again from the
  // same seed on another day has the same registrations.
  const total = agents * 1.05;
  const lastAt = Math.min(at, fleetBuiltAt);
  let listed = 0;
  while (listed < agents) {
    const install = state.installs++;
    const registeredAt = lastAt - Math.floor(((total - install) / total) * 730 * dayMs) - dayMs;
    const what = fraction(install, seed + 40);
    const before = state.agents[state.agents.length - 1 - Math.floor(fraction(install, seed + 41) * 40)];
    const again = before !== undefined && !before.decommissioned && !before.uninstalled;
    const agent = makeAgent(state, install, again && what < 0.03 ? before.machine : state.machines++, registeredAt);
    if (again && what < 0.03) {
      // Reinstalled: same machine, name and serial, another id and uuid (vradchenko/PowerShell-SentinelOne#5).
      agent.serial = before.serial;
      agent.hostname = before.hostname;
      fallSilent(before, Math.max(before.registeredAt, registeredAt - 3_600_000));
    } else if (again && what < 0.042 && before.model.serialForm !== 'none') {
      agent.serial = before.serial; // a clone: another machine, both alive, one serial
    } else if (what > 0.97) {
      agent.decommissioned = true;
      fallSilent(agent, at - 30 * dayMs);
      agent.networkStatus = 'connecting';
    } else if (what > 0.962) {
      agent.uninstalled = true;
      fallSilent(agent, at - 15 * dayMs);
    }
    state.agents.push(agent);
    if (isListed(agent)) listed++;
  }
}

/** @returns the first place in a list ascending by id whose id is not below `id`; ids all have one length */
export function seekId(agents: readonly SimulatedAgent[], id: string): number {
  let low = 0;
  let high = agents.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((agents[middle]?.id ?? '') < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Makes a fleet. Equal options and clock give equal fleets, also after equal advances. */
export function createFleet(options: FleetOptions): Fleet {
  const at = (options.now?.() ?? new Date()).getTime();
  const state: FleetState = {
    seed: (options.seed ?? 1) * 1_000, // salts of 0-999 belong to one seed
    agents: [],
    at,
    steps: 0,
    installs: 0,
    machines: 0,
    rates: options.churn ?? usualChurn,
  };
  populate(state, options.agents);

  function find(id: string): SimulatedAgent | undefined {
    const found = state.agents[seekId(state.agents, id)];
    return found?.id === id ? found : undefined;
  }
  function need(id: string): SimulatedAgent {
    const found = find(id);
    if (!found) throw new Error(`the fleet has no agent ${id}`);
    return found;
  }
  const fleet: Fleet = {
    seed: options.seed ?? 1,
    get agents() {
      return state.agents;
    },
    sites,
    get at() {
      return state.at;
    },
    listed: () => state.agents.reduce((count, agent) => count + (isListed(agent) ? 1 : 0), 0),
    find,
    change: (id, change) => Object.assign(need(id), { changedAt: state.at }, change),
    purge: id => {
      need(id);
      state.agents.splice(seekId(state.agents, id), 1);
    },
    enrol: change => {
      const agent = Object.assign(
        makeAgent(state, state.installs++, state.machines++, state.at),
        { active: true },
        change,
      );
      state.agents.push(agent);
      return agent;
    },
    reinstall: id => reinstallAgent(state, need(id)),
    advance: advance => advanceFleet(state, advance),
    advanceTo: time => advanceFleet(state, { minutes: Math.max(0, (time.getTime() - state.at) / 60_000) }),
  };
  return fleet;
}
