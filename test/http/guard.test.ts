// Who may ask what, on a listening server with real keys: without a key, with one that does not hold, with one that lacks
// a scope; Basic and Bearer; limits; what refusals leave in the audit log, and what no log ever has.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { noKey } from '../../src/http/guard.ts';
import { createLimiter, requestLimits } from '../../src/http/limits.ts';
import { networkOf } from '../../src/http/networks.ts';
import { revokeApiKey } from '../../src/operations/keys.ts';
import { newApiKey } from '../../src/posture/api-keys.ts';
import { scopes } from '../../src/posture/scopes.ts';
import { basic, startService, type TestService } from '../support/http.ts';
import { seeded } from '../support/random.ts';
import { tester } from '../support/world.ts';

const minute = 60_000;
const bootstrapKey = 'chosen:by/people-0123456789';

/** A clock that a test turns. */
function turned() {
  let at = new Date('2026-03-01T00:00:00.000Z').getTime();
  const pass = (ms: number) => {
    at += ms;
  };
  return { now: () => new Date(at), pass };
}

/** All that a client can tell answers apart by. */
async function told(answer: Response): Promise<unknown> {
  const headers = Object.fromEntries(answer.headers);
  for (const name of ['date', 'x-request-id', 'connection', 'keep-alive']) delete headers[name];
  return { status: answer.status, headers, body: await answer.text() };
}

async function revoke({ database }: TestService, name: string): Promise<void> {
  await revokeApiKey({ db: database.pool, now: () => new Date(), actor: tester }, name);
}

afterEach(() => vi.restoreAllMocks());

describe('a key', () => {
  test('is taken as bearer token and as user name with an empty password, in any case of the scheme', async () => {
    const it = await startService();
    const key = await it.key('nginx', ['gateway:decide'], 90 * 86_400_000);
    for (const authorization of [
      `Bearer ${key}`,
      `bearer  ${key} `,
      basic(key),
      basic(key).replace('Basic', 'BASIC'),
    ]) {
      const answer = await it.get('/gateway/whoami', { authorization });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toEqual({
        key: {
          id: key.slice(6, 18),
          name: 'nginx',
          scopes: ['gateway:decide'],
          expiresAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/),
        },
      });
    }
  });

  test('that is missing, wrong, revoked or expired gets one and the same answer', async () => {
    const clock = turned();
    const it = await startService({ now: clock.now });
    const keys = {
      good: await it.key('good', ['all']),
      revoked: await it.key('revoked', ['all']),
      expired: await it.key('expired', ['all'], minute),
    };
    await revoke(it, 'revoked');
    clock.pass(minute);
    await expect.poll(async () => (await it.as(keys.revoked)).status).toBe(401);
    expect((await it.as(keys.good)).status).toBe(200);
    const known = keys.good.slice(0, 19);
    const wrong = [
      keys.revoked,
      keys.expired,
      newApiKey().key,
      `${known}${'A'.repeat(43)}`,
      keys.good.slice(0, -1),
      known,
      'x',
    ];
    const first = await told(await it.get('/gateway/whoami'));
    expect(first).toMatchObject({
      status: 401,
      headers: { 'www-authenticate': 'Bearer realm="posture-sync"', 'content-type': 'application/json; charset=utf-8' },
    });
    expect(Object.keys(JSON.parse((first as { body: string }).body))).toEqual(['message']);
    for (const key of wrong) {
      expect([key, await told(await it.as(key))]).toEqual([key, first]);
      expect([key, await told(await it.get('/gateway/whoami', { authorization: basic(key) }))]).toEqual([key, first]);
    }
    expect(await told(await it.get('/gateway/whoami', { authorization: basic(keys.good, 'password') }))).toEqual(first);
  });

  test('is needed for everything but health, readiness and /.well-known/, also where there is nothing', async () => {
    const it = await startService({
      routes: server => {
        server.get('/.well-known/something', { config: { scope: noKey } }, async () => ({}));
      },
    });
    for (const path of ['/healthz', '/readyz', '/.well-known/something'])
      expect([path, (await it.get(path)).status]).toEqual([path, 200]);
    for (const path of ['/', '/gateway/whoami', '/needs/decide', '/nope', '/.well-known/nope', '/healthz/', '//readyz'])
      expect([path, (await it.get(path)).status]).toEqual([path, 401]);
    for (const method of ['HEAD', 'POST', 'DELETE', 'OPTIONS'])
      expect([method, (await fetch(`${it.url}/gateway/whoami`, { method })).status]).toEqual([method, 401]);
    const key = await it.key('k', ['gateway:decide']);
    expect((await it.as(key, '/nope')).status).toBe(404);
  });

  test('lets do what its scopes include, and is told which one is missing', async () => {
    const it = await startService();
    const status = async (key: string) => [
      (await it.as(key, '/needs/decide')).status,
      (await it.as(key, '/needs/devices')).status,
    ];
    expect(await status(await it.key('a', ['gateway:decide']))).toEqual([200, 403]);
    expect(await status(await it.key('b', ['devices:core']))).toEqual([403, 200]);
    expect(await status(await it.key('c', ['all:read']))).toEqual([403, 200]);
    expect(await status(await it.key('d', ['all']))).toEqual([200, 200]);
    expect(await status(await it.key('e', ['gateway:decide', 'devices:core:read']))).toEqual([200, 200]);
    const refused = await it.as(await it.key('f', ['gateway:decide']), '/needs/devices');
    expect(await refused.json()).toEqual({ message: 'the key lacks the scope "devices:core:read"' });
    expect(refused.headers.get('www-authenticate')).toBeNull();
  });

  test('of BOOTSTRAP_API_KEY does everything from the first start and is stored nowhere', async () => {
    const it = await startService({ bootstrapKey });
    for (const authorization of [`Bearer ${bootstrapKey}`, basic(bootstrapKey)]) {
      for (const path of ['/needs/decide', '/needs/devices'])
        expect((await it.get(path, { authorization })).status).toBe(200);
      expect(await (await it.get('/gateway/whoami', { authorization })).json()).toEqual({
        key: { id: 'bootstrap', name: 'BOOTSTRAP_API_KEY', scopes: ['all'], expiresAt: null },
      });
    }
    expect((await it.as(`${bootstrapKey}x`)).status).toBe(401);
    await it.keys.flush();
    expect((await it.database.pool.query('select from api_keys')).rowCount).toBe(0);
    const other = await startService({ database: it.database });
    expect((await other.as(bootstrapKey)).status).toBe(401);
  });
});

