// Signing in to the pages with a key or a one-time link, on a listening service: what the cookie is, what it lets do and where, when it
// ends, in every process, and what the audit log has of it.
import { expect, it, vi } from 'vitest';
import { requestLimits } from '../../src/http/limits.ts';
import { revokeApiKey } from '../../src/operations/keys.ts';
import { createSignInLink } from '../../src/operations/sessions.ts';
import { apiKeyHash } from '../../src/posture/api-keys.ts';
import { isSignInCode, pageToShow } from '../../src/posture/sign-in.ts';
import { purgeSessions } from '../../src/store/sessions.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { freshDatabase } from '../support/database.ts';
import { tester } from '../support/world.ts';

const session = '/api/v2/session';
const devices = '/api/v2/tailnet/-/devices';
const own = { 'sec-fetch-site': 'same-origin' };
const hour = 3_600_000;

/** As a browser asks: with a cookie, and no key. */
function browser(api: Pick<TestApi, 'service'>, cookie: string) {
  return async (method: string, path: string, headers: Record<string, string> = own, body?: object) => {
    const sent =
      body === undefined ? {} : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } };
    const answer = await fetch(`${api.service.url}${path}`, {
      ...{ method, redirect: 'manual', ...sent },
      headers: { ...sent.headers, cookie, ...headers },
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text.startsWith('{') ? JSON.parse(text) : text };
  };
}

async function signIn(api: Pick<TestApi, 'service'>, credentials: object, headers: Record<string, string> = own) {
  const answer = await browser(api, '')('POST', session, headers, credentials);
  const given = answer.headers.get('set-cookie') ?? '';
  return { ...answer, given, cookie: given.split(';')[0] ?? '' };
}

const tokenOf = (cookie: string) => cookie.split('=')[1] ?? '';

it('gives a cookie that no script can read, that goes to this service alone, and tells who is signed in', async () => {
  const api = await startApi({ publicUrl: 'https://posture.example.com/tenant1' });
  const key = await api.keyFor('devices:core', 'policy_file:read');
  const { status, body, given, cookie } = await signIn(api, { key: ` ${key} ` });
  expect(status).toBe(200);
  expect(given).toMatch(
    /^posture_sync_session=[0-9A-Za-z]{43}; Path=\/tenant1; Expires=[^;]+GMT; HttpOnly; Secure; SameSite=Strict$/,
  );
  expect(Date.parse(/Expires=([^;]+)/.exec(given)?.[1] ?? '') - Date.now()).toBeGreaterThan(11.9 * hour);
  const who = {
    ...{ id: `key:${key.slice(6, 18)}`, name: expect.any(String), displayName: body.name, kind: 'key', role: null },
    ...{ scopes: ['devices:core', 'devices:core:read', 'policy_file:read'], expiresAt: expect.any(String) },
  };
  expect(body).toEqual(who);
  expect(await browser(api, cookie)('GET', session)).toMatchObject({ status: 200, body: who });
  expect((await browser(api, '')('GET', session)).status).toBe(401);
  // What it may read is kept by nobody in between, and is not there any more after signing out.
  for (const path of [session, devices])
    expect((await browser(api, cookie)('GET', path)).headers.get('cache-control'), path).toBe('no-store');
  // By http, and at the top, as on one's own machine.
  const plain = await startApi({ publicUrl: 'http://127.0.0.1:8080', database: api.service.database, key: api.key });
  expect((await signIn(plain, { key })).given).toMatch(/; Path=\/; Expires=[^;]+; HttpOnly; SameSite=Strict$/);
});

it('lets do what its key may do, in the name of that key, and nothing for gateways', async () => {
  const api = await startApi();
  const ask = browser(api, (await signIn(api, { key: await api.keyFor('devices:core', 'gateway:decide') })).cookie);
  expect((await ask('POST', devices, own, { id: 'lt-1' })).status).toBe(200);
  const refused = await ask('GET', '/api/v2/tailnet/-/acl');
  expect([refused.status, refused.body]).toEqual([403, { message: 'the key lacks the scope "policy_file:read"' }]);
  expect((await ask('GET', '/docs')).status).toBe(200);
  expect((await ask('GET', '/openapi.json')).status).toBe(200);
  for (const path of ['/gateway/whoami', '/needs/decide', '/nothing'])
    expect([path, (await ask('GET', path)).status]).toEqual([path, 401]);
  // What is sent as a key wins, whether it holds or not.
  expect((await ask('GET', session, { authorization: 'Bearer psk_wrong' })).status).toBe(401);
  expect((await ask('GET', session, { authorization: `Bearer ${api.key}` })).body).toMatchObject({ name: 'admin' });
  const [made] = await api.service.events('NODE.CREATE');
  expect(made).toMatchObject({
    origin: 'ADMIN_CONSOLE',
    actor: { type: 'OAUTH_CLIENT', id: expect.stringMatching(/^key:/) },
  });
  await api.service.refusals.flush();
  const [noted] = await api.service.events('FAILED_REQUEST.UPDATE');
  expect(noted).toMatchObject({ actor: made?.actor, new: { scope: 'policy_file:read' } });
});

