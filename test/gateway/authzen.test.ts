// What AuthZEN 1.0 demands of evaluation, evaluations and metadata, once each, by the section of the specification; and what
// subjects and resources mean here. The certification scenario has a file of its own.
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeAgent } from '../support/fake-provider.ts';
import { Random } from '../support/random.ts';
import { type AuthZen, type Json, publicUrl, startAuthZen } from './authzen-service.ts';

const policy = {
  postures: {
    'posture:healthy': {
      conditions: ['fake:isActive', 'fake:threats == 0'],
      description: 'A healthy device.',
      resolution: 'Remove what was found.',
    },
  },
  defaultSrcPosture: ['posture:healthy'],
  tagOwners: { 'tag:db': [] },
  hosts: { wiki: 'wiki.example.com' },
  acls: [{ action: 'accept', src: ['autogroup:member'], dst: ['wiki:443', 'tag:db:5432', '10.9.9.0/24:22'] }],
  // To everywhere, by any protocol: and yet nothing that only a permission could allow.
  grants: [{ src: ['carl@example.com'], dst: ['*'], ip: ['*'] }],
  permissions: [
    { src: ['autogroup:member'], actions: ['read'], resources: ['record:*'] },
    { src: ['autogroup:member'], actions: ['close'], resources: ['record:*'], when: ["resource:status == 'open'"] },
    { src: ['carl@example.com'], actions: ['*'], resources: ['room:7'] },
    { src: ['autogroup:member'], actions: ['shred'], resources: ['record:*'], when: ['resource:hold NOT SET'] },
  ],
};

const evaluation = '/access/v1/evaluation';
const evaluations = '/access/v1/evaluations';
const anna = { type: 'user', id: 'anna@example.com', properties: { device_id: 'a' } };
const read = { name: 'read' };
const record = { type: 'record', id: '7' };
const fine = { subject: anna, action: read, resource: record };
const wiki = { type: 'host', id: 'wiki.example.com', properties: { port: 443, proto: 'tcp' } };
const connect = { name: 'connect' };

let pdp: AuthZen;

beforeEach(async () => {
  pdp = await startAuthZen();
  const ill = { values: { 'fake:isActive': true, 'fake:threats': 2 } };
  (await pdp.world.integration('hq')).set(
    fakeAgent('1', 'SER-1'),
    fakeAgent('2', 'SER-2', ill),
    fakeAgent('3', 'SER-3'),
  );
  await pdp.world.devices(
    { id: 'a', user: 'Anna@example.com', serialNumbers: ['SER-1'] },
    { id: 'b', user: 'bob@example.com', tags: ['tag:db'], serialNumbers: ['SER-2'] },
    { id: 'c', user: 'carl@example.com', serialNumbers: ['SER-3'], addresses: ['10.9.9.9'] },
  );
  await pdp.world.sync('hq');
  await pdp.apply(policy);
});

const outcomeOf = async (body: unknown) => {
  const told = await pdp.evaluation(body);
  return told.status === 200 ? [told.body.decision, told.body.context.outcome] : [told.status, told.body.message];
};

