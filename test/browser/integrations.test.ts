// What an administrator does with integrations, in the browser and with the real service, its worker and a pretended console: connects
// one and follows what it brings to the decision of a gateway; mends a token that is refused; accepts losses that are held.
import type { Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { button, chromiumFile, open, settled, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

const words = texts.integrations;
const policy = {
  postures: { 'posture:healthy': { conditions: ['sentinelOne:infected == false'], resolution: 'Have it cleaned.' } },
  acls: [{ action: 'accept', src: ['*'], dst: ['*:*'], srcPosture: ['posture:healthy'] }],
};

let service: PagesService | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});

/** The mark of an integration's state, once it has come to it. */
const hasState = (page: Page, word: string) =>
  page.getByRole('main').getByText(word, { exact: true }).first().waitFor();
const inDialog = (page: Page, name: string) => page.getByRole('dialog').getByRole('button', { name, exact: true });
const tab = (page: Page, name: string) => page.getByRole('tab', { name });

describe.skipIf(chromiumFile === null)('an integration', () => {
  test('is connected and synced; its device shows why a posture fails, and a gateway is refused', async () => {
    const it = await startPagesService({
      environment: { TRUSTED_PROXIES: '127.0.0.1', IDENTIFY_BY: 'id:x-device-id' },
    });
    service = it;
    const { simulator } = it.installation;
    simulator.fleet.enrol({ hostname: 'WELL-LT', serial: 'WELL0001', infected: false, activeThreats: 0 });
    simulator.fleet.enrol({ hostname: 'ILL-LT', serial: 'ILLL0001', infected: true, activeThreats: 2 });
    for (const name of ['WELL', 'ILL'])
      await it.api('POST', 'tailnet/-/devices', {
        ...{ id: name.toLowerCase(), hostname: `${name}-LT`, user: 'anna@example.com' },
        serialNumbers: [name === 'WELL' ? 'WELL0001' : 'ILLL0001'],
      });
    await it.api('POST', 'tailnet/-/acl', policy);
    await visit({ origin: it.url }, async ({ page, context }) => {
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations`);
      await page.getByText(words.none.title).waitFor();
      await button(page, words.connect).first().click();
      await page.getByLabel('SentinelOne URL').fill(simulator.url);
      await page.getByLabel('API Token').fill('eyJ-no-such-token');
      await inDialog(page, words.connecting.test).click();
      await page.getByRole('alert').getByText(words.test.fails).waitFor();
      await page.getByLabel('API Token').fill(simulator.token);
      await inDialog(page, words.connecting.test).click();
      await page.getByText(words.test.works).waitFor();
      await inDialog(page, words.connecting.save).click();
      await page.waitForURL(/\/admin\/integrations\/\w+$/);
      await hasState(page, words.states.active);
      // Nothing of the secret is sent back to a browser.
      expect(await page.content()).not.toContain(simulator.token);

      await page.getByRole('link', { name: texts.devices.title, exact: true }).click();
      await page.getByLabel(texts.devices.searchLabel).fill('ILLL0001');
      await page.getByRole('link', { name: 'ILL-LT' }).click();
      await page.waitForURL(/\/admin\/devices\/ill/);
      await settled(page);
      expect(new URL(page.url()).pathname).toBe('/admin/devices/ill');
      const main = page.getByRole('main');
      await main.getByText('sentinelOne:infected', { exact: true }).first().waitFor();
      await main.getByText(texts.devices.standings.failing, { exact: true }).first().waitFor();
      await main.getByText('Have it cleaned.').first().waitFor();
    });
    const check = (device: string) =>
      fetch(`${it.url}/gateway/check/posture/healthy`, {
        headers: { authorization: `Bearer ${it.key}`, 'x-device-id': device },
      });
    expect((await check('well')).status).toBe(200);
    const refused = await check('ill');
    expect([refused.status, refused.headers.get('x-posture-device')]).toEqual([403, 'ill']);
  });

  test('whose token is refused pauses, says so, and goes on with a new token', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    const { simulator } = it.installation;
    await visit({ origin: it.url }, async ({ page, context }) => {
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations/${id}`);
      await hasState(page, words.states.active);
      const token = simulator.replaceToken();
      await button(page, words.actions.sync).click();
      await hasState(page, words.states.refused);
      await page.getByText(words.wrong.refused).waitFor();
      // Also where everything is looked at first.
      await page.getByRole('link', { name: texts.overview.title, exact: true }).click();
      await page.getByRole('main').getByText('hq').first().waitFor();
      await settled(page);
      const said = await page.getByRole('main').innerText();
      expect(said).toContain(words.states.refused);
      // Until when, as people read it: the service's sentence has it as RFC 3339.
      expect(said).toMatch(/is paused for \d+ \w+ more/);
      expect(said).not.toMatch(/\d{4}-\d\d-\d\dT/);
      await open(page, `${it.url}/admin/integrations/${id}?tab=settings`);
      await page.getByLabel('API Token').fill(token);
      await button(page, words.edit.save).first().click();
      await page.getByText(words.edit.saved).waitFor();
      await tab(page, words.tabs.overview).click();
      await hasState(page, words.states.active);
    });
  });

  test('is changed in one form while something is typed in the other, which stays', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    const { edit } = words;
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations/${id}?tab=settings`);
      await page.getByLabel(edit.holdFloor).fill('77');
      await page.getByLabel('API Token').fill(it.installation.simulator.token);
      await page.getByLabel(edit.name, { exact: true }).fill('headquarters');
      await button(page, edit.save).first().click();
      await page.getByText(edit.saved).waitFor();
      await page.getByRole('heading', { name: 'headquarters' }).waitFor();
      expect(await page.getByLabel('API Token').inputValue()).toBe('');
      expect(await page.getByLabel(edit.holdFloor).inputValue()).toBe('77');
      // What somebody else changes is shown in its form, and only there.
      await page.getByLabel(edit.name, { exact: true }).fill('branch');
      await it.api('PATCH', `posture/integrations/${id}`, { holdFloor: 12 });
      await page.waitForFunction(label => {
        const field = [...document.querySelectorAll('label')].find(each => each.textContent === label)?.control;
        return field instanceof HTMLInputElement && field.value === '12';
      }, edit.holdFloor);
      expect(await page.getByLabel(edit.name, { exact: true }).inputValue()).toBe('branch');
      // Removed, nothing that is typed for it could be kept: nobody is asked about that.
      await button(page, words.remove.action).click();
      await page.getByLabel(texts.askFirst.type('headquarters')).fill('headquarters');
      // The page may hear that it is gone before its own request is answered, and ask for it once more.
      expectsErrors(/404 \(Not Found\).*\/posture\/integrations\//);
      await inDialog(page, words.remove.action).click();
      await page.waitForURL(/\/admin\/integrations$/);
      await page.getByText(words.remove.done('headquarters')).waitFor();
      expect(await page.getByText(texts.unsaved.title).count()).toBe(0);
    });
  });

  test('by which many devices would lose values is held, until somebody accepts that', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    await it.api('POST', 'tailnet/-/acl', policy);
    it.installation.simulator.setFault('vanished-agents');
    const matched = async () =>
      (await it.api<{ devices: unknown[] }>('GET', 'tailnet/-/devices?match=matched')).devices.length;
    const before = await matched();
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations/${id}`);
      await button(page, words.actions.sync).click();
      await hasState(page, words.states.held);
      expect(await matched()).toBe(before);
      await tab(page, words.tabs.held).click();
      const held = page.getByRole('table').getByRole('link');
      await held.first().waitFor();
      await button(page, words.held.accept).first().click();
      await page.getByRole('dialog').getByText(words.held.acceptTitle).waitFor();
      // Who would lose by it is told before it is done.
      await page
        .getByRole('dialog')
        .getByText(/^[\d,]+ devices? would stop passing a posture/)
        .waitFor();
      await page.getByRole('dialog').getByText('posture:healthy', { exact: true }).waitFor();
      // Opened again it does not go by what was told then: it waits for the answer, and says what there is none of.
      const answers: (() => Promise<void>)[] = [];
      await page.route('**/held?*impact=true*', route => {
        answers.push(async () => {
          const response = await route.fetch();
          const body = (await response.json()) as { impact: object };
          const impact = {
            ...body.impact,
            isPolicyReadable: false,
            isWhole: false,
            judged: 0,
            stopping: 0,
            postures: [],
          };
          await route.fulfill({ response, json: { ...body, impact } });
        });
      });
      await inDialog(page, texts.askFirst.cancel).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await button(page, words.held.accept).first().click();
      await page.getByRole('dialog').getByLabel(words.held.judging).waitFor();
      expect(await page.getByRole('dialog').innerText()).not.toContain('posture:healthy');
      expect(await inDialog(page, words.held.accept).isDisabled()).toBe(true);
      await expect.poll(() => answers.length).toBeGreaterThan(0);
      // A connection that was lost for a moment has it asked again.
      for (const answer of answers) await answer();
      await page.getByRole('dialog').getByText(words.held.unreadable).waitFor();
      // Where there is no answer that is said, and asked again.
      await page.unroute('**/held?*impact=true*');
      await page.route('**/held?*impact=true*', route => route.fulfill({ status: 500, json: { message: 'it broke' } }));
      await inDialog(page, texts.askFirst.cancel).click();
      await page.getByRole('dialog').waitFor({ state: 'hidden' });
      await button(page, words.held.accept).first().click();
      await page.getByRole('dialog').getByText('it broke').waitFor();
      expect(await page.getByRole('dialog').innerText()).not.toContain('posture:healthy');
      await page.unroute('**/held?*impact=true*');
      await inDialog(page, texts.failure.retry).click();
      await page.getByRole('dialog').getByText('posture:healthy', { exact: true }).waitFor();
      // Another policy is judged by anew while it is open.
      await it.api('POST', 'tailnet/-/acl', {
        ...policy,
        postures: {
          'posture:healthy': policy.postures['posture:healthy'],
          'posture:other': ['sentinelOne:infected IS SET'],
        },
      });
      await page.getByRole('dialog').getByText('posture:other', { exact: true }).waitFor();
      await inDialog(page, words.held.accept).click();
      await page.getByText(words.held.none).waitFor();
      await hasState(page, words.states.active);
      expect(await matched()).toBeLessThan(before);
    });
  });
});
