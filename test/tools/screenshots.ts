// `npm run screenshots`: pictures of each admin page for the README and for whoever judges how they look, into docs/images: in light and
// dark at 1280 px, the overview also at 375 px. Of the demo, in which some things are wrong: an integration whose token is refused, devices
// that fail a posture, a webhook whose receiver is away. Needs Chromium; the letters are those of the machine's fonts.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { startBrowser } from '../../src/cli/bench-browser.ts';
import { connect } from '../../src/store/client.ts';
import { joinEmbeddedServer } from '../../src/store/embedded.ts';
import { smallPng } from './small-png.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const images = path.join(root, 'docs/images');
const themes = ['light', 'dark'] as const;

interface Demo {
  url: string;
  signIn: string;
  simulator: string;
  dataDir: string;
}

/** Starts a demo with data of its own, and stops it when the work is done. */
async function withDemo(work: (demo: Demo) => Promise<void>): Promise<void> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'posture-sync-screenshots-'));
  const env = { ...process.env, DATA_DIR: dataDir, PORT: '0', LOG_LEVEL: 'warn' };
  const child = spawn(process.execPath, ['src/main.ts', 'demo', '--json'], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  try {
    const [line] = await Promise.race([once(createInterface({ input: child.stdout }), 'line'), ended.then(() => [''])]);
    await work({ ...JSON.parse(line), dataDir });
  } finally {
    child.kill('SIGINT');
    await ended;
    rmSync(dataDir, { recursive: true, force: true });
  }
}

/** Asks the API as whoever is signed in. @returns the answer's body */
async function api<T>(
  context: BrowserContext,
  { url }: Demo,
  method: string,
  below: string,
  data?: unknown,
): Promise<T> {
  // What changes something must come from the pages themselves.
  const headers = { 'sec-fetch-site': 'same-origin', origin: url };
  const answer = await context.request.fetch(`${url}/api/v2/${below}`, {
    method,
    headers,
    ...(data === undefined ? {} : { data }),
  });
  if (!answer.ok()) throw new Error(`${method} ${below}: ${answer.status()} ${await answer.text()}`);
  return (await answer.json().catch(() => ({}))) as T;
}

interface Shown {
  integrationId: string;
  deviceId: string;
  webhookId: string;
}

/** Makes things worth a picture. */
async function furnish(context: BrowserContext, demo: Demo): Promise<Shown> {
  const ask = <T = unknown>(method: string, below: string, data?: unknown) =>
    api<T>(context, demo, method, below, data);
  await ask('POST', 'tailnet/-/acl', readFileSync(path.join(root, 'config/policy.hujson'), 'utf8'));
  const { integrations } = await ask<{ integrations: { id: string }[] }>('GET', 'tailnet/-/posture/integrations');
  const refused = {
    name: 'branch-office',
    provider: 'sentinelone',
    settings: { url: demo.simulator, token: 'eyJ-a-token-that-has-expired' },
  };
  await ask('POST', 'tailnet/-/posture/integrations?allowMultiple=true', refused);
  const { endpointId } = await ask<{ endpointId: string }>('POST', 'tailnet/-/webhooks', {
    endpointUrl: `${demo.simulator}/notices`,
    name: 'pager',
  });
  for (const [description, scopes] of [
    ['nginx-berlin', ['gateway:decide']],
    ['prometheus', ['metrics:read']],
    ['terraform', ['feature_settings', 'policy_file']],
  ])
    await ask('POST', 'tailnet/-/keys', { description, scopes, expirySeconds: 90 * 86_400 });
  await ask('POST', `webhooks/${endpointId}/test`).catch(() => {});
  for (let tries = 0; tries < 100; tries++) {
    const { asOf } = await ask<{ asOf: { isCurrent: boolean; waiting: number } }>('GET', 'tailnet/-/postures');
    if (asOf.isCurrent && asOf.waiting === 0) break;
    await sleep(200);
  }
  const failing = await ask<{ devices: { nodeId: string }[] }>(
    'GET',
    'tailnet/-/devices?limit=5&posture=healthy&standing=failing',
  );
  const deviceId = failing.devices[0]?.nodeId ?? '';
  await ask('POST', `device/${deviceId}/attributes/custom:cost_centre`, {
    value: 'R.17',
    comment: 'asked for by finance',
  });
  return { integrationId: integrations[0]?.id ?? '', deviceId, webhookId: endpointId };
}

