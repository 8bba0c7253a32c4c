// What SentinelOne's refusals mean, in all the shapes in which they come, and that nothing of the token is in them.
import nock from 'nock';
import { describe, expect, test } from 'vitest';
import type { ProviderErrorKind } from '../../src/errors.ts';
import { answerAgents, ask, consoleUrl, page, rows } from './console.ts';
import { allOf, failureOf, openWay, secret } from './support.ts';

/** The console answers /agents like this, however often it is asked. */
function refuse(status: number, body: nock.Body, headers: Record<string, string> = {}): nock.Scope {
  return nock(consoleUrl).persist().get('/web/api/v2.1/agents').query(true).reply(status, body, headers);
}

function problem(code: number, title: string, detail: string | null = null) {
  return { errors: [{ code, title, detail }] };
}

async function failure(status: number, body: nock.Body, headers: Record<string, string> = {}) {
  refuse(status, body, headers);
  const { error, pages } = await ask();
  expect(pages).toEqual([]);
  expect(allOf(error)).not.toContain(secret);
  return error;
}

const html = '<html><head><title>Sign in &amp; go</title></head><body><h1>Please wait</h1></body></html>';

describe('the kind of a failure', () => {
  const cases: [number, nock.Body, ProviderErrorKind][] = [
    [401, problem(4010010, 'Authentication Failed'), 'auth'],
    [401, { errors: [{ title: 'An error occurred.' }] }, 'auth'],
    [401, { message: 'Unauthorized' }, 'auth'],
    [401, '', 'auth'],
    [401, '{"errors":[{"code":4010010,"title":"Authentication Failed"}]}<html>', 'auth'],
    [401, html, 'unavailable'],
    [401, 'proxy authorization needed', 'unavailable'],
    [403, problem(4030010, 'Insufficient permissions', 'User does not have required permissions.'), 'permission'],
    [403, { errors: [{ code: '4030010' }] }, 'permission'],
    [403, problem(4030099, 'Something else'), 'unavailable'],
    [403, html, 'unavailable'],
    [403, '', 'unavailable'],
    [400, problem(4000040, 'Validation Error', 'siteIds: Not a valid site id.'), 'settings'],
    [400, problem(4000040, 'Validation Error', 'accountIds: unknown'), 'settings'],
    [400, problem(4000040, 'Validation Error', "dict_values(['sortBy']): Unknown field"), 'malformed'],
    [400, html, 'unavailable'],
    [404, problem(4040010, 'Requested resource was not found'), 'unavailable'],
    [404, '404 page not found', 'unavailable'],
    [408, '', 'unavailable'],
    [418, 'teapot', 'unavailable'],
    [429, '<html><head><title>429 Too Many Requests</title></head></html>', 'throttled'],
    [500, problem(5000010, 'Internal server error'), 'unavailable'],
    [501, problem(5010010, 'Not supported'), 'unavailable'],
    [502, '<html><title>502 Bad Gateway</title></html>', 'unavailable'],
    [503, problem(5030010, 'Service unavailable'), 'unavailable'],
    [200, html, 'unavailable'],
    [200, 'all is well', 'malformed'],
    [200, '', 'malformed'],
    [200, '{"data": [', 'malformed'],
    [200, 'null', 'malformed'],
    [200, '[1]', 'malformed'],
    [200, {}, 'malformed'],
    [200, { data: {}, pagination: {} }, 'malformed'],
    [200, { data: [] }, 'malformed'],
    [200, { data: [], pagination: { nextCursor: 7 } }, 'malformed'],
    [200, { ...page([]), errors: [{ code: 4030010, title: 'Insufficient permissions' }] }, 'permission'],
    [200, { ...page([]), errors: [{ code: 5000010, title: 'Internal server error' }] }, 'unavailable'],
    [200, { ...page([]), errors: ['odd'] }, 'malformed'],
    [204, '', 'unavailable'],
  ];
  test.each(cases)('a %i with %j is %s', async (status, body, kind) => {
    expect(await failure(status, body)).toMatchObject({ kind, status });
  });

  test('a 200 whose errors are empty is a page', async () => {
    answerAgents({ ...page(rows(1), null, 1), errors: [] });
    expect(await ask()).toMatchObject({ error: null, ids: ['1000000000000000001'] });
  });
});

