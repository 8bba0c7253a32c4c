// What the first page tells of the account: scope and the token's expiry, best effort, never fatal.
import nock from 'nock';
import { expect, test } from 'vitest';
import { AppError, ProviderError } from '../../src/errors.ts';
import { sentinelone } from '../../src/providers/sentinelone/index.ts';
import { checkSettings, settingsFields } from '../../src/providers/settings.ts';
import { answerAgents, ask, consoleUrl, page, row, rows } from './console.ts';
import { allOf, collect, contextOf, openWay, secret, serve } from './support.ts';

function jwt(claims: unknown): string {
  return ['{"alg":"none"}', JSON.stringify(claims), 'sig']
    .map(text => Buffer.from(text).toString('base64url'))
    .join('.');
}

/** Answers one page to any token. */
function answerOnePage() {
  nock(consoleUrl)
    .get('/web/api/v2.1/agents')
    .query(true)
    .reply(200, page(rows(1), null, 1));
}

async function expiryOf(token: string) {
  answerOnePage();
  const { pages, error } = await ask({ kind: 'all' }, { token });
  expect(error).toBeNull();
  return pages[0]?.account?.tokenExpiresAt?.toISOString() ?? null;
}

test('the scope is every account and site of the first page, once and sorted', async () => {
  const data = [
    row({ siteName: 'B' }),
    row({ siteName: 'A' }),
    row({ siteName: 'B' }),
    row({ siteName: null }),
    row({ siteName: 7, accountName: '' }),
    null,
  ];
  answerAgents(page(data, 'a', 9), page([row({ siteName: 'C' })]), page([], null, 9));
  const { pages } = await ask({ kind: 'changed', since: new Date(0) });
  expect(pages[0]?.account?.scope).toEqual(['Account One', 'Account One / A', 'Account One / B']);
  expect(pages[1]).not.toHaveProperty('account');
});

test('names of the scope are made fit to be stored and shown', async () => {
  const data = [
    row({ accountName: 'a\u0000b', siteName: 'x\ud800y' }),
    row({ accountName: `${'n'.repeat(199)}\u{1f600}`, siteName: 's'.repeat(10_000_000) }),
    row({ accountName: ' \u0000 ', siteName: 'C\u001b[31m' }),
  ];
  answerAgents(page(data, null, 3));
  const { pages } = await ask({ kind: 'changed', since: new Date(0) });
  expect(pages[0]?.account?.scope).toEqual([
    'C [31m',
    'a b / x\uFFFDy',
    `${'n'.repeat(199)}\uFFFD / ${'s'.repeat(200)}`,
  ]);
});

test('of thousands of names the scope has the first 200, sorted', async () => {
  const data = Array.from({ length: 3000 }, (_, index) => row({ siteName: `Site ${9999 - index}` }));
  answerAgents(page(data, null, 3000));
  const { pages } = await ask({ kind: 'changed', since: new Date(0) });
  const scope = pages[0]?.account?.scope ?? [];
  expect([scope.length, scope[0], scope[199]]).toEqual([200, 'Account One / Site 7000', 'Account One / Site 7199']);
});

test('a JWT tells when it expires, and nobody is asked', async () => {
  expect(await expiryOf(jwt({ exp: 1_800_000_000 }))).toBe('2027-01-15T08:00:00.000Z');
  expect(await expiryOf(jwt({ exp: 253_402_300_799 }))).toBe('9999-12-31T23:59:59.000Z');
});

test.each([
  ['no time', jwt({ exp: 'soon' })],
  ['a time past all calendars', jwt({ exp: 1e300 })],
  ['a time in milliseconds', jwt({ exp: 1_800_000_000_000 })],
  ['the first second of year 10000', jwt({ exp: 253_402_300_800 })],
  ['a time before 1970', jwt({ exp: -1 })],
  ['no claims', 'a.b.c'],
])('a JWT with %s tells nothing', async (_, token) => {
  expect(await expiryOf(token)).toBeNull();
});

test('of an older token the console tells when it expires', async () => {
  const token = 'x'.repeat(80);
  nock(consoleUrl)
    .post('/web/api/v2.1/users/api-token-details', { data: { apiToken: token } })
    .reply(200, { data: { createdAt: '2026-01-01T00:00:00Z', expiresAt: '2027-01-01T00:00:00Z' } });
  expect(await expiryOf(token)).toBe('2027-01-01T00:00:00.000Z');
});