it('changes nothing where a page of another site, or nobody knows what, sends the cookie', async () => {
  const api = await startApi();
  const ask = browser(api, (await signIn(api, { key: api.key })).cookie);
  const status = async (headers: Record<string, string>) =>
    (await ask('POST', devices, headers, { id: 'lt-1' })).status;
  for (const headers of [
    ...[{}, { 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { 'sec-fetch-site': 'none' }],
    ...[{ origin: 'https://evil.example.com' }, { origin: 'null' }, { origin: 'https://posture.example.com.evil.com' }],
    { 'sec-fetch-site': 'cross-site', origin: 'https://posture.example.com' },
  ] as Record<string, string>[])
    expect([headers, await status(headers)]).toEqual([headers, 403]);
  expect((await ask('DELETE', session, {})).status).toBe(403);
  expect((await ask('GET', devices, { 'sec-fetch-site': 'cross-site' })).body.devices).toEqual([]);
  expect(await status({ origin: 'https://posture.example.com' })).toBe(200);
  expect((await ask('POST', devices, { origin: api.service.url }, { id: 'lt-2' })).status).toBe(200);
  expect((await ask('POST', devices, own, { id: 'lt-3' })).status).toBe(200);
  // Nor is anybody signed in from elsewhere, to have them work in another's name.
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { origin: 'https://evil.example.com' }] as Record<
    string,
    string
  >[])
    expect((await signIn(api, { key: api.key }, headers)).status).toBe(403);
  expect((await signIn(api, { key: api.key }, {})).status).toBe(200);
});

it('ends at once and in every process when somebody signs out, and there is an entry for each', async () => {
  const database = await freshDatabase();
  const [here, there] = [await startApi({ database }), await startApi({ database, key: '' })];
  const { cookie } = await signIn(here, { key: here.key });
  const other = (await signIn(here, { key: here.key })).cookie;
  const [ask, elsewhere] = [browser(here, cookie), browser(there, cookie)];
  // At once there too, where nobody has seen it yet.
  expect((await elsewhere('GET', session)).status).toBe(200);
  const before = here.service.refusals.counts();
  const out = await ask('DELETE', session);
  expect([out.status, out.headers.get('set-cookie')]).toEqual([
    200,
    expect.stringMatching(/^posture_sync_session=; .*Max-Age=0/),
  ]);
  const ended = await ask('GET', session);
  expect([ended.status, ended.body]).toEqual([401, { message: 'you are not signed in any more: sign in again' }]);
  await expect.poll(async () => (await elsewhere('GET', session)).status).toBe(401);
  expect((await ask('DELETE', session)).status).toBe(401);
  expect((await browser(there, other)('GET', session)).status).toBe(200);
  const told = (await here.service.events('USER')).map(({ event, origin, actor, target }) => [
    event,
    origin,
    actor.loginName,
    target.type,
  ]);
  const entry = ['ADMIN_CONSOLE', 'admin', 'USER'];
  expect(told).toEqual([
    ['USER.LOGIN', ...entry],
    ['USER.LOGIN', ...entry],
    ['USER.LOGOUT', ...entry],
  ]);
  // Sessions that have ended are no attack, and fill no log.
  expect(here.service.refusals.counts()).toEqual(before);
});

it('ends within a second in every process when its key is revoked, and when that expires', async () => {
  let at = Date.parse('2026-03-01T00:00:00Z');
  const now = () => new Date(at);
  const database = await freshDatabase();
  const [here, there] = [await startApi({ database, now }), await startApi({ database, now, key: '' })];
  const revoked = (await signIn(here, { key: await here.service.key('short', ['all:read']) })).cookie;
  const short = await signIn(here, { key: await here.service.key('shorter', ['all:read'], hour) });
  const long = (await signIn(here, { key: here.key })).cookie;
  expect(short.body.expiresAt).toBe('2026-03-01T01:00:00.000Z');
  // The key was made a moment ago, in the other process.
  await expect.poll(async () => (await browser(there, revoked)('GET', session)).status).toBe(200);
  await revokeApiKey({ db: database.pool, now, actor: tester }, 'short');
  for (const api of [here, there])
    await expect.poll(async () => (await browser(api, revoked)('GET', session)).status).toBe(401);
  at += hour;
  expect((await browser(here, short.cookie)('GET', session)).status).toBe(401);
  expect((await browser(here, long)('GET', session)).status).toBe(200);
  at += 11 * hour;
  expect((await browser(here, long)('GET', session)).status).toBe(401);
  await purgeSessions(database.pool, now());
  expect((await database.pool.query('select from sessions')).rowCount).toBe(0);
});

