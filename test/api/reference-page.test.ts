// The API as a page for people: it has every route, asks browsers for a key, loads nothing, and keeps texts texts.
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { referencePage } from '../../src/api/reference-page.ts';
import { startApi } from '../support/api.ts';
import { basic } from '../support/http.ts';

it('has every route with its scope, fields and answers, and runs no script', async () => {
  const api = await startApi();
  const answer = await api.call('GET', '/docs', undefined, { headers: { authorization: basic(api.key) } });
  expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8']);
  const page: string = answer.body;
  const document = (await api.call('GET', '/openapi.json')).body;
  for (const path of Object.keys(document.paths)) expect(page).toContain(`<code>${path}</code>`);
  for (const text of ['possibleMatchedCount', 'feature_settings:read', 'clientSecret', 'allowMultiple'])
    expect(page).toContain(text);
  expect(page).not.toMatch(/<script|src=|style="|https?:\/\/(?!posture)/);
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] ?? '';
  const hash = createHash('sha256').update(style).digest('base64');
  expect(answer.headers.get('content-security-policy')).toContain(`style-src 'sha256-${hash}'`);
});

it('has a document that is sent once to who remembers it', async () => {
  const api = await startApi();
  const first = await api.call('GET', '/openapi.json');
  expect([first.status, first.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
  const etag = first.headers.get('etag') ?? '';
  expect(etag).toMatch(/^"[0-9a-f]{64}"$/);
  const again = await api.call('GET', '/openapi.json', undefined, { headers: { 'if-none-match': etag } });
  expect([again.status, again.body, again.headers.get('etag')]).toEqual([304, '', etag]);
});

it('asks browsers, and them alone, for a key as user name', async () => {
  const api = await startApi();
  for (const [path, asking] of [
    ['/docs', /^Basic realm=/],
    ['/openapi.json', /^Bearer realm=/],
  ] as const) {
    const { status, headers } = await api.service.get(path);
    expect([status, headers.get('www-authenticate')]).toEqual([401, expect.stringMatching(asking)]);
  }
});

it('shows what descriptions hold as text', () => {
  const hostile = '<img src=x onerror=alert(1)> "`<b>`';
  const operation = {
    summary: hostile,
    description: hostile,
    'x-scope': hostile,
    parameters: [{ name: hostile, in: 'query' }],
  };
  const page = referencePage({ info: { title: hostile, version: hostile }, paths: { [hostile]: { get: operation } } });
  expect(page).not.toMatch(/<img|<b>/);
});
