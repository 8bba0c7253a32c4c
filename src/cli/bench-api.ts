// `bench api`: how long the administration API takes for many devices at once, for the attributes of one also while a sweep goes
// on, and for a long list; beside a bare Fastify route and the bare SQL for the same. Everything from one run.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createApiKey, type NewApiKey } from '../operations/keys.ts';
import {
  type BenchRecord,
  benchListQuery,
  benchUpsert,
  createBenchDatabase,
  createBenchTables,
} from '../store/bench.ts';
import { createPool, databaseClock, migrate, type Pool } from '../store/client.ts';
import {
  ask,
  type BenchSweep,
  bench,
  createIntegration,
  duringSweep,
  round,
  seconds,
  startSimulatorProcess,
  startSyncProcess,
} from './bench-fleet.ts';
import { endProcess, residentMb, startBenchServer, startServiceProcess } from './bench-processes.ts';
import { type Loaded, runWrk } from './bench-wrk.ts';
import { yieldToAnswers } from './worker-process.ts';

/** How long something took when it was done over and over, in ms. */
export interface Timed {
  p50Ms: number;
  p99Ms: number;
}

export interface ApiBench {
  devices: number;
  /** In seconds. */
  bulk: { first: number; again: number; fastify: number; sql: number };
  /** By name of the way. */
  loads: { name: string; loaded: Loaded }[];
  /** The sweep that changed every agent while attributes were asked for. */
  sweep: BenchSweep;
  list: { plain: Timed; whole: Timed; fastify: Timed; sql: Timed };
  /** Resident memory of the service's process at the end, in MB. */
  serviceMb: number | null;
}

export interface ApiOptions {
  devices: number;
  seconds: number;
  seed: number;
}

const rate = 2_000;
const listed = 1_000;
const attributesPath = '/api/v2/device/ID/attributes';
const warmUpSeconds = 3;

/**
 * @param serverUrl a PostgreSQL server; a database is created there and dropped again
 * @param program the file that a service is started with
 * @param dir for files of the bench
 * @param tell progress for people
 */
export async function benchApi(
  serverUrl: string,
  program: string,
  dir: string,
  options: ApiOptions,
  tell: (line: string) => void,
): Promise<ApiBench> {
  const database = await createBenchDatabase(serverUrl);
  const simulator = await startSimulatorProcess(options.devices, options.seed);
  const pool = createPool(database.url, { applicationName: 'posture-sync bench' });
  const children: ChildProcess[] = [];
  try {
    await migrate(database.url);
    const key = `bench-${randomBytes(16).toString('hex')}`;
    const service = await startServiceProcess(program, database.url, key, dir);
    children.push(service.child);
    const records = await inventoryOf(simulator.url, options.devices);
    const body = records.map(record => `${JSON.stringify(record)}\n`).join('');
    const bulkUrl = `${service.url}/api/v2/tailnet/-/devices/bulk`;
    const [first, again] = [await post(bulkUrl, key, body), await post(bulkUrl, key, body)];
    tell(`${options.devices} devices in one call: ${first} s, again ${again} s`);
    const sql = await measureSql(pool, records);

    const syncer = await startSyncProcess(await createIntegration(pool, database.url, simulator));
    children.push(syncer);
    // As the service does with its worker.
    yieldToAnswers(syncer.pid ?? process.pid);
    const started = performance.now();
    await ask(syncer, { do: 'sync' });
    const firstSeconds = seconds(started);
    tell(`synced in ${firstSeconds} s`);
    const idsFile = join(dir, 'ids');
    await writeFile(idsFile, shuffled(records.map(({ id }) => `${id}\n`)).join(''));

    const fastify = await startBenchServer('fastify', database.url);
    const select = await startBenchServer('select', database.url);
    children.push(fastify.child, select.child);
    const list = {
      plain: await timeList(`${service.url}/api/v2/tailnet/-/devices?limit=${listed}&attributes=true`, key),
      whole: await timeList(`${service.url}/api/v2/tailnet/-/devices?limit=${listed}&attributes=true&fields=all`, key),
      fastify: await timeList(`${fastify.url}/devices`, key),
      sql: await time(async () => void (await benchListQuery(pool, listed))),
    };
    tell(`a list of ${listed} devices with attributes: ${list.plain.p50Ms} ms`);
    const fastifyBulk = await post(`${fastify.url}/bulk`, key, body);

    const keys = await readers(pool);
    const load: Loading = (what, forSeconds = options.seconds) =>
      runWrk({ ...what, dir, idsFile, keys, seconds: forSeconds });
    const asked = { url: service.url, path: attributesPath };
    const selecting = { url: select.url, idHeader: 'X-Device-Id' };
    const bare = { url: fastify.url, path: '/device/ID/attributes' };
    const loads = await measureLoads({ asked, selecting, bare }, load, tell);
    const during = async (name: string, what: LoadedWay) => {
      await simulator.advance(100);
      const { loaded, ...swept } = await duringSweep(syncer, pool, () =>
        load({ ...what, rate }, Math.max(3, Math.floor(firstSeconds))),
      );
      loads.push({ name, loaded });
      tell(`${name}: ${loaded.requestsPerSecond}/s, p99 ${loaded.p99Ms} ms`);
      return swept;
    };
    const sweep = await during(`attributes at ${rate}/s during a sweep`, asked);
    await during(`one named SELECT at ${rate}/s during a sweep`, selecting);
    const serviceMb = await residentMb(service.child);
    return {
      devices: options.devices,
      bulk: { first, again, fastify: fastifyBulk, sql },
      loads,
      sweep,
      list,
      serviceMb,
    };
  } finally {
    for (const child of children) await endProcess(child);
    await simulator.stop();
    await pool.end();
    await database.drop();
  }
}

