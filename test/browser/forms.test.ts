// What is typed into the forms of the pages, in the browser and with the real service: it is not lost by a click, and what is wrong with
// it is told at its field.
import type { Locator, Page } from 'playwright-core';
import { afterEach, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { button, chromiumFile, open, settled, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

let service: PagesService | undefined;
afterEach(async () => {
  await service?.stop();
  service = undefined;
});

const words = texts.integrations;
const dialog = (page: Page, title: string) => page.getByRole('dialog', { name: title });
const discarding = (page: Page) => dialog(page, texts.unsaved.title);
const clickBeside = (page: Page) => page.mouse.click(8, 8);
/** Once a dialog has taken the focus it hears the keys, too. */
const pressEscape = async (page: Page, from: Locator) => {
  await from.locator(':focus').waitFor();
  await page.keyboard.press('Escape');
};

describe.skipIf(chromiumFile === null)('a form', () => {
  test('in a dialog closes as ever while nothing is typed, and asks before what was typed is lost', async () => {
    const it = await startPagesService();
    service = it;
    await withFleet(it);
    await visit({ origin: it.url }, async ({ page, context }) => {
      await signIn(context, it);
      await open(page, `${it.url}/admin/settings/webhooks`);
      const add = dialog(page, texts.settings.webhooks.form.addTitle);
      for (const close of [() => clickBeside(page), () => pressEscape(page, add)]) {
        await button(page, texts.settings.webhooks.add).first().click();
        await add.waitFor();
        await close();
        await add.waitFor({ state: 'detached' });
      }
      await button(page, texts.settings.webhooks.add).first().click();
      const url = page.getByLabel(texts.settings.webhooks.form.url);
      await url.fill('https://hooks.example.com/1');
      await clickBeside(page);
      await page.keyboard.press('Escape');
      await discarding(page).waitFor();
      await button(page, texts.unsaved.keep).click();
      await discarding(page).waitFor({ state: 'detached' });
      expect(await url.inputValue()).toBe('https://hooks.example.com/1');
      // The way back asks, too.
      await page.goBack();
      await pressEscape(page, discarding(page));
      await discarding(page).waitFor({ state: 'detached' });
      expect(await url.inputValue()).toBe('https://hooks.example.com/1');
      await add.getByRole('button', { name: texts.askFirst.cancel }).click();
      await button(page, texts.unsaved.discard).click();
      await add.waitFor({ state: 'detached' });
      // And with the token of a console.
      await open(page, `${it.url}/admin/integrations?connect=sentinelone`);
      await page.getByLabel('API Token').fill('a-secret-token');
      await clickBeside(page);
      await page.keyboard.press('Escape');
      await discarding(page).waitFor();
      const kept = await page.evaluate(() =>
        JSON.stringify([{ ...localStorage }, { ...sessionStorage }, history.state]),
      );
      expect(kept).not.toContain('a-secret-token');
      await button(page, texts.unsaved.discard).click();
      await dialog(page, words.connecting.of('SentinelOne')).waitFor({ state: 'detached' });
      await button(page, words.connect).first().click();
      expect(await page.getByLabel('API Token').inputValue()).toBe('');
      await pressEscape(page, dialog(page, words.connecting.of('SentinelOne')));
      await dialog(page, words.connecting.of('SentinelOne')).waitFor({ state: 'detached' });
      await button(page, words.connect).first().waitFor();
      expect(await it.api<{ webhooks: unknown[] }>('GET', 'tailnet/-/webhooks')).toMatchObject({ webhooks: [] });
    });
  });

  test('is asked about by signing out, too', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      // What the page asks for while it is left.
      expectsErrors(/status of 401/);
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations/${id}?tab=settings`);
      const name = page.getByLabel(words.edit.name, { exact: true });
      await name.fill('headquarters');
      const signOut = async () => {
        await button(page, texts.shell.account.label).click();
        await page.getByRole('menuitem', { name: texts.shell.account.signOut }).click();
      };
      await signOut();
      await discarding(page).waitFor();
      await button(page, texts.unsaved.keep).click();
      await discarding(page).waitFor({ state: 'detached' });
      expect(await name.inputValue()).toBe('headquarters');
      await signOut();
      await button(page, texts.unsaved.discard).click();
      await page.waitForURL(/\/admin\/sign-in/);
      await page.getByRole('heading', { name: texts.signIn.title }).waitFor();
      expect(await page.getByText(texts.signIn.signedOut.back).count()).toBe(0);
      // So is a policy that is being written, on whatever page.
      await signIn(context, it);
      await open(page, `${it.url}/admin/policy`);
      await button(page, texts.policy.empty.start).click();
      await page.getByText(texts.policy.unsaved, { exact: true }).waitFor();
      await page.getByRole('link', { name: texts.devices.title }).click();
      await page.waitForURL(/\/admin\/devices/);
      await signOut();
      await button(page, texts.unsaved.discard).click();
      await page.waitForURL(/\/admin\/sign-in/);
      await page.getByLabel(texts.signIn.key, { exact: true }).fill(it.key);
      await page.keyboard.press('Enter');
      await page.getByRole('link', { name: texts.policy.title, exact: true }).click();
      await page.getByRole('textbox', { name: texts.policy.editor.label }).waitFor();
      expect(await page.getByText(texts.policy.unsaved, { exact: true }).count()).toBe(0);
      expect(await discarding(page).count()).toBe(0);
    });
  });

  test('says at the name that another has it already', async () => {
    const it = await startPagesService();
    service = it;
    await withFleet(it);
    const { dialog: key } = texts.keys;
    const { form } = texts.settings.webhooks;
    await it.api('POST', 'tailnet/-/keys', { description: 'nginx', scopes: ['gateway:decide'] });
    const endpointUrl = 'https://hooks.example.com/1';
    await it.api('POST', 'tailnet/-/webhooks', { endpointUrl, name: 'pager', subscriptions: ['integration.paused'] });
    const [{ name }] = (await it.api<{ integrations: [{ name: string }] }>('GET', 'tailnet/-/posture/integrations'))
      .integrations;
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 409/);
      await signIn(context, it);
      const told = page.getByRole('dialog').getByText(/^there is an? .* already$/);
      const isAtName = async (label: string, given: string) => {
        await told.waitFor();
        const field = page.getByRole('dialog').getByLabel(label, { exact: true });
        expect([await field.inputValue(), await field.getAttribute('aria-invalid')]).toEqual([given, 'true']);
        expect(await page.getByRole('dialog').getByRole('alert').count()).toBe(0);
        await page.keyboard.press('Escape');
        await button(page, texts.unsaved.discard).click();
        await page.getByRole('dialog').first().waitFor({ state: 'detached' });
      };
      await open(page, `${it.url}/admin/settings/keys`);
      await button(page, texts.keys.create).first().click();
      await page.getByLabel(key.name).fill('nginx');
      await button(page, key.create).click();
      await isAtName(key.name, 'nginx');
      await open(page, `${it.url}/admin/settings/webhooks?add=yes`);
      await page.getByLabel(form.url).fill(endpointUrl);
      await page.getByLabel(form.name).fill('pager');
      await button(page, texts.settings.webhooks.add).last().click();
      await isAtName(form.name, 'pager');
      await open(page, `${it.url}/admin/integrations?connect=sentinelone`);
      await page.getByLabel('SentinelOne URL').fill(it.installation.simulator.url);
      await page.getByLabel('API Token').fill(it.installation.simulator.token);
      await page.getByLabel(words.connecting.name).fill(name);
      await button(page, words.connecting.test).click();
      await button(page, words.connecting.save).click();
      await isAtName(words.connecting.name, name);
    });
  });

  test('on a page asks before a link leads away from what was typed, and not once it is saved', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    await visit({ origin: it.url }, async ({ page, context }) => {
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations/${id}?tab=settings`);
      const name = page.getByLabel(words.edit.name, { exact: true });
      await name.fill('headquarters');
      for (const link of [page.getByRole('link', { name: texts.devices.title }), page.getByRole('tab').first()]) {
        await link.click();
        await discarding(page).waitFor();
        await button(page, texts.unsaved.keep).click();
        await discarding(page).waitFor({ state: 'detached' });
      }
      expect(await name.inputValue()).toBe('headquarters');
      await button(page, words.edit.save).first().click();
      await page.getByRole('heading', { name: 'headquarters' }).waitFor();
      await page.getByRole('link', { name: texts.devices.title }).click();
      await page.waitForURL(/\/admin\/devices/);
      await page.goBack();
      await name.fill('elsewhere');
      await page.getByRole('link', { name: texts.audit.title }).click();
      await button(page, texts.unsaved.discard).click();
      await page.waitForURL(/\/admin\/audit/);
      expect(await it.api<{ name: string }>('GET', `posture/integrations/${id}`)).toMatchObject({
        name: 'headquarters',
      });
    });
  });

  test('says at each field at once what is wrong with it, until just that is typed anew', async () => {
    const it = await startPagesService();
    service = it;
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 400/);
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations?connect=sentinelone`);
      const connecting = dialog(page, words.connecting.of('SentinelOne'));
      const url = page.getByLabel('SentinelOne URL');
      const token = page.getByLabel('API Token');
      const test = connecting.getByRole('button', { name: words.connecting.test });
      await test.click();
      await connecting.getByText(words.connecting.required).nth(1).waitFor();
      await url.fill('10.0.0.1');
      // What is missing is told by its field as well.
      await test.click();
      await connecting.getByText('is not a public address').waitFor();
      await connecting.getByText(words.connecting.required).waitFor();
      expect(await connecting.getByRole('alert').count()).toBe(0);
      await token.fill('short');
      await page.getByLabel(words.connecting.name).fill('?');
      await test.click();
      const ofUrl = connecting.getByText('is not a public address');
      const ofToken = connecting.getByText('at least 16 characters');
      const ofName = connecting.getByText('beginning with a letter or digit');
      for (const told of [ofUrl, ofToken, ofName]) await told.waitFor();
      expect(await connecting.getByRole('alert').count()).toBe(0);
      await url.fill(it.installation.simulator.url);
      await ofUrl.waitFor({ state: 'detached' });
      for (const told of [ofToken, ofName]) await told.waitFor();
      await token.fill(it.installation.simulator.token);
      await page.getByLabel(words.connecting.name).fill('hq');
      for (const told of [ofToken, ofName]) await told.waitFor({ state: 'detached' });
      await test.click();
      await page.getByText(words.test.works).waitFor();
      await connecting.getByRole('button', { name: words.connecting.save }).click();
      await page.waitForURL(/\/admin\/integrations\/\w+$/);
    });
  });

  test('says what the last attempt was refused for, whether it tried or saved', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 400/);
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations/${id}?tab=settings`);
      const url = page.getByLabel('SentinelOne URL');
      const ofUrl = page.getByText('is not a public address');
      const ofName = page.getByText('beginning with a letter or digit');
      const test = button(page, words.connecting.test);
      await url.fill('10.0.0.1');
      await test.click();
      await ofUrl.waitFor();
      await url.fill(it.installation.simulator.url);
      await page.getByLabel(words.edit.name, { exact: true }).fill('?');
      await button(page, words.edit.save).first().click();
      await ofName.waitFor();
      await url.fill('10.0.0.1');
      await test.click();
      await ofUrl.waitFor();
    });
  });

  test('by which values would end is sent once, when that was confirmed, and tells what that is refused for', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    const { pool } = it.installation.database;
    // Confirmed some hours ago, as of which nothing was tried since.
    await pool.query(
      `update integrations set swept_at = swept_at - interval '3 hours', next_sync_at = next_sync_at + interval '1 day'`,
    );
    await pool.query(`update agents set observed_at = observed_at - interval '3 hours'`);
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 409/);
      await signIn(context, it);
      await open(page, `${it.url}/admin/integrations/${id}?tab=settings`);
      const asked: string[] = [];
      page.on('request', request => {
        const url = new URL(request.url());
        if (request.method() === 'PATCH' || url.pathname.endsWith('/losses'))
          asked.push(`${request.method()} ${url.pathname.split('/').at(-1)}`);
      });
      const ends = dialog(page, words.edit.endsTitle);
      const save = () =>
        page
          .locator('form', { has: page.getByLabel(words.edit.expireAfter) })
          .getByRole('button', { name: words.edit.save })
          .click();
      await page.getByLabel(words.edit.expireAfter).fill('1h');
      await save();
      const told = ends.getByText(/devices would lose \d+ values at once/);
      const before = await told.innerText();
      type Agents = { agents: { device: string }[] };
      const { agents } = await it.api<Agents>('GET', `posture/integrations/${id}/agents?match=matched&limit=1`);
      await it.api('DELETE', `device/${agents[0]?.device}`);
      const confirm = ends.getByRole('button', { name: words.edit.save });
      await confirm.click();
      await ends
        .getByRole('alert')
        .getByText(/to do it, confirm \d+/)
        .waitFor();
      // The number that it is now stands there, and can be confirmed.
      await expect.poll(() => told.innerText()).not.toBe(before);
      expect(asked).toEqual(['GET losses', `PATCH ${id}`, 'GET losses']);
      await confirm.click();
      await page.getByText(words.edit.saved).waitFor();
      await settled(page);
      expect(asked).toEqual(['GET losses', `PATCH ${id}`, 'GET losses', `PATCH ${id}`]);
      expect(await it.api('GET', `posture/integrations/${id}`)).toMatchObject({ expireAfter: '1h' });
    });
  });

  test('binds an agent that matches no device to one that is searched for, and says what is in the way', async () => {
    const it = await startPagesService();
    service = it;
    const id = await withFleet(it);
    const { binding } = texts;
    type Agents = { agents: { id: string; hostname: string; device: string | null; boundDevice: string | null }[] };
    const agents = (query: string) => it.api<Agents>('GET', `posture/integrations/${id}/agents?${query}`);
    const [lost] = (await agents('match=unmatched&reason=no_serial')).agents;
    if (lost === undefined) throw new Error('the fleet has no agent without a serial number');
    for (const device of ['spare-1', 'spare-2'])
      await it.api('POST', 'tailnet/-/devices', { id: device, hostname: `${device}-LT`, serialNumbers: [] });
    await visit({ origin: it.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 404/);
      await signIn(context, it);
      const asked = dialog(page, binding.title);
      const choose = async (device: string) => {
        await asked.getByRole('combobox').fill(device);
        await page.getByRole('option').getByText(device, { exact: true }).click();
      };
      await open(page, `${it.url}/admin/integrations/${id}?tab=agents&search=${encodeURIComponent(lost.id)}`);
      await button(page, binding.actionFor(lost.hostname)).click();
      await choose('spare-1');
      await it.api('DELETE', 'device/spare-1');
      await asked.getByRole('button', { name: binding.bind }).click();
      await asked.getByText('there is no device "spare-1"').waitFor();
      await choose('spare-2');
      await asked.getByRole('button', { name: binding.bind }).click();
      await asked.waitFor({ state: 'detached' });
      await page.getByText(binding.done(lost.hostname, 'spare-2')).waitFor();
      expect((await agents(`search=${encodeURIComponent(lost.id)}`)).agents[0]).toMatchObject({
        device: 'spare-2',
        boundDevice: 'spare-2',
      });
      // Undone on the page of the device, and among the matched agents.
      await open(page, `${it.url}/admin/devices/spare-2`);
      for (const place of ['device', 'agents']) {
        if (place === 'agents') {
          await it.api('PUT', `device/spare-2/agents/${encodeURIComponent(lost.id)}`);
          const search = `match=matched&search=${encodeURIComponent(lost.id)}`;
          await open(page, `${it.url}/admin/integrations/${id}?tab=agents&${search}`);
          await page.getByText(binding.bound).waitFor();
        }
        await button(page, binding.undoFor(lost.hostname)).click();
        const undoing = dialog(page, binding.undoTitle);
        await undoing.getByRole('button', { name: binding.undo }).click();
        await undoing.waitFor({ state: 'detached' });
        expect((await agents(`search=${encodeURIComponent(lost.id)}`)).agents[0]).toMatchObject({
          device: null,
          boundDevice: null,
        });
      }
    });
  });
});
