// Starts worker processes that run one sync (run-once.ts), and kills, freezes and thaws them.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { onTestFinished } from 'vitest';
import { root } from './checkout.ts';
import type { FakeConsole } from './fake-provider.ts';
import type { Order } from './run-once.ts';
import type { World } from './world.ts';

export type Word = { reached?: string; ended?: { outcome: string } | null; failed?: string };

export interface Worker {
  child: ChildProcess;
  /** The next line that it says. */
  word(): Promise<Word>;
  /** By kill -9; resolves when the process is gone. */
  kill(): Promise<void>;
  /** Lets it pass the point where it halts. */
  goOn(): void;
}

/** Starts a process that runs a sync of the integration and halts at the point; resolves when it is there. */
export async function workerHalted(
  world: World,
  name: string,
  console: FakeConsole,
  haltAt: Order['haltAt'],
  sessionIdleMs: number | null = null,
): Promise<Worker> {
  const order: Order = {
    databaseUrl: world.database.url,
    integrationId: `p${name}`,
    agents: [...console.agents.values()],
    haltAt,
    at: world.now().toISOString(),
    sessionIdleMs,
  };
  const child = spawn(process.execPath, [path.join(root, 'test/support/run-once.ts'), JSON.stringify(order)], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const worker: Worker = {
    child,
    async word() {
      const line = await lines.next();
      if (line.done) throw new Error('the worker ended without a word');
      return JSON.parse(line.value);
    },
    async kill() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, 'exit');
      child.kill('SIGKILL');
      await ended;
    },
    goOn() {
      child.stdin.write('go on\n');
    },
  };
  onTestFinished(() => worker.kill());
  const word = await worker.word();
  if (word.reached !== haltAt) throw new Error(`the worker did not come to "${haltAt}": ${JSON.stringify(word)}`);
  return worker;
}
