// One worker process that runs one sync, for tests that kill or freeze it: says in a line of JSON that it reached the point
// asked for, goes on when a line comes in, and says how it ended. Its one argument holds the order as JSON.
import { createInterface } from 'node:readline';
import type { Agent } from '../../src/providers/provider.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { testContext } from './context.ts';
import { FakeConsole } from './fake-provider.ts';

/** What the process is to do. Times come as text. */
export interface Order {
  databaseUrl: string;
  integrationId: string;
  /** The console's agents. */
  agents: Agent[];
  /** Waits for a line there. */
  haltAt: SyncPoint;
  /** Its clock stands still at this time. */
  at: string;
  sessionIdleMs: number | null;
}

const dates = new Set(['registeredAt', 'lastActiveAt']);
const order: Order = JSON.parse(process.argv[2] ?? '', (key, value) =>
  dates.has(key) && typeof value === 'string' ? new Date(value) : value,
);
const say = (word: object) => console.log(JSON.stringify(word));
const lines = createInterface({ input: process.stdin });
const goOn = new Promise<void>(resolve => lines.once('line', () => resolve()));

const fake = new FakeConsole().set(...order.agents);
const context = testContext(
  order.databaseUrl,
  () => fake,
  () => new Date(order.at),
);
try {
  const result = await runSync(
    { ...context, worker: 'child', ...(order.sessionIdleMs === null ? {} : { sessionIdleMs: order.sessionIdleMs }) },
    order.integrationId,
    {
      signal: new AbortController().signal,
      async reached(point) {
        if (point !== order.haltAt) return;
        say({ reached: point });
        await goOn;
      },
    },
  );
  say({ ended: result });
} catch (error) {
  say({ failed: error instanceof Error ? error.message : String(error) });
}
lines.close();
