// A console that never answers the first of several worker processes: for tests of what becomes of its work when it is killed.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { onTestFinished } from 'vitest';
import { root } from './checkout.ts';
import type { WorkOptions } from './work.ts';
import { minute, type World } from './world.ts';

export interface WorkerProcesses {
  /** When the one named `first` has asked the console. */
  firstAsked: Promise<void>;
  /** Starts one. @returns what kills it, which the end of the test does too */
  start(worker: string): () => Promise<void>;
}

/** Makes the integration `hq` of that console: one agent, with the serial number C02XK1ZZJG5J. */
export async function unansweredFirst(world: World): Promise<WorkerProcesses> {
  const asked = Promise.withResolvers<void>();
  // The first worker is never answered.
  const server = http.createServer((request, response) => {
    if (request.headers.authorization?.includes('first')) return asked.resolve();
    const data = [{ id: '1000000000000000001', computerName: 'a', serialNumber: 'C02XK1ZZJG5J', isActive: true }];
    response.end(JSON.stringify({ data, pagination: { totalItems: 1, nextCursor: null } }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  await world.integration('hq', {
    provider: 'sentinelone',
    settings: JSON.stringify({ url: `http://127.0.0.1:${port}`, requestsPerSecond: 20 }),
    // Nobody sweeps in this test.
    next_sync_at: new Date(world.now().getTime() + 60 * minute),
  });
  const start = (worker: string) => {
    const options: WorkOptions = { databaseUrl: world.database.url, worker, at: world.now().toISOString() };
    const words = [path.join(root, 'test/support/work.ts'), JSON.stringify(options)];
    const child = spawn(process.execPath, words, { stdio: ['pipe', 'ignore', 'inherit'] });
    const kill = async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const gone = once(child, 'exit');
      child.kill('SIGKILL');
      await gone;
    };
    onTestFinished(kill);
    return kill;
  };
  return { firstAsked: asked.promise, start };
}
