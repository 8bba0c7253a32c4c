// Ways through the pages: below a path of a proxy, whether that takes the path off or leaves it on; each state by its own link; the
// browser's back; and what a pointer or the keyboard gets told on the way.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumFile, open, settled, visit } from '../support/browser.ts';
import { knownOf, type Place, placesOf } from '../support/browser-places.ts';
import { type PagesService, signIn, startPagesService, withFleet } from '../support/browser-service.ts';

const under = '/posture';

/** A proxy that has the service below a path. @param takesOff whether the service gets the path too */
async function startProxy(takesOff: boolean) {
  const to = { port: 0 };
  const server = http.createServer((request, response) => {
    const { method, headers, url = '/' } = request;
    if (!url.startsWith(`${under}/`)) {
      response.writeHead(404).end('not ours');
      return;
    }
    const path = takesOff ? url.slice(under.length) : url;
    const asking = http.request({ host: '127.0.0.1', port: to.port, method, path, headers }, answer => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    asking.on('error', () => response.destroy());
    response.on('close', () => asking.destroy());
    request.pipe(asking);
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    leadsTo(port: number) {
      to.port = port;
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}

describe.skipIf(chromiumFile === null).each([
  ['takes it off', true],
  ['leaves it on', false],
])('below a path of a proxy that %s', (_, takesOff) => {
  let service: PagesService;
  let proxy: Awaited<ReturnType<typeof startProxy>>;
  beforeAll(async () => {
    proxy = await startProxy(takesOff);
    service = await startPagesService({ environment: { PUBLIC_URL: `${proxy.origin}${under}` } });
    proxy.leadsTo(Number(new URL(service.url).port));
  });
  afterAll(async () => {
    proxy?.stop();
    await service?.stop();
  });

  test('the pages are found, stay there, and are live', async () => {
    await visit({ origin: proxy.origin }, async ({ page, context }) => {
      const base = `${proxy.origin}${under}`;
      await signIn(context, { url: base, key: service.key });
      await open(page, `${base}/`);
      expect(page.url()).toBe(`${base}/admin/`);
      for (const [name, at] of [
        ['Devices', 'devices'],
        ['Audit log', 'audit'],
      ] as const) {
        await page.getByRole('link', { name, exact: true }).click();
        await page.waitForURL(`${base}/admin/${at}`);
        await settled(page);
        await page.reload();
        await settled(page);
        expect(await page.locator('h1').innerText()).toBe(name);
      }
      await page.goBack();
      expect(page.url()).toBe(`${base}/admin/devices`);
      await page.getByRole('status').getByText('Live', { exact: true }).waitFor();
    });
  });
});

describe.skipIf(chromiumFile === null)('addresses', () => {
  let service: PagesService;
  let places: Place[];
  beforeAll(async () => {
    service = await startPagesService();
    await withFleet(service);
    places = placesOf(await knownOf(service));
  });
  afterAll(() => service?.stop());

  test('each page is what its link says, also when it is opened anew, and back leads to the one before', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      const headings: string[] = [];
      const heading = async () => {
        await settled(page);
        return await page.locator('h1').first().innerText();
      };
      for (const { address } of places) {
        await open(page, `${service.url}/admin/${address}`);
        headings.push(await heading());
        await page.reload();
        expect(await heading()).toBe(headings.at(-1));
      }
      // Tabs have the heading of their page.
      const pages = places.map(({ address }) => address.replace(/\?.*$|(?<=^settings)\/(keys|webhooks)$/, ''));
      expect(new Set(headings).size).toBe(new Set(pages).size);
      for (const before of headings.slice(0, -1).toReversed()) {
        await page.goBack();
        expect(await heading()).toBe(before);
      }
    });
  });

  test('what is short says the rest to who points at it or comes by keyboard, one thing at a time', async () => {
    const hostname = 'laptop-of-somebody-with-a-name-that-no-table-has-room-for';
    await service.api('POST', 'tailnet/-/devices', { id: 'a-long-one', hostname });
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/devices?sort=name`);
      const tip = page.getByRole('tooltip');
      const seen = page.locator('time.age').first();
      await seen.hover();
      const at = new Date((await seen.getAttribute('datetime')) ?? '');
      await tip.getByText(String(at.getUTCFullYear())).waitFor();
      expect(await tip.innerText()).toContain(String(at.getUTCSeconds()).padStart(2, '0'));
      expect(await seen.getAttribute('aria-describedby')).toBe(await tip.locator('bdi').getAttribute('id'));
      await page.keyboard.press('Escape');
      await tip.waitFor({ state: 'detached' });
      expect(await seen.getAttribute('aria-describedby')).toBeNull();
      const short = page.locator('.devices-link').filter({ hasNotText: hostname }).first();
      await short.focus();
      expect(await tip.count()).toBe(0);
      await page.locator('.devices-link').filter({ hasText: hostname }).focus();
      await tip.getByText(hostname).waitFor();
      await page.keyboard.press('Enter');
      await page.waitForURL(/a-long-one/);
      await tip.waitFor({ state: 'detached' });
    });
  });

  test('whoever types and goes on at once is not called back by what was typed, and finds it on the way back', async () => {
    await service.api('POST', 'tailnet/-/devices', { id: 'a-short-one', hostname: 'short' });
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      // The page of a device comes later than typing rests.
      await context.route(/\/assets\/device-/, async route => {
        await new Promise(resolve => setTimeout(resolve, 1_000));
        await route.continue();
      });
      await open(page, `${service.url}/admin/devices`);
      await page.getByRole('searchbox').fill('sho');
      await page.locator('.devices-link').first().click();
      await page.waitForURL(/\/admin\/devices\/[\w-]+$/);
      await settled(page);
      await page.goBack();
      await settled(page);
      expect(await page.getByRole('searchbox').inputValue()).toBe('sho');
    });
  });

  test('the menu leads everywhere by keyboard, and says where one is', async () => {
    await visit({ origin: service.url }, async ({ page, context }) => {
      await signIn(context, service);
      await open(page, `${service.url}/admin/`);
      await page.keyboard.press('Tab');
      expect(await page.evaluate(() => document.activeElement?.textContent)).toBe('Go to the content');
      const menu = page.getByRole('navigation', { name: 'Pages' });
      for (const link of await menu.getByRole('link').all()) {
        await link.focus();
        await page.keyboard.press('Enter');
        await expect.poll(() => link.getAttribute('aria-current')).toBe('page');
        await expect.poll(() => page.locator('h1').innerText()).toBe(await link.innerText());
      }
    });
  });
});
