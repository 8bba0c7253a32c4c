// What the pages say where something could not be asked, or was not answered yet: neither that there is none of it, nor what was so before.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { broken, button, chromiumFile, open, settled, type Visit, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

const dialog = (page: Page) => page.getByRole('dialog');

describe.skipIf(chromiumFile === null)('where there is no answer', () => {
  let service: PagesService;
  let integrationId = '';
  let deviceId = '';
  beforeAll(async () => {
    service = await startPagesService();
    integrationId = await withFleet(service);
    type Devices = { devices: { nodeId: string }[] };
    const { devices } = await service.api<Devices>('GET', 'tailnet/-/devices?match=matched&limit=1');
    deviceId = devices[0]?.nodeId ?? '';
  });
  afterAll(() => service?.stop());

  const look = (work: (visiting: Visit) => Promise<void>) =>
    visit({ origin: service.url }, async visiting => {
      visiting.expectsErrors(/status of 500/);
      await signIn(visiting.context, service);
      await work(visiting);
    });

  test('to what switching identity collection off takes, nobody is told that it takes nothing', async () => {
    const words = texts.settings.identity;
    await look(async ({ page }) => {
      await page.route('**/settings/losses', route => route.fulfill(broken));
      await open(page, `${service.url}/admin/settings`);
      await button(page, words.switchOff).click();
      await dialog(page).getByText('it broke').waitFor();
      expect(await dialog(page).getByText(words.noLosses).count()).toBe(0);
      await page.unroute('**/settings/losses');
      await dialog(page).getByRole('button', { name: texts.failure.retry }).click();
      await dialog(page)
        .getByText(/^\d+ devices would lose \d+ values at once/)
        .waitFor();
    });
  });

  test('that says how many lose values now, since it was refused by another number, that is asked for anew', async () => {
    const words = texts.settings.identity;
    await look(async ({ page, expectsErrors }) => {
      expectsErrors(/status of 409/);
      await open(page, `${service.url}/admin/settings`);
      await button(page, words.switchOff).click();
      const told = dialog(page).getByText(/^\d+ devices would lose \d+ values at once/);
      const before = await told.innerText();
      type Devices = { devices: { nodeId: string }[] };
      const { devices } = await service.api<Devices>('GET', 'tailnet/-/devices?match=matched&limit=2');
      await service.api('DELETE', `device/${devices[1]?.nodeId}`);
      await dialog(page)
        .getByRole('textbox')
        .fill(`${Number.parseInt(before, 10)}`);
      await dialog(page).getByRole('button', { name: words.switchOff }).click();
      await dialog(page).getByRole('alert').waitFor();
      await expect.poll(() => told.innerText()).not.toBe(before);
      await button(page, texts.askFirst.cancel).click();
      await dialog(page).waitFor({ state: 'detached' });
      expect(await page.getByRole('alert').count()).toBe(0);
    });
  });

  test('to how many values a deleted device had, none is told', async () => {
    const words = texts.devices.page.delete;
    await look(async ({ page }) => {
      await page.route('**/device/*/explain', route => route.fulfill(broken));
      await open(page, `${service.url}/admin/devices/${deviceId}`);
      await button(page, words.action).click();
      await dialog(page).getByText(words.about(null)).waitFor();
    });
  });

  test('to what providers there are, an integration can still be limited and removed', async () => {
    const { edit, remove } = texts.integrations;
    await look(async ({ page }) => {
      await page.route('**/posture/providers', route => route.fulfill(broken));
      await open(page, `${service.url}/admin/integrations/${integrationId}?tab=settings`);
      await page.getByText('it broke').waitFor();
      await page.getByRole('tabpanel').getByRole('button', { name: remove.action, exact: true }).waitFor();
      await page.unroute('**/posture/providers');
      await button(page, texts.failure.retry).click();
      await page.getByLabel(edit.name, { exact: true }).waitFor();
    });
  });

  test('to what is searched for now, that nothing was found before says nothing', async () => {
    const words = texts.integrations.agents;
    await look(async ({ page }) => {
      await open(page, `${service.url}/admin/integrations/${integrationId}?tab=agents&search=nowhere`);
      await page.getByText(words.noneLike.title, { exact: true }).waitFor();
      const held = Promise.withResolvers<void>();
      await page.route('**/agents?*', async route => {
        await held.promise;
        await route.continue();
      });
      await page.getByLabel(words.search).fill('');
      await page.getByText(words.noneLike.title, { exact: true }).waitFor({ state: 'detached' });
      expect(await page.getByText(words.allMatched.title).count()).toBe(0);
      held.resolve();
      await page.getByRole('tabpanel').getByRole('table').waitFor();
    });
  });

  test('to a search for devices, that there was none of another is not told', async () => {
    const words = texts.devices;
    await look(async ({ page }) => {
      await open(page, `${service.url}/admin/devices?q=nowhere`);
      await page.getByText(words.noMatch.title, { exact: true }).waitFor();
      const held = Promise.withResolvers<void>();
      await page.route('**/devices/table?*', async route => {
        await held.promise;
        await route.continue();
      });
      await page.getByLabel(words.searchLabel).fill('');
      await page.getByText(words.noMatch.title, { exact: true }).waitFor({ state: 'detached' });
      held.resolve();
      await page.getByRole('row').nth(3).getByRole('link').first().waitFor();
    });
  });

  test('to which devices there are for a choice, it is not told that there is none', async () => {
    const words = texts.deviceChoice;
    await service.api('POST', 'tailnet/-/acl', { postures: { 'posture:healthy': ['sentinelOne:infected == false'] } });
    await look(async ({ page }) => {
      await page.route('**/tailnet/-/devices?*', route => route.fulfill(broken));
      await open(page, `${service.url}/admin/policy?tab=try`);
      await page.getByRole('combobox', { name: words.device, exact: true }).fill('lt');
      await page.getByText(words.failed, { exact: true }).waitFor();
    });
  });

  test('to what should be done, since there is no network, it is not done later either', async () => {
    const words = texts.integrations;
    await look(async ({ page, context, expectsErrors }) => {
      expectsErrors(/INTERNET_DISCONNECTED/);
      await open(page, `${service.url}/admin/integrations/${integrationId}`);
      await button(page, words.actions.more).click();
      await page.getByRole('menuitem', { name: words.actions.pause }).click();
      await context.setOffline(true);
      await dialog(page).getByRole('button', { name: words.pause.action }).click();
      await dialog(page).getByText(texts.failure.advice.unreachable).waitFor();
      await button(page, texts.askFirst.cancel).click();
      await dialog(page).waitFor({ state: 'detached' });
      const paused: string[] = [];
      page.on('request', request => void (request.method() === 'GET' || paused.push(request.url())));
      const asked = page.waitForResponse(response => response.url().endsWith(`/integrations/${integrationId}`));
      await context.setOffline(false);
      await asked;
      await settled(page);
      expect(paused).toEqual([]);
      const { state } = await service.api<{ state: string }>('GET', `posture/integrations/${integrationId}`);
      expect(state).not.toBe('paused');
    });
  });

  test('to a sync that was asked for, that is told until somebody has read it, with what to do', async () => {
    const words = texts.integrations.actions;
    await look(async ({ page }) => {
      await page.clock.install();
      await open(page, `${service.url}/admin/integrations/${integrationId}`);
      await page.route('**/sync?*', route => route.fulfill(broken));
      await page.route('**/sync', route => route.fulfill(broken));
      await button(page, words.sync).click();
      const told = page.getByRole('alert').filter({ hasText: 'it broke' });
      await told.getByText(texts.failure.advice.failing).waitFor();
      await page.clock.runFor(60_000);
      await told.waitFor();
    });
  });

  test('that some agent was ever in, it is not told that each has its device, nor that there are none', async () => {
    const words = texts.integrations;
    await look(async ({ page }) => {
      await page.route(new RegExp(`/integrations/${integrationId}$`), async route => {
        const response = await route.fetch();
        const body = await response.json();
        const status = { ...body.status, providerHostCount: 0, matchedCount: 0, possibleMatchedCount: 0 };
        await route.fulfill({
          response,
          json: { ...body, state: 'failing', lastSuccess: null, unmatched: {}, status },
        });
      });
      await page.route('**/agents?*', route => route.fulfill({ json: { agents: [], nextCursor: null } }));
      await open(page, `${service.url}/admin/integrations/${integrationId}?tab=agents`);
      await page.getByText(words.agents.noneRead.title, { exact: true }).waitFor();
      await page.getByRole('tab', { name: words.tabs.overview }).click();
      await page.getByText(words.noneYet, { exact: true }).first().waitFor();
      expect(await page.getByText(words.facts.unmatched, { exact: true }).count()).toBe(0);
    });
  });

  test('on a later page any more, the first is shown', async () => {
    const words = texts.integrations.agents;
    await look(async ({ page }) => {
      let nextCursor: string | null = 'further';
      await page.route('**/agents?*', route =>
        route.request().url().includes('cursor=')
          ? route.fulfill({ json: { agents: [], nextCursor } })
          : route.continue(),
      );
      const address = `${service.url}/admin/integrations/${integrationId}?tab=agents`;
      await open(page, `${address}&cursor=so-far`);
      // A search that looked through many in vain has not looked through all.
      await page.getByText(words.noneSoFar, { exact: true }).waitFor();
      expect(await page.getByText(words.allMatched.title).count()).toBe(0);
      nextCursor = null;
      await button(page, texts.pager.next).click();
      await page.waitForURL(address);
      await page.getByRole('tabpanel').getByRole('table').waitFor();
    });
  });

  test('of another device, what was opened on the one before is closed', async () => {
    const { delete: words, back } = texts.devices.page;
    await look(async ({ page }) => {
      await open(page, `${service.url}/admin/devices/${deviceId}`);
      const title = page.locator('h1');
      const first = await title.innerText();
      await page.getByRole('link', { name: back }).click();
      const other = page.getByRole('table').locator(`a[href*="/devices/"]:not([href$="/${deviceId}"])`).first();
      await other.click();
      const isAt = (id: RegExp) => page.waitForURL(id).then(() => button(page, words.action).waitFor());
      await isAt(/\/devices\/[^/]+$/);
      await page.evaluate(() => history.go(-2));
      await isAt(new RegExp(`/devices/${deviceId}$`));
      await expect.poll(() => title.innerText()).toBe(first);
      await button(page, words.action).click();
      await dialog(page).waitFor();
      await page.evaluate(() => history.go(2));
      await page.waitForURL(new RegExp(`/devices/(?!${deviceId}$)[^/]+$`));
      await dialog(page).waitFor({ state: 'detached' });
      await button(page, words.action).waitFor();
    });
  });

  test('to a part of a device, the others wait for it for a moment and no longer', async () => {
    await look(async ({ page }) => {
      const held = Promise.withResolvers<void>();
      await page.route('**/device/*/explain', async route => {
        await held.promise;
        await route.continue();
      });
      await page.goto(`${service.url}/admin/devices/${deviceId}`);
      const postures = page.getByRole('region', { name: texts.devices.page.postures.title });
      await postures.waitFor();
      const attributes = page.getByRole('region', { name: texts.devices.page.attributes.title });
      expect(await attributes.getAttribute('aria-busy')).toBe('true');
      held.resolve();
      await attributes.getByRole('table').first().waitFor();
    });
  });

  test('of a worker for minutes, an integration is overdue on the overview as on its own page', async () => {
    await look(async ({ page }) => {
      await page.route('**/tailnet/-/overview', async route => {
        const response = await route.fetch();
        const body = await response.json();
        for (const each of body.integrations)
          Object.assign(each, { state: 'active', nextSync: '2026-01-01T00:00:00Z' });
        await route.fulfill({ response, json: body });
      });
      await open(page, `${service.url}/admin/`);
      const strip = page.getByRole('region', { name: texts.overview.integrations.title });
      await strip.locator('.state[data-tone="unknown"]').getByText(texts.integrations.states.overdue).waitFor();
      expect(await strip.locator('.state[data-tone="good"]').count()).toBe(0);
    });
  });
});
