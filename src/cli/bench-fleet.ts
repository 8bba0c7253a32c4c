// The fleet of a bench: the simulator in a process of its own, the inventory imported from it, an integration that reads it, and a
// process that syncs as a worker does.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { type ImportLine, importDevices } from '../operations/device-import.ts';
import type { Actor } from '../posture/events.ts';
import { databaseClock, type Pool } from '../store/client.ts';
import type { BenchAnswer, BenchOrder, BenchSetup } from './bench-service.ts';

/** Who does all that in the audit log of the bench's database. */
export const bench: Actor = { id: 'bench', type: 'USER', loginName: 'bench', displayName: 'bench' };

export const round = (n: number) => Math.round(n * 100) / 100;
/** @returns seconds since a reading of the monotonic clock */
export const seconds = (started: number) => round((performance.now() - started) / 1000);

/** @returns a process that syncs when it is asked to */
export async function startSyncProcess(setup: BenchSetup): Promise<ChildProcess> {
  const child = fork(new URL('./bench-service.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send(setup);
  await once(child, 'message');
  return child;
}

/** @throws Error with what went wrong there */
export async function ask(service: ChildProcess, order: BenchOrder): Promise<BenchAnswer> {
  service.send(order);
  const [answer] = (await once(service, 'message')) as [BenchAnswer];
  if (answer.error) throw new Error(answer.error);
  return answer;
}

export interface SimulatorProcess {
  url: string;
  token: string;
  advance(changePercent: number): Promise<void>;
  stop(): Promise<void>;
}

export async function startSimulatorProcess(agents: number, seed: number): Promise<SimulatorProcess> {
  const child = fork(new URL('./bench-simulator.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send({ agents, seed });
  const [{ url, token }] = (await once(child, 'message')) as [{ url: string; token: string }];
  return {
    url,
    token,
    async advance(changePercent) {
      const response = await fetch(`${url}/simulator/advance`, {
        method: 'POST',
        body: JSON.stringify({ minutes: 15, changePercent }),
      });
      if (!response.ok) throw new Error(`the simulator answered ${response.status}: ${await response.text()}`);
    },
    async stop() {
      if (child.exitCode !== null) return;
      const left = once(child, 'exit');
      child.disconnect();
      await left;
    },
  };
}

/** @returns how many devices were made */
export async function importInventory(pool: Pool, url: string, tell: (line: string) => void): Promise<number> {
  const now = await databaseClock(pool);
  const response = await fetch(`${url}/simulator/inventory`);
  if (!response.body) throw new Error('the simulator gave no inventory');
  const lines = createInterface({ input: Readable.fromWeb(response.body as import('node:stream/web').ReadableStream) });
  let told = 0;
  const result = await importDevices({ db: pool, now, actor: bench }, numbered(lines), {
    onProgress: done => {
      if (done - told < 100_000) return;
      told = done;
      tell(`${done} devices`);
    },
  });
  return result.created;
}

async function* numbered(lines: AsyncIterable<string>): AsyncGenerator<ImportLine> {
  let line = 0;
  for await (const text of lines) yield { line: ++line, record: JSON.parse(text) };
}

/** Written plainly: what is measured is the sync, and the secret is handed to the service by message. */
export async function createIntegration(
  pool: Pool,
  databaseUrl: string,
  simulator: SimulatorProcess,
): Promise<BenchSetup> {
  await pool.query(
    `insert into integrations (id, name, provider, settings, secret, secret_key_id, config_updated_at, created_at, next_sync_at, expire_after_ms, hold_floor, hold_share)
     values ('pbench', 'bench', 'sentinelone', '{}', '', 'none', now(), now(), now() + interval '1 day', 259200000, 2, 0.2)`,
  );
  return {
    databaseUrl,
    integrationId: 'pbench',
    settings: { url: simulator.url, token: simulator.token, requestsPerSecond: 1000 },
  };
}

export interface BenchSweep {
  seconds: number;
  /** Values of attributes. */
  changed: number;
  /** How long nobody else could write. */
  headMs: number;
}

/** A sweep that changes every agent, and load for about as long as it takes. */
export async function duringSweep<Loaded>(
  syncer: ChildProcess,
  pool: Pool,
  load: () => Promise<Loaded>,
): Promise<BenchSweep & { loaded: Loaded }> {
  const started = performance.now();
  const sweeping = ask(syncer, { do: 'sync' }).then(({ sync }) => ({ sync, took: seconds(started) }));
  const [{ sync, took }, loaded] = await Promise.all([sweeping, load()]);
  if (!sync) throw new Error('no result');
  const { rows } = await pool.query('select head_ms from sync_runs order by id desc limit 1');
  return { seconds: took, changed: sync.attributes.changed, headMs: rows[0].head_ms, loaded };
}

/** @returns a port that was free a moment ago */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  return typeof address === 'object' && address !== null ? address.port : 0;
}