it('made by BOOTSTRAP_API_KEY ends with that key, of which nothing is stored', async () => {
  const bootstrapKey = 'chosen:by/people-0123456789';
  const database = await freshDatabase();
  const [before, same, after] = await Promise.all(
    [bootstrapKey, bootstrapKey, `${bootstrapKey}!`].map(key => startApi({ database, bootstrapKey: key, key: '' })),
  );
  const { cookie, body } = await signIn(before as TestApi, { key: bootstrapKey });
  expect(body).toMatchObject({ name: 'BOOTSTRAP_API_KEY', scopes: expect.arrayContaining(['all']) });
  expect((await browser(same as TestApi, cookie)('GET', session)).status).toBe(200);
  expect((await browser(after as TestApi, cookie)('GET', session)).status).toBe(401);
  const { rows } = await database.pool.query(
    "select encode(hash, 'hex') as hash, key_proof::text as proof from sessions",
  );
  expect(JSON.stringify(rows)).not.toContain(apiKeyHash(bootstrapKey).toString('hex'));
});

it('costs no query where it was seen before', async () => {
  const api = await startApi();
  const { pool } = api.service.database;
  const ask = browser(api, (await signIn(api, { key: api.key })).cookie);
  const asked = [vi.spyOn(pool, 'query'), vi.spyOn(pool, 'connect')];
  for (let i = 0; i < 20; i++) expect((await ask('GET', session)).status).toBe(200);
  expect(asked.map(spy => spy.mock.calls.length)).toEqual([0, 0]);
});

it('has its token nowhere but in the cookie', async () => {
  const api = await startApi();
  const { cookie } = await signIn(api, { key: api.key });
  await browser(api, cookie)('GET', devices);
  const { rows } = await api.service.database.pool.query('select to_jsonb(s) as row from sessions s');
  const { rows: log } = await api.service.database.pool.query('select to_jsonb(a) as row from audit_log a');
  const everything = JSON.stringify([rows, log, api.lines, api.service.logged]);
  expect(isSignInCode(tokenOf(cookie))).toBe(true);
  expect(everything).not.toContain(tokenOf(cookie));
  expect(everything).not.toContain(Buffer.from(tokenOf(cookie)).toString('hex'));
  expect(everything).not.toContain(api.key.slice(19));
});

it('is refused to whoever has no key that holds, in one and the same answer, which is noted', async () => {
  const api = await startApi();
  const { database } = api.service;
  const key = await api.keyFor('all:read');
  await revokeApiKey({ db: database.pool, now: () => new Date(), actor: tester }, key.slice(6, 18));
  await expect.poll(async () => (await signIn(api, { key })).status).toBe(401);
  const refused = [await signIn(api, { key }), await signIn(api, { key: 'x' }), await signIn(api, { key: `${key}x` })];
  for (const { status, body, given } of refused) expect([status, body, given]).toEqual([401, refused[0]?.body, '']);
  expect(refused[0]?.body.message).toContain('posture-sync key create');
  for (const body of [{}, { key: '' }, { key, link: key }, { link: 7 }, []])
    expect([body, (await signIn(api, body)).status]).toEqual([body, 400]);
  await api.service.refusals.flush();
  expect((await api.service.events('FAILED_REQUEST.AUTHENTICATE')).length).toBeGreaterThan(0);
});

it('is asked for by the pages also where nobody is signed in, which is no entry of the audit log', async () => {
  const api = await startApi();
  expect((await browser(api, '')('GET', session)).status).toBe(401);
  expect((await browser(api, '')('GET', devices)).status).toBe(401);
  await api.service.refusals.flush();
  // The second one, and those of who waits until a new key is known.
  const [entry] = await api.service.events('FAILED_REQUEST');
  expect(entry?.new).toMatchObject({ reasons: { missing: 1 } });
});

it('may be tried so often and no more, and a cookie that somebody made up is none', async () => {
  const api = await startApi();
  for (const cookie of [
    '',
    'posture_sync_session=',
    'posture_sync_session=x',
    `posture_sync_session=${'a'.repeat(43)}`,
    `other=${'a'.repeat(43)}`,
  ])
    expect([cookie, (await browser(api, cookie)('GET', session)).status]).toEqual([cookie, 401]);
  // At once: they are counted over ten seconds.
  const tries = Array.from({ length: requestLimits.signInsPerNetwork + 1 }, () => signIn(api, { key: 'x' }));
  const statuses = (await Promise.all(tries)).map(({ status }) => status);
  expect(new Set(statuses)).toEqual(new Set([401, 429]));
  expect((await api.call('GET', devices)).status).toBe(200);
});

