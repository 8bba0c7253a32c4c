// The demo's console: a fleet that is the same again after a restart. What befalls a fleet depends on its seed and on how
// its time moved, so that is what is remembered.
import { setInterval } from 'node:timers';
import { churnAtPace, noChurn } from '../simulator/churn.ts';
import { createFleet, type Fleet } from '../simulator/fleet.ts';
import { createSimulator, type Simulator } from '../simulator/simulator.ts';
import { type DemoState, readDemoState, writeDemoState } from './demo-state.ts';

const agents = 500;
const seed = 7;
/** Several events a minute: enough to see something at every sync, and a plausible organisation still. */
const lively = churnAtPace(6);
const stepMinutes = 1;

export interface DemoConsole {
  simulator: Simulator;
  /** The port is another one than at the last start: that one was taken. */
  hasMoved: boolean;
  /** Stops time and the console. */
  close(): Promise<void>;
}

/** Starts the console as it was left, or a new one. @param now the fleet's time starts or goes on there */
export async function startDemoConsole(dataDir: string, now: Date): Promise<DemoConsole> {
  const known = await readDemoState(dataDir);
  const startedMs = known?.startedMs ?? now.getTime();
  const fleet = createFleet({ agents, seed: known?.seed ?? seed, now: () => new Date(startedMs), churn: noChurn });
  const session = { quietMinutes: 0, steps: 0 };
  const history = [...(known?.history ?? []), session];
  replay(fleet, history);
  // While nobody looked nothing happened but check-ins: a demo that slept for a week is still the same organisation.
  session.quietMinutes = Math.max(0, Math.floor((now.getTime() - fleet.at) / 60_000));
  fleet.advance({ minutes: session.quietMinutes, rates: noChurn });
  const start = (port: number) => createSimulator({ fleet, port, ...(known ? { token: known.token } : {}) });
  const simulator = await start(known?.port ?? 0).catch(error => {
    if (error.code === 'EADDRINUSE') return start(0);
    throw error;
  });
  const port = Number(new URL(simulator.url).port);
  const state: DemoState = { port, token: simulator.token, seed: fleet.seed, startedMs, history };
  await writeDemoState(dataDir, state);
  let saved = Promise.resolve();
  const timer = setInterval(() => {
    fleet.advance({ minutes: stepMinutes, rates: lively });
    session.steps++;
    // A full disk ends neither the demo nor its fleet; the next start then replays less.
    saved = saved.then(() => writeDemoState(dataDir, state)).catch(() => {});
  }, stepMinutes * 60_000);
  return {
    simulator,
    hasMoved: known !== null && known.port !== port,
    async close() {
      clearInterval(timer);
      await saved;
      await simulator.close();
    },
  };
}

function replay(fleet: Fleet, history: DemoState['history']): void {
  for (const { quietMinutes, steps } of history) {
    fleet.advance({ minutes: quietMinutes, rates: noChurn });
    for (let step = 0; step < steps; step++) fleet.advance({ minutes: stepMinutes, rates: lively });
  }
}
