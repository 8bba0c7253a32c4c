// `bench decide`: how many decisions a second one process gives, how long they take, also while a sweep merges, and how that
// compares with the least that an HTTP answer can cost and with a query a request. Everything from one run.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { importDevices } from '../operations/device-import.ts';
import { applyPolicy } from '../operations/policies.ts';
import { benchAskers, createBenchDatabase } from '../store/bench.ts';
import { createPool, databaseClock, migrate, type Pool } from '../store/client.ts';
import {
  ask,
  type BenchSweep,
  bench,
  createIntegration,
  duringSweep,
  importInventory,
  round,
  seconds,
  startSimulatorProcess,
  startSyncProcess,
} from './bench-fleet.ts';
import { benchNginx } from './bench-nginx.ts';
import { endProcess, residentMb, startBenchServer, startServiceProcess } from './bench-processes.ts';
import { type Loaded, runWrk } from './bench-wrk.ts';
import { yieldToAnswers } from './worker-process.ts';

export interface DecideBench {
  devices: number;
  /** By name of the way; null where what it needs is not there. */
  loads: { name: string; loaded: Loaded | null }[];
  /** Commit to visible, in ms. */
  visible: { writes: number; p50Ms: number; p99Ms: number };
  /** The sweep that merged while decisions were asked for. */
  sweep: BenchSweep;
  /** Resident memory of the service's process at the end, in MB. */
  serviceMb: number | null;
}

export interface DecideOptions {
  devices: number;
  seconds: number;
  seed: number;
}

const posture = 'posture:bench';
const conditions = [
  'sentinelOne:isActive == true',
  'sentinelOne:activeThreats == 0',
  "sentinelOne:operationalState == 'na'",
];
const policy = {
  postures: { [posture]: conditions },
  defaultSrcPosture: [posture],
  hosts: { wiki: 'wiki.example.com' },
  acls: [{ action: 'accept', src: ['*'], dst: ['wiki:443'] }],
};

interface Parts {
  url: string;
  key: string;
  dir: string;
  idsFile: string;
  databaseUrl: string;
  seconds: number;
}

/**
 * @param serverUrl a PostgreSQL server; a database is created there and dropped again
 * @param program the file that a service is started with
 * @param dir for files of the bench
 * @param tell progress for people
 */
export async function benchDecide(
  serverUrl: string,
  program: string,
  dir: string,
  options: DecideOptions,
  tell: (line: string) => void,
): Promise<DecideBench> {
  const database = await createBenchDatabase(serverUrl);
  const simulator = await startSimulatorProcess(options.devices, options.seed);
  const pool = createPool(database.url, { applicationName: 'posture-sync bench' });
  const children: ChildProcess[] = [];
  try {
    await migrate(database.url);
    const devices = await importInventory(pool, simulator.url, tell);
    const syncer = await startSyncProcess(await createIntegration(pool, database.url, simulator));
    children.push(syncer);
    // As the service does with its worker.
    yieldToAnswers(syncer.pid ?? process.pid);
    const first = performance.now();
    await ask(syncer, { do: 'sync' });
    const firstSeconds = seconds(first);
    tell(`${devices} devices imported, and synced in ${firstSeconds} s`);
    const now = await databaseClock(pool);
    await applyPolicy({ db: pool, now, actor: bench }, { text: JSON.stringify(policy), ifRevision: null });
    const idsFile = join(dir, 'ids');
    await writeFile(idsFile, (await benchAskers(pool)).map(id => `${id}\n`).join(''));
    const key = `bench-${randomBytes(16).toString('hex')}`;
    const { url, child } = await startServiceProcess(program, database.url, key, dir);
    children.push(child);
    const parts: Parts = { url, key, dir, idsFile, databaseUrl: database.url, seconds: options.seconds };
    const loads = await measureLoads(parts, children, tell);
    const visible = await measureVisible(pool, url, key);
    tell(`a committed write is visible after ${visible.p50Ms} ms, p99 ${visible.p99Ms} ms`);
    await simulator.advance(100);
    const long = { ...parts, seconds: Math.max(3, Math.floor(firstSeconds)) };
    const { loaded, ...sweep } = await duringSweep(syncer, pool, () =>
      load(long, { ...paced, url: `${url}/gateway/check?posture=bench` }),
    );
    loads.push({ name: 'forward-auth at 10,000/s during a sweep', loaded });
    return { devices, loads, visible, sweep, serviceMb: await residentMb(child) };
  } finally {
    for (const child of children) await endProcess(child);
    await simulator.stop();
    await pool.end();
    await database.drop();
  }
}

