// The certification scenario of AuthZEN 1.0 (openid/authzen, certification/authorization-api-1_0-scenario.md), mapped by a
// policy: its requests as they are, but that a subject names the device it sits at, since without one nobody gets anywhere.
// Numbers are those of its sections.
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeAgent } from '../support/fake-provider.ts';
import { type AuthZen, type Json, publicUrl, startAuthZen } from './authzen-service.ts';

/** Read and write, and what archives and deleting have to do with it, from healthy devices. */
const policy = {
  postures: { 'posture:healthy': ['fake:isActive', 'fake:threats == 0'] },
  defaultSrcPosture: ['posture:healthy'],
  tagOwners: { 'tag:alice': [], 'tag:bob': [] },
  permissions: [
    { src: ['*'], actions: ['read'], resources: ['record:*'] },
    {
      src: ['tag:alice'],
      actions: ['write'],
      resources: ['record:*'],
      when: ["resource:status NOT SET || resource:status != 'archived'"],
    },
    {
      src: ['*'],
      actions: ['write'],
      resources: ['record:*'],
      when: ["subject:role == 'admin'", "resource:status == 'archived'"],
    },
    { src: ['tag:alice'], actions: ['delete'], resources: ['record:*'], when: ['action:soft == true'] },
  ],
  tests: [
    {
      src: 'tag:alice',
      srcPostureAttrs: { 'fake:isActive': true, 'fake:threats': 0 },
      properties: { 'resource:status': 'archived', 'action:soft': true },
      accept: ['read record:record-2', 'delete record:record-1'],
      deny: ['write record:record-2'],
    },
  ],
};

type Properties = Record<string, unknown>;
const user = (id: string, properties: Properties = {}) => ({
  type: 'user',
  id,
  properties: { device_id: `${id}-laptop`, ...properties },
});
const [alice, bob] = [user('alice'), user('bob')];
const record = (id: string, properties?: Properties) => ({
  type: 'record',
  id,
  ...(properties === undefined ? {} : { properties }),
});
const action = (name: string, properties?: Properties) => ({
  name,
  ...(properties === undefined ? {} : { properties }),
});
const archived = record('record-2', { status: 'archived' });
const admin = user('bob', { role: 'admin' });
const first = record('record-1');

let pdp: AuthZen;

beforeEach(async () => {
  pdp = await startAuthZen();
  (await pdp.world.integration('hq')).set(fakeAgent('1', 'SER-A'), fakeAgent('2', 'SER-B'));
  await pdp.world.devices(
    { id: 'alice-laptop', user: 'alice', tags: ['tag:alice'], serialNumbers: ['SER-A'] },
    { id: 'bob-laptop', user: 'bob', tags: ['tag:bob'], serialNumbers: ['SER-B'] },
  );
  await pdp.world.sync('hq');
  await pdp.apply(policy);
});

describe('the certification scenario, decisions of 1.4', () => {
  it('eight of them are as required', async () => {
    const asked: [number, Json, boolean][] = [
      [1, { subject: alice, action: action('read'), resource: first }, true],
      [2, { subject: alice, action: action('write'), resource: first }, true],
      [3, { subject: bob, action: action('read'), resource: first }, true],
      [4, { subject: bob, action: action('write'), resource: first }, false],
      [5, { subject: alice, action: action('write'), resource: archived }, false],
      [6, { subject: admin, action: action('write'), resource: archived }, true],
      [7, { subject: alice, action: action('delete', { soft: true }), resource: first }, true],
      [8, { subject: alice, action: action('delete', { soft: false }), resource: first }, false],
    ];
    for (const [rule, body, decision] of asked)
      expect([rule, await pdp.evaluation(body)]).toMatchObject([rule, { status: 200, body: { decision } }]);
    // The same with a context, and all at once.
    const context = { time: '2025-06-27T18:03-07:00', ip: '192.168.1.1' };
    const { body } = await pdp.evaluations({ context, evaluations: asked.map(([, each]) => each) });
    expect(body.evaluations.map((each: Json) => each.decision)).toEqual(asked.map(([, , decision]) => decision));
  });

  it('none of them is true from a device that is not healthy, and the answer says why', async () => {
    pdp.world.consoles
      .get('hq')
      ?.set(fakeAgent('1', 'SER-A', { values: { 'fake:isActive': true, 'fake:threats': 2 } }));
    await pdp.world.sync('hq');
    await pdp.caughtUp();
    const { body } = await pdp.evaluation({ subject: alice, action: action('read'), resource: first });
    expect(body).toMatchObject({ decision: false, context: { outcome: 'posture', reasons: [{ found: 2 }] } });
  });

  it('a request that names no device is denied, whatever the policy', async () => {
    const subject = { type: 'user', id: 'alice' };
    const { status, body } = await pdp.evaluation({ subject, action: action('read'), resource: first });
    expect([status, body]).toMatchObject([200, { decision: false, context: { outcome: 'no_device' } }]);
  });
});

