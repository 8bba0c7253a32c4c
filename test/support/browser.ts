// A real browser for tests, Debian's Chromium by playwright-core, that looks for faults at every step: an error of a script or in the
// console, a violation of the Content-Security-Policy, a request to elsewhere, a planted script that ran, or a dialog fails the test. What
// a failing test saw is kept. CHROMIUM_PATH or the PATH names it; .ci/install-chromium brings it; without it tests are skipped.
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { afterAll, expect } from 'vitest';
import { findChromium, startBrowser } from '../../src/cli/bench-browser.ts';
import { root } from './checkout.ts';

/** Where Chromium is, or null. */
export const chromiumFile = findChromium();

/** A script planted by a test tells by this that it ran: `window.planted = 1`. */
export const planted = 'planted';

/** Pictures and documents of failing tests. */
const kept = path.join(root, 'test/browser/.failed');

export interface Visit {
  page: Page;
  context: BrowserContext;
  /** Console errors and failed requests that the test means to see: matched with their text and address. */
  expectsErrors(...patterns: RegExp[]): void;
}

export interface VisitOptions extends BrowserContextOptions {
  /** Requests to others are faults. */
  origin: string;
  /** For tests that mean to fail. */
  keepsNothing?: boolean;
}

let running: Promise<Browser> | null = null;

afterAll(async () => {
  const browser = await running;
  running = null;
  await browser?.close();
});

/** What a test waits at most for something to be shown: the machine may have much else to do. */
const patienceMs = 60_000;

/**
 * Opens a page of its own, has it looked at, and closes it.
 * @throws what `work` throws, or an error that names the faults; what the page showed then is kept
 */
export async function visit<T>(options: VisitOptions, work: (visit: Visit) => Promise<T>): Promise<T> {
  const { origin, keepsNothing = false, ...others } = options;
  running ??= startBrowser();
  const browser = await running;
  const context = await browser.newContext({ locale: 'en-GB', reducedMotion: 'reduce', ...others });
  context.setDefaultTimeout(patienceMs);
  try {
    const faults: string[] = [];
    const meant: RegExp[] = [];
    await watch(context, origin, fault => {
      if (!meant.some(pattern => pattern.test(fault))) faults.push(fault);
    });
    const page = await context.newPage();
    const result = await work({ page, context, expectsErrors: (...patterns) => void meant.push(...patterns) });
    if (faults.length > 0) throw new Error(`the pages have faults:\n${faults.join('\n')}`);
    return result;
  } catch (error) {
    if (!keepsNothing) await keep(context);
    throw error;
  } finally {
    // A request that is on its way through a test's own hands ends with the page, which is no fault of either.
    for (const routed of [context, ...context.pages()]) await routed.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  }
}

async function watch(context: BrowserContext, origin: string, tell: (fault: string) => void): Promise<void> {
  context.on('weberror', error => tell(`a script failed: ${error.error().stack ?? error.error()}`));
  context.on('console', message => {
    if (message.type() === 'error') tell(`the console has: ${message.text()} ${message.location().url}`);
  });
  context.on('dialog', dialog => {
    tell(`a dialog was opened: ${dialog.message()}`);
    void dialog.dismiss();
  });
  context.on('request', request => {
    const url = new URL(request.url());
    if (/^https?:$/.test(url.protocol) && url.origin !== origin) tell(`a request to elsewhere: ${request.url()}`);
  });
  await context.exposeBinding('tellFault', (_source, fault: string) => tell(fault));
  await context.addInitScript(name => {
    const { tellFault } = window as unknown as { tellFault(fault: string): void };
    document.addEventListener('securitypolicyviolation', event =>
      tellFault(
        `the Content-Security-Policy was violated: ${event.violatedDirective} ${event.blockedURI} ${(event.target as Element | null)?.outerHTML?.slice(0, 300) ?? ''}`,
      ),
    );
    Object.defineProperty(window, name, { set: value => tellFault(`a planted script ran: ${value}`) });
  }, planted);
}

let keptFiles = 0;

async function keep(context: BrowserContext): Promise<void> {
  const name = (expect.getState().currentTestName ?? 'test').replaceAll(/[^\w-]+/g, '-').slice(0, 120);
  mkdirSync(kept, { recursive: true });
  for (const page of context.pages()) {
    const file = path.join(kept, `${name}-${++keptFiles}`);
    for (const ending of ['.png', '.html']) rmSync(file + ending, { force: true });
    await page.screenshot({ path: `${file}.png`, fullPage: true, timeout: 5_000 }).catch(() => {});
    const text = await page.content().catch(error => String(error));
    writeFileSync(`${file}.html`, `<!-- ${page.url()} -->\n${text}`);
    console.warn(`What ${page.url()} showed is kept: ${file}.png and .html`);
  }
}

/** Waits until a page has all that it shows: no skeleton and no loader, and nothing under way but the live connection. */
export async function settled(page: Page): Promise<void> {
  const underWay = requestsUnderWay(page);
  const until = performance.now() + patienceMs;
  for (let calm = 0; calm < 2; ) {
    const isBusy = await page.evaluate(
      () =>
        new Promise<boolean>(resolve => {
          const waiting = '[class*="Skeleton-root"], [class*="Loader-root"], [aria-busy="true"]';
          const look = () => resolve(!document.querySelector('h1, h2') || document.querySelector(waiting) !== null);
          requestAnimationFrame(() => requestAnimationFrame(look));
        }),
    );
    calm = isBusy || underWay.size > 0 ? 0 : calm + 1;
    if (performance.now() > until)
      throw new Error(`${page.url()} does not come to rest: ${[...underWay].join(', ') || 'it shows that it loads'}`);
    await sleep(20);
  }
}

const watched = new WeakMap<Page, Set<string>>();

/** @returns the addresses that are asked for; of a page opened before, those from now on */
function requestsUnderWay(page: Page): Set<string> {
  const known = watched.get(page);
  if (known !== undefined) return known;
  const open = new Set<string>();
  watched.set(page, open);
  page.on('request', request => void (request.url().includes('/live') || open.add(request.url())));
  page.on('requestfinished', request => void open.delete(request.url()));
  page.on('requestfailed', request => void open.delete(request.url()));
  return open;
}

/** @param name all of it, or a pattern */
export const button = (page: Page, name: string | RegExp) => page.getByRole('button', { name, exact: true });

/** An answer of a service that fails, for `route.fulfill`. */
export const broken = { status: 500, json: { message: 'it broke' } };

/** Goes there and waits until it has all that it shows. */
export async function open(page: Page, url: string): Promise<void> {
  requestsUnderWay(page);
  await page.goto(url);
  await settled(page);
}
