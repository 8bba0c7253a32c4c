// `bench pages`: what a browser has to load for the admin pages, how long until the overview says how it stands, how long to the next page
// of the table of devices, and what each page has the API send. With a fleet of its own, and the service as a process of its own.
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { createBenchDatabase } from '../store/bench.ts';
import { createPool, migrate } from '../store/client.ts';
import { newSecretKey } from '../store/secrets.ts';
import { startBrowser, type Weights, weigh } from './bench-browser.ts';
import {
  ask,
  createIntegration,
  importInventory,
  round,
  seconds,
  startSimulatorProcess,
  startSyncProcess,
} from './bench-fleet.ts';
import { endProcess, startServiceProcess } from './bench-processes.ts';
import { buildPages, pagesNeedBuild } from './pages-build.ts';

/** In ms, of several times. */
export interface Taken {
  p50: number;
  longest: number;
  times: number;
}

export interface PagesBench {
  devices: number;
  /** Of the overview, with nothing kept by the browser, until it is at rest. */
  first: Weights;
  /** From the navigation until the share of devices with fresh posture is to be read: with nothing kept by the browser, and with scripts kept. */
  overview: { cold: Taken; warm: Taken };
  /** From the click on the next page until its rows are drawn. */
  table: Taken;
  /** What opening a page has the API send. */
  pages: { name: string; weights: Weights }[];
}

export interface PagesOptions {
  devices: number;
  seed: number;
}

/** Looks at each frame, as waitForFunction would if the pages let it evaluate texts. */
const headlineDrawn = `new Promise(resolve => {
  const look = () => document.querySelector('.big-figure') === null ? requestAnimationFrame(look) : resolve(performance.now());
  look();
})`;
const colds = 10;
const warms = 20;
const turns = 30;

/**
 * @param serverUrl a PostgreSQL server; a database is created there and dropped again
 * @param program the file that a service is started with
 * @param dir for files of the bench
 * @param tell progress for people
 * @throws AppError not_found without Chromium or playwright-core
 */
export async function benchPages(
  serverUrl: string,
  program: string,
  dir: string,
  options: PagesOptions,
  tell: (line: string) => void,
): Promise<PagesBench> {
  const browser = await startBrowser();
  const database = await createBenchDatabase(serverUrl);
  const simulator = await startSimulatorProcess(options.devices, options.seed);
  const pool = createPool(database.url, { applicationName: 'posture-sync bench' });
  const children: ChildProcess[] = [];
  try {
    if (pagesNeedBuild()) await buildPages();
    await migrate(database.url);
    const devices = await importInventory(pool, simulator.url, tell);
    const syncer = await startSyncProcess(await createIntegration(pool, database.url, simulator));
    children.push(syncer);
    const started = performance.now();
    await ask(syncer, { do: 'sync' });
    tell(`${devices} devices, synced in ${seconds(started)} s`);
    const key = `bench-${randomBytes(16).toString('hex')}`;
    // A worker judges the devices; that it cannot open the token, which nobody sealed, is no news here.
    const worker = { ROLE: 'all', SECRET_KEYS: newSecretKey('k1'), LOG_LEVEL: 'fatal' };
    const service = await startServiceProcess(program, database.url, key, dir, worker);
    children.push(service.child);
    await applyPolicy(service.url, key);
    tell('every device is judged by the policy');
    const opened = (work: (page: Page) => Promise<void>) => withPage(browser, service.url, key, work);
    return { devices, ...(await measure(opened, service.url, tell)) };
  } finally {
    await browser.close();
    for (const child of children) await endProcess(child);
    await simulator.stop();
    await pool.end();
    await database.drop();
  }
}

type Opened = (work: (page: Page) => Promise<void>) => Promise<void>;