describe('AuthZEN 1.0', () => {
  it('5.5, 6.2: an answer has a boolean decision and a context, and a denial is 200 with its reasons', async () => {
    const confirmedAt = pdp.world.now().toISOString();
    pdp.world.pass(90_000);
    const { body: allowed } = await pdp.evaluation({ ...fine, action: read });
    expect(allowed).toMatchObject({
      decision: true,
      context: {
        outcome: 'allowed',
        rule: 'permissions[0]',
        posture: 'posture:healthy',
        device: 'a',
        grounds: [
          { attribute: 'fake:isActive', integration: 'hq', confirmedAt, ageMs: 90_000 },
          { attribute: 'fake:threats', integration: 'hq', confirmedAt, ageMs: 90_000 },
        ],
      },
    });
    expect(allowed.context).not.toHaveProperty('reason_user');
    const denied = await pdp.evaluation({ ...fine, subject: { type: 'device', id: 'b' } });
    const message = expect.stringMatching(/^fake:threats == 0: found 2 \(integration hq, confirmed .+ ago\)$/);
    const { revision, id } = pdp.noted.at(-1)?.answer ?? {};
    expect(denied.status).toBe(200);
    expect(denied.body).toEqual({
      decision: false,
      context: {
        id,
        outcome: 'posture',
        message: 'the device does not meet what is asked of it',
        device: 'b',
        rule: null,
        posture: null,
        refusals: [
          {
            posture: 'posture:healthy',
            rule: 'permissions[0]',
            description: 'A healthy device.',
            resolution: 'Remove what was found.',
          },
        ],
        reasons: [
          {
            posture: 'posture:healthy',
            condition: 'fake:threats == 0',
            attribute: 'fake:threats',
            operator: '==',
            expected: 0,
            withinMs: null,
            found: 2,
            unknown: null,
            integration: 'hq',
            confirmedAt,
            ageMs: 90_000,
            message,
          },
        ],
        grounds: [],
        revision,
        policyRevision: revision,
        viewAgeMs: expect.any(Number),
        at: pdp.world.now().toISOString(),
        validUntil: null,
        refresh: null,
        reason_admin: { en: expect.stringMatching(/^the device does not .+: fake:threats == 0: found 2/) },
        reason_user: { en: 'A healthy device. Remove what was found.' },
      },
    });
  });

  it('7.1: evaluations are told in their order, without a decision of their own; without any it is a single one', async () => {
    const items = [fine, { ...fine, action: { name: 'write' } }, fine];
    const { body } = await pdp.evaluations({ evaluations: items });
    expect(Object.keys(body)).toEqual(['evaluations']);
    expect(body.evaluations.map((each: Json) => each.decision)).toEqual([true, false, true]);
    expect((await pdp.evaluations(fine)).body.decision).toBe(true);
    expect((await pdp.evaluations({ ...fine, evaluations: [] })).body.decision).toBe(true);
    expect((await pdp.evaluations({ evaluations: [] })).status).toBe(400);
  });

  it('7.1.1: an entity of its own replaces the default as a whole, and what no one gives is an error of that one', async () => {
    const closed = { name: 'close' };
    const open = { ...record, properties: { status: 'open' } };
    const { body } = await pdp.evaluations({
      subject: anna,
      action: closed,
      resource: open,
      evaluations: [{}, { resource: record }, { resource: { id: '8' } }, { action: read, resource: { id: '8' } }],
    });
    expect(body.evaluations.map((each: Json) => each.decision)).toEqual([true, false, false, true]);
    const without = await pdp.evaluations({ action: read, resource: record, evaluations: [{ subject: anna }, {}, 7] });
    expect(without.body.evaluations).toMatchObject([
      { decision: true },
      { decision: false, context: { error: { status: 400, message: expect.stringContaining('subject: ') } } },
      { decision: false, context: { error: { status: 400, message: 'an evaluation must be an object' } } },
    ]);
  });

  it('7.1.2.1: all are executed, or up to the first denial, or up to the first permit', async () => {
    const items = [{}, { action: { name: 'write' } }, {}, { resource: 7 }];
    const cases: [object, boolean[]][] = [
      [{}, [true, false, true, false]],
      [{ options: { another: 1 } }, [true, false, true, false]],
      [{ options: { evaluations_semantic: 'execute_all' } }, [true, false, true, false]],
      [{ options: { evaluations_semantic: 'deny_on_first_deny' } }, [true, false]],
      [{ options: { evaluations_semantic: 'permit_on_first_permit' } }, [true]],
    ];
    for (const [options, decisions] of cases) {
      const { body } = await pdp.evaluations({ ...fine, ...options, evaluations: items });
      expect([options, body.evaluations.map((each: Json) => each.decision)]).toEqual([options, decisions]);
    }
  });

  it('7.1.2.1: an error is a denial to deny_on_first_deny, no permit to permit_on_first_permit, and nothing else is a semantic', async () => {
    const body = (semantic: unknown) => ({
      ...fine,
      options: { evaluations_semantic: semantic },
      evaluations: [{ resource: 7 }, {}, { action: { name: 'write' } }],
    });
    const decisions = async (semantic: unknown) =>
      (await pdp.evaluations(body(semantic))).body.evaluations?.map((each: Json) => each.decision);
    expect(await decisions('deny_on_first_deny')).toEqual([false]);
    expect(await decisions('permit_on_first_permit')).toEqual([false, true]);
    for (const semantic of ['EXECUTE_ALL', 'all', '', null, 1, ['execute_all']])
      expect((await pdp.evaluations(body(semantic))).status).toBe(400);
    expect((await pdp.evaluations({ ...body('execute_all'), options: 'execute_all' })).status).toBe(400);
  });

  it('9: the metadata need no key, stand between host and path, and name only what there is', async () => {
    for (const path of ['/.well-known/authzen-configuration', '/.well-known/authzen-configuration/tenant1']) {
      const response = await pdp.service.get(path);
      expect([response.status, response.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
      expect(response.headers.get('cache-control')).toMatch(/max-age=\d+/);
      expect(await response.json()).toEqual({
        policy_decision_point: publicUrl,
        access_evaluation_endpoint: `${publicUrl}${evaluation}`,
        access_evaluations_endpoint: `${publicUrl}${evaluations}`,
      });
    }
  });

  it('10.1: JSON by POST alone, of the type application/json, answered in the same', async () => {
    const told = await pdp.post(evaluation, fine, { 'content-type': 'application/json; charset=UTF-8' });
    expect([told.status, told.headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'application/jsonp', 'nonsense'])
      expect([type, await pdp.post(evaluation, fine, { 'content-type': type })]).toMatchObject([type, { status: 400 }]);
    const key = await pdp.service.key('other', ['gateway:decide']);
    for (const method of ['GET', 'PUT', 'DELETE']) {
      const refused = await fetch(`${pdp.service.url}${evaluations}`, {
        method,
        headers: { authorization: `Bearer ${key}` },
      });
      expect([method, refused.status, refused.headers.get('allow')]).toEqual([method, 405, 'POST']);
    }
  });

  it('10.1.1: what is missing, of another type, or no JSON object is 400 with the field; the order does not matter', async () => {
    const { subject, action, resource } = fine;
    const wrong: [string, unknown, string][] = [
      ['no subject', { action, resource }, 'subject: '],
      ['no action', { subject, resource }, 'action: '],
      ['no resource', { subject, action }, 'resource: '],
      ['no subject.type', { ...fine, subject: { id: 'a' } }, 'subject.type: '],
      ['no subject.id', { ...fine, subject: { type: 'device' } }, 'subject.id: it is missing'],
      ['no action.name', { ...fine, action: {} }, 'action.name: '],
      ['no resource.type', { ...fine, resource: { id: '7' } }, 'resource.type: '],
      ['no resource.id', { ...fine, resource: { type: 'record' } }, 'resource.id: '],
      ['a text for an object', { ...fine, subject: 'anna' }, 'subject: '],
      ['a number for a text', { ...fine, action: { name: 123 } }, 'action.name: expected a string'],
      ['null', { ...fine, resource: null }, 'resource: expected an object'],
      ['a list', { ...fine, subject: [anna] }, 'subject: '],
      ['properties that are none', { ...fine, subject: { ...anna, properties: 'x' } }, 'subject.properties: '],
      ['a context that is none', { ...fine, context: [] }, 'context: '],
      ['a name too long', { ...fine, action: { name: 'x'.repeat(1_025) } }, 'action.name: '],
      ['a list of all', [fine], 'the body: '],
      ['no object', 'null', 'the body: '],
      ['half a body', '{"subject":', 'the body is no JSON'],
      ['nothing', '', 'the body is empty'],
    ];
    for (const path of [evaluation, evaluations])
      for (const [name, body, message] of wrong) {
        const told = await pdp.post(path, body);
        expect([path, name, told.status, told.body]).toEqual([
          path,
          name,
          400,
          { message: expect.stringContaining(message) },
        ]);
      }
    expect(
      (await pdp.evaluation({ context: {}, resource, future: 1, action, subject: { id: 'a', type: 'device' } })).body
        .decision,
    ).toBe(true);
  });

  it('10.1.3: the same X-Request-ID comes back, also with an error, and none is needed', async () => {
    for (const id of ['bfe9eb29-ab87-4ca3-be83-a1d5d8305716', 'with spaces, and more', 'x'.repeat(500)])
      for (const body of [fine, {}]) {
        const { headers } = await pdp.post(evaluation, body, { 'x-request-id': id });
        expect(headers.get('x-request-id')).toBe(id);
      }
    expect((await pdp.evaluation(fine)).headers.get('x-request-id')).toMatch(/./);
  });

  it('11.3: without a key it is 401 with WWW-Authenticate, and without the scope 403', async () => {
    const send = (authorization: string) =>
      fetch(`${pdp.service.url}${evaluation}`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(fine),
      });
    const refused = await send('Bearer nobody');
    expect([refused.status, refused.headers.get('www-authenticate')]).toEqual([401, 'Bearer realm="posture-sync"']);
    expect((await send(`Bearer ${await pdp.service.key('reader', ['devices:core:read'])}`)).status).toBe(403);
  });

  it('11.5, 11.7: what is huge, deep, doubled or named as in JavaScript harms nothing', async () => {
    expect((await pdp.evaluation({ ...fine, context: { x: 'x'.repeat(1024 * 1024) } })).status).toBe(413);
    expect((await pdp.evaluations({ ...fine, evaluations: Array(1_001).fill({}) })).body.message).toMatch(
      /^evaluations: .*1000/,
    );
    const many = await pdp.evaluations({ ...fine, evaluations: Array(1_000).fill({}) });
    expect(many.body.evaluations).toHaveLength(1_000);
    const text = JSON.stringify(fine);
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    for (const more of [
      `"context":{"x":${deep}}`,
      '"context":{"n":1e999}',
      '"__proto__":{"subject":1}',
      '"constructor":{"prototype":1}',
    ])
      expect((await pdp.evaluation(`{${more},${text.slice(1)}`)).body.decision).toBe(true);
    const poisoned = '{"type":"user","id":"anna@example.com","properties":{"__proto__":{"device_id":"a"}}}';
    expect(
      (await pdp.evaluation(`{"subject":${poisoned},${text.slice(1).replace(/"subject":\{.*?\}\},/, '')}`)).body,
    ).toMatchObject({
      decision: false,
      context: { outcome: 'no_device' },
    });
  });
});

describe('a subject', () => {
  it('is a device, or a user together with a device of theirs, and else nobody', async () => {
    const cases: [string, Json, boolean, string][] = [
      ['a device by id', { type: 'device', id: 'a' }, true, 'allowed'],
      ['a device by serial number, however written', { type: 'device', id: 'serial: ser-1 ' }, true, 'allowed'],
      ['a device that nobody knows', { type: 'device', id: 'x' }, false, 'no_device'],
      ['a device by nothing', { type: 'device', id: '' }, false, 'no_device'],
      ['a user at a device of theirs', anna, true, 'allowed'],
      ['a user at a device by serial number', { ...anna, properties: { device_id: 'serial:SER-1' } }, true, 'allowed'],
      ['a user at the device of somebody else', { ...anna, id: 'bob@example.com' }, false, 'other_user'],
      ['a user without a device', { type: 'user', id: 'anna@example.com' }, false, 'no_device'],
      [
        'is a user whose device is named elsewhere',
        { type: 'user', id: 'anna@example.com', device_id: 'a' },
        false,
        'no_device',
      ],
      ['something else', { type: 'spaceship', id: 'a' }, false, 'no_device'],
    ];
    for (const [name, subject, decision, outcome] of cases)
      expect([name, ...(await outcomeOf({ ...fine, subject }))]).toEqual([name, decision, outcome]);
  });
});

describe('a resource', () => {
  const carl = { type: 'device', id: 'c' };
  const device = (id: string, properties: object = { port: 5432, proto: 'tcp' }) => ({
    type: 'device',
    id,
    properties,
  });
  const port = 'resource.properties.port: expected a whole number from 0 to 65535';

  it('is a host, a device, a posture, or what an application names, and the action matters', async () => {
    const cases: [string, Json, Json, Json, unknown[]][] = [
      ['a host', anna, connect, wiki, [true, 'allowed']],
      ['another port', anna, connect, { ...wiki, properties: { port: 80 } }, [false, 'no_rule']],
      ['no port', anna, connect, { type: 'host', id: 'wiki.example.com' }, [false, 'no_rule']],
      ['another action on a host', anna, { name: 'delete' }, wiki, [false, 'no_rule']],
      ['no port at all', anna, connect, { ...wiki, properties: { port: '443' } }, [400, port]],
      ['a device by its tags', anna, connect, device('b'), [true, 'allowed']],
      ['a device by serial number', anna, connect, device('serial:ser-2'), [true, 'allowed']],
      ['a device by its addresses', anna, connect, device('c', { port: 22 }), [true, 'allowed']],
      ['a device without that tag', anna, connect, device('c'), [false, 'no_rule']],
      ['a device that nobody knows', carl, connect, device('x'), [false, 'unknown_resource']],
      ['a posture', anna, { name: 'any' }, { type: 'posture', id: 'posture:healthy' }, [true, 'allowed']],
      ['a posture without its prefix', anna, read, { type: 'posture', id: 'healthy' }, [true, 'allowed']],
      ['no such posture', anna, read, { type: 'posture', id: 'posture:x' }, [false, 'unknown_posture']],
      ['an action that is granted', anna, read, record, [true, 'allowed']],
      ['an action that is not', anna, { name: 'delete' }, record, [false, 'no_rule']],
      ['an action in capitals', anna, { name: 'READ' }, record, [false, 'no_rule']],
      ['another type', anna, read, { type: 'book', id: '7' }, [false, 'no_rule']],
      ['a type that looks like one', anna, read, { type: 'record:x', id: '7' }, [false, 'no_rule']],
      ['network rules for everything', carl, { name: 'write' }, record, [false, 'no_rule']],
      ['every action', carl, { name: 'paint' }, { type: 'room', id: '7' }, [true, 'allowed']],
      ['a condition that is not met', anna, { name: 'close' }, record, [false, 'condition']],
    ];
    for (const [name, subject, action, resource, expected] of cases)
      expect([name, ...(await outcomeOf({ subject, action, resource }))]).toEqual([name, ...expected]);
  });

  it('does not meet a condition of a permission: the answer says which, and what was sent', async () => {
    const closing = { ...fine, action: { name: 'close' }, resource: { ...record, properties: { status: 'shut' } } };
    expect((await pdp.evaluation(closing)).body.context).toMatchObject({
      outcome: 'condition',
      reasons: [{ posture: 'permissions[1]', condition: "resource:status == 'open'", found: 'shut', unknown: null }],
    });
    for (const status of [null, ['open'], { open: true }, 7, 'x'.repeat(1_025)]) {
      const odd = { ...closing, resource: { ...record, properties: { status } } };
      expect(await outcomeOf(odd)).toEqual([false, 'condition']);
      expect(JSON.stringify(pdp.noted.at(-1)?.answer.refusals).length).toBeLessThan(1_000);
    }
    expect(await outcomeOf({ ...closing, resource: { ...record, properties: { status: 'open' } } })).toEqual([
      true,
      'allowed',
    ]);
  });

  it('meets no condition about what was sent and cannot be read, not even that it is not set', async () => {
    const shred = (properties: object) => ({ ...fine, action: { name: 'shred' }, resource: { ...record, properties } });
    expect(await outcomeOf(shred({}))).toEqual([true, 'allowed']);
    expect(await outcomeOf(shred({ hold: null }))).toEqual([true, 'allowed']);
    expect(await outcomeOf(shred({ hold: 'court' }))).toEqual([false, 'condition']);
    for (const hold of [['court'], { by: 'court' }, 'x'.repeat(1_025), {}, []]) {
      const { body } = await pdp.evaluation(shred({ hold }));
      expect([body.decision, body.context.outcome]).toEqual([false, 'condition']);
      expect(body.context.reasons).toMatchObject([
        { posture: 'permissions[3]', attribute: 'resource:hold', found: null, unknown: 'unreadable' },
      ]);
    }
    const huge = JSON.stringify(shred({ hold: 0 })).replace('"hold":0', '"hold":1e999');
    expect(await outcomeOf(huge)).toEqual([false, 'condition']);
  });

  it('is noted for the decision log without what was sent along', async () => {
    await pdp.evaluation({
      ...fine,
      context: { secret: 'hush' },
      subject: { ...anna, properties: { device_id: 'a', secret: 'hush' } },
    });
    const { asked } = pdp.noted.at(-1) ?? {};
    expect(JSON.parse(JSON.stringify(asked))).toMatchObject({
      identities: [{ kind: 'id', value: 'a' }],
      user: 'anna@example.com',
      by: { destination: { use: { resource: 'record:7', action: 'read' } } },
      route: evaluation,
      callerId: expect.any(String),
    });
    expect(JSON.stringify(asked)).not.toContain('hush');
    await pdp.evaluation({ ...fine, action: connect, resource: { type: 'device', id: 'b' } });
    const by = { destination: { port: null, proto: null }, reached: { kind: 'id', value: 'b' } };
    expect(pdp.noted.at(-1)?.asked.by).toEqual(by);
  });
});

describe('300 random bodies', () => {
  const random = new Random(20261121);
  const words = [
    'user',
    'device',
    'host',
    'record',
    'posture',
    'a',
    'read',
    'connect',
    'anna@example.com',
    '',
    'serial:SER-1',
    'x',
  ];
  const keys = [
    'subject',
    'action',
    'resource',
    'context',
    'type',
    'id',
    'name',
    'properties',
    'device_id',
    'port',
    'evaluations',
    'options',
    'evaluations_semantic',
    '__proto__',
    'toString',
  ];
  const value = (depth: number): unknown => {
    const kind = random.below(depth > 4 ? 5 : 8);
    if (kind < 2) return random.pick(words);
    if (kind === 2) return random.pick([0, -1, 443, 1e308, 0.5]);
    if (kind === 3) return random.pick([true, false, null]);
    if (kind === 4) return random.pick(words);
    if (kind === 5) return Array.from({ length: random.below(4) }, () => value(depth + 1));
    return Object.fromEntries(Array.from({ length: random.below(6) }, () => [random.pick(keys), value(depth + 1)]));
  };
  /** A sound one with one thing changed. */
  const changed = (): unknown => {
    const body: Json = structuredClone(random.pick([fine, { subject: anna, action: connect, resource: wiki }]));
    const at = random.pick([body, body.subject, body.action, body.resource, body.subject.properties]);
    at[random.pick(keys.filter(key => key !== '__proto__'))] = value(3);
    return body;
  };
  const isSound = ({ subject, action, resource }: Json) =>
    [subject?.type, subject?.id, action?.name, resource?.type, resource?.id].every(text => typeof text === 'string');

  it('get no 5xx, and none is allowed unless it is sound', async () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 300; i++) {
      const body = i % 2 === 0 ? value(0) : changed();
      const { status, body: told } = await pdp.evaluation(body);
      const kind = status === 200 ? String(told.decision) : String(status);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
      expect(['true', 'false', '400'], JSON.stringify(body)).toContain(kind);
      if (kind === 'true') expect(isSound(body), JSON.stringify(body)).toBe(true);
      const batch = await pdp.evaluations({ ...fine, evaluations: [body] });
      expect(batch.status, JSON.stringify(body)).toBe(200);
    }
    expect([...counts.keys()].sort()).toEqual(['400', 'false', 'true']);
  });
});
