// Posture integrations over HTTP: each of Tailscale's operations as its clients make it, what is ours beside it, and what is refused.
import { beforeEach, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/operations/audit.ts';
import { addIntegration } from '../../src/operations/integrations.ts';
import type { AuditEntry } from '../../src/posture/events.ts';
import { type Answered, startApi, type TestApi, testKeys } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { basic } from '../support/http.ts';
import '../support/registered.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const all = '/api/v2/tailnet/-/posture/integrations';
const single = (id: string) => `/api/v2/posture/integrations/${id}`;
const secret = 'eyJ0-a-token-of-sixteen';
const token = { provider: 'sentinelone', clientSecret: secret, cloudId: 'mydomain.sentinelone.net' };

describe('posture integrations', () => {
  let world: World;
  let api: TestApi;
  const events = async (): Promise<AuditEntry[]> => {
    const found: AuditEntry[] = [];
    for await (const entry of readAudit(world.db, {})) if (!entry.event.startsWith('API_KEY')) found.push(entry);
    return found;
  };
  const created = async (body: object = token, query = ''): Promise<Answered> => {
    const answer = await api.call('POST', `${all}${query}`, body);
    expect(answer.status).toBe(200);
    return answer;
  };

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
  });

  it('go through what Terraform does: create, read, update, replace by another provider, destroy, and then 404', async () => {
    const { body } = await created();
    expect(body).toMatchObject({ provider: 'sentinelone', cloudId: 'mydomain.sentinelone.net', clientId: '' });
    expect(body).toMatchObject({ configUpdated: '2026-03-01T00:00:00.000Z' });
    for (const absent of ['status', 'tenantId', 'clientSecret']) expect(body).not.toHaveProperty(absent);
    expect(body.id).toMatch(/^p\w{16}$/);
    const read = await api.call('GET', single(body.id));
    expect([read.status, read.body]).toEqual([200, body]);
    world.pass(60_000);
    const patch = { provider: 'sentinelone', clientSecret: `${secret}-2`, cloudId: 'other.sentinelone.net' };
    const updated = await api.call('PATCH', single(body.id), patch);
    expect([updated.status, updated.body.cloudId, updated.body.configUpdated]).toEqual([
      ...[200, 'other.sentinelone.net'],
      '2026-03-01T00:01:00.000Z',
    ]);
    const removed = await api.call('DELETE', single(body.id));
    expect([removed.status, removed.body]).toEqual([200, '']);
    const intune = { provider: 'intune', cloudId: 'global', clientId: 'app', tenantId: 't-1', clientSecret: 's' };
    const replaced = await created(intune);
    expect(replaced.body).toMatchObject({ cloudId: 'global', clientId: 'app', tenantId: 't-1' });
    await api.call('DELETE', single(replaced.body.id));
    const gone = await api.call('GET', single(replaced.body.id));
    expect([gone.status, gone.body]).toEqual([
      404,
      { message: `there is no posture integration "${replaced.body.id}"` },
    ]);
    const told = await events();
    expect(told.map(({ event }) => event.split('.')[1])).toEqual(['CREATE', 'UPDATE', 'DELETE', 'CREATE', 'DELETE']);
    expect(new Set(told.map(({ eventGroupID }) => eventGroupID)).size).toBe(5);
    for (const { actor, origin } of told)
      expect([actor.type, actor.displayName, origin]).toEqual(['OAUTH_CLIENT', 'admin', 'CONFIG_API']);
    expect(JSON.stringify(told)).not.toContain(secret);
  });

  it('are listed the same by Basic and Bearer, by "-" and by the name of the tailnet, and nowhere else', async () => {
    const { body } = await created();
    const listed = { integrations: [body] };
    for (const [path, headers] of [
      [all, { authorization: basic(api.key) }],
      [all, {}],
      ['/api/v2/tailnet/example.com/posture/integrations', {}],
    ] as const)
      expect((await api.call('GET', path, undefined, { headers })).body).toEqual(listed);
    const elsewhere = await api.call('GET', '/api/v2/tailnet/other.com/posture/integrations');
    expect([elsewhere.status, elsewhere.body.message]).toEqual([404, expect.stringContaining('other.com')]);
  });

  it('tell what the last sync found in the fields of Tailscale, and beside them whether that was a success', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    console.set(fakeAgent('2', 'SER-2', { values: { 'fake:isActive': true } }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    expect((await api.call('GET', single('phq'))).body).not.toHaveProperty('status');
    await world.sync('hq');
    const succeeded = (await api.call('GET', single('phq'))).body;
    expect(succeeded.status).toEqual({
      ...{ lastSync: expect.any(String), providerHostCount: 2, matchedCount: 1, possibleMatchedCount: 1 },
    });
    expect(succeeded).toMatchObject({ state: 'active', unmatched: { no_device: 1 }, failingSince: null });
    expect(succeeded.lastSuccess >= succeeded.status.lastSync).toBe(true);
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync('hq');
    const failed = (await api.call('GET', single('phq'))).body;
    expect(failed).toMatchObject({ state: 'failing', lastSuccess: succeeded.lastSuccess });
    expect(failed.status.error).toEqual(expect.any(String));
    expect(failed.status.lastSync > succeeded.status.lastSync).toBe(true);
  });

  it.each(['falcon', 'fleet', 'huntress', 'intune', 'jamfpro', 'kandji', 'kolide'])(
    'of %s are kept, and say that nothing is synced',
    async provider => {
      const { body } = await created({ provider, clientSecret: 's', cloudId: 'us-1' });
      expect(body).toMatchObject({ state: 'unsupported', pauseReason: 'unsupported', nextSync: null, cloudId: 'us-1' });
      expect(body.status).toMatchObject({ error: expect.stringContaining('nothing is synced'), providerHostCount: 0 });
      expect(api.lines.join()).toContain('nothing is synced');
      const resumed = await api.call('POST', `${single(body.id)}/resume`);
      expect([resumed.status, resumed.body.message]).toEqual([409, expect.stringContaining('cannot read')]);
      const patched = await api.call('PATCH', single(body.id), { clientSecret: 't', clientId: 'c' });
      expect(patched.body).toMatchObject({ state: 'unsupported', clientId: 'c', cloudId: 'us-1' });
    },
  );

  it('are one of a provider, unless several are asked for', async () => {
    await created();
    const second = { ...token, cloudId: 'two.sentinelone.net' };
    const refused = await api.call('POST', all, second);
    expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining('allowMultiple=true')]);
    const { body } = await created({ ...second, name: 'berlin' }, '?allowMultiple=true');
    expect(body.name).toBe('berlin');
    expect((await created(second, '?allowMultiple=true')).body.name).toBe('sentinelone-2');
  });

  it('get names of their own also where several are created at once, and one gets a name that all ask for', async () => {
    const five = (body: object) =>
      Promise.all(Array.from({ length: 5 }, () => api.call('POST', `${all}?allowMultiple=true`, body)));
    const answers = await five(token);
    expect(answers.map(({ body }) => body.name).sort()).toEqual([
      ...['sentinelone', 'sentinelone-2', 'sentinelone-3', 'sentinelone-4', 'sentinelone-5'],
    ]);
    const statuses = (await five({ ...token, name: 'berlin' })).map(({ status }) => status);
    expect(statuses.sort()).toEqual([200, 409, 409, 409, 409]);
  });

  it('keep what each of several changes at once set, and answer each with the integration, whatever it is called now', async () => {
    const { body } = await created();
    const changes = [
      { holdFloor: 7 },
      { holdShare: 0.5 },
      { expireAfter: '12h' },
      { name: 'berlin' },
      { clientSecret: `${secret}2` },
    ];
    const answers = await Promise.all(changes.map(change => api.call('PATCH', single(body.id), change)));
    expect(answers.map(({ status, body: { id } }) => [status, id])).toEqual(changes.map(() => [200, body.id]));
    const { clientSecret: _, ...seen } = Object.assign({}, ...changes);
    expect((await api.call('GET', single(body.id))).body).toMatchObject(seen);
    expect((await events()).map(({ event }) => event).filter(event => event.includes('UPDATE'))).toHaveLength(5);
  });

  it('are acted on by their id, also while another one takes the name', async () => {
    const first = (await created({ ...token, name: 'hq' })).body;
    const [patched, second] = await Promise.all([
      api.call('PATCH', single(first.id), { name: 'old' }),
      api.call('PATCH', single(first.id), { holdFloor: 3 }),
    ]);
    expect([patched.status, second.status]).toEqual([200, 200]);
    const other = (await created({ ...token, name: 'hq' }, '?allowMultiple=true')).body;
    expect((await api.call('DELETE', single(first.id))).status).toBe(200);
    expect((await api.call('GET', all)).body.integrations.map(({ id }: { id: string }) => id)).toEqual([other.id]);
  });

  it('are deleted once by two at once, with one event, and a change that comes later finds nothing', async () => {
    const { body } = await created();
    const both = await Promise.all([1, 2].map(() => api.call('DELETE', single(body.id))));
    expect(both.map(({ status }) => status).sort()).toEqual([200, 404]);
    const late = await api.call('PATCH', single(body.id), { holdFloor: 3 });
    expect([late.status, late.body]).toEqual([404, { message: `there is no posture integration "${body.id}"` }]);
    expect((await events()).map(({ event }) => event.split('.')[1])).toEqual(['CREATE', 'DELETE']);
  });

  it('are gone when they are deleted during a sweep, which then writes nothing', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true } }));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    let removed: Answered | null = null;
    console.beforePage = async () => {
      removed = await api.call('DELETE', single('phq'));
    };
    await world.sync('hq').catch(() => null);
    expect(removed).toMatchObject({ status: 200 });
    expect((await api.call('GET', all)).body).toEqual({ integrations: [] });
    expect((await world.db.query('select from agents')).rowCount).toBe(0);
    expect(await world.values('a')).toEqual({});
    await world.verify();
  });

  it('take back what they told, with a field changed, as clients send it; and null is as good as nothing', async () => {
    const { body } = await created({ id: 'x', status: {}, ...token });
    expect(body.id).toMatch(/^p\w{16}$/);
    const sent = {
      ...body,
      status: { lastSync: 'x' },
      configUpdated: '',
      holdFloor: 9,
      clientSecret: null,
      tenantId: null,
    };
    const changed = await api.call('PATCH', single(body.id), sent);
    expect([changed.status, changed.body]).toEqual([200, { ...body, holdFloor: 9 }]);
    const unknown = await api.call('PATCH', single(body.id), { ...body, colour: 'red' });
    expect([unknown.status, unknown.body.message]).toEqual([400, 'colour: there is no such field']);
  });

  it('are one of a provider also where ten are created at once', async () => {
    const answers = await Promise.all(Array.from({ length: 10 }, () => api.call('POST', all, token)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array(9).fill(409)]);
    expect((await api.call('GET', all)).body.integrations).toHaveLength(1);
  });

  it('keep the secret where a change has none, and every setting that a change does not name', async () => {
    const { body } = await created({ ...token, expireAfter: '12h' });
    const before = (await world.db.query('select secret from integrations')).rows[0].secret;
    const changed = await api.call('PATCH', single(body.id), { cloudId: '', clientSecret: '', holdFloor: 5 });
    expect(changed.body).toMatchObject({ cloudId: token.cloudId, expireAfter: '12h', holdFloor: 5 });
    expect((await world.db.query('select secret from integrations')).rows[0].secret).toEqual(before);
    const nothing = await api.call('PATCH', single(body.id), {});
    expect([nothing.status, nothing.body]).toEqual([200, changed.body]);
    expect(await events()).toHaveLength(2);
  });

  it('stay where they are without another look at the address, and never change their provider', async () => {
    const { body } = await created();
    // As of an installation whose list of allowed hosts was longer once.
    await world.db.query(`update integrations set settings = settings || '{"url": "http://127.0.0.1:9"}'`);
    const changed = await api.call('PATCH', single(body.id), {
      expireAfter: '5d',
      settings: { requestsPerSecond: 10 },
    });
    expect([changed.status, changed.body.expireAfter, changed.body.settings]).toMatchObject([
      200,
      '5d',
      { requestsPerSecond: 10 },
    ]);
    const other = await api.call('PATCH', single(body.id), { cloudId: 'http://10.0.0.1:9', clientSecret: secret });
    expect([other.status, other.body.message]).toEqual([400, expect.stringContaining('PROVIDER_ALLOWED_HOSTS')]);
    const provider = await api.call('PATCH', single(body.id), { provider: 'intune' });
    expect([provider.status, provider.body.message]).toEqual([
      400,
      'provider: it is sentinelone and cannot be changed',
    ]);
    expect((await api.call('PATCH', single(body.id), { provider: 'sentinelone' })).status).toBe(200);
  });

  it('are paused, resumed, and accept losses only where some are held', async () => {
    const { body } = await created();
    const type = { headers: { 'content-type': 'application/json' } };
    const nothing = await api.call('POST', `${single(body.id)}/pause`, 'null', type);
    expect([nothing.status, nothing.body.message]).toEqual([400, 'the body: expected an object']);
    expect((await api.call('POST', `${single(body.id)}/pause`)).body).toMatchObject({ state: 'paused' });
    expect((await api.call('POST', `${single(body.id)}/resume`, {})).body).toMatchObject({ state: 'active' });
    expect((await api.call('POST', `${single(body.id)}/accept`)).status).toBe(409);
  });

  it.each<[string, unknown, string]>([
    ['no body', undefined, 'the body: '],
    ['a list', [], 'the body: '],
    ['no provider', { clientSecret: secret }, 'provider: it is missing'],
    ['an unknown provider', { provider: 'nope', clientSecret: secret }, 'provider "nope"'],
    ['an unknown field', { ...token, colour: 'red' }, 'colour: there is no such field'],
    ['a field of another type', { ...token, cloudId: 7 }, 'cloudId: expected a string'],
    ['no secret', { provider: 'sentinelone', cloudId: 'a.sentinelone.net' }, 'clientSecret: '],
    ['no address', { provider: 'sentinelone', clientSecret: secret }, 'cloudId: '],
    ['a private address', { ...token, cloudId: '10.0.0.1' }, 'cloudId: 10.0.0.1 is not a public address'],
    [
      'a wrong setting by its own name',
      { provider: 'sentinelone', settings: { url: 'x y', token: secret } },
      'settings.url: ',
    ],
    ['a setting of another provider', { ...token, clientId: 'x' }, 'clientId: SentinelOne has no such setting'],
    ['an unknown setting', { ...token, settings: { colour: 1 } }, 'settings.colour: '],
    ['a wrong duration', { ...token, expireAfter: 'soon' }, 'expireAfter: '],
    ['a wrong share', { ...token, holdShare: 7 }, 'holdShare: '],
    ['a wrong name', { ...token, name: ' ' }, 'name: '],
    ['broken JSON', '{"provider":', 'JSON'],
  ])('are refused with %s, and nothing is written', async (_, body, message) => {
    const answer = await api.call('POST', all, body);
    expect([answer.status, answer.body]).toMatchObject([400, { message: expect.stringContaining(message) }]);
    expect(JSON.stringify(answer.body)).not.toContain(secret);
    expect(await events()).toEqual([]);
  });

  it('are told all that is wrong at once, by the fields as they were sent', async () => {
    const limits = { name: '?', expireAfter: 'soon', holdFloor: -1, holdShare: 7 };
    const wrongLimits = Object.fromEntries(Object.keys(limits).map(name => [name, expect.any(String)]));
    const theirs = { provider: 'sentinelone', cloudId: '10.0.0.1', clientSecret: 'short' };
    const answer = await api.call('POST', all, { ...theirs, ...limits });
    expect([answer.status, answer.body]).toEqual([
      400,
      {
        message: expect.stringMatching(/cloudId: 10\.0\.0\.1 is not .*; /),
        fields: {
          ...wrongLimits,
          cloudId: expect.stringContaining('is not a public address'),
          clientSecret: expect.stringContaining('at least 16 characters'),
        },
      },
    ]);
    for (const name of Object.keys(answer.body.fields)) expect(answer.body.message).toContain(`${name}: `);
    const ours = { provider: 'sentinelone', name: '?', settings: { url: 'x y', siteIds: ['1', 'one'] } };
    for (const path of [all, `${all}/test`])
      expect((await api.call('POST', path, ours)).body.fields).toEqual({
        name: expect.any(String),
        'settings.url': expect.stringContaining('cannot be read'),
        'settings.siteIds.1': expect.stringContaining('an id is a number'),
        'settings.token': 'it is missing',
      });
    const { body } = await created();
    const changed = await api.call('PATCH', single(body.id), {
      ...limits,
      settings: { requestsPerSecond: 0, url: 'x y' },
    });
    expect(changed.body.fields).toEqual({
      ...wrongLimits,
      'settings.requestsPerSecond': expect.any(String),
      'settings.url': expect.any(String),
    });
  });

  it('are deleted, and have values end, with the number of devices confirmed by clients that ask first', async () => {
    const console = await world.integration('hq');
    await world.devices(...['a', 'b'].map(id => ({ id, serialNumbers: [`SER-${id}`] })));
    for (const id of ['a', 'b'])
      console.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:isActive': true, 'fake:threats': 0 } }));
    await world.sync('hq');
    world.pass(2 * hour);
    // What ends is judged as of the last sync that was tried.
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync('hq');
    const head = async () => (await world.db.query('select revision from head')).rows[0].revision;
    const before = await head();
    const losses = async (query = '') => (await api.call('GET', `${single('phq')}/losses${query}`)).body;
    expect(await losses()).toEqual({ devices: 2, attributes: 4 });
    expect(await losses('?expireAfter=1h')).toEqual({ devices: 2, attributes: 4 });
    expect(await losses('?expireAfter=3h')).toEqual({ devices: 0, attributes: 0 });
    for (const [method, path, body] of [
      ['DELETE', `${single('phq')}?confirm=1`, undefined],
      ['PATCH', `${single('phq')}?confirm=1`, { expireAfter: '1h' }],
      ['PATCH', `${single('phq')}?confirm=1`, { expireAfter: '4h' }],
    ] as const) {
      const answer = await api.call(method, path, body);
      const wanted = body?.expireAfter === '4h' ? 'confirm 0' : 'confirm 2';
      expect([answer.status, answer.body]).toEqual([409, { message: expect.stringContaining(wanted) }]);
    }
    expect([await head(), await world.values('a')]).toEqual([before, { isActive: true, threats: 0 }]);
    expect((await api.call('PATCH', `${single('phq')}?confirm=2`, { expireAfter: '1h' })).status).toBe(200);
    expect([await head(), await world.values('a')]).toEqual([before + 1, {}]);
    expect((await api.call('DELETE', `${single('phq')}?confirm=0`)).status).toBe(200);
    await world.verify();
  });

  it('need the scope of their operation', async () => {
    const { body } = await created();
    const [none, reading] = [await api.keyFor('policy_file'), await api.keyFor('feature_settings:read')];
    for (const [method, path] of [
      ['GET', all],
      ['GET', single(body.id)],
    ] as const) {
      expect((await api.call(method, path, undefined, { key: none })).status).toBe(403);
      expect((await api.call(method, path, undefined, { key: reading })).status).toBe(200);
    }
    for (const [method, path] of [
      ['POST', all],
      ['PATCH', single(body.id)],
      ['DELETE', single(body.id)],
      ['POST', `${single(body.id)}/pause`],
    ] as const)
      expect((await api.call(method, path, undefined, { key: reading })).body.message).toContain('"feature_settings"');
  });

  it('are the same by command line and by HTTP', async () => {
    const input = { provider: 'sentinelone', settings: { url: 'https://a.sentinelone.net', token: secret } };
    const request = { db: world.db, now: world.now, actor: tester, keys: testKeys, allowedHosts: [] };
    await addIntegration(request, { name: 'by-hand', ...input });
    await created({ ...token, cloudId: 'a.sentinelone.net', name: 'by-http' }, '?allowMultiple=true');
    const { integrations } = (await api.call('GET', all)).body;
    const [first, second] = integrations;
    expect({ ...first, id: null, name: null }).toEqual({ ...second, id: null, name: null });
  });

  it('cannot be stored by a process without keys, which says so', async () => {
    const bare = await startApi({ keys: null });
    const { status, body, headers } = await bare.call('POST', all, token);
    expect([status, body.message, headers.get('retry-after')]).toEqual([
      ...[503, expect.stringContaining('SECRET_KEYS')],
      '1',
    ]);
  });
});