type LoadedWay = Pick<Parameters<typeof runWrk>[0], 'url' | 'path' | 'idHeader' | 'rate'>;
type Loading = (what: LoadedWay, forSeconds?: number) => Promise<Loaded>;

async function measureLoads(
  { asked, selecting, bare }: Record<'asked' | 'selecting' | 'bare', LoadedWay>,
  load: Loading,
  tell: (line: string) => void,
): Promise<ApiBench['loads']> {
  const loads: ApiBench['loads'] = [];
  for (const [name, what] of [
    ['attributes of one device', asked],
    ['a bare Fastify route', bare],
    ['one named SELECT a request', selecting],
    [`attributes at ${rate}/s`, { ...asked, rate }],
    [`one named SELECT at ${rate}/s`, { ...selecting, rate }],
  ] as const) {
    await load(what, warmUpSeconds);
    const loaded = await load(what);
    loads.push({ name, loaded });
    tell(`${name}: ${loaded.requestsPerSecond}/s, p99 ${loaded.p99Ms} ms`);
  }
  return loads;
}

/** @returns keys that together may ask as often as can be */
async function readers(pool: Pool): Promise<string[]> {
  const now = await databaseClock(pool);
  const keys: string[] = [];
  for (let n = 0; n < 8; n++) {
    const input: NewApiKey = { name: `bench-${n}`, scopes: ['devices:posture_attributes:read'], expiresInMs: null };
    keys.push((await createApiKey({ db: pool, now, actor: bench }, input)).key);
  }
  return keys;
}

/** @returns just so many records: the fleet's, and spare ones without an agent */
async function inventoryOf(url: string, devices: number): Promise<BenchRecord[]> {
  const text = await (await fetch(`${url}/simulator/inventory`)).text();
  const found = text.trimEnd().split('\n').slice(0, devices);
  const spare = Array.from({ length: devices - found.length }, (_, n) => ({
    ...{ id: `dev-x${n}`, hostname: `STOCK-${n}`, serialNumbers: [`STOCK${n}SN`], user: null },
    ...{ os: 'Windows 11 Enterprise', tags: ['stock'] },
  }));
  return [...found.map(line => JSON.parse(line) as BenchRecord), ...spare];
}

/** @returns seconds until the last line of the answer */
async function post(url: string, key: string, body: string): Promise<number> {
  const started = performance.now();
  const response = await fetch(url, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/x-ndjson' },
    body,
  });
  const text = await response.text();
  const took = seconds(started);
  if (!response.ok || text.includes('"rejected","message"'))
    throw new Error(`${url}: ${response.status} ${text.slice(-500)}`);
  return took;
}

async function measureSql(pool: Pool, records: readonly BenchRecord[]): Promise<number> {
  await createBenchTables(pool);
  const started = performance.now();
  for (let from = 0; from < records.length; from += 2_000) await benchUpsert(pool, records.slice(from, from + 2_000));
  return seconds(started);
}

async function timeList(url: string, key: string): Promise<Timed> {
  return await time(async () => {
    const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
    const { devices } = (await response.json()) as { devices: unknown[] };
    if (devices.length !== listed) throw new Error(`${url}: ${devices.length} devices`);
  });
}

/** Does it a while until it is compiled, then often enough. */
export async function time(work: () => Promise<void>, times = 100): Promise<Timed> {
  for (let n = 0; n < times / 4; n++) await work();
  const took: number[] = [];
  for (let n = 0; n < times; n++) {
    const started = performance.now();
    await work();
    took.push(performance.now() - started);
  }
  took.sort((a, b) => a - b);
  return { p50Ms: round(took[times / 2] ?? 0), p99Ms: round(took[times - 1] ?? 0) };
}

/** In no order, the same each time: a step that shares no factor with the length goes everywhere once. */
function shuffled(texts: readonly string[]): string[] {
  const step = 7_919;
  return texts.map((_, n) => texts[(n * step) % texts.length] ?? '');
}
