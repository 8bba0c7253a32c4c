// What a page shows in green while nothing is known: nothing. The service is taken away by a relay in front of it, its database by one
// behind it.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { chromiumFile, open, settled, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';
import { Relay } from '../support/relay.ts';

const words = texts.shell.doubt;
const bar = (page: Page) => page.locator('.doubt');
/** What says that something is well now, wherever it stands: not what was, in a chart, nor that something was just done. */
const greenIn = (scope: string) =>
  ['[data-tone="good"]', '[data-trust="yes"]', '[style*="-teal-"]', '[stroke*="-teal-"]']
    .map(
      it =>
        `${scope} ${it}:not(.chart-area, .chart-edge, .chart-line, .chart-dot, .chart-swatch, .mantine-Notification-root *)`,
    )
    .join(', ');
const green = (page: Page, scope = 'body') => page.locator(greenIn(scope));
const isGreen = async (page: Page, scope?: string) => await green(page, scope).first().waitFor({ state: 'attached' });

describe.skipIf(chromiumFile === null)('while nothing is known', () => {
  let service: PagesService;
  let toService: Relay;
  let toDatabase: Relay;
  let deviceId = '';
  let integrationId = '';
  beforeAll(async () => {
    service = await startPagesService({
      behind: async url => {
        toDatabase = await Relay.to(url);
        return toDatabase.url;
      },
    });
    toService = await Relay.to(service.url);
    integrationId = await withFleet(service);
    await service.newKey('gateway', ['devices:core:read']);
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

  const pages = () => [
    '',
    'devices',
    `devices/${deviceId}`,
    'integrations',
    `integrations/${integrationId}`,
    'settings/keys',
  ];
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
        await isGreen(page);
        await settled(page);
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
      await page.getByRole('status').getByText(texts.shell.live.live.label, { exact: true }).waitFor();
      const before = await answer.innerText();
      toDatabase.fail('refuses');
      await bar(page).getByText(words.why.away).waitFor();
      const { trust } = texts.overview;
      expect(await answer.innerText()).toMatch(new RegExp(`^${trust.not_known}\\s*.+: ${before}$`));
      expect(await green(page).count()).toBe(0);
      toDatabase.heal();
      await bar(page).waitFor({ state: 'detached' });
    });
  });

  test('nor is what was found in a text, or tried in a dialog', async () => {
    const origin = new URL(toService.url).origin;
    await service.api('POST', 'tailnet/-/acl', {
      postures: { 'posture:known': ['sentinelOne:isActive IS SET'] },
      acls: [{ action: 'accept', src: ['*'], srcPosture: ['posture:known'], dst: ['*:*'] }],
    });
    await visit({ origin }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/net::ERR|status of 50/);
      await signIn(context, { url: origin, key: service.key });
      await open(page, `${origin}/admin/policy`);
      await page.getByText(texts.policy.problems.fine, { exact: true }).waitFor();
      await isGreen(page, 'main');
      toService.fail('refuses');
      await bar(page).waitFor();
      expect(await green(page).count()).toBe(0);
      toService.heal();
      await bar(page).waitFor({ state: 'detached' });
      await isGreen(page, 'main');
      const { connecting, test: tried } = texts.integrations;
      await open(page, `${origin}/admin/integrations?connect=sentinelone`);
      await page.getByLabel('SentinelOne URL').fill(service.installation.simulator.url);
      await page.getByLabel('API Token').fill(service.installation.simulator.token);
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: connecting.test }).click();
      await dialog.getByText(tried.works, { exact: true }).waitFor();
      await isGreen(page, '[role="dialog"]');
      toService.fail('refuses');
      await dialog.getByText(tried.worked).waitFor();
      expect(await green(page).count()).toBe(0);
      toService.heal();
      await dialog.getByText(tried.works, { exact: true }).waitFor();
    });
  });

  /** Everything that is shown is asked for anew, as after a change of the network. */
  const askAnew = async (page: Page) => await page.evaluate(() => void window.dispatchEvent(new Event('online')));
  /** So that a webhook's receiver takes notices. */
  const takesNotices = (body: object) => {
    const well = { state: 'active', delivered: 3 };
    return 'webhooks' in body && Array.isArray(body.webhooks)
      ? { ...body, webhooks: body.webhooks.map(webhook => ({ ...webhook, ...well })) }
      : { ...body, ...well };
  };
  const hook = async (name: string) =>
    await service.api<{ endpointId: string }>('POST', 'tailnet/-/webhooks', {
      endpointUrl: 'https://127.0.0.1:9/hook',
      name,
    });

  test('of one answer alone, what it is about is not green, on no page', async () => {
    await service.api('POST', 'tailnet/-/acl', { postures: { 'posture:known': ['sentinelOne:isActive IS SET'] } });
    const { endpointId } = await hook('pager');
    const answers: [address: string, asked: string, scope?: string, as?: (body: object) => object][] = [
      ['devices', '**/devices/table?*'],
      ['integrations', '**/posture/integrations'],
      [`integrations/${integrationId}`, `**/posture/integrations/${integrationId}`],
      [`integrations/${integrationId}?tab=runs`, '**/runs?*', '[role="tabpanel"]'],
      ['policy?tab=postures', '**/tailnet/-/postures'],
      [`policy?tab=try&device=${deviceId}`, '**/postures/simulate'],
      ['settings/keys', '**/keys?*'],
      ['settings/webhooks', '**/tailnet/-/webhooks', 'main', takesNotices],
      [`settings/webhooks/${endpointId}`, `**/api/v2/webhooks/${endpointId}`, 'main', takesNotices],
    ];
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await signIn(context, service);
      for (const [address, asked, scope = 'main', as = (body: object) => body] of answers) {
        let isBroken = false;
        await page.route(asked, async route => {
          if (isBroken) return await route.fulfill({ status: 500, json: { message: 'it broke' } });
          const answer = await route.fetch();
          await route.fulfill({ response: answer, json: as(await answer.json()) });
        });
        await open(page, `${service.url}/admin/${address}`);
        await page.getByRole('status').getByText(texts.shell.live.live.label, { exact: true }).waitFor();
        await isGreen(page, scope);
        isBroken = true;
        await askAnew(page);
        await page.getByText('it broke').first().waitFor();
        // Of two that are asked for one may still be tried again.
        await expect.poll(async () => await green(page, scope).count(), { message: address }).toBe(0);
        isBroken = false;
        await page.getByRole('button', { name: texts.failure.retry }).first().click();
        await isGreen(page, scope);
        await page.unroute(asked);
      }
    });
  });

  test('how long what is kept, and what a webhook was told, stays shown beside what went wrong', async () => {
    const { endpointId } = await hook('logged');
    const { retention, webhooks: words } = texts.settings;
    await service.api('POST', `webhooks/${endpointId}/test`);
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await signIn(context, service);
      for (const [address, table, asked] of [
        ['settings', retention.title, '**/api/v2/**/settings/retention'],
        [`settings/webhooks/${endpointId}`, words.log.title, '**/api/v2/webhooks/*/deliveries?*'],
      ] as const) {
        await open(page, `${service.url}/admin/${address}`);
        const rows = page.getByRole('table', { name: table }).getByRole('row');
        await rows.nth(1).waitFor();
        const before = await rows.count();
        await page.route(asked, route => route.fulfill({ status: 500, json: { message: 'it broke' } }));
        await page.getByRole('status').getByText(texts.shell.live.live.label, { exact: true }).waitFor();
        await askAnew(page);
        await page.getByText('it broke').waitFor();
        expect(await rows.count()).toBe(before);
        await page.unroute(asked);
      }
    });
  });

  test('what is typed stays where what stands around it cannot be asked anew', async () => {
    const { endpointId } = await hook('another');
    const { webhooks: words } = texts.settings;
    for (const address of ['?add=yes', `/${endpointId}`])
      await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
        expectsErrors(/status of 500/);
        await signIn(context, service);
        await open(page, `${service.url}/admin/settings/webhooks${address}`);
        await page.getByRole('status').getByText(texts.shell.live.live.label, { exact: true }).waitFor();
        if (address !== '?add=yes') await page.getByRole('button', { name: words.edit, exact: true }).click();
        const name = page.getByRole('dialog').getByLabel(words.form.name);
        // Else the dialog may take it for the field that it begins with.
        await page.getByRole('dialog').locator(':focus').waitFor();
        await name.fill('being typed');
        await page.route('**/api/v2/**/webhooks{,/*}', route =>
          route.fulfill({ status: 500, json: { message: 'it broke' } }),
        );
        await askAnew(page);
        await page.getByText('it broke').first().waitFor();
        expect(await name.inputValue()).toBe('being typed');
      });
  });

  test('what was judged by nobody since, or by what is old, is not green in the table, on the page of a device and where a policy is tried', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await service.api('POST', 'tailnet/-/acl', { postures: { 'posture:known': ['sentinelOne:isActive IS SET'] } });
      const passing = page.locator('.state').getByText(texts.devices.allPass(1));
      const table = `${service.url}/admin/devices?posture=known&standing=passing`;
      await open(page, table);
      // A worker judges them in its own time.
      await passing.first().waitFor();
      await page
        .locator('.state[data-tone="good"]')
        .filter({ hasText: texts.devices.allPass(1) })
        .first()
        .waitFor();
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
      let isFresh = true;
      await page.route('**/postures/simulate', async route => {
        const answer = await route.fetch();
        const body = await answer.json();
        for (const posture of body.postures) {
          posture.restsOn = { confirmedAt: body.at, isFresh };
          for (const { parts } of posture.conditions) for (const part of parts) part.isFresh = isFresh;
        }
        await route.fulfill({ response: answer, json: body });
      });
      const tried = `${service.url}/admin/policy?tab=try&device=${deviceId}`;
      await open(page, tried);
      await isGreen(page, 'main');
      isFresh = false;
      await open(page, tried);
      await page.getByText(texts.devices.page.postures.held).waitFor();
      expect(await green(page, 'main').count()).toBe(0);
    });
  });
});