it('made anew ends the one that the browser had, and of one key there are a hundred at most', async () => {
  const api = await startApi();
  const { pool } = api.service.database;
  const first = await signIn(api, { key: api.key });
  const second = await signIn(api, { key: api.key }, { ...own, cookie: first.cookie });
  await expect.poll(async () => (await browser(api, first.cookie)('GET', session)).status).toBe(401);
  expect((await browser(api, second.cookie)('GET', session)).status).toBe(200);
  await pool.query(
    `insert into sessions select 's' || n, sha256(n::text::bytea), kind, actor, key_id, key_proof, role, created_at + n * interval '1 s', expires_at
     from sessions, generate_series(1, 120) n`,
  );
  await signIn(api, { key: api.key });
  expect((await pool.query('select from sessions')).rowCount).toBe(100);
});

it('is made once by a link, as the role that it is for; a link that was used, or has expired, is none', async () => {
  let at = Date.parse('2026-03-01T00:00:00Z');
  const now = () => new Date(at);
  const api = await startApi({ now });
  const { pool: db } = api.service.database;
  const request = { db, now, actor: { ...tester, loginName: 'anna' } };
  const { code } = await createSignInLink(request, 'viewer', 900_000);
  const both = await Promise.all([
    signIn(api, { link: code }),
    signIn(api, { link: code }),
    signIn(api, { link: code }),
  ]);
  expect(both.map(({ status }) => status).sort()).toEqual([200, 401, 401]);
  const [signedIn] = both.filter(({ status }) => status === 200);
  expect(signedIn?.body).toMatchObject({ name: 'link of anna', kind: 'link', role: 'viewer' });
  expect(both.find(({ status }) => status === 401)?.body.message).toContain('`posture-sync sign-in` makes another one');
  const viewer = browser(api, signedIn?.cookie ?? '');
  expect((await viewer('GET', '/api/v2/tailnet/-/keys')).status).toBe(200);
  const refused = await viewer('POST', devices, own, { id: 'lt-1' });
  expect([refused.status, refused.body]).toEqual([403, { message: 'the role viewer lacks the scope "devices:core"' }]);
  const admin = await signIn(api, { link: (await createSignInLink(request, 'admin', 900_000)).code });
  expect((await browser(api, admin.cookie)('POST', devices, own, { id: 'lt-1' })).status).toBe(200);
  const late = await createSignInLink(request, 'admin', 900_000);
  at += 900_000;
  expect((await signIn(api, { link: late.code })).status).toBe(401);
  await expect(createSignInLink(request, 'admin', 25 * hour)).rejects.toThrow('valid: from 1m to 24h');
  const told = (await api.service.events('USER')).map(({ event, new: after }) => [
    event,
    (after as { role: string }).role,
  ]);
  expect(told).toEqual([
    ...[
      ['USER.CREATE.SIGN_IN_LINK', 'viewer'],
      ['USER.LOGIN', 'viewer'],
      ['USER.CREATE.SIGN_IN_LINK', 'admin'],
    ],
    ...[
      ['USER.LOGIN', 'admin'],
      ['USER.CREATE.SIGN_IN_LINK', 'admin'],
    ],
  ]);
  const { rows } = await db.query(
    'select to_jsonb(l) as row from sign_in_links l union all select to_jsonb(a) from audit_log a',
  );
  for (const used of [code, late.code]) expect(JSON.stringify([rows, api.service.logged])).not.toContain(used);
});

it('tells without a key how people can sign in', async () => {
  const api = await startApi();
  expect(await browser(api, '')('GET', '/api/v2/sign-in')).toMatchObject({
    status: 200,
    body: { apiKey: true, openIdConnect: null },
  });
});

it.each([
  ['/admin/devices?q=a#b', '/admin/devices?q=a#b'],
  ...[
    undefined,
    '',
    '/',
    'admin/',
    '//evil.example.com/admin/',
    'https://evil.example.com/admin/',
    '/\\evil.example.com',
  ].map(to => [to, '/admin/']),
  ...[
    '/admin/..//evil.example.com',
    '/admin/%2e%2e//evil.example.com',
    '/adminx/',
    'javascript:alert(1)',
    '/api/v2',
  ].map(to => [to, '/admin/']),
])('after signing in "%s" leads to %s', (to, page) => expect(pageToShow(to)).toBe(page));