/** A day like others before the demo began, so that its charts show something: what was sampled last, a little different each time. */
async function rememberDay({ dataDir }: Demo): Promise<void> {
  const server = await joinEmbeddedServer({ dataDir });
  const client = await connect(server.url, { applicationName: 'screenshots' });
  try {
    for (let tries = 0; tries < 300; tries++) {
      const { rowCount } = await client.query('select from overview_samples where postures is not null');
      if (rowCount !== 0) break;
      await sleep(500);
    }
    await client.query(
      `insert into overview_samples (step_at, sampled_at, fresh_within_ms, devices, fresh, stale, oldest_evidence_at, postures, integrations)
       select step_at - n * interval '5 minutes', sampled_at - n * interval '5 minutes', fresh_within_ms, devices,
         fresh - (5 + 4 * sin(n / 21.0) + case when n between 70 and 96 then 38 else 0 end)::int, stale, oldest_evidence_at - n * interval '5 minutes',
         (select jsonb_object_agg(key, jsonb_build_array((figures ->> 0)::int - d, (figures ->> 1)::int + d, (figures ->> 2)::int))
            from jsonb_each(postures) p(key, figures), lateral (select (6 + 5 * sin(n / 33.0))::int as d) x),
         integrations
       from (select * from overview_samples where postures is not null order by step_at desc limit 1) last, generate_series(1, 287) n
       on conflict do nothing`,
    );
  } finally {
    await client.end();
    await server.leave();
  }
}

/** Waits until a page has all that it shows. */
async function atRest(page: Page): Promise<void> {
  const waits = `document.querySelector('h1') === null || document.querySelector('[class*="Skeleton-root"], [class*="Loader-root"], [aria-busy="true"]') !== null`;
  for (let calm = 0; calm < 4; ) {
    calm = (await page.evaluate<boolean>(waits)) ? 0 : calm + 1;
    await sleep(100);
  }
}

async function take(page: Page, name: string): Promise<void> {
  await atRest(page);
  const png = smallPng(await page.screenshot({ animations: 'disabled', caret: 'hide' }));
  writeFileSync(path.join(images, `${name}.png`), png);
  console.log(`docs/images/${name}.png ${Math.round(png.length / 1000)} KB`);
}

async function takeAll(browser: Browser, demo: Demo): Promise<void> {
  const options = { locale: 'en-GB', reducedMotion: 'reduce' } as const;
  const first = await browser.newContext(options);
  const page = await first.newPage();
  await page.goto(demo.signIn);
  await atRest(page);
  const shown = await furnish(first, demo);
  await rememberDay(demo);
  const session = await first.storageState();
  await first.close();
  const places: [string, string][] = [
    ['overview', ''],
    ['integrations', 'integrations'],
    ['integration', `integrations/${shown.integrationId}`],
    ['devices', 'devices'],
    ['device', `devices/${shown.deviceId}`],
    ['policy', 'policy'],
    ['postures', 'policy?tab=postures'],
    ['try-it', `policy?tab=try&device=${shown.deviceId}`],
    ['audit', 'audit'],
    ['keys', 'settings/keys'],
    ['webhook', `settings/webhooks/${shown.webhookId}`],
  ];
  for (const colorScheme of themes) {
    const context = await browser.newContext({
      ...options,
      colorScheme,
      viewport: { width: 1280, height: 860 },
      storageState: session,
    });
    const tab = await context.newPage();
    for (const [name, address] of places) {
      await tab.goto(`${demo.url}/admin/${address}`);
      await take(tab, `${name}-${colorScheme}`);
    }
    await context.clearCookies();
    await tab.goto(`${demo.url}/admin/sign-in`);
    await take(tab, `sign-in-${colorScheme}`);
    await context.close();
  }
  const phone = await browser.newContext({
    ...options,
    viewport: { width: 375, height: 740 },
    deviceScaleFactor: 2,
    storageState: session,
  });
  const tab = await phone.newPage();
  await tab.goto(`${demo.url}/admin/`);
  await take(tab, 'overview-phone');
  await phone.close();
}

mkdirSync(images, { recursive: true });
const browser = await startBrowser();
try {
  await withDemo(demo => takeAll(browser, demo));
} finally {
  await browser.close();
}
