// What every provider promises, whatever its API is like. Each registered provider brings a folder in fixtures/ with its
// settings, a short list of pages and the bodies of its refusals; everything else here is the same for all.
import { readFileSync } from 'node:fs';
import type { RequestListener, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import type { AttributeType } from '../../src/posture/attributes.ts';
import { parseAddress } from '../../src/posture/networks.ts';
import type { Provider } from '../../src/providers/provider.ts';
import { attributeSpec, providers } from '../../src/providers/registry.ts';
import { settingsFields } from '../../src/providers/settings.ts';
import { allOf, collect, contextOf, openWay, secret, serve } from './support.ts';

const Fixture = z.object({
  /** Settings besides `url`; `{{secret}}` stands for the secret. */
  settings: z.record(z.string(), z.unknown()),
  /** Which requests, as `METHOD /path`, ask for pages of agents. All others are answered by 404. */
  listing: z.string(),
  /** Bodies of a sweep, in order; the last is the last. At least two. */
  pages: z.array(z.unknown()).min(2),
  expected: z.object({
    ids: z.array(z.string()).min(1),
    skipped: z.array(z.string().nullable()),
    claimedTotal: z.number().nullable(),
  }),
  unauthorized: z.unknown(),
  forbidden: z.unknown(),
  missing: z.unknown(),
});

const valid: Readonly<Record<AttributeType, (value: unknown) => boolean>> = {
  boolean: value => typeof value === 'boolean',
  number: value => Number.isFinite(value),
  string: value => typeof value === 'string' && value !== '',
  version: value => typeof value === 'string' && value !== '',
  address: value => typeof value === 'string' && parseAddress(value) !== null,
  time: value => typeof value === 'string' && new Date(value).toISOString() === value,
};

type Answer = (page: number, response: ServerResponse) => void;

describe.each([...providers.values()])('$id', provider => {
  const text = readFileSync(new URL(`fixtures/${provider.id}/fixture.json`, import.meta.url), 'utf8');
  const fixture = Fixture.parse(JSON.parse(text.replaceAll('{{secret}}', secret)));
  const listing = new RegExp(fixture.listing);
  /** How many pages the last sweep asked for. */
  let asked = 0;

  const send = (response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) =>
    response.writeHead(status, headers).end(typeof body === 'string' ? body : JSON.stringify(body));

  const sendPage: Answer = (page, response) => void send(response, 200, fixture.pages[page]);

  /** Reads a whole sweep from a server that answers the n-th request for a page so. */
  async function sweep(answer: Answer, signal?: AbortSignal) {
    asked = 0;
    const listener: RequestListener = (request, response) => {
      if (!listing.test(`${request.method} ${request.url}`)) return void send(response, 404, fixture.missing);
      answer(asked, response);
      asked += 1;
    };
    const server = await serve(listener);
    const settings = settingsFor(provider, server.url);
    return await collect(provider.agents(settings, { kind: 'all' }, contextOf(openWay(server.url), signal)));
  }

  function settingsFor(of: Provider, url: string) {
    return of.Settings.parse({ ...fixture.settings, url });
  }

  /** Page 1 comes; all that is asked for after it fails so. */
  async function failing(status: number, body: unknown, headers: Record<string, string> = {}) {
    const result = await sweep((page, response) => {
      if (page === 0) sendPage(page, response);
      else send(response, status, body, { ...headers, 'x-echo': secret, 'x-rqid': secret });
    });
    expect(result.pages).toHaveLength(1);
    expect(allOf(result.error)).not.toContain(secret);
    return result.error;
  }

  test('reads to the last cursor and stops there', async () => {
    const { ids, pages, claimedTotal, error } = await sweep(sendPage);
    expect(error).toBeNull();
    expect(asked).toBe(fixture.pages.length);
    expect(ids).toEqual(fixture.expected.ids);
    expect(pages.flatMap(page => page.skipped.map(({ id }) => id))).toEqual(fixture.expected.skipped);
    expect(claimedTotal).toBe(fixture.expected.claimedTotal);
  });

  test('tells of the account with the first page, and with no other', async () => {
    const { pages } = await sweep(sendPage);
    expect(pages.map(page => page.account !== undefined)).toEqual(pages.map((_, index) => index === 0));
  });

  test('sets only attributes that it declares, with values of their types', async () => {
    const { pages } = await sweep(sendPage);
    const values = pages.flatMap(page => page.agents.flatMap(agent => Object.entries(agent.values)));
    expect(values.length).toBeGreaterThan(0);
    for (const [name, value] of values) {
      const spec = attributeSpec(name);
      expect(provider.attributes).toContain(spec);
      expect(spec && valid[spec.type](value), `${name} is ${JSON.stringify(value)}`).toBe(true);
    }
  });

  test('takes a 401 that comes a second time for wrong credentials', async () => {
    expect(await failing(401, fixture.unauthorized)).toMatchObject({ kind: 'auth', status: 401 });
    expect(asked).toBe(3);
  });

  test('does not take the 401 of a proxy for wrong credentials', async () => {
    expect(await failing(401, '<html>sign in</html>')).toMatchObject({ kind: 'unavailable', status: 401 });
  });

  test('tells permission from a firewall', async () => {
    expect(await failing(403, fixture.forbidden)).toMatchObject({ kind: 'permission', status: 403 });
    expect(await failing(403, '<html>blocked</html>')).toMatchObject({ kind: 'unavailable', status: 403 });
  });

  test('tells of throttling with its delay', async () => {
    const error = await failing(429, '<html>slow down</html>', { 'retry-after': '120' });
    expect(error).toMatchObject({ kind: 'throttled', status: 429, retryAfterMs: 120_000 });
  });

  test.each([
    ['no JSON', 'all is well'],
    ['cut JSON', '{"data": [{'],
    ['another shape', { hello: 'world' }],
    ['a list', []],
    ['nothing', ''],
  ])('takes a 200 with %s for malformed', async (_, body) => {
    expect(await failing(200, body)).toMatchObject({ kind: 'malformed' });
  });

  test('never takes a 404 for an empty page', async () => {
    for (const body of [fixture.missing, '404 page not found', '']) {
      expect(await failing(404, body)).toMatchObject({ kind: 'unavailable', status: 404 });
    }
  });

  test.each([500, 502, 503])('takes a %i for unavailable, after trying again', async status => {
    expect(await failing(status, `<html>${secret}</html>`)).toMatchObject({ kind: 'unavailable', status });
    expect(asked).toBe(5);
  });

  test('takes a cut connection for unavailable', async () => {
    const { error } = await sweep((page, response) => (page === 0 ? sendPage(page, response) : response.destroy()));
    expect(error).toMatchObject({ kind: 'unavailable' });
    expect(allOf(error)).not.toContain(secret);
  });

  test('takes a redirect for wrong settings', async () => {
    expect(await failing(302, '', { location: `https://elsewhere.example/${secret}` })).toMatchObject({
      kind: 'settings',
    });
  });

  test('ends at once when it is aborted', async () => {
    const stop = new AbortController();
    const reason = new Error('stopped');
    const { pages, error } = await sweep((page, response) => {
      if (page === 0) sendPage(page, response);
      else stop.abort(reason);
    }, stop.signal);
    expect(error).toBe(reason);
    expect(pages).toHaveLength(1);
  });

  test('has a URL, a pace and at least one secret among its settings, and facts that hold together', () => {
    const fields = settingsFields(provider);
    expect(fields.map(({ name }) => name)).toEqual(expect.arrayContaining(['url', 'requestsPerSecond']));
    expect(fields.some(({ isSecret }) => isSecret)).toBe(true);
    expect(fields.every(({ label }) => label !== '')).toBe(true);
    expect(provider.reads).toContain('all');
    expect(provider.someAtOnce).toBeGreaterThan(0);
    const settings = settingsFor(provider, 'https://console.example');
    expect(settings.requestsPerSecond).toBeLessThanOrEqual(provider.limits.requestsPerSecond);
  });
});
