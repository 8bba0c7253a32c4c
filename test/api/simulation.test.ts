// Simulated decisions: what the gateway decides by the same facts, and by invented ones; nothing comes of them.
import { beforeEach, describe, expect, it } from 'vitest';
import { answerBody } from '../../src/gateway/answers.ts';
import { type Asked, createDecider } from '../../src/gateway/decisions.ts';
import { View } from '../../src/gateway/view.ts';
import { applyPolicy, policyCatalogue } from '../../src/operations/policies.ts';
import { readAppliedPolicy } from '../../src/posture/policy-check.ts';
import { readEverything } from '../../src/store/feed.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const path = '/api/v2/tailnet/-/decisions/simulate';
const policy = JSON.stringify({
  postures: {
    'posture:calm': { conditions: ["fake:threats == 0 WITHIN '24h'"], description: 'Calm.', resolution: 'Wait.' },
  },
  defaultSrcPosture: ['posture:calm'],
  hosts: { wiki: 'wiki.example.com' },
  acls: [
    { action: 'accept', src: ['anna@example.com'], dst: ['wiki:443'] },
    { action: 'accept', src: ['10.9.0.0/24'], dst: ['*:22'], srcPosture: [] },
    { action: 'accept', src: ['anna@example.com'], dst: ['bob@example.com:5900'] },
  ],
  permissions: [
    { src: ['*'], actions: ['read'], resources: ['record:*'], when: ["resource:status == 'open'"], srcPosture: [] },
  ],
});

let world: World;
let api: TestApi;
const simulate = async (body: unknown) => await api.call('POST', path, body);
const wiki = { destination: { host: 'wiki.example.com', port: 443, proto: 'tcp' } };
const open = { use: { action: 'read', resource: 'record:7', properties: { 'resource:status': 'open' } } };

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  for (const [id, threats] of Object.entries({ fine: 0, bad: 2 })) {
    const addresses = [id === 'fine' ? '10.9.0.7' : '10.8.0.7'];
    await world.devices({ id, serialNumbers: [`SER-${id}`], user: 'anna@example.com', addresses });
    console.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': threats } }));
  }
  await world.sync('hq');
  await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text: policy, ifRevision: null });
  api = await startApi({ database: world.database, now: world.now });
});

/** As the gateway answers, from its view. */
async function decided(device: string, by: Asked['by']) {
  const catalogue = policyCatalogue();
  const view = new View(catalogue);
  const everything = await readEverything(world.database.url, [], portion => view.take(portion));
  view.takeIntegrations(everything.integrations);
  const { revision = 0, hash = '', text = '' } = everything.policy ?? {};
  const known = {
    view,
    revision: everything.revision,
    policy: { revision, hash, text, policy: readAppliedPolicy(text, catalogue) },
  };
  const decider = createDecider({
    follower: { known: () => known, ageMs: () => 0 },
    ...{ catalogue, viewMaxAgeMs: 1_000, now: world.now, log: world.context.log },
  });
  const answer = decider.decide({ identities: [{ kind: 'id', value: device }], by, route: '', callerId: null });
  const { outcome, message, rule, posture, refusals, reasons, grounds, policyRevision, at, validUntil } =
    answerBody(answer);
  const told = {
    outcome,
    message,
    device: answer.device?.id ?? null,
    rule,
    posture,
    refusals,
    reasons,
    grounds,
    at,
    validUntil,
  };
  return { allowed: answer.allowed, ...told, policyRevision };
}

