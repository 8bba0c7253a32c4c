// Signing in and out in the browser: by a key, by a link that is used once, as somebody who may only look; and what is left behind then.
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { texts } from '../../src/web/texts.ts';
import { chromiumFile, open, settled, visit } from '../support/browser.ts';
import { knownOf, placesOf } from '../support/browser-places.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

const words = texts.signIn;
/** Nobody is signed in yet, or the key is wrong: what the browser writes of it is no fault. */
const refused = /status of 401/;

async function giveKey(page: Page, key: string): Promise<void> {
  await page.getByLabel(words.key, { exact: true }).fill(key);
  await page.getByRole('button', { name: words.withKey }).click();
}

describe.skipIf(chromiumFile === null)('signing in', () => {
  let service: PagesService;
  beforeAll(async () => {
    service = await startPagesService();
    await withFleet(service);
  });
  afterAll(() => service?.stop());

  const linkFor = async (role: 'admin' | 'viewer', page = '/admin/') => {
    const { stdout } = await service.installation.run(['sign-in', '--role', role, '--open', page]);
    // The command does not know on which port the test has it listen.
    const { pathname, search, hash } = new URL(stdout.trim());
    return service.url + pathname + search + hash;
  };

  test('without a key shows commands, and says so where the browser lets no page copy them', async () => {
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(refused);
      // As over plain http from elsewhere than this machine.
      await context.addInitScript(() => void Reflect.deleteProperty(Navigator.prototype, 'clipboard'));
      await page.goto(`${service.url}/admin/`);
      await page.getByRole('button', { name: words.noKey.title }).click();
      await page.getByRole('button', { name: words.noKey.copy, exact: true }).first().click();
      await page.getByText(texts.cannotCopy).waitFor();
      expect(await page.getByRole('button', { name: words.noKey.copied }).count()).toBe(0);
    });
  });

  test('by a key leads to the page that was asked for, with a cookie that no script can read, and signing out ends it', async () => {
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(refused);
      await page.goto(`${service.url}/admin/devices?q=a`);
      await page.getByRole('heading', { name: words.title }).waitFor();
      await giveKey(page, `pskey-${'x'.repeat(40)}`);
      await page.getByText(words.failures.key.title).waitFor();
      await giveKey(page, service.key);
      await page.waitForURL(`${service.url}/admin/devices?q=a`);
      await settled(page);
      const [cookie, ...others] = await context.cookies();
      expect(others).toEqual([]);
      expect(cookie).toMatchObject({ httpOnly: true, sameSite: 'Strict' });
      expect(cookie?.value).not.toContain(service.key);
      const readable = await page.evaluate(() =>
        JSON.stringify([document.cookie, { ...localStorage }, { ...sessionStorage }]),
      );
      for (const secret of [service.key, cookie?.value ?? '']) expect(readable).not.toContain(secret);

      await page.getByRole('link', { name: texts.audit.title, exact: true }).click();
      await settled(page);
      await page.getByRole('button', { name: texts.shell.account.label }).click();
      await page.getByRole('menuitem', { name: texts.shell.account.signOut }).click();
      await page.getByRole('heading', { name: words.title }).waitFor();
      // Back to the devices, which are not shown any more.
      await page.goBack();
      await page.getByRole('heading', { name: words.title }).waitFor();
      // Nor does the cookie hold any more for who kept it.
      const headers = { cookie: `${cookie?.name}=${cookie?.value}` };
      expect((await fetch(`${service.url}/api/v2/tailnet/-/devices`, { headers })).status).toBe(401);
    });
  });

  test('ended elsewhere leads to signing in again, whatever the page asks first', async () => {
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 40[13]/, /api\/v2/);
      await signIn(context, service);
      await open(page, `${service.url}/admin/devices?q=a`);
      // Only that is asked when the connection for changes was refused twice, as where a session has run out.
      await page.route('**/api/v2/tailnet/-/devices/**', route => route.abort());
      await page.route('**/api/v2/tailnet/-/live', route => route.abort());
      await context.clearCookies();
      await page.evaluate(() => window.dispatchEvent(new Event('online')));
      await page.waitForURL(`${service.url}/admin/sign-in?to=${encodeURIComponent('/devices?q=a')}`);
    });
  });

  test('ended by a key that was revoked, or by its time, says so, and signing in again leads back; strangers are told nothing', async () => {
    const { over, ended } = words.signedOut;
    const { key, id } = await service.api<{ key: string; id: string }>('POST', 'tailnet/-/keys', {
      ...{ description: 'to be revoked', scopes: ['all'] },
    });
    await visit({ origin: service.url }, async ({ page, context, expectsErrors }) => {
      expectsErrors(/status of 401/, /net::ERR/);
      const there = `${service.url}/admin/devices?q=a`;
      await page.goto(there);
      await page.getByRole('heading', { name: words.title }).waitFor();
      expect(await page.getByText(words.signedOut.back).count()).toBe(0);
      await giveKey(page, key);
      await page.waitForURL(there);
      await settled(page);
      await service.api('DELETE', `tailnet/-/keys/${id}`);
      await page.getByText(ended.title).waitFor();
      await page.getByText(ended.about.key).waitFor();
      // Also for who comes back later.
      await page.reload();
      await page.getByText(ended.title).waitFor();
      await giveKey(page, service.key);
      await page.waitForURL(there);
      await settled(page);

      // A browser forgets a cookie whose time is over.
      await context.clearCookies();
      await page.evaluate(() => {
        const name = 'posture-sync session';
        const kept = JSON.parse(localStorage.getItem(name) ?? '');
        localStorage.setItem(name, JSON.stringify({ ...kept, expiresAt: new Date(Date.now() - 3_600_000) }));
      });
      await page.goto(there);
      await page.getByText(over.title).waitFor();
      await page.getByText('1 hour ago').waitFor();
      await giveKey(page, service.key);
      await page.waitForURL(there);
      await settled(page);
      await page.getByRole('button', { name: texts.shell.account.label }).click();
      await page.getByRole('menuitem', { name: texts.shell.account.signOut }).click();
      await page.getByRole('heading', { name: words.title }).waitFor();
      expect(await page.getByText(words.signedOut.back).count()).toBe(0);
    });
  });

  test('shows a page that was opened behind another one without a connection for changes, until it is looked at', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await context.addInitScript(() => {
        Object.defineProperty(document, 'hidden', { configurable: true, get: () => !('isSeen' in window) });
      });
      const asked: string[] = [];
      page.on('request', request => void (request.url().endsWith('/live') && asked.push(request.url())));
      await open(page, `${service.url}/admin/devices`);
      await page.evaluate(() => ['offline', 'online'].map(name => window.dispatchEvent(new Event(name))));
      expect(asked).toEqual([]);
      const connecting = page.waitForRequest(/\/live$/);
      await page.evaluate(() => {
        Object.assign(window, { isSeen: true });
        document.dispatchEvent(new Event('visibilitychange'));
      });
      await connecting;
      await page.getByText(texts.shell.live.live.label).waitFor();
    });
  });

  test('by a link works once, and leaves its code nowhere', async () => {
    const link = await linkFor('admin', '/admin/devices?q=a');
    const code = new URL(link).hash.split('=')[1] ?? '';
    await visit({ origin: service.url }, async ({ page, expectsErrors }) => {
      expectsErrors(refused);
      await page.goto(link);
      await page.waitForURL(`${service.url}/admin/devices?q=a`);
      await settled(page);
      expect(await page.content()).not.toContain(code);
    });
    await visit({ origin: service.url }, async ({ page, expectsErrors }) => {
      expectsErrors(refused);
      await page.goto(link);
      await page.getByText(words.failures.link.title).waitFor();
      expect(page.url()).not.toContain(code);
    });
  });

  test('as a viewer offers nothing that changes anything, on any page', async () => {
    const changing = new RegExp(
      `^(${[
        ...[texts.integrations.connect, ...Object.values(texts.integrations.actions), texts.integrations.held.accept],
        ...[
          texts.keys.create,
          texts.settings.webhooks.add,
          texts.settings.identity.switchOff,
          texts.policy.save.button,
        ],
        ...[texts.devices.page.delete.action, texts.devices.page.refetch.action, texts.devices.page.identity.edit],
        ...[texts.devices.page.attributes.add, texts.policy.drop.button],
      ]
        .filter(word => typeof word === 'string')
        .map(word => word.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
        .join('|')})$`,
    );
    const places = placesOf(await knownOf(service));
    const offered = async (page: Page) => {
      const buttons = await page.getByRole('main').getByRole('button', { name: changing }).all();
      return await Promise.all(buttons.map(it => it.innerText()));
    };
    const scopeOf = (address: string) => {
      if (/^(integrations|settings$)/.test(address)) return 'feature_settings';
      if (address.startsWith('settings/webhooks')) return 'webhooks';
      return address.startsWith('devices/') ? 'devices:core' : null;
    };
    await visit({ origin: service.url }, async ({ page, expectsErrors }) => {
      expectsErrors(refused);
      await page.goto(await linkFor('viewer'));
      await page.waitForURL(`${service.url}/admin/`);
      for (const { address } of places) {
        await open(page, `${service.url}/admin/${address}`);
        expect(await offered(page), address).toEqual([]);
        // Where something could be changed it is said why it cannot.
        const scope = scopeOf(address);
        if (scope !== null) await page.getByText(texts.readOnly(scope)).waitFor();
      }
    });
    // The same words are there for who may.
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      let seen = 0;
      for (const { address } of places) {
        await open(page, `${service.url}/admin/${address}`);
        seen += (await offered(page)).length;
      }
      expect(seen).toBeGreaterThan(5);
    });
  });
});
