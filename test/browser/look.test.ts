// Each page in its states, in light and dark, on a phone and on a wide screen: nothing that axe refuses, nothing that scrolls sideways,
// nothing that jumps while it loads, and no fault that test/support/browser.ts looks for. PAGES_MATRIX=all loads each state in every
// theme and width; else it is loaded once, and theme and width change while it is open, states that say least are left out, and axe
// looks once at those whose parts and colours others have.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { fillBenchDevices } from '../../src/store/bench.ts';
import { chromiumFile, open, settled, type Visit, visit } from '../support/browser.ts';
import { axeViolations, countShifts, drawn, layoutShift, widerThanWindow } from '../support/browser-look.ts';
import { type Known, knownOf, placesOf, signInPlace } from '../support/browser-places.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';
import { longNames, rightToLeftNames } from '../support/browser-texts.ts';
import { root } from '../support/checkout.ts';

const isWhole = process.env.PAGES_MATRIX === 'all';
if (isWhole) vi.setConfig({ testTimeout: 1_800_000 });

type Look = readonly [theme: 'light' | 'dark', width: number];
const [narrow, usual, wide] = [375, 1280, 2560] as const;
/** Of each row the first is how a page is loaded; then theme and width change while it is open. */
const looks: Look[][] = isWhole
  ? (['light', 'dark'] as const).flatMap(theme => [usual, wide, narrow].map((width): Look[] => [[theme, width]]))
  : [
      [
        ['light', usual],
        ['light', wide],
        ['dark', narrow],
      ],
    ];
const everyPlace = placesOf({ integrationId: '-', deviceId: '-', webhookId: '-' }).map(({ name }) => name);
const addressOf = (name: string, known: Known) =>
  [...placesOf(known), signInPlace].find(place => place.name === name)?.address;
/** What waits and fails in a tab is made of the same parts as in these. */
const withoutTabs = [
  ...[
    'the overview',
    'integrations',
    'an integration',
    'devices',
    'a device',
    'the policy',
    'the audit log',
    'settings',
  ],
  'a webhook',
];
const isUsual = (name: string) => isWhole || withoutTabs.includes(name);
/** The others are as empty as without any device. */
const ofDevices = ['the overview', 'devices', 'a device', 'the policy tried on a device', 'the audit log'];
const isOfDevices = (name: string) => isWhole || ofDevices.includes(name);

type Prepare = (visit: Visit) => Promise<void>;

/** The parts of a device's page wait a second for the slowest of them, which is more on a busy machine. */
const patiently: Prepare = async ({ context }) =>
  void (await context.addInitScript(() => {
    const usual = window.setTimeout.bind(window);
    const later = (act: TimerHandler, ms?: number, ...rest: unknown[]) =>
      usual(act, ms === 1_000 ? 50_000 : ms, ...rest);
    window.setTimeout = later as typeof window.setTimeout;
  }));

interface Looking {
  service: PagesService;
  known: Known;
  /** Several are looked at one after the other in one browser, which has fetched what they are made of after the first. */
  names: readonly string[];
  prepare?: Prepare;
  /** A name of several lines pushes down what stands below it once it is known. */
  isLong?: boolean;
  /** Has the parts and colours of the pages with a fleet: axe sees no more of it in the other theme. */
  isPlain?: boolean;
  /** Waits for what the state shows. */
  shown?: (page: Page, name: string) => Promise<unknown>;
}

async function lookAt({ service, names, prepare, ...looking }: Looking): Promise<void> {
  for (const [[theme, width], ...others] of looks as [Look, ...Look[]][])
    await visit({ origin: service.url, colorScheme: theme, viewport: { width, height: 900 } }, async visiting => {
      const { page, context } = visiting;
      if (names.includes(signInPlace.name)) visiting.expectsErrors(/status of 401/);
      else await signIn(context, service);
      await countShifts(context);
      await prepare?.(visiting);
      for (const name of names)
        await lookAtOne(page, `${service.url}/admin/`, name, looking, [[theme, width], ...others]);
    });
}

async function lookAtOne(
  page: Page,
  top: string,
  name: string,
  { known, shown, isLong = false, isPlain = false }: Omit<Looking, 'service' | 'names' | 'prepare'>,
  those: readonly [Look, ...Look[]],
): Promise<void> {
  const address = addressOf(name, known);
  if (address === undefined) return;
  const [[theme, width]] = those;
  // As the one before has left it.
  await page.emulateMedia({ colorScheme: theme });
  await page.setViewportSize({ width, height: 900 });
  if (shown === undefined) await open(page, top + address);
  else {
    await page.goto(top + address);
    await shown(page, name);
  }
  const { sum, moved } = await layoutShift(page);
  expect(sum, `${name}, ${theme}, ${width} px:\n${moved.join('\n')}`).toBeLessThan(isLong ? 0.5 : 0.1);
  for (const [colorScheme, w] of those) {
    await page.emulateMedia({ colorScheme });
    await page.setViewportSize({ width: w, height: 900 });
    await drawn(page);
    const where = `${name}, ${colorScheme}, ${w} px`;
    await expect.poll(() => widerThanWindow(page), { message: where }).toEqual([]);
    // The widest has the same parts as the usual one.
    const isForAxe = isWhole || (w !== wide && (!isPlain || w === width));
    if (isForAxe) expect(await axeViolations(page), where).toEqual([]);
  }
}

