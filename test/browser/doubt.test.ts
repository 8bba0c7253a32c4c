// What a page shows in green while nothing is known: nothing. The service is taken away by a relay in front of it, its database by one
// behind it.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { chromiumFile, open, settled, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';
import { Relay } from '../support/relay.ts';

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const words = texts.shell.doubt;
const bar = (page: Page) => page.locator('.doubt');
const green = (page: Page) =>
  page.locator(
    'main [data-tone="good"]:not(.chart-area, .chart-edge, .chart-line, .chart-swatch), main [data-trust="yes"]',
  );

describe.skipIf(chromiumFile === null)('while nothing is known', () => {
  let service: PagesService;
  let toService: Relay;
  let toDatabase: Relay;
  let deviceId = '';
  beforeAll(async () => {
    service = await startPagesService({
      behind: async url => {
        toDatabase = await Relay.to(url);
        return toDatabase.url;
      },
    });
    toService = await Relay.to(service.url);
    await withFleet(service);
    const { devices } = await service.api<{ devices: { nodeId: string }[] }>(
      'GET',
      'tailnet/-/devices?match=matched&limit=1',
    );
    deviceId = devices[0]?.nodeId ?? '';
  });
  beforeEach(() => {
    toService.heal();
    toDatabase.heal();
  });
  afterAll(async () => {
    toDatabase?.heal();
    await toService?.stop();
    await service?.stop();
    await toDatabase?.stop();
  });

  const pages = () => ['', 'devices', `devices/${deviceId}`, 'integrations'];
  const placed = async (page: Page) =>
    await page.locator('h1, h2').evaluateAll(all => all.map(it => it.getBoundingClientRect().top));

  test('nothing is green, on no page, it is said since when, nothing moves, and all of it comes back by itself', async () => {
    const origin = new URL(toService.url).origin;
    await visit({ origin }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/net::ERR|status of 50/);
      await signIn(context, { url: origin, key: service.key });
      for (const address of pages()) {
        toService.heal();
        await open(page, `${origin}/admin/${address}`);
        await page.getByRole('status').getByText(texts.shell.live.live.label, { exact: true }).waitFor();
        await green(page).first().waitFor();
        const before = await placed(page);
        toService.fail('refuses');
        await bar(page).getByText(words.why.lost).waitFor();
        expect(await green(page).count(), address).toBe(0);
        expect(await placed(page), address).toEqual(before);
        toService.heal();
        await bar(page).waitFor({ state: 'detached' });
        await settled(page);
        expect(await green(page).count(), address).toBeGreaterThan(0);
      }
    });
  });

  test('as of its database alone, that is said, and the verdict is that it is not known, with the one of before', async () => {
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/net::ERR|status of 50/);
      await signIn(context, service);
      await open(page, `${service.url}/admin/`);
      const answer = page.locator('.verdict-answer');
      const before = await answer.innerText();
      await page.getByRole('status').getByText(texts.shell.live.live.label, { exact: true }).waitFor();
      toDatabase.fail('refuses');
      await bar(page).getByText(words.why.away).waitFor();
      const { trust } = texts.overview;
      expect(await answer.innerText()).toMatch(new RegExp(`^${trust.not_known}\\s*.+: ${before}$`));
      expect(await green(page).count()).toBe(0);
      toDatabase.heal();
      await bar(page).waitFor({ state: 'detached' });
    });
  });

  test('of one answer alone, what it is about is not green', async () => {
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await signIn(context, service);
      await open(page, `${service.url}/admin/devices`);
      await green(page).first().waitFor();
      await page.route('**/devices/table?*', route => route.fulfill({ status: 500, json: { message: 'it broke' } }));
      await service.api('POST', 'tailnet/-/devices', { id: 'one-more' });
      await page.getByText('it broke').waitFor();
      expect(await green(page).count()).toBe(0);
      await page.unroute('**/devices/table?*');
      await page.getByRole('button', { name: texts.failure.retry }).click();
      await green(page).first().waitFor();
    });
  });

  test('what was judged by nobody since, or by what is old, is not green in the table and on the page of a device', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await service.api('POST', 'tailnet/-/acl', { postures: { 'posture:known': ['sentinelOne:isActive IS SET'] } });
      const passing = page.locator('.state').getByText(texts.devices.allPass(1));
      const table = `${service.url}/admin/devices?posture=known&standing=passing`;
      await open(page, table);
      // A worker judges them in its own time.
      await passing.first().waitFor();
      expect(
        await page
          .locator('.state[data-tone="good"]')
          .filter({ hasText: texts.devices.allPass(1) })
          .count(),
      ).toBeGreaterThan(0);
      const told = { freshness: 'fresh', hasWorker: true };
      await page.route('**/devices/table?*', async route => {
        const answer = await route.fetch();
        const body = await answer.json();
        if (body.judged) body.judged.hasWorker = told.hasWorker;
        for (const device of body.devices) if (device.freshness) device.freshness.state = told.freshness;
        await route.fulfill({ response: answer, json: body });
      });
      for (const [change, about] of [
        [{ freshness: 'stale', hasWorker: true }, texts.devices.passStale],
        [{ freshness: 'fresh', hasWorker: false }, texts.devices.passUnjudged],
      ] as const) {
        Object.assign(told, change);
        await open(page, table);
        expect(
          await page
            .locator('.state[data-tone="good"]')
            .filter({ hasText: texts.devices.allPass(1) })
            .count(),
        ).toBe(0);
        expect(await page.getByText(texts.devices.noWorker.title).count()).toBe(change.hasWorker ? 0 : 1);
        await passing.first().hover();
        await page.getByRole('tooltip').getByText(about).waitFor();
      }
      await page.route('**/postures', async route => {
        const answer = await route.fetch();
        const body = await answer.json();
        for (const posture of body.postures) posture.restsOn = { confirmedAt: body.at, isFresh: false };
        await route.fulfill({ response: answer, json: body });
      });
      await page.locator('.devices-link').first().click();
      await page.getByText(texts.devices.page.postures.held).waitFor();
      expect(await page.locator('.device-posture [data-tone="good"]').count()).toBe(0);
    });
  });
});