async function measure(
  opened: Opened,
  url: string,
  tell: (line: string) => void,
): Promise<Omit<PagesBench, 'devices'>> {
  let first: Weights | null = null;
  const cold: number[] = [];
  for (let n = 0; n < colds; n++)
    await opened(async page => {
      const { weights } = await weigh(page);
      cold.push(await usableAfter(page, `${url}/admin/`));
      await atRest(page);
      first ??= weights();
    });
  if (first === null) throw new Error('nothing was loaded');
  tell(`the overview in ${taken(cold).p50} ms, with nothing kept`);
  const warm: number[] = [];
  const table: number[] = [];
  const pages: PagesBench['pages'] = [];
  await opened(async page => {
    for (let n = 0; n < warms; n++) {
      warm.push(await usableAfter(page, `${url}/admin/`));
      await atRest(page);
    }
    await page.goto(`${url}/admin/devices`);
    await atRest(page);
    for (let n = 0; n < turns; n++) table.push(await page.evaluate<number>(turnPage));
    const { weights, forget } = await weigh(page);
    for (const name of [
      '',
      'integrations',
      'integrations/pbench',
      'devices',
      await firstDevice(page),
      'policy',
      'policy?tab=postures',
      'audit',
      'settings',
    ]) {
      forget();
      await page.goto(`${url}/admin/${name}`);
      await atRest(page);
      pages.push({ name: `/admin/${name}`, weights: weights() });
    }
  });
  tell(`the next page of devices in ${taken(table).p50} ms`);
  return { first, overview: { cold: taken(cold), warm: taken(warm) }, table: taken(table), pages };
}

async function withPage(
  browser: Browser,
  url: string,
  key: string,
  work: (page: Page) => Promise<void>,
): Promise<void> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 } });
  try {
    const signedIn = await context.request.post(`${url}/api/v2/session`, { data: { key } });
    if (!signedIn.ok()) throw new Error(`signing in: ${signedIn.status()} ${await signedIn.text()}`);
    await work(await context.newPage());
  } finally {
    await context.close();
  }
}

/** @returns ms from the beginning of the navigation */
async function usableAfter(page: Page, url: string): Promise<number> {
  await page.goto(url, { waitUntil: 'commit' });
  return await page.evaluate<number>(headlineDrawn);
}

/** Waits until nothing more is loaded. */
async function atRest(page: Page): Promise<void> {
  const waits = `document.querySelector('h1') === null || document.querySelector('[class*="Skeleton-root"], [class*="Loader-root"], [aria-busy="true"]') !== null`;
  for (let calm = 0; calm < 3; ) {
    calm = (await page.evaluate<boolean>(waits)) ? 0 : calm + 1;
    await sleep(100);
  }
}

/** Clicks and looks at each frame; resolves with ms once other rows are drawn. */
const turnPage = `new Promise(resolve => {
  const row = () => document.querySelector('main tbody tr')?.textContent;
  const before = row();
  const started = performance.now();
  [...document.querySelectorAll('main button')].find(it => it.textContent === 'Next').click();
  const look = () => {
    const isDone = row() !== before && document.querySelector('main [aria-busy="true"]') === null;
    requestAnimationFrame(isDone ? () => resolve(performance.now() - started) : look);
  };
  look();
})`;

async function firstDevice(page: Page): Promise<string> {
  const href = await page.evaluate<string>(`document.querySelector('main tbody tr a').pathname`);
  return href.replace(/^.*\/admin\//, '');
}

function taken(times: number[]): Taken {
  const sorted = times.toSorted((a, b) => a - b);
  return { p50: round(sorted[sorted.length >> 1] ?? 0), longest: round(sorted.at(-1) ?? 0), times: times.length };
}

async function applyPolicy(url: string, key: string): Promise<void> {
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/hujson' };
  const body = await readFile(new URL('../../config/policy.hujson', import.meta.url), 'utf8');
  const applied = await fetch(`${url}/api/v2/tailnet/-/acl`, { method: 'POST', headers, body });
  if (!applied.ok) throw new Error(`the policy: ${applied.status} ${await applied.text()}`);
  for (;;) {
    const { asOf } = (await (await fetch(`${url}/api/v2/tailnet/-/postures`, { headers })).json()) as {
      asOf: { isCurrent: boolean; waiting: number };
    };
    if (asOf.isCurrent && asOf.waiting === 0) return;
    await sleep(200);
  }
}