describe.skipIf(chromiumFile === null)('with a fleet', () => {
  let service: PagesService;
  let known: Known;
  beforeAll(async () => {
    service = await startPagesService();
    await withFleet(service);
    await service.api('POST', 'tailnet/-/acl', readFileSync(path.join(root, 'config/policy.hujson'), 'utf8'));
    await service.api('POST', 'tailnet/-/webhooks', { endpointUrl: 'https://127.0.0.1:9/hook', name: 'pager' });
    known = await knownOf(service);
  });
  afterAll(() => service?.stop());

  test.each(everyPlace)('each page is accessible, fits and does not jump: %s', async name => {
    await lookAt({ service, known, names: [name], prepare: patiently });
  });

  const asked = /\/api\/v2\/(?!.*\/live$)(?!session|sign-in)/;

  test('so it is while each of them loads', async () => {
    const prepare: Prepare = async ({ context }) => void (await context.route(asked, () => {}));
    const shown = (page: Page) => page.locator('h1').first().waitFor();
    await lookAt({ service, known, names: everyPlace.filter(isUsual), prepare, shown, isPlain: true });
  });

  test('so it is when the service fails', async () => {
    const body = { message: 'the database cannot be reached', requestId: 'r-1' };
    const prepare: Prepare = async ({ context, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await context.route(asked, route => route.fulfill({ status: 500, json: body }));
    };
    // An address that leads nowhere asks for nothing.
    const says = (name: string) => (name === 'an address that leads nowhere' ? 'There is no such page' : body.message);
    const shown = (page: Page, name: string) => page.getByText(says(name)).first().waitFor();
    await lookAt({ service, known, names: everyPlace.filter(isUsual), prepare, shown, isPlain: true });
  });
});

describe.skipIf(chromiumFile === null)('with nothing', () => {
  let service: PagesService;
  beforeAll(async () => {
    service = await startPagesService();
  });
  afterAll(() => service?.stop());

  test.each([...placesOf({}), signInPlace].map(({ name }) => name))(
    'each empty page is accessible, fits and does not jump: %s',
    async name => {
      await lookAt({ service, known: {}, names: [name] });
    },
  );

  test('what is chosen as theme stays chosen', async () => {
    await visit({ origin: service.url, colorScheme: 'light' }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/`);
      const scheme = () => page.locator('html').getAttribute('data-mantine-color-scheme');
      expect(await scheme()).toBe('light');
      await page.getByRole('button', { name: 'Light or dark' }).click();
      await page.getByRole('menuitem', { name: 'Dark' }).click();
      expect(await scheme()).toBe('dark');
      await page.reload();
      await settled(page);
      expect(await scheme()).toBe('dark');
    });
  });
});

describe.skipIf(chromiumFile === null)(
  'with 100,000 devices, some of which have long names and some names from right to left',
  () => {
    let service: PagesService;
    let known: Known;
    const names = [...longNames, ...rightToLeftNames];
    beforeAll(async () => {
      service = await startPagesService({ fill: url => fillBenchDevices(url, 100_000) });
      for (const [n, text] of names.entries())
        await service.api('POST', 'tailnet/-/devices', {
          ...{ id: `${n}-odd`, hostname: text.slice(0, 250), user: text.slice(0, 250) },
          ...{ serialNumbers: [`SN${n}${'X'.repeat(60)}`], os: text.slice(0, 100), tags: [`tag${'g'.repeat(30)}`] },
        });
      known = { ...(await knownOf(service)), deviceId: '0-odd' };
    });
    afterAll(() => service?.stop());

    test.each(everyPlace.filter(isOfDevices))('each page is accessible, fits and does not jump: %s', async name => {
      await lookAt({ service, known, names: [name], prepare: patiently, isLong: name === 'a device', isPlain: true });
    });

    test.each(names.map((_, n) => n).filter(n => isWhole || n % 2 === 0))(
      'so is the page of each device with such a name: %i',
      async n => {
        const looking = { names: ['a device'], prepare: patiently, isLong: true, isPlain: true };
        await lookAt({ service, known: { deviceId: `${n}-odd` }, ...looking });
      },
    );
  },
);