test('a body that is too large is refused on the wire, whether its length is told or not', async () => {
  const it = await startService();
  const key = await it.key('k', ['all']);
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
  const body = JSON.stringify('x'.repeat(3 * 1024 * 1024));
  const post = (sent: RequestInit) => fetch(`${it.url}/body`, { method: 'POST', headers, ...sent });
  const streamed = () => ({ body: new Blob([body]).stream(), duplex: 'half' }) as RequestInit;
  for (const sent of [{ body }, streamed()]) {
    const answer = await post(sent);
    expect([answer.status, await answer.json()]).toEqual([413, { message: 'Request body is too large' }]);
    expect(answer.headers.get('x-request-id')).toMatch(/./);
  }
  // Who has no key is refused before anything is read.
  expect((await fetch(`${it.url}/body`, { method: 'POST', body: '{' })).status).toBe(401);
  expect(await (await post({ body: '{"a":1}' })).json()).toEqual({ body: { a: 1 } });
});

test('no Authorization header, however malformed, gets in or breaks anything', () =>
  seeded(20_261_121, async random => {
    const it = await startService({ limiter: { take: () => 0 } });
    const key = await it.key('nginx', ['all']);
    const pieces = ['Bearer', 'Basic', 'Digest', ' ', '  ', ':', '=', ',', '"', '\t', '\u00e9', key, key.slice(0, 30)];
    pieces.push(
      basic(key),
      basic(key, 'x'),
      Buffer.from(key).toString('base64'),
      'A'.repeat(9_000),
      'null',
      '%00',
      '-',
    );
    for (let n = 0; n < 400; n++) {
      const parts = Array.from({ length: 1 + random.below(5) }, () => random.pick(pieces));
      const authorization = parts.join(random.pick(['', ' '])).slice(0, 12_000);
      const isRight = [`Bearer ${key}`, basic(key)].includes(authorization.trim().replace(/ +/g, ' '));
      const answer = await it.get('/gateway/whoami', { authorization });
      expect([authorization, answer.status]).toEqual([authorization, isRight ? 200 : 401]);
      expect(Object.keys((await answer.json()) as object)).toEqual([isRight ? 'key' : 'message']);
    }
    expect(it.logged.filter(line => JSON.parse(line).level >= 40)).toEqual([]);
  }));

