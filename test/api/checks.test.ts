// Tests of integrations over HTTP, as they are stored and as they would be: asked of a real worker, against pretended consoles.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createLog } from '../../src/log.ts';
import { endOverdueChecks, openCheckSecrets } from '../../src/operations/checks.ts';
import { testIntegration } from '../../src/operations/integration-test.ts';
import { openSettings } from '../../src/operations/integrations.ts';
import { createEgress } from '../../src/providers/http.ts';
import { providerOf } from '../../src/providers/registry.ts';
import { type Answered, startApi, type TestApi, testKeys } from '../support/api.ts';
import { everyRow, startChecker } from '../support/checking.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, minute, type World } from '../support/world.ts';

const of = (end: string) => `/api/v2/posture/integrations/phq${end}`;
const fresh = '/api/v2/tailnet/-/posture/integrations/test';
const secret = 'planted-secret-0123456789abcdefghijklmnopqrstuvwxyz';

/** A console by HTTP that answers every request so. */
async function consoleOf(answer: (token: string) => { status: number; body: unknown }): Promise<string> {
  const server = http.createServer((request, response) => {
    const { status, body } = answer((request.headers.authorization ?? '').replace('ApiToken ', ''));
    response.writeHead(status, { 'content-type': 'application/json', 'x-rqid': 'rq-7' }).end(JSON.stringify(body));
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a test of a posture integration', () => {
  let world: World;
  let console: FakeConsole;
  let api: TestApi;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1'), fakeAgent('2', 'SER-2'));
    console.account = {
      scope: ['Account / Site'],
      tokenExpiresAt: new Date(world.now().getTime() + 5.5 * 24 * 60 * minute),
    };
    api = await startApi({ database: world.database, now: world.now });
  });

  /** A worker with the real provider, and the keys of the API. */
  function startRealChecker(log = world.context.log) {
    const egress = createEgress({ allowedHosts: ['127.0.0.1'], log, unauthorizedRepeatMs: 0 });
    onTestFinished(() => egress.close());
    const opening = { settingsOf: openSettings(testKeys), checkSecretOf: openCheckSecrets(testKeys) };
    return startChecker(world, { egress, providerOf, log, ...opening });
  }

  it('tells what the command line tells, and writes nothing', async () => {
    startChecker(world);
    const before = await everyRow(world, ['requests']);
    const { status, body } = await api.call('POST', of('/test'));
    expect([status, body.state, body.error]).toEqual([200, 'done', null]);
    expect(body.result).toMatchObject({
      ...{ integration: 'hq', ok: true, tokenAccepted: true, agents: 2, claimedTotal: 2, scope: ['Account / Site'] },
      ...{ tokenExpires: '2026-03-06T12:00:00.000Z', warnings: ['the token expires in 5 days'], error: null },
    });
    expect((await api.call('GET', of(`/test/${body.id}`))).body).toEqual(body);
    // The operation of `integration test`, with the same console.
    const context = { ...world.context, db: world.db, signal: new AbortController().signal };
    const told = await testIntegration({ ...context, settingsOf: () => ({}) }, 'hq').catch(error => error);
    expect(Object.keys(told).sort()).toEqual(Object.keys(body.result).sort());
    expect(await everyRow(world, ['requests'])).toEqual(before);
  });

  it.each([
    ['auth', false, 'Make a new token'],
    ['permission', null, 'a role that may read agents'],
    ['throttled', null, 'Wait some minutes'],
    ['unavailable', null, 'check the address'],
    ['malformed', null, 'with the request id'],
    ['settings', null, 'Correct the settings'],
  ] as const)('that fails as %s says so, and what to do', async (kind, tokenAccepted, advice) => {
    startChecker(world);
    console.fail = { page: 0, kind };
    const { status, body } = await api.call('POST', of('/test'), {});
    expect([status, body.state]).toEqual([200, 'done']);
    expect(body.result).toMatchObject({ ok: false, tokenAccepted, agents: 0 });
    expect(body.result.error).toMatchObject({
      kind,
      message: `scripted ${kind}`,
      advice: expect.stringContaining(advice),
    });
    expect((await world.row('hq')).pauseReason).toBeNull();
  });

  it('is possible while it is paused or held, and says where no agent is to be seen', async () => {
    startChecker(world);
    await world.db.query("update integrations set pause_reason = 'auth', held_since = now()");
    console.agents.clear();
    const { body } = await api.call('POST', of('/test'));
    expect(body.result).toMatchObject({ ok: true, agents: 0 });
    expect(body.result.warnings.at(-1)).toContain('no agent was seen');
  });

  it('of changed settings is of these, and leaves those that are stored', async () => {
    startChecker(world);
    const other = await world.integration('other');
    other.set(fakeAgent('9', 'SER-9'));
    const before = await everyRow(world, ['requests']);
    const { body } = await api.call('POST', of('/test'), {
      settings: { console: 'other' },
      clientSecret: '',
      name: 'x',
    });
    expect([body.state, body.result.agents, other.queries.length, console.queries.length]).toEqual(['done', 1, 1, 0]);
    expect(await everyRow(world, ['requests'])).toEqual(before);
  });

  it('of settings that are not stored asks with their secret, which is nowhere afterwards', async () => {
    const tokens: string[] = [];
    const page = {
      data: [{ id: '1000000000000000001', computerName: 'a' }],
      pagination: { totalItems: 1, nextCursor: null },
    };
    const cloudId = await consoleOf(token => {
      tokens.push(token);
      return { status: 200, body: page };
    });
    const asked = await api.call('POST', `${fresh}?wait=0`, { provider: 'sentinelone', cloudId, clientSecret: secret });
    expect([asked.status, asked.body.state, asked.body.result]).toEqual([202, 'waiting', null]);
    const sealed = await world.db.query('select input, secret, secret_key_id from requests');
    expect(sealed.rows).toEqual([
      { input: expect.objectContaining({ provider: 'sentinelone' }), secret: expect.any(Buffer), secret_key_id: 'k1' },
    ]);
    const lines: string[] = [];
    startRealChecker(createLog('trace', { write: line => void lines.push(line) }));
    const where = asked.headers.get('location') ?? '';
    let answer: Answered = asked;
    const state = async () => {
      answer = await api.call('GET', where);
      return answer.body.state;
    };
    await expect.poll(state).toBe('done');
    expect(answer.body.result).toMatchObject({ integration: null, ok: true, agents: 1, error: null });
    expect([...new Set(tokens)]).toEqual([secret]);
    const left = await world.db.query('select input, secret, secret_key_id from requests');
    expect(left.rows).toEqual([{ input: null, secret: null, secret_key_id: null }]);
    const everything = [...(await everyRow(world)), ...lines, ...api.lines, JSON.stringify([asked.body, answer.body])];
    const forms = [secret, Buffer.from(secret).toString('hex'), Buffer.from(secret).toString('base64').slice(0, -4)];
    for (const form of forms) expect(everything.filter(text => text.includes(form))).toEqual([]);
    expect((await api.call('GET', '/api/v2/tailnet/-/posture/integrations')).body.integrations).toHaveLength(1);
  });

  it('of a token that is refused tells code, title, detail and request id, also where the console echoes it', async () => {
    startRealChecker();
    const cloudId = await consoleOf(token => ({
      status: 401,
      body: { errors: [{ code: 4010010, title: 'Authentication Failed', detail: `not ${token}` }] },
    }));
    const { body } = await api.call('POST', fresh, { provider: 'sentinelone', cloudId, clientSecret: secret });
    expect(body.result).toMatchObject({ ok: false, tokenAccepted: false });
    const { error } = body.result;
    expect(error).toMatchObject({ kind: 'auth', status: 401, code: '4010010', requestId: 'rq-7' });
    expect(error.message).toMatch(/Authentication Failed.*not \[secret\]/);
  });

  it('of a console that says nonsense is no success', async () => {
    startRealChecker();
    const cloudId = await consoleOf(() => ({ status: 200, body: { hello: 'world' } }));
    const { body } = await api.call('POST', fresh, { provider: 'sentinelone', cloudId, clientSecret: secret });
    expect(body.result).toMatchObject({ ok: false, tokenAccepted: null, error: { kind: 'malformed' } });
  });

  it('that no worker takes is answered later, and given up after five minutes with its secret', async () => {
    const asked = await api.call('POST', `${of('/test')}?wait=0.05`, { settings: { token: 'another-secret' } });
    expect([asked.status, asked.headers.get('location')]).toEqual([202, of(`/test/${asked.body.id}`)]);
    world.pass(4 * minute);
    await endOverdueChecks(world);
    expect((await api.call('GET', of(`/test/${asked.body.id}`))).body.state).toBe('waiting');
    world.pass(2 * minute);
    await endOverdueChecks(world);
    const { body } = await api.call('GET', of(`/test/${asked.body.id}`));
    expect([body.state, body.error.message]).toEqual(['failed', expect.stringContaining('no worker took it')]);
    expect((await world.db.query('select secret from requests')).rows).toEqual([{ secret: null }]);
    expect((await api.call('GET', of('/test/999'))).status).toBe(404);
    expect((await api.call('GET', `${fresh}/${asked.body.id}`)).status).toBe(404);
  });

  it('that ends while it is waited for is answered at once', async () => {
    const goOn = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    console.beforePage = async () => {
      reached.resolve();
      await goOn.promise;
    };
    startChecker(world);
    const asked = api.call('POST', `${of('/test')}?wait=25`);
    await reached.promise;
    // The session that would hear of it is lost meanwhile.
    const cut =
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'posture-sync answers'";
    await world.db.query(cut);
    goOn.resolve();
    expect((await asked).body).toMatchObject({ state: 'done', result: { ok: true } });
  });

  it('is one for all who ask for the same at once, and of others there are no more than twenty open', async () => {
    const same = await Promise.all(Array.from({ length: 5 }, () => api.call('POST', `${of('/test')}?wait=0`)));
    expect(new Set(same.map(({ body }) => body.id)).size).toBe(1);
    const ask = (n: number) => api.call('POST', `${of('/test')}?wait=0`, { settings: { token: `secret-${n}` } });
    const others = await Promise.all(Array.from({ length: 25 }, (_, n) => ask(n)));
    const statuses = others.map(({ status }) => status);
    expect(statuses.filter(status => status === 202)).toHaveLength(19);
    expect(statuses.filter(status => status === 503)).toHaveLength(6);
    startChecker(world);
    const open = async () => (await world.db.query('select id from requests where finished_at is null')).rows;
    await expect.poll(open).toEqual([]);
    const { rows } = await world.db.query("select count(*)::int as n from requests where result ->> 'ok' = 'true'");
    expect(rows).toEqual([{ n: 20 }]);
  });

  it.each([
    [
      'another address without the secret',
      { settings: { url: 'https://elsewhere.example.com' } },
      400,
      'must be given too',
    ],
    ['a private address', { settings: { url: 'https://10.0.0.1', token: 'x' } }, 400, 'settings.url: '],
    ['an unknown setting', { settings: { colour: 'red' } }, 400, 'settings.colour: '],
    ['an unknown field', { colour: 'red' }, 400, 'colour: there is no such field'],
    ['a limit that cannot be', { holdShare: 7 }, 400, 'holdShare: '],
  ])('with %s is refused, and nothing is asked', async (_, body, expected, message) => {
    const { status, body: answer } = await api.call('POST', of('/test'), body);
    expect([status, answer.message]).toEqual([expected, expect.stringContaining(message)]);
    expect((await world.db.query('select id from requests')).rows).toEqual([]);
  });

  it('of a provider that cannot be read, or that there is not, is refused', async () => {
    const settings = { provider: 'falcon', cloudId: 'us-1', clientId: 'c', clientSecret: 's' };
    const refused = await api.call('POST', fresh, settings);
    expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining('CrowdStrike Falcon')]);
    const { body: stored } = await api.call('POST', '/api/v2/tailnet/-/posture/integrations', settings);
    for (const end of ['test', 'preview']) {
      const { status } = await api.call('POST', `/api/v2/posture/integrations/${stored.id}/${end}`);
      expect([end, status]).toEqual([end, 409]);
    }
    const nobody = await api.call('POST', fresh, { provider: 'nobody' });
    expect([nobody.status, nobody.body.message]).toEqual([
      400,
      expect.stringContaining('there is no provider "nobody"'),
    ]);
    const missing = await api.call('POST', fresh, { provider: 'sentinelone', cloudId: 'x.sentinelone.net' });
    expect([missing.status, missing.body.message]).toEqual([400, expect.stringContaining('clientSecret: ')]);
  });

  it('needs keys where it brings a secret, and else none', async () => {
    startChecker(world);
    const keyless = await startApi({ database: await freshCopy(world), now: world.now, keys: null });
    const refused = await keyless.call('POST', fresh, {
      provider: 'sentinelone',
      cloudId: 'x.sentinelone.net',
      clientSecret: secret,
    });
    expect([refused.status, refused.body.message]).toEqual([503, expect.stringContaining('SECRET_KEYS')]);
    const asked = await keyless.call('POST', of('/test'), { settings: { requestsPerSecond: 5 } });
    expect([asked.status, asked.body.state]).toEqual([200, 'done']);
  });
});

/** The same database, for a second service on it whose keys have names of their own. */
async function freshCopy(world: World) {
  await world.db.query('delete from api_keys');
  return world.database;
}