test.each([
  ['refuses', 401, { errors: [{ code: 4010010 }] }],
  ['fails', 500, 'no'],
  ['answers with a page', 200, '<html></html>'],
  ['tells no time', 200, { data: { expiresAt: null } }],
  ['tells a time before 1970', 200, { data: { expiresAt: '0001-01-01T00:00:00Z' } }],
  ['tells a time after 9999', 200, { data: { expiresAt: '9999-12-31T23:59:59-01:00' } }],
])(
  'a console that %s when asked for the expiry does not fail the sweep, and is asked once',
  async (_, status, body) => {
    const scope = nock(consoleUrl)
      .post('/web/api/v2.1/users/api-token-details')
      .reply(status, body as nock.Body);
    expect(await expiryOf(secret)).toBeNull();
    expect(scope.isDone()).toBe(true);
  },
);

test('an abort while the expiry is asked for ends the sweep', async () => {
  const stop = new AbortController();
  const server = await serve((request, response) => {
    if (request.method === 'POST') stop.abort(new Error('stopped'));
    else response.end(JSON.stringify(page(rows(1), null, 1)));
  });
  const settings = { url: server.url, token: secret, requestsPerSecond: 20 };
  const context = contextOf(openWay(server.url), stop.signal);
  const { error } = await collect(sentinelone.agents(settings, { kind: 'all' }, context));
  expect(error).toBe(stop.signal.reason);
});

test('only a sweep asks for the expiry', async () => {
  answerAgents(page([row()], null, 1));
  const { pages } = await ask({ kind: 'some', ids: ['1000000000000000001'], serials: [] });
  expect(pages[0]?.account).toEqual({ scope: ['Account One / Site A'], tokenExpiresAt: null });
});

const given = { url: 'usea1-011.sentinelone.net/dashboard', token: ` ${secret}\n` };

test('a token of 16 characters is long enough', () => {
  const token = secret.slice(0, 16);
  expect(checkSettings(sentinelone, { ...given, token }, [])).toMatchObject({ token });
});

test('settings are cleaned and completed', () => {
  expect(checkSettings(sentinelone, given, [])).toEqual({ url: consoleUrl, token: secret, requestsPerSecond: 20 });
});

test.each([
  ['url', { ...given, url: '' }],
  ['token: a token has at least 16 characters: paste all of it', { ...given, token: '' }],
  ['token: a token has at least 16 characters', { ...given, token: secret.slice(0, 15) }],
  ['token', { ...given, token: `ApiToken ${secret}` }],
  ['token', { url: 'a.example' }],
  ['requestsPerSecond', { ...given, requestsPerSecond: 0 }],
  ['requestsPerSecond', { ...given, requestsPerSecond: 26 }],
  ['siteIds', { ...given, siteIds: ['abc'] }],
])('a wrong %s is named, without any value of a secret', (field, input) => {
  let error: unknown;
  try {
    checkSettings(sentinelone, input, ['b.example']);
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(AppError);
  expect(error).toHaveProperty('message', expect.stringContaining(field));
  expect(allOf(error)).not.toContain(secret);
});

test('a URL that cannot be used is the administrator’s to mend', () => {
  expect(() => checkSettings(sentinelone, { ...given, url: 'http://a.example' }, [])).toThrow(ProviderError);
});

test('only an allowed host may be asked more often than SentinelOne bears', () => {
  const fast = { url: 'http://localhost:9000', token: secret, requestsPerSecond: 1000 };
  expect(checkSettings(sentinelone, fast, ['localhost:9000'])).toMatchObject({ requestsPerSecond: 1000 });
});

test('forms and Tailscale’s API are told what the fields are', () => {
  expect(
    settingsFields(sentinelone).map(({ name, label, isSecret, tailscale }) => [name, label, isSecret, tailscale]),
  ).toEqual([
    ['url', 'SentinelOne URL', false, 'cloudId'],
    ['token', 'API Token', true, 'clientSecret'],
    ['requestsPerSecond', 'Requests per second', false, null],
    ['siteIds', 'Site ids', false, null],
    ['accountIds', 'Account ids', false, null],
  ]);
});