describe('the certification scenario, requests', () => {
  const read = { subject: alice, action: action('read'), resource: first };

  it('2.2.3: an optional context changes no decision', async () => {
    expect((await pdp.evaluation({ ...read, context: { ip: '192.168.1.1' } })).body.decision).toBe(true);
  });

  it('2.2.8, 2.2.9: additional properties and unknown fields are ignored', async () => {
    const more = {
      subject: user('alice', { department: 'Sales', role: 'manager' }),
      action: action('read', { method: 'GET' }),
      resource: record('record-1', { status: 'active', owner: 'bob' }),
      foo: 'bar',
      futureField: { nested: true },
    };
    expect((await pdp.evaluation(more)).body.decision).toBe(true);
  });

  it('2.6: the same request gets the same decision each time', async () => {
    const decisions = await Promise.all(Array.from({ length: 20 }, () => pdp.evaluation(read)));
    expect(new Set(decisions.map(({ body }) => body.decision))).toEqual(new Set([true]));
  });

  it('3: several at once are decided in their order, each with what it leaves out', async () => {
    const cases: [string, Json, boolean[]][] = [
      [
        '3.2.1: defaults for subject and action',
        {
          subject: alice,
          action: action('read'),
          evaluations: [{ resource: first }, { resource: record('record-2') }],
        },
        [true, true],
      ],
      [
        '3.2.2: the order of the request',
        { subject: bob, resource: first, evaluations: [{ action: action('read') }, { action: action('write') }] },
        [true, false],
      ],
      [
        '3.2.3: properties of each resource',
        {
          subject: alice,
          action: action('write'),
          evaluations: [{ resource: record('record-1', { status: 'active' }) }, { resource: archived }],
        },
        [true, false],
      ],
      [
        '3.2.4: properties of each subject',
        { action: action('write'), resource: archived, evaluations: [{ subject: alice }, { subject: admin }] },
        [false, true],
      ],
      [
        '3.2.5: no defaults',
        { evaluations: [read, { subject: bob, action: action('write'), resource: first }] },
        [true, false],
      ],
      [
        '3.2.6: a context for all and one for itself',
        {
          subject: alice,
          action: action('read'),
          context: { time: 'a' },
          evaluations: [{ resource: first }, { resource: first, context: { source: 'b' } }],
        },
        [true, true],
      ],
      [
        '3.2.7: a type that only the default has',
        {
          subject: alice,
          action: action('write'),
          resource: { type: 'record' },
          evaluations: [{ resource: { id: 'record-1', properties: { status: 'active' } } }, { resource: archived }],
        },
        [true, false],
      ],
      [
        '3.4.1: one that lacks a resource',
        { subject: alice, action: action('read'), evaluations: [{ resource: first }, {}] },
        [true, false],
      ],
    ];
    for (const [name, body, decisions] of cases) {
      const answer = await pdp.evaluations(body);
      expect([name, answer.status, 'decision' in answer.body]).toEqual([name, 200, false]);
      expect([name, answer.body.evaluations.map((each: Json) => each.decision)]).toEqual([name, decisions]);
    }
  });

  it('3.4.2, 3.4.3: without evaluations, or with none, it is a single one', async () => {
    for (const more of [{}, { evaluations: [] }])
      expect((await pdp.evaluations({ ...read, ...more })).body).toMatchObject({ decision: true, context: {} });
  });

  it('6.5: the metadata name the service as it was asked for, and endpoints that there are', async () => {
    const response = await pdp.service.get('/.well-known/authzen-configuration/tenant1');
    expect(response.headers.get('content-type')).toMatch(/^application\/json/);
    const metadata = (await response.json()) as Json;
    expect(metadata.policy_decision_point).toBe(publicUrl);
    for (const name of ['evaluation', 'evaluations'])
      expect(metadata[`access_${name}_endpoint`]).toBe(`${publicUrl}/access/v1/${name}`);
    expect(Object.keys(metadata).filter(name => name.startsWith('search_'))).toEqual([]);
  });
});