describe('refusals', () => {
  test('make one event a key and scope a minute, with a count', async () => {
    const clock = turned();
    const it = await startService({ now: clock.now });
    const [key, id] = await it.key('nginx', ['gateway:decide']).then(made => [made, made.slice(6, 18)] as const);
    await it.refusals.flush();
    const known = (await it.events('FAILED_REQUEST')).length;
    const events = async () => (await it.events('FAILED_REQUEST')).slice(known);
    const since = clock.now().toISOString();
    for (let n = 0; n < 3; n++) await it.as(key, '/needs/devices');
    clock.pass(30_000);
    for (let n = 0; n < 2; n++) await it.as(key, '/needs/devices');
    await it.as(newApiKey().key);
    await it.get('/nope');
    await it.get('/nope', { authorization: 'x' });
    await it.refusals.flush();
    const until = clock.now().toISOString();
    const networks = ['127.0.0.0/24'];
    expect(await events()).toEqual([
      expect.objectContaining({
        event: 'FAILED_REQUEST.UPDATE',
        actor: { id: `key:${id}`, type: 'OAUTH_CLIENT', loginName: 'nginx', displayName: 'nginx' },
        target: { id, name: 'nginx', type: 'FAILED_REQUEST' },
        new: { scope: 'devices:core:read', count: 5, since, until, networks },
      }),
      expect.objectContaining({
        event: 'FAILED_REQUEST.AUTHENTICATE',
        actor: expect.objectContaining({ id: 'unknown' }),
        target: { id: '127.0.0.0/24', name: 'unknown key', type: 'FAILED_REQUEST' },
        new: { reasons: { unknown: 1, missing: 1, malformed: 1 }, count: 3, since: until, until, networks },
      }),
    ]);
    await it.refusals.flush();
    expect(await events()).toHaveLength(2);
  });

  test('of a key that no longer holds are told of that key, and why', async () => {
    const it = await startService();
    const key = await it.key('old', ['all']);
    await revoke(it, 'old');
    await expect.poll(async () => (await it.as(key)).status).toBe(401);
    await it.refusals.flush();
    const events = await it.events('FAILED_REQUEST.AUTHENTICATE');
    expect(events.filter(({ target }) => target.name === 'old')).toEqual([
      expect.objectContaining({ new: expect.objectContaining({ reasons: { revoked: expect.any(Number) } }) }),
    ]);
  });

  test('from many networks are told of some, and of the rest together', async () => {
    const it = await startService({ trustedProxies: ['127.0.0.1'] });
    for (let n = 0; n < 60; n++) await it.get('/', { 'x-forwarded-for': `192.0.${n}.1` });
    await it.refusals.flush();
    const events = await it.events('FAILED_REQUEST.AUTHENTICATE');
    const counts = events.map(entry => [entry.target.id, (entry.new as { count: number }).count]);
    expect(counts).toHaveLength(21);
    expect(counts[0]).toEqual(['192.0.0.0/24', 1]);
    expect(counts.at(-1)).toEqual(['other networks', 40]);
  });

  test('that cannot be audited are logged instead, and kept no longer', async () => {
    const it = await startService();
    await it.database.pool.query('alter table audit_log rename to away');
    await it.get('/');
    await it.refusals.flush();
    await it.database.pool.query('alter table away rename to audit_log');
    await it.refusals.flush();
    expect(await it.events('FAILED_REQUEST')).toEqual([]);
    expect(it.logged.map(line => JSON.parse(line))).toContainEqual(
      expect.objectContaining({
        msg: 'refused requests were not audited',
        refused: [expect.objectContaining({ count: 1 })],
      }),
    );
  });
});

