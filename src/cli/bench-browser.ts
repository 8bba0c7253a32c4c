// A browser for what is measured of the admin pages: Chromium, driven by playwright-core, which a checkout has and production lacks.
import { execFileSync } from 'node:child_process';
import type { Browser, Page } from 'playwright-core';
import { AppError } from '../errors.ts';

/** @returns where Chromium is: what CHROMIUM_PATH names, or the first of its names that the PATH has; null where there is none */
export function findChromium(): string | null {
  const look =
    'for name in "$CHROMIUM_PATH" chromium chromium-browser google-chrome; do command -v "$name" && exit 0; done';
  try {
    return execFileSync('sh', ['-c', look], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim() || null;
  } catch {
    return null;
  }
}

/** Beside that nothing but this machine has an address, whatever a page asks for. */
export const chromiumWords = [
  '--no-sandbox',
  '--disable-dev-shm-usage',
  '--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1',
];

/** @throws AppError not_found where there is no Chromium, or no playwright-core as in production */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findChromium();
  if (executablePath === null)
    throw new AppError(
      'not_found',
      'Chromium is needed: install it (Debian: apt install chromium), or name it in CHROMIUM_PATH',
    );
  const { chromium } = await import('playwright-core').catch(() => {
    throw new AppError('not_found', 'playwright-core is needed: run this in a checkout, after npm ci');
  });
  return await chromium.launch({ executablePath, args: chromiumWords });
}

/** What came over the wire, in bytes: as it was sent, and as it is once unpacked. */
export interface Weight {
  requests: number;
  sent: number;
  unpacked: number;
}

export interface Weights {
  scripts: Weight;
  styles: Weight;
  /** Answers of the API, without the live connection. */
  answers: Weight;
}

const nothing = (): Weight => ({ requests: 0, sent: 0, unpacked: 0 });

/** Counts what a page has sent to it from now on. @returns what was counted so far, each time it is called; `forget` begins anew */
export async function weigh(page: Page): Promise<{ weights(): Weights; forget(): void }> {
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  let weights: Weights = { scripts: nothing(), styles: nothing(), answers: nothing() };
  const kinds = new Map<string, { weight: keyof Weights; unpacked: number }>();
  session.on('Network.responseReceived', ({ requestId, type, response }) => {
    const path = new URL(response.url).pathname;
    const weight =
      type === 'Script' ? 'scripts' : type === 'Stylesheet' ? 'styles' : path.includes('/api/') ? 'answers' : null;
    // What the browser had already was not sent.
    if (weight !== null && !path.endsWith('/live') && !response.fromDiskCache)
      kinds.set(requestId, { weight, unpacked: 0 });
  });
  session.on('Network.dataReceived', ({ requestId, dataLength }) => {
    const known = kinds.get(requestId);
    if (known !== undefined) known.unpacked += dataLength;
  });
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const known = kinds.get(requestId);
    if (known === undefined) return;
    const weight = weights[known.weight];
    weight.requests++;
    weight.sent += encodedDataLength;
    weight.unpacked += known.unpacked;
    kinds.delete(requestId);
  });
  return {
    weights: () => weights,
    forget() {
      weights = { scripts: nothing(), styles: nothing(), answers: nothing() };
    },
  };
}
