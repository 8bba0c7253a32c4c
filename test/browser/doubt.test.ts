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
});
