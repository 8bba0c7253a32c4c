// `bench devices`: how long a page of the table of devices takes over HTTP, with each filter and search, in each order, at the beginning and
// deep within, and all of them as CSV; in the database of a fleet as a sweep leaves it.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { createBenchDatabase, fillBenchAgents, fillBenchDevices } from '../store/bench.ts';
import { migrate } from '../store/client.ts';
import { round, seconds } from './bench-fleet.ts';
import { endProcess, startServiceProcess } from './bench-processes.ts';
import { machine } from './bench-report.ts';
import { table } from './output.ts';

interface Row {
  name: string;
  /** How many are found; null: more than are counted. */
  found: number | null;
  /** Milliseconds: the median of the slowest order, and that order; of first pages, and of deep ones where there are some. */
  first: { ms: number; sort: string };
  deep: { ms: number; sort: string } | null;
}

export interface DevicesBench {
  devices: number;
  rows: Row[];
  csvSeconds: number;
}

const goalMs = 200;
const times = 3;
const limit = 50;
const columns = ['user', 'serials', 'freshness', 'match', 'postures', 'lastSeen', 'sentinelOne:agentVersion'];

/** Each order, and of those that end in what has no value both ways. */
const orders = ['name', '-id', 'user', '-created', 'lastSeen', '-lastSeen'];

/** What is asked for, as in an address. */
const questions: Readonly<Record<string, string>> = {
  'all devices': '',
  'search: one name': 'search=lt-99999',
  'search: a user in the middle': 'search=ser4242@ex',
  'search: part of serials': 'search=RIAL424',
  'search: a value': 'search=24.1.17',
  'search: nearly all': 'search=lt-',
  'search: nothing': 'search=zzzzzz',
  'posture failing': 'posture=healthy&standing=failing',
  'posture passing': 'posture=healthy&standing=passing',
  'condition of a posture': `posture=healthy&condition=${encodeURIComponent('sentinelOne:activeThreats == 0')}`,
  'not matched': 'match=unmatched',
  'no agent': 'match=no_agent',
  'agent gone': 'match=gone',
  stale: 'freshness=stale&freshWithin=1h',
  fresh: 'freshness=fresh&freshWithin=30d',
  'no posture': 'freshness=none',
  'has posture identity': 'postureIdentity=has-posture-identity',
  'empty posture identity': 'postureIdentity=empty-posture-identity',
  'not collected': 'postureIdentity=not-collected',
  'one integration': 'integration=bench',
  'a tag': 'tags=laptop',
  'a tag of nobody': 'tags=nobody',
  'a value of 5 %': 'attribute=sentinelOne:infected=true',
  'a value of 1 %': 'attribute=sentinelOne:agentVersion=24.1.17',
  'value not set': 'attribute=!sentinelOne:infected',
  'search and two filters': 'search=lt-1&posture=healthy&standing=failing&tags=laptop',
};

/**
 * @param serverUrl a PostgreSQL server; a database is created there and dropped again
 * @param program the file that a service is started with
 * @param dir for files of the bench
 * @param tell progress for people
 */
export async function benchDevices(
  serverUrl: string,
  program: string,
  dir: string,
  devices: number,
  tell: (line: string) => void,
): Promise<DevicesBench> {
  const database = await createBenchDatabase(serverUrl);
  const children: ChildProcess[] = [];
  try {
    await migrate(database.url);
    tell(`filling a database with ${devices} devices`);
    await fillBenchDevices(database.url, devices);
    await fillBenchAgents(database.url);
    const key = `bench-${randomBytes(16).toString('hex')}`;
    const service = await startServiceProcess(program, database.url, key, dir);
    children.push(service.child);
    const at = `${service.url}/api/v2/tailnet/-/devices`;
    const rows: Row[] = [];
    for (const [name, query] of Object.entries(questions)) {
      rows.push(await measure(at, key, name, query));
      tell(`${name}: ${rows.at(-1)?.first.ms} ms`);
    }
    const started = performance.now();
    const csv = await get(`${at}/csv?${columns.map(column => `column=${column}`).join('&')}`, key);
    const lines = (await csv.text()).split('\r\n').length - 2;
    if (lines !== devices) throw new Error(`${lines} lines of CSV for ${devices} devices`);
    return { devices, rows, csvSeconds: seconds(started) };
  } finally {
    for (const child of children) await endProcess(child);
    await database.drop();
  }
}

interface Page {
  devices: unknown[];
  total: { devices: number; isExact: boolean };
  nextCursor: string | null;
}

async function measure(at: string, key: string, name: string, query: string): Promise<Row> {
  const shown = columns.map(column => `column=${column}`).join('&');
  let [first, deep]: [Row['first'] | null, Row['deep']] = [null, null];
  let found: number | null = null;
  for (const order of orders) {
    const url = `${at}/table?${query}&${shown}&sort=${order}&limit=${limit}`;
    const { page, ms } = await timed(url, key);
    found = page.total.isExact ? page.total.devices : null;
    if (first === null || ms > first.ms) first = { ms, sort: order };
    const cursor = await deepCursor(`${at}/table?${query}&sort=${order}&limit=1000`, key);
    if (cursor === null) continue;
    const further = await timed(`${url}&cursor=${cursor}`, key);
    if (deep === null || further.ms > deep.ms) deep = { ms: further.ms, sort: order };
  }
  if (first === null) throw new Error('no order was measured');
  return { name, found, first, deep };
}

/** @returns the cursor behind some thousand devices; null where there are not so many */
async function deepCursor(url: string, key: string): Promise<string | null> {
  let cursor = '';
  for (let n = 0; n < 4; n++) {
    const page = (await (await get(`${url}${cursor}`, key)).json()) as Page;
    if (page.nextCursor === null) return null;
    cursor = `&cursor=${page.nextCursor}`;
  }
  return cursor.slice('&cursor='.length);
}

async function timed(url: string, key: string): Promise<{ page: Page; ms: number }> {
  const took: number[] = [];
  let page: Page | null = null;
  for (let n = 0; n <= times; n++) {
    const started = performance.now();
    page = (await (await get(url, key)).json()) as Page;
    // The first one warms up.
    if (n > 0) took.push(performance.now() - started);
  }
  took.sort((a, b) => a - b);
  return { page: page as Page, ms: round(took[Math.floor(times / 2)] ?? 0) };
}

async function get(url: string, key: string): Promise<Response> {
  const response = await fetch(url, { headers: { authorization: `Bearer ${key}` } });
  if (response.status === 429) {
    await new Promise(resolve => setTimeout(resolve, 1_000 * Number(response.headers.get('retry-after') ?? 1)));
    return await get(url, key);
  }
  if (!response.ok) throw new Error(`${url}: ${response.status} ${await response.text()}`);
  return response;
}

export function devicesReport({ devices, rows, csvSeconds }: DevicesBench): string[] {
  const slowest = Math.max(...rows.flatMap(({ first, deep }) => [first.ms, deep?.ms ?? 0]));
  const told = (page: Row['deep']) => (page === null ? null : `${page.ms.toFixed(0)} (${page.sort})`);
  return [
    `${devices} devices; ${machine()}; pages of ${limit}, medians of ${times}, of the slowest order`,
    ...table(
      ['asked for', 'found', 'first page ms', 'deep page ms'],
      rows.map(({ name, found, first, deep }) => [name, found ?? 'more than 5000', told(first), told(deep)]),
    ),
    `the slowest: ${slowest} ms (goal ${goalMs} with 100000 devices); all of them as CSV in ${csvSeconds} s`,
  ];
}