describe('what a failure tells', () => {
  test('title, detail, code and request id', async () => {
    const body = problem(4030010, 'Insufficient permissions', 'Action is not allowed to site users.');
    const error = await failure(403, body, { 'X-RQID': 'abc-123' });
    expect(error).toMatchObject({
      code: '4030010',
      requestId: 'abc-123',
      detail: 'Action is not allowed to site users.',
      message:
        'SentinelOne answered 403: Insufficient permissions. Action is not allowed to site users (code 4030010, request abc-123)',
    });
  });

  test.each([
    ['newer services', { errors: [{ code: 500, message: 'broken' }] }, 'broken (code 500)'],
    ['error alone', { error: 'went wrong' }, 'went wrong'],
    ['message and status', { message: 'went wrong', status: 500 }, 'went wrong'],
    ['Spring', { timestamp: 1, status: 500, error: 'Internal', message: 'why', path: '/x' }, 'Internal. why'],
    ['an error object', { error: { code: 7, message: 'deep' } }, 'deep (code 7)'],
    ['errors as texts', { errors: ['first', 'second'] }, 'first'],
    ['an error that is null', { errors: [null] }, null],
    ['text', 'upstream connect error\nreset', 'upstream connect error reset'],
    ['HTML without a title', '<style>a{}</style><p>We are <b>down</b></p>', 'We are down'],
    ['JSON with HTML appended', '{"errors":[{"code":5000010,"title":"Oops"}]}<html>', 'Oops (code 5000010)'],
    ['nothing', '', null],
  ])('is read from %s', async (_, body, said) => {
    const error = await failure(500, body as nock.Body);
    expect(error).toHaveProperty('message', `SentinelOne answered 500${said === null ? '' : `: ${said}`}`);
  });

  test('is short, however long the body is', async () => {
    const error = (await failure(500, problem(5000010, 'x'.repeat(100_000)))) as Error;
    expect(error.message.length).toBeLessThan(400);
  });

  test('is free of control characters, which no database column and no terminal should get', async () => {
    const error = (await failure(500, problem(5000010, 'a\u0000b\u001b[31m', 'half \ud800 a character'))) as Error;
    expect(error.message).toBe('SentinelOne answered 500: a b [31m. half \uFFFD a character (code 5000010)');
  });

  test('is no excerpt of agents, where a page cannot be read', async () => {
    const error = await failure(200, '{"data": [{"computerName": "Ada');
    expect(error).toHaveProperty('message', 'SentinelOne answered 200: no JSON that can be read');
  });

  test('a token that the console echoes is struck out', async () => {
    const echo = `bad header: ApiToken ${secret}`;
    for (const body of [problem(4010010, echo, echo), echo, `<title>${echo}</title>`, { error: echo }]) {
      expect(await failure(401, body as nock.Body)).toHaveProperty('message', expect.stringContaining('[secret]'));
      nock.cleanAll();
    }
  });
});

describe('Retry-After', () => {
  test('in seconds is handed on', async () => {
    const error = await failure(429, '<html>slow down</html>', { 'Retry-After': '90' });
    expect(error).toMatchObject({ kind: 'throttled', retryAfterMs: 90_000 });
  });

  test('as a date is handed on, and of more than a day a day', async () => {
    const near = await failure(503, '', { 'Retry-After': 'Fri, 20 Nov 2026 12:01:30 GMT' });
    expect(near).toMatchObject({ kind: 'unavailable', retryAfterMs: 90_000 });
    nock.cleanAll();
    const error = await failure(503, '', { 'Retry-After': 'Fri, 20 Nov 2099 12:01:30 GMT' });
    expect(error).toMatchObject({ kind: 'unavailable', retryAfterMs: 24 * 3_600_000 });
  });

  test('that is absent or odd is none', async () => {
    expect(await failure(429, '')).toMatchObject({ kind: 'throttled', retryAfterMs: null });
    nock.cleanAll();
    expect(await failure(429, '', { 'Retry-After': 'soon' })).toMatchObject({ retryAfterMs: null });
  });
});

test('a failure of TLS has no hint at http:// where that would be refused', async () => {
  nock(consoleUrl)
    .persist()
    .get('/x')
    .replyWithError(Object.assign(new Error('wrong version number'), { code: 'EPROTO' }));
  const way = openWay(consoleUrl, { allowedHosts: [], requestsPerSecond: 25 });
  const { message } = await failureOf(way.request({ path: '/x', headers: {} }, new AbortController().signal));
  expect(message).toBe(`${consoleUrl} cannot be reached (EPROTO)`);
});

test('pages before a failure have been given', async () => {
  answerAgents(page(rows(2), 'a', 4));
  refuse(403, problem(4030010, 'Insufficient permissions'));
  expect(await ask()).toMatchObject({ ids: [expect.any(String), expect.any(String)], error: { kind: 'permission' } });
});