describe('limits', () => {
  test('refuse with 429 and Retry-After until the window is over, each key apart', async () => {
    let at = 0;
    const limiter = createLimiter(() => at);
    const it = await startService({ limiter });
    const [one, two] = [await it.key('one', ['all']), await it.key('two', ['all'])];
    const idOf = (key: string) => key.slice(6, 18);
    at += 10_000;
    for (let n = 0; n < requestLimits.perKey; n++) limiter.take(idOf(one), requestLimits.perKey);
    at += 2_500;
    const refused = await it.as(one);
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toEqual([
      429,
      '8',
      { message: 'too many requests: retry in 8 s' },
    ]);
    expect(refused.headers.get('x-request-id')).toMatch(/./);
    expect((await it.as(two)).status).toBe(200);
    at += 7_500;
    expect((await it.as(one)).status).toBe(200);
  });

  test('of gateways are wider, and those without a key that holds are counted by network', async () => {
    const asked: [string, number][] = [];
    const it = await startService({
      limiter: {
        take: (who, most) => {
          asked.push([who, most]);
          return 0;
        },
      },
    });
    const key = await it.key('k', ['all']);
    asked.length = 0;
    await it.as(key, '/needs/decide');
    await it.as(key, '/needs/devices');
    await it.as(key, '/nope');
    await it.as(newApiKey().key);
    await it.get('/');
    for (const probe of ['/healthz', '/readyz']) await it.get(probe);
    const id = key.slice(6, 18);
    expect(asked).toEqual([
      [id, requestLimits.perGatewayKey],
      [id, requestLimits.perKey],
      [id, requestLimits.perKey],
      ['127.0.0.0/24', requestLimits.perNetwork],
      ['127.0.0.0/24', requestLimits.perNetwork],
    ]);
  });

  test('count in bounded memory, and forget who was counted longest ago', () => {
    let at = 0;
    const { take } = createLimiter(() => at);
    expect([take('first', 1), take('first', 1), take('first', 1)]).toEqual([0, 10, 10]);
    at += 9_999.5;
    expect(take('first', 1)).toBe(1);
    for (let n = 0; n < 20_000; n++) take(`network ${n}`, 1);
    expect(take('first', 1)).toBe(0);
  });

  test.each([
    ['192.0.2.17', '192.0.2.0/24'],
    ['::ffff:192.0.2.17', '192.0.2.0/24'],
    ['2001:db8:1:2::3', '2001:db8:1::/48'],
    ['::1', '::/48'],
    ['nonsense', 'unknown'],
  ])('the network of %s is %s', (address, network) => expect(networkOf(address)).toBe(network));
});

test('a presented key is in no log line, answer, audit entry or column, whether it holds or not', async () => {
  const it = await startService({
    bootstrapKey,
    routes: server => {
      server.get('/fails', { config: { scope: 'all' } }, async request => {
        throw Object.assign(new Error('broken'), { headers: request.headers });
      });
    },
  });
  const keys = [await it.key('good', ['all']), await it.key('gone', ['all']), newApiKey().key, bootstrapKey];
  let answers = '';
  for (const key of [...keys, 'planted-0123456789 malformed']) {
    for (const authorization of [`Bearer ${key}`, basic(key), basic(key, key), key]) {
      for (const path of ['/gateway/whoami', '/fails', '/nope']) {
        const answer = await it.get(path, { authorization });
        answers += JSON.stringify([...answer.headers]) + (await answer.text());
      }
    }
  }
  await revoke(it, 'gone');
  await Promise.all([it.refusals.flush(), it.keys.flush()]);
  const { pool } = it.database;
  const columns = await pool.query(
    'select k::text as text from api_keys k union all select a::text from audit_log a union all select r::text from revisions r',
  );
  const everything = [answers, ...it.logged, ...columns.rows.map(({ text }) => text)].join('\n');
  expect(everything).toContain('FAILED_REQUEST');
  expect(everything).toContain('a request failed');
  for (const key of keys) {
    const secret = key.startsWith('pskey-') ? key.slice(19) : key;
    for (const form of [secret, Buffer.from(key).toString('base64').slice(0, 36), Buffer.from(secret).toString('hex')])
      expect(everything.includes(form), form).toBe(false);
  }
  expect(everything).not.toContain('planted');
});

test('every scope can be needed by a route', async () => {
  const it = await startService({
    bootstrapKey,
    routes: server => {
      for (const [n, scope] of scopes.entries()) server.get(`/of/${n}`, { config: { scope } }, async () => ({}));
    },
  });
  for (const n of scopes.keys()) expect((await it.as(bootstrapKey, `/of/${n}`)).status).toBe(200);
});
