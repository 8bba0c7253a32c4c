// What fails a test of the pages although everything that it looked for was there, shown by documents that have each fault.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chromiumFile, visit } from '../support/browser.ts';

const policy = "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self'; img-src 'self' data:";

describe.skipIf(chromiumFile === null)('a page fails its test', () => {
  const server = http.createServer((request, response) => {
    const body = decodeURIComponent(new URL(request.url ?? '/', 'http://127.0.0.1').searchParams.get('body') ?? '');
    response.writeHead(request.url?.startsWith('/missing') ? 404 : 200, {
      'content-type': 'text/html',
      'content-security-policy': policy,
    });
    response.end(`<!doctype html><link rel="icon" href="data:,"><h1>A page</h1>${body}`);
  });
  let origin = '';
  beforeAll(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });

  const look = (body: string, then = '1') =>
    visit({ origin, keepsNothing: true }, async ({ page }) => {
      await page.goto(`${origin}/?body=${encodeURIComponent(body)}`);
      await page.evaluate(then);
      // What is told comes in its own time.
      await page.waitForFunction('document.readyState === "complete"');
      await page.evaluate(() => new Promise(resolve => setTimeout(resolve, 50)));
    });

  test.each([
    ['an error in a script', '<script>nothing.there()</script>', /a script failed: .*nothing is not defined/],
    [
      'a promise that nobody looked after',
      '<script>Promise.reject(new Error("lost"))</script>',
      /a script failed: .*lost/,
    ],
    ['an error in the console', '<script>console.error("so wrong")</script>', /the console has: so wrong/],
    ['what cannot be loaded', '<script src="/missing.js"></script>', /status of 404.*missing\.js/],
    ['a script from elsewhere', '<script src="https://cdn.example/a.js"></script>', /Security-Policy.*cdn\.example/],
    ['a picture from elsewhere', '<img src="http://127.0.0.1:9/pixel">', /Security-Policy.*127\.0\.0\.1:9/],
    [
      'a style within the document',
      '<style>h1{color:red}</style>',
      /Security-Policy was violated: style-src-elem inline/,
    ],
    ['a planted script', '<img src="data:," onerror="window.planted = 7">', /a planted script ran: 7/],
    ['a dialog', '<script>alert("boo")</script>', /a dialog was opened: boo/],
  ])('for %s', async (_, body, fault) => {
    await expect(look(body)).rejects.toThrow(fault);
  });

  test('for a request to elsewhere that its policy lets through', async () => {
    const asking = "fetch('http://127.0.0.1:9/', { mode: 'no-cors' }).catch(() => {})";
    const watched = visit({ origin, keepsNothing: true, bypassCSP: true }, async ({ page }) => {
      await page.goto(origin);
      await page.evaluate(asking);
    });
    await expect(watched).rejects.toThrow('a request to elsewhere: http://127.0.0.1:9/');
  });

  test('unless the test means to see it, and for nothing where nothing is wrong', async () => {
    await look('<p>fine</p>');
    await visit({ origin }, async ({ page, expectsErrors }) => {
      expectsErrors(/so wrong/);
      await page.goto(`${origin}/?body=${encodeURIComponent('<script>console.error("so wrong")</script>')}`);
    });
  });
});