async function measureLoads(
  parts: Parts,
  children: ChildProcess[],
  tell: (line: string) => void,
): Promise<DecideBench['loads']> {
  const { url, databaseUrl } = parts;
  const idHeader = 'X-Device-Id';
  const forwarded = {
    'X-Forwarded-Host': 'wiki.example.com',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Method': 'GET',
    'X-Forwarded-Uri': '/',
  };
  const evaluation = JSON.stringify({
    subject: { type: 'device', id: 'ID' },
    action: { name: 'access' },
    resource: { type: 'posture', id: posture },
  });
  const others = [await startBenchServer('bare', databaseUrl), await startBenchServer('select', databaseUrl)] as const;
  children.push(...others.map(({ child }) => child));
  const [bare, select] = [others[0].url, others[1].url];
  const ways: [string, () => Promise<Loaded | null>][] = [
    ['bare node:http and a Map', () => loadWarm(parts, { url: `${bare}/`, idHeader })],
    ['forward-auth by posture', () => loadWarm(parts, { url: `${url}/gateway/check?posture=bench`, idHeader })],
    ['forward-auth by policy', () => loadWarm(parts, { url: `${url}/gateway/check`, idHeader, headers: forwarded })],
    ['AuthZEN evaluation', () => loadWarm(parts, { url: `${url}/access/v1/evaluation`, body: evaluation })],
    ['one named SELECT a request', () => loadWarm(parts, { url: `${select}/`, idHeader })],
    ['bare node:http and a Map, again', () => loadWarm(parts, { url: `${bare}/`, idHeader })],
    [
      'nginx with auth_request',
      () => benchNginx(parts.dir, url, parts.key, at => loadWarm(parts, { url: at, idHeader })),
    ],
    ['forward-auth at 10,000/s', () => loadWarm(parts, { ...paced, url: `${url}/gateway/check?posture=bench` })],
  ];
  const loads: DecideBench['loads'] = [];
  for (const [name, measure] of ways) {
    const loaded = await measure();
    loads.push({ name, loaded });
    tell(`${name}: ${loaded === null ? 'not measured' : `${loaded.requestsPerSecond}/s, p99 ${loaded.p99Ms} ms`}`);
  }
  return loads;
}

const warmUpSeconds = 3;
const paced = { rate: 10_000, idHeader: 'X-Device-Id' };

async function load(
  { key, dir, idsFile, seconds }: Parts,
  what: Omit<Parameters<typeof runWrk>[0], 'dir' | 'idsFile' | 'seconds'>,
): Promise<Loaded> {
  const headers = { Authorization: `Bearer ${key}`, ...what.headers };
  return await runWrk({ ...what, headers, dir, idsFile, seconds });
}

/** Code that is new to a process runs slowly until it is compiled: that is not what is measured. */
async function loadWarm(parts: Parts, what: Parameters<typeof load>[1]): Promise<Loaded> {
  await load({ ...parts, seconds: warmUpSeconds }, what);
  return await load(parts, what);
}

const writes = 200;

/** Writes by this process, looked for in the service by its revision. */
async function measureVisible(pool: Pool, url: string, key: string): Promise<DecideBench['visible']> {
  const now = await databaseClock(pool);
  const took: number[] = [];
  for (let n = 0; n < writes; n++) {
    const record = { id: 'bench-visible', hostname: `visible-${n}` };
    await importDevices({ db: pool, now, actor: bench }, [{ line: 1, record }]);
    const committed = performance.now();
    for (;;) {
      const response = await fetch(`${url}/gateway/devices/bench-visible`, {
        headers: { authorization: `Bearer ${key}` },
      });
      const body = (await response.json()) as { device?: { hostname: string } };
      if (body.device?.hostname === record.hostname) break;
      await sleep(2);
    }
    took.push(performance.now() - committed);
    // Not in step with whoever polls.
    await sleep(Math.random() * 100);
  }
  took.sort((a, b) => a - b);
  const at = (share: number) => round(took[Math.min(writes - 1, Math.floor(share * writes))] ?? 0);
  return { writes, p50Ms: at(0.5), p99Ms: at(0.99) };
}