describe('a simulated decision', () => {
  it('for a device is what the gateway decides, whatever is asked, and leaves no trace', async () => {
    const before = await world.db.query(
      'select (select revision from head) as revision, (select count(*) from requests) as requests',
    );
    const outcomes = new Set<string>();
    const compare = async () => {
      for (const device of ['fine', 'bad', 'nobody'])
        for (const by of [
          wiki,
          { destination: { host: '10.1.0.5', port: 22 } },
          { destination: {} },
          { postures: ['posture:calm'] },
          { postures: ['posture:nope'] },
        ]) {
          const { status, body } = await simulate({ device, ...by });
          expect([status, body]).toEqual([200, await decided(device, by)]);
          outcomes.add(body.outcome);
        }
    };
    await compare();
    world.pass(30 * hour);
    await compare();
    expect([...outcomes].sort()).toEqual(['allowed', 'no_device', 'no_rule', 'posture', 'unknown_posture']);
    const after = await world.db.query(
      'select (select revision from head) as revision, (select count(*) from requests) as requests',
    );
    expect(after.rows[0].requests).toBe(before.rows[0].requests);
    expect(after.rows).toEqual(before.rows);
    expect(api.lines).toEqual([]);
  });

  it('tells what it rests on, and reaches devices of our own, as the gateway does', async () => {
    await world.devices({ id: 'other', user: 'bob@example.com' });
    for (const [device, reached, allowed] of [
      ['fine', 'other', true],
      ['bad', 'other', false],
      ['fine', 'bad', false],
      ['fine', 'nobody', false],
    ] as const) {
      const destination = { port: 5_900, proto: 'tcp' };
      const { status, body } = await simulate({ device, destination: { ...destination, device: reached } });
      const gateways = await decided(device, { destination, reached: { kind: 'id', value: reached } });
      expect([status, body]).toEqual([200, gateways]);
      expect([body.allowed, body.grounds.length]).toEqual([allowed, allowed ? 1 : 0]);
    }
    const unknown = await simulate({ device: 'fine', destination: { device: 'nobody' } });
    expect(unknown.body).toMatchObject({ allowed: false, outcome: 'unknown_resource' });
    const invented = { user: 'anna@example.com', attributes: { 'fake:threats': 0 }, ...wiki };
    const grounds = [
      { attribute: 'fake:threats', integration: null, confirmedAt: world.now().toISOString(), ageMs: 0 },
    ];
    expect((await simulate(invented)).body).toMatchObject({ allowed: true, grounds });
  });

  it('takes invented values in place of those that the device has', async () => {
    const outcomeOf = async (body: object) => (await simulate({ device: 'bad', ...wiki, ...body })).body;
    expect(await outcomeOf({})).toMatchObject({ allowed: false, reasons: [{ found: 2, integration: 'hq' }] });
    expect(await outcomeOf({ attributes: { 'fake:threats': 0 } })).toMatchObject({ allowed: true, rule: 'acls[0]' });
    const unset = await outcomeOf({ attributes: { 'fake:threats': null } });
    expect(unset).toMatchObject({ allowed: false, reasons: [{ found: null, unknown: 'unset', integration: null }] });
    expect(await outcomeOf({ user: 'bob@example.com' })).toMatchObject({ outcome: 'no_rule' });
    const elsewhere = { destination: { host: '10.1.0.5', port: 22 } };
    expect(await outcomeOf({ ...elsewhere, addresses: ['10.9.0.1'] })).toMatchObject({
      allowed: true,
      rule: 'acls[1]',
    });
  });

  it('of an invented device rests on what is invented alone', async () => {
    const anna = { user: 'anna@example.com', ...wiki };
    expect((await simulate({ ...anna, attributes: { 'fake:threats': 0 } })).body).toMatchObject({
      allowed: true,
      device: null,
    });
    expect((await simulate(anna)).body).toMatchObject({ outcome: 'posture', reasons: [{ unknown: 'unset' }] });
    expect((await simulate(open)).body).toMatchObject({ allowed: true, rule: 'permissions[0]' });
    expect((await simulate({ use: { ...open.use, properties: {} } })).body).toMatchObject({ outcome: 'condition' });
    expect((await simulate({ ...anna, postures: undefined, attributes: { 'custom:x': 'y' } })).status).toBe(200);
  });

  it('goes by another policy where one is given, and tells what is wrong with it', async () => {
    const lax = '{ "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"] }] } // lax';
    const { body } = await simulate({ device: 'bad', ...wiki, policy: lax });
    expect(body).toMatchObject({ allowed: true, policyRevision: null });
    const wrong = await simulate({ device: 'bad', ...wiki, policy: '{ "acls": 1 }' });
    expect([wrong.status, wrong.body.message]).toEqual([400, expect.stringContaining('acls must be a list')]);
    const bare = await startApi();
    const none = await bare.call('POST', path, wiki);
    expect(none.body).toMatchObject({ allowed: false, outcome: 'no_policy', message: 'no policy is in force' });
  });

  it.each<[string, unknown, string]>([
    ['no body', undefined, 'the body: '],
    ['nothing that is asked', {}, 'one of destination, postures and use is needed'],
    ['two things', { ...wiki, postures: ['calm'] }, 'one of destination, postures and use is needed'],
    ['a value of another type', { ...wiki, attributes: { 'fake:threats': 'two' } }, 'attributes: fake:threats is '],
    [
      'an attribute that nobody has',
      { ...wiki, attributes: { 'fake:nope': 1 } },
      'attributes: there is no attribute fake:nope',
    ],
    ['a port that is none', { destination: { port: 70_000 } }, 'destination.port: '],
    ['an unknown field', { ...wiki, colour: 'red' }, 'colour: there is no such field'],
    ['postures that are none', { postures: [] }, 'postures: '],
  ])('is refused with %s', async (_, body, message) => {
    const answer = await simulate(body);
    expect([answer.status, answer.body]).toEqual([400, { message: expect.stringContaining(message) }]);
  });

  it('needs the scopes for policies and for devices', async () => {
    for (const [has, lacks] of [
      ['policy_file:read', 'devices:posture_attributes:read'],
      ['devices:posture_attributes:read', 'policy_file:read'],
    ] as const) {
      const { status, body } = await api.call('POST', path, wiki, { key: await api.keyFor(has) });
      expect([status, body.message]).toEqual([403, `the key lacks the scope "${lacks}"`]);
    }
  });
});
