// Forward-auth over HTTP, as gateways ask: on a real database, with what is around it as in the service. Real gateways are in
// test/gateways.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createDecider, type Identity } from '../../src/gateway/decisions.ts';
import { type Follower, startFollowing } from '../../src/gateway/follow.ts';
import { addForwardAuth } from '../../src/gateway/forward-auth.ts';
import type { IdentitySource } from '../../src/gateway/forwarded.ts';
import { createLog } from '../../src/log.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { anna as annaCertificate } from '../support/certificates.ts';
import { fakeAgent, fakeAttributes } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { startService, type TestService } from '../support/http.ts';
import { send, type WireRequest } from '../support/wire-request.ts';
import { createWorld, minute, tester, type World } from '../support/world.ts';

const viewMaxAgeMs = 15 * minute;
const browser = 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8';

const policy = {
  postures: {
    'posture:healthy': {
      conditions: ['fake:isActive == true', 'fake:threats == 0'],
      description: 'Healthy <b>devices</b> only.',
      resolution: 'Remove what was found.',
    },
    'posture:recent': ["fake:isActive == true WITHIN '1h'"],
    'posture:weak': ['fake:isActive IS SET'],
  },
  defaultSrcPosture: ['posture:healthy'],
  hosts: { wiki: 'wiki.example.com' },
  acls: [
    { action: 'accept', src: ['autogroup:member'], dst: ['wiki:443'] },
    { action: 'accept', src: ['*'], dst: ['*:22'], srcPosture: ['posture:recent'] },
  ],
};

type Headers = NonNullable<WireRequest['headers']>;
const toWiki: Headers = [
  ['X-Forwarded-Host', 'wiki.example.com'],
  ['X-Forwarded-Proto', 'https'],
];
const isAnna: Headers = [['X-Device-Id', 'a']];

