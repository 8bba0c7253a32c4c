// What an administrator does beside integrations: mends a policy at the line of its mistake, makes a key and revokes it, finds who changed
// what, and sees what others change without loading the page again.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { chromiumFile, open, settled, visit } from '../support/browser.ts';
import { type PagesService, signIn, startPagesService } from '../support/browser-service.ts';

const broken = `{
  "postures": {
    "posture:healthy": ["sentinelOne:infectd == false"],
  },
  "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"], "srcPosture": ["posture:heathy"] }],
}
`;

describe.skipIf(chromiumFile === null)('an administrator', () => {
  let service: PagesService;
  beforeAll(async () => {
    service = await startPagesService();
  });
  afterAll(() => service?.stop());

  test('is shown a mistake of the policy at its line, and cannot put it in force before it is mended', async () => {
    const words = texts.policy;
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/policy`);
      const editor = page.getByRole('textbox', { name: words.editor.label });
      const write = async (text: string) => {
        await editor.click();
        await page.keyboard.press('ControlOrMeta+A');
        // Away by the editor, not by the browser, which would style what it joins; then as pasted, since what is typed is completed.
        await page.keyboard.press('Delete');
        await page.keyboard.insertText(text);
      };
      await write(broken);
      const problems = page.getByRole('region', { name: words.problems.label });
      await problems.getByText(words.problems.broken).waitFor();
      await problems
        .getByRole('button', { name: words.problems.line(5) })
        .first()
        .waitFor();
      // At the line itself, too.
      await page.locator('.cm-lint-marker-error').first().waitFor();
      await problems
        .getByRole('button', { name: words.problems.line(5) })
        .first()
        .click();
      await page.locator('.cm-activeLine', { hasText: 'posture:heathy' }).waitFor();
      await page.getByRole('button', { name: words.save.button }).click();
      await page.getByText(words.save.refused).waitFor();
      expect(await service.api('GET', 'tailnet/-/acl/history')).toMatchObject({ revisions: [] });

      await write(broken.replace('heathy', 'healthy').replace('infectd', 'infected'));
      await problems.getByText(words.problems.fine).waitFor();
      await page.getByRole('button', { name: words.save.button }).click();
      await page.getByRole('dialog').getByRole('button', { name: words.save.confirm }).click();
      await page.getByText(words.save.done, { exact: true }).waitFor();
      expect(await service.api('GET', 'tailnet/-/acl')).toMatchObject({ acls: [{ srcPosture: ['posture:healthy'] }] });
    });
  });

  test('makes a key, which holds, and revokes it, so that it holds no more', async () => {
    const words = texts.keys;
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/settings/keys`);
      await page.getByRole('button', { name: words.create }).first().click();
      const dialog = page.getByRole('dialog');
      await dialog.getByLabel(words.dialog.name).fill('gateway-berlin');
      await dialog.getByRole('button', { name: words.dialog.create }).click();
      await dialog.getByText(words.made.once).waitFor();
      const key = (await dialog.locator('.made-key').innerText()).trim();
      const status = async () =>
        (await fetch(`${service.url}/gateway/whoami`, { headers: { authorization: `Bearer ${key}` } })).status;
      expect(await status()).toBe(200);
      await dialog.getByRole('button', { name: words.made.done }).click();
      // It is shown this once.
      expect(await page.content()).not.toContain(key);
      await page.getByRole('button', { name: words.revokeOf('gateway-berlin') }).click();
      await dialog.getByRole('button', { name: words.ask.action }).click();
      await page.getByText(words.ask.done('gateway-berlin')).waitFor();
      await expect.poll(status).toBe(401);
    });
  });

  test('finds in the audit log who changed what, from what to what, by an address that can be sent on', async () => {
    const words = texts.audit;
    await service.api('POST', 'tailnet/-/devices', {
      id: 'audited-1',
      hostname: 'FIRST-NAME',
      serialNumbers: ['AUD1'],
    });
    await service.api('PUT', 'device/audited-1', { hostname: 'SECOND-NAME', serialNumbers: ['AUD1'] });
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/audit`);
      await page.getByLabel(words.filters.target).fill('audited-1');
      await page.waitForURL(/target=audited-1/);
      await settled(page);
      const list = page.getByRole('list', { name: words.list });
      const rows = list.locator(':scope > li');
      await expect.poll(() => rows.count()).toBe(2);
      await rows.first().getByRole('button').first().click();
      await list.getByText('SECOND-NAME').first().waitFor();
      await list.getByText('FIRST-NAME').first().waitFor();
      const address = page.url();
      expect(address).toMatch(/group=/);
      await page.goto('about:blank');
      await open(page, address);
      await list.getByText('SECOND-NAME').first().waitFor();
    });
  });

  test('who may not see a page is told what that needs, and not to try again', async () => {
    const made = await service.api('POST', 'tailnet/-/keys', {
      description: 'names',
      scopes: ['devices:core:read'],
    });
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 403/);
      await signIn(context, { url: service.url, key: (made as { key: string }).key });
      await open(page, `${service.url}/admin/`);
      const told = page.getByRole('alert').filter({ hasText: texts.failure.notAllowed });
      await told.getByText('feature_settings:read').waitFor();
      expect(await page.getByRole('button', { name: texts.failure.retry }).count()).toBe(0);
    });
  });

  test('may type on while what was typed so far is searched for', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/audit`);
      const field = page.getByLabel(texts.audit.filters.target);
      await field.pressSequentially('two ');
      await page.waitForURL(/target=two$/);
      await settled(page);
      await field.pressSequentially('words');
      expect(await field.inputValue()).toBe('two words');
      await page.waitForURL(/target=two\+words$/);
      // What changes the address elsewhere changes the field.
      await page.getByRole('button', { name: texts.audit.filters.clear }).first().click();
      await page.waitForURL(/audit$/);
      await expect.poll(() => field.inputValue()).toBe('');
    });
  });

  test('is told that a search in the audit log was refused, which is not tried again and again', async () => {
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 429/);
      await signIn(context, service);
      let asked = 0;
      await page.route('**/logging/configuration/groups?*', async route => {
        const isNext = new URL(route.request().url()).searchParams.has('cursor');
        if (isNext) asked++;
        const found = { groups: [], searchedTo: new Date(0).toISOString(), nextCursor: 'more' };
        await route.fulfill(isNext ? { status: 429, json: { message: 'too many requests' } } : { json: found });
      });
      await open(page, `${service.url}/admin/audit?target=nobody`);
      await page.getByText(texts.failure.advice.tooMany).waitFor();
      await settled(page);
      expect(asked).toBe(1);
    });
  });

  test('sees what others change without loading the page again', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/devices`);
      await page.getByRole('status').getByText(texts.shell.live.live.label, { exact: true }).waitFor();
      await page.evaluate(() => Object.assign(window, { isSame: true }));
      await service.api('POST', 'tailnet/-/devices', { id: 'new-1', hostname: 'BRAND-NEW', serialNumbers: ['NEW1'] });
      await page.getByRole('main').getByText('BRAND-NEW').waitFor();
      await page.getByRole('link', { name: texts.audit.title, exact: true }).click();
      await settled(page);
      await service.api('PUT', 'device/new-1', { hostname: 'NAMED-ANEW', serialNumbers: ['NEW1'] });
      await page.getByRole('main').getByText('NAMED-ANEW').first().waitFor();
      expect(await page.evaluate(() => (window as unknown as { isSame?: boolean }).isSame)).toBe(true);
    });
  });

  test('saves a view of the table, comes back to it from anywhere, and forgets it', async () => {
    const words = texts.devices;
    await service.api('POST', 'tailnet/-/devices', { id: 'saved-1', hostname: 'SAVED-ONE', serialNumbers: ['SAV1'] });
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/`);
      // Each count of the overview leads to its devices.
      await page.getByRole('link', { name: new RegExp(`^${texts.overview.freshness.none} \\d`) }).click();
      await page.waitForURL(/devices\?freshness=none/);
      await page.getByLabel(words.searchLabel).fill('saved');
      await page.waitForURL(/q=saved/);
      await page.getByRole('button', { name: words.saved.button }).click();
      await page.getByLabel(words.saved.name, { exact: true }).fill('Mine');
      await page.getByRole('button', { name: words.saved.save }).click();
      await page.getByRole('link', { name: 'Mine' }).waitFor();
      await open(page, `${service.url}/admin/devices`);
      await page.getByRole('button', { name: words.saved.button }).click();
      await page.getByRole('link', { name: 'Mine' }).click();
      await page.waitForURL(/freshness=none&q=saved/);
      await page.getByText('SAVED-ONE').waitFor();
      await page.getByRole('button', { name: words.saved.button }).click();
      await page.getByRole('button', { name: words.saved.remove('Mine') }).click();
      await page.getByText(words.saved.none).waitFor();
    });
  });

  test('sets an attribute of a device that ends, sees it in what changed, and takes it away', async () => {
    const words = texts.devices.page;
    await service.api('POST', 'tailnet/-/devices', { id: 'set-1', hostname: 'SET-ONE', serialNumbers: ['SET1'] });
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/devices/set-1`);
      await page.getByRole('button', { name: words.attributes.add }).click();
      // The beginning of the name goes without saying.
      await page.getByLabel(words.attributes.key, { exact: true }).fill('tier');
      await page.getByLabel(words.attributes.value, { exact: true }).fill('gold');
      await page.getByLabel(words.attributes.expiry).fill('2099-12-24T12:00');
      await page.getByRole('button', { name: words.attributes.save }).click();
      const attributes = page.getByRole('region', { name: words.attributes.title });
      await attributes.getByText('gold').waitFor();
      await attributes.getByText(words.attributes.ends).waitFor();
      const history = page.getByRole('region', { name: words.history.title });
      await history.getByText('gold').waitFor();
      expect(await history.innerText()).not.toMatch(/[{}]|T\d\d:/);
      await page.getByRole('button', { name: words.attributes.remove('custom:tier') }).click();
      await page.getByRole('dialog').getByRole('button', { name: words.attributes.removeAction }).click();
      await attributes.getByText(words.attributes.none).waitFor();
    });
  });

  test('is told at the address of a webhook what is wrong with it', async () => {
    const words = texts.settings.webhooks;
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/400/);
      await signIn(context, service);
      await open(page, `${service.url}/admin/settings/webhooks?add=yes`);
      const dialog = page.getByRole('dialog');
      const address = dialog.getByLabel(words.form.url);
      await address.fill('https://10.1.2.3/posture');
      await dialog.getByRole('button', { name: words.add }).click();
      await dialog.getByText('10.1.2.3 is not a public address').waitFor();
      expect(await address.getAttribute('aria-invalid')).toBe('true');
      await address.fill('hello');
      await dialog.getByLabel(words.form.name).fill('-');
      await dialog.getByRole('button', { name: words.add }).click();
      await dialog.getByText('it must begin with https://').waitFor();
      await dialog.getByText('beginning with a letter or digit').waitFor();
    });
  });

  test('is not left with what was chosen, or refused, the time before, where a webhook asks again', async () => {
    const words = texts.settings.webhooks;
    const endpointUrl = 'https://hooks.example.com/2';
    const { endpointId } = await service.api('POST', 'tailnet/-/webhooks', { endpointUrl, name: 'second' });
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 500/);
      await signIn(context, service);
      await open(page, `${service.url}/admin/settings/webhooks/${endpointId}`);
      await page.route('**/rotate?*', route => route.fulfill({ status: 500, json: { message: 'it broke' } }));
      const dialog = page.getByRole('dialog');
      const ask = async () => {
        await page.getByRole('button', { name: words.more, exact: true }).click();
        await page.getByRole('menuitem', { name: words.rotate }).click();
      };
      await ask();
      await dialog.getByLabel(words.atOnce).check();
      await dialog.getByRole('button', { name: words.rotate }).click();
      await dialog.getByText('it broke').waitFor();
      await dialog.getByRole('button', { name: texts.askFirst.cancel }).click();
      await dialog.waitFor({ state: 'detached' });
      await ask();
      await dialog.getByLabel(words.atOnce).waitFor();
      expect(await dialog.getByLabel(words.atOnce).isChecked()).toBe(false);
      expect(await dialog.getByText('it broke').count()).toBe(0);
    });
  });
});