// The second is the short way (src/http/short-way.ts): it must answer the same.
describe.each([
  ['on a connection of its own', null],
  ['on one where the key held before', '/gateway/whoami'],
])('forward-auth %s', (_way, behind) => {
  let world: World;
  let follower: Follower;
  let startWith: (trustedProxies: string[], identifyBy?: IdentitySource[]) => Promise<TestService>;
  let service: TestService;
  let key: string;
  let ageMs: number | null;
  let asked: { identities: readonly Identity[]; route: string }[];
  /** What went the usual way. */
  let routed: string[];
  let breaks: 'deciding' | 'telling' | null;
  const lines: string[] = [];
  const log = createLog('warn', { write: line => void lines.push(line) });

  beforeEach(async () => {
    ageMs = null;
    asked = [];
    routed = [];
    lines.length = 0;
    breaks = null;
    world = await createWorld();
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true, 'fake:threats': 0 } }));
    console.set(fakeAgent('2', 'SER-2', { values: { 'fake:isActive': true, 'fake:threats': 2 } }));
    await world.devices({
      ...{ id: 'a', hostname: 'lt-1', user: 'anna@example.com', serialNumbers: ['ser-1'] },
      ...{ addresses: ['127.0.0.2'], certificateFingerprints: [annaCertificate.fingerprint] },
    });
    await world.devices({ id: 'b', hostname: '<i>lt-2', user: 'bob@example.com', serialNumbers: ['SER-2'] });
    await world.sync('hq');
    const catalogue = createCatalogue(fakeAttributes, null);
    follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: [], log });
    onTestFinished(() => follower.stop());
    const seen = {
      known: () => {
        if (breaks === 'deciding') throw new Error('secret of the inside');
        return follower.known();
      },
      ageMs: () => ageMs ?? follower.ageMs(),
    };
    const decisionLog = { note: (what: (typeof asked)[number]) => void asked.push(what) };
    const decider = createDecider({ follower: seen, catalogue, viewMaxAgeMs, now: world.now, log, decisionLog });
    const parts = {
      decider: {
        decide: (what: Parameters<typeof decider.decide>[0]) => {
          if (breaks === 'telling') throw new Error('secret of the inside');
          return decider.decide(what);
        },
      },
      identifyBy: [
        { kind: 'id', header: 'x-device-id' },
        { kind: 'serial', header: 'x-device-serial' },
        { kind: 'certificate', header: 'x-client-certificate' },
        { kind: 'address' },
      ] as IdentitySource[],
      log,
    };
    startWith = (trustedProxies, identifyBy = parts.identifyBy) =>
      startService({
        database: world.database,
        routes: server => {
          server.addHook('onRequest', async ({ url }) => void routed.push(url));
          addForwardAuth(server, { ...parts, trustedProxies, identifyBy });
        },
      });
    service = await startWith(['127.0.0.1']);
    key = await service.key('gateway', ['gateway:decide']);
  });

  const apply = async (document: object = policy) => {
    const text = JSON.stringify(document);
    await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text, ifRevision: null });
    const { rows } = await world.db.query('select revision from head');
    await expect.poll(() => follower.known()?.revision).toBe(rows[0].revision);
  };
  const ask = (path: string, headers: Headers = [], request: WireRequest = {}) =>
    send(service.url, path, { behind, ...request, headers: [['Authorization', `Bearer ${key}`], ...headers] });
  const outcomeOf = async (path: string, headers: Headers, request: WireRequest = {}) => {
    const { status, headers: told } = await ask(path, headers, request);
    return [status, told['x-posture-outcome']];
  };

  it('lets a device through by the policy, with what that rests on in headers and nothing else', async () => {
    await apply();
    const revision = String(follower.known()?.revision);
    world.pass(5 * minute);
    const { status, headers, body } = await ask('/gateway/check', [...isAnna, ...toWiki, ['X-Request-ID', 'r-7']]);
    expect([status, body]).toEqual([200, '']);
    expect(headers).toEqual({
      'cache-control': 'no-store',
      connection: 'close',
      'content-length': '0',
      date: expect.any(String),
      'x-posture-age': '300',
      'x-posture-decision': expect.stringMatching(/^[\w-]+$/),
      'x-posture-device': 'a',
      'x-posture-outcome': 'allowed',
      'x-posture-policy': revision,
      'x-posture-posture': 'posture:healthy',
      'x-posture-revision': revision,
      'x-posture-rule': 'acls[0]',
      'x-posture-user': 'anna@example.com',
      'x-posture-valid-until': '',
      'x-posture-view-age': expect.stringMatching(/^\d$/),
      'x-request-id': 'r-7',
    });
  });

  it('tells until when it stands, and asks one of several postures, whatever they are written like', async () => {
    await apply();
    const until = new Date(world.now().getTime() + 60 * minute + 1).toISOString();
    for (const path of [
      '/gateway/check?posture=recent',
      '/gateway/check?posture=posture:recent',
      '/gateway/check?posture=healthy&posture=recent',
      '/gateway/check/posture/healthy,recent',
      '/gateway/check/posture/posture:recent/a/b?posture=healthy',
    ]) {
      const { status, headers } = await ask(path, [['X-Device-Serial', 'ser-2']]);
      expect([path, status, headers['x-posture-posture'], headers['x-posture-valid-until']]).toEqual([
        ...[path, 200, 'posture:recent'],
        until,
      ]);
    }
  });

  it('refuses with the reasons as JSON and in one line', async () => {
    await apply();
    const { status, headers, body } = await ask('/gateway/check', [['X-Device-Serial', 'ser-2'], ...toWiki]);
    expect([status, headers['content-type'], headers['cache-control']]).toEqual([
      ...[403, 'application/json; charset=utf-8'],
      'no-store',
    ]);
    expect(headers).toMatchObject({
      'x-posture-outcome': 'posture',
      'x-posture-device': 'b',
      'x-posture-reason': 'fake:threats == 0: found 2 (integration hq, confirmed just now)',
    });
    expect(JSON.parse(body)).toMatchObject({
      allowed: false,
      outcome: 'posture',
      id: headers['x-posture-decision'],
      device: 'b',
      refusals: [
        {
          posture: 'posture:healthy',
          rule: 'acls[0]',
          resolution: 'Remove what was found.',
        },
      ],
      reasons: [{ condition: 'fake:threats == 0', expected: 0, found: 2, integration: 'hq', ageMs: 0 }],
    });
  });

  it('shows people a page that loads nothing, and escapes what comes from elsewhere', async () => {
    await apply();
    const bob: Headers = [['X-Device-Id', 'b'], ...toWiki];
    const { status, headers, body } = await ask('/gateway/check', [...bob, ['Accept', browser]]);
    expect([status, headers['content-type']]).toEqual([403, 'text/html; charset=utf-8']);
    expect(headers['content-security-policy']).toMatch(/^default-src 'none'; style-src 'sha256-[\w+/=]+'; /);
    expect(headers).not.toHaveProperty('strict-transport-security');
    for (const text of [
      '<html lang="en">',
      'Remove what was found.',
      'Healthy &lt;b&gt;devices&lt;/b&gt; only.',
      'Threats (Fake) must be 0, but is 2. Last checked just now.',
      '&lt;i&gt;lt-2',
      headers['x-posture-decision'] ?? 'none',
    ])
      expect(body).toContain(text);
    expect(body).not.toMatch(/<script|<b>|<i>|https?:|fake:|integration/);
  });

  it.each([
    ['nothing', null, 'application/json'],
    ['anything', '*/*', 'application/json'],
    ['JSON rather than a page', 'text/html;q=0.5, application/json', 'application/json'],
    ['a picture', 'image/png', 'application/json'],
    ['no page at all', 'text/html;q=0, */*', 'application/json'],
    ['a page', 'text/html', 'text/html'],
    ['what a browser does', browser, 'text/html'],
  ])('answers who would have %s', async (_, accept, type) => {
    const { headers } = await ask('/gateway/check', accept === null ? [] : [['Accept', accept]]);
    expect(headers['content-type']).toBe(`${type}; charset=utf-8`);
    expect(headers.vary).toBe('accept');
  });

  it('recognises a device by id, serial number, certificate and address', async () => {
    await apply();
    for (const headers of [
      isAnna,
      [['X-Device-Serial', ' ser-1 ']],
      [['X-Client-Certificate', encodeURIComponent(annaCertificate.certificate)]],
      [['X-Forwarded-For', '198.51.100.7, 127.0.0.2']],
      [...isAnna, ['X-Device-Serial', 'SER-1'], ['X-Forwarded-For', '198.51.100.7']],
    ] satisfies Headers[])
      expect([headers, await outcomeOf('/gateway/check', [...headers, ...toWiki])]).toEqual([
        headers,
        [200, 'allowed'],
      ]);
  });

  it('says 401 where nobody knows the device, or it is not clear which', async () => {
    await apply();
    for (const [headers, outcome] of [
      [[], 'no_device'],
      [[['X-Device-Id', 'nobody']], 'no_device'],
      [[['X-Forwarded-For', '127.0.0.1']], 'no_device'],
      [
        [
          ['X-Device-Id', 'a'],
          ['X-Device-Id', 'a'],
        ],
        'no_device',
      ],
      [
        [
          ['X-Device-Id', 'a'],
          ['X-Device-Serial', 'ser-2'],
        ],
        'devices_differ',
      ],
      [
        [
          ['X-Device-Id', 'a'],
          ['X-Client-Certificate', 'broken'],
        ],
        'devices_differ',
      ],
    ] satisfies [Headers, string][]) {
      const answer = await ask('/gateway/check', [...headers, ...toWiki]);
      expect([answer.status, answer.headers['x-posture-outcome']]).toEqual([401, outcome]);
      expect(answer.headers['www-authenticate']).toBe('Device realm="posture-sync"');
      expect(JSON.parse(answer.body)).toMatchObject({ allowed: false, device: null });
    }
  });

  it('ignores all that identifies when it comes from elsewhere than a trusted proxy', async () => {
    await apply();
    const everything: Headers = [...isAnna, ['X-Forwarded-For', '127.0.0.2'], ...toWiki];
    expect(await outcomeOf('/gateway/check', everything)).toEqual([200, 'allowed']);
    for (const trustedProxies of [[], ['10.0.0.0/8', '::1']]) {
      asked = [];
      service = await startWith(trustedProxies);
      expect(await outcomeOf('/gateway/check', everything)).toEqual([401, 'no_device']);
      expect(await outcomeOf('/gateway/check?posture=weak', everything)).toEqual([401, 'no_device']);
      expect(asked.map(({ identities }) => identities)).toEqual([[], []]);
    }
    // Told once by each of the two services.
    expect(lines.filter(line => line.includes('not among TRUSTED_PROXIES'))).toHaveLength(2);
  });

  it('says in the log that nothing is named to recognise devices by', async () => {
    await apply();
    service = await startWith(['127.0.0.1'], []);
    expect(await outcomeOf('/gateway/check', isAnna)).toEqual([401, 'no_device']);
    expect(lines.join()).toContain('IDENTIFY_BY names nothing');
  });

  it('lets no user choose the rule: neither by a query that is passed on, nor by a path behind ours', async () => {
    await apply();
    const bob: Headers = [['X-Device-Id', 'b']];
    expect(await outcomeOf('/gateway/check?posture=weak', bob)).toEqual([200, 'allowed']);
    const passedOn: Headers = [...bob, ['X-Forwarded-Uri', '/wiki?posture=weak']];
    expect(await outcomeOf('/gateway/check?posture=weak', passedOn)).toEqual([403, 'unknown_posture']);
    for (const path of [
      '/gateway/check/policy?posture=weak',
      '/gateway/check/policy/?posture=weak',
      '/gateway/check/policy/posture/weak',
      '/gateway/check/policy/../posture/weak',
      '/gateway/check/policy/..%2fposture/weak',
      '/gateway/check/policy//gateway/check?posture=weak',
    ])
      expect([path, await outcomeOf(path, [...bob, ...toWiki])]).toEqual([path, [403, 'posture']]);
    expect(await outcomeOf('/gateway/check/posture/healthy/x?posture=weak', bob)).toEqual([403, 'posture']);
    // Only what is configured in front of a user's path chooses.
    for (const path of ['/gateway/check/posture', '/gateway/check/weak', '/gateway/checks', '/gateway/check/../check'])
      expect((await ask(path, bob)).status).toBe(404);
  });

  it('answers every method and any body behind a path that users go on', async () => {
    await apply();
    const headers: Headers = [...isAnna, ...toWiki];
    for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'PROPFIND', 'REPORT', 'QUERY'])
      expect([method, await outcomeOf(`/gateway/check/policy/${'x'.repeat(3_000)}`, headers, { method })]).toEqual([
        ...[method, [200, 'allowed']],
      ]);
    const json: Headers = [...headers, ['Content-Type', '?/json;;']];
    const long = { method: 'POST', body: '{'.repeat(100_000) };
    expect(await outcomeOf('/gateway/check/policy/a', json, long)).toEqual([200, 'allowed']);
  });

  it('reads nothing behind a question that tells of a body, which nginx may not send', async () => {
    await apply();
    const kept: Headers = [...isAnna, ...toWiki, ['Connection', 'keep-alive']];
    const { status, headers } = await ask('/gateway/check/policy', [...kept, ['Content-Length', '7']]);
    expect([status, headers.connection]).toEqual([200, 'close']);
  });

  it('takes an unknown posture for a refusal, also beside one that holds', async () => {
    await apply();
    for (const path of [
      '/gateway/check?posture=',
      '/gateway/check?posture=nope',
      '/gateway/check?posture=healthy&posture=nope',
      '/gateway/check/posture/healthy,nope/',
    ])
      expect([path, await outcomeOf(path, isAnna)]).toEqual([path, [403, 'unknown_posture']]);
  });

  it('is a refusal, and nothing else, when it cannot be decided', async () => {
    const wiki: Headers = [...isAnna, ...toWiki];
    await expect.poll(() => follower.known()).not.toBeNull();
    expect(await outcomeOf('/gateway/check', wiki)).toEqual([403, 'no_policy']);
    await apply();
    ageMs = viewMaxAgeMs + 1;
    expect(await outcomeOf('/gateway/check', wiki)).toEqual([403, 'view_stale']);
    ageMs = null;
    for (breaks of ['deciding', 'telling'] as const) {
      const answer = await ask('/gateway/check', wiki);
      expect([answer.status, answer.headers['x-posture-outcome']]).toEqual([403, 'internal_error']);
      expect(answer.body).not.toContain('secret of the inside');
    }
    breaks = null;
    expect(await outcomeOf('/gateway/check', wiki)).toEqual([200, 'allowed']);
  });

  it('tells once more why, never with 200, for a gateway that needs something to show', async () => {
    await apply();
    const wiki: Headers = [...isAnna, ...toWiki, ['Accept', browser]];
    const { status, body } = await ask('/gateway/refusal', wiki);
    expect([status, body]).toEqual([403, expect.stringContaining('Your device passes now')]);
    expect(await outcomeOf('/gateway/refusal/posture/healthy', [['X-Device-Id', 'b']])).toEqual([403, 'posture']);
    expect(await outcomeOf('/gateway/refusal/policy', [])).toEqual([401, 'no_device']);
  });

  it('writes ids and users that no header may hold percent-encoded, and they come back as they are', async () => {
    const id = 'é/あ %\u{1F600}';
    await world.devices({ id, user: 'änne@example.com', serialNumbers: ['SER-3'] });
    await apply({ ...policy, acls: [{ action: 'accept', src: ['*'], dst: ['*:*'], srcPosture: [] }] });
    const { status, headers } = await ask('/gateway/check', [['X-Device-Id', id]]);
    expect(status).toBe(200);
    expect(headers['x-posture-device']).toMatch(/^[\x21-\x7e]+$/);
    expect(decodeURIComponent(headers['x-posture-device'] ?? '')).toBe(id);
    expect(headers['x-posture-user']).toBe('%C3%A4nne@example.com');
  });

  it('is had the short way by what leaves nothing to decode, on a connection where the key held before', async () => {
    await apply();
    const plain = ['', '?posture=healthy', '/policy', '/policy/a/b.html', '/posture/weak,healthy', '/posture/weak/a'];
    for (const end of [...plain, '/policy/%61', '?posture=he%61lthy', '/policy/a?b=c']) {
      routed = [];
      expect(await outcomeOf(`/gateway/check${end}`, [...isAnna, ...toWiki])).toEqual([200, 'allowed']);
      expect([end, routed.includes(`/gateway/check${end}`)]).toEqual([end, behind === null || !plain.includes(end)]);
    }
    expect(asked.map(({ route }) => route).slice(0, plain.length)).toEqual([
      ...['/gateway/check', '/gateway/check', '/gateway/check/policy', '/gateway/check/policy/*'],
      ...['/gateway/check/posture/:postures', '/gateway/check/posture/:postures/*'],
    ]);
  });

  it('needs a key with the scope gateway:decide', async () => {
    const other = await service.key('other', ['devices:core:read']);
    for (const path of ['/gateway/check', '/gateway/check/policy/a', '/gateway/refusal/posture/weak']) {
      expect((await send(service.url, path, { headers: isAnna })).status).toBe(401);
      const headers: Headers = [['Authorization', `Bearer ${other}`], ...isAnna];
      expect((await send(service.url, path, { headers, behind })).status).toBe(403);
    }
    expect(asked).toEqual([]);
  });
});
