// Policies as operations: what applying one stores and tells, what is refused, and who wins of several.
import { createHash } from 'node:crypto';
import { beforeEach, describe, expect, test } from 'vitest';
import { deleteAttribute, setAttribute } from '../../src/operations/attributes.ts';
import {
  applyPolicy,
  type PolicyApplied,
  policyCatalogue,
  viewPolicies,
  viewPolicy,
} from '../../src/operations/policies.ts';
import { readAppliedPolicy } from '../../src/posture/policy-check.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});

const request = () => ({ db: world.db, now: world.now, actor: tester });
const apply = (text: string, ifRevision: number | null = null) => applyPolicy(request(), { text, ifRevision });
const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
const revisionOf = (applied: PolicyApplied) => (applied.state === 'refused' ? null : applied.view.revision);
const headRevision = async () => (await world.db.query('select revision from head')).rows[0].revision;
const eventsOf = () => world.events('TAILNET.UPDATE.ACL');

/** A policy that is like no other one. */
const policy = (name: string) => `{ "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"] }] } // ${name}`;

describe('policy apply', () => {
  test('is one audited write that tells revision and hash of the new policy and of the one before', async () => {
    const [first, second] = [policy('first'), policy('second')];
    expect(await apply(first)).toMatchObject({
      state: 'applied',
      view: { revision: 1, inForce: true },
      replaced: null,
    });
    world.pass(hour);
    expect(await apply(second)).toMatchObject({ state: 'applied', view: { revision: 2 }, replaced: 1 });
    expect(await eventsOf()).toEqual([
      {
        eventTime: '2026-03-01T00:00:00.000Z',
        type: 'CONFIG',
        eventGroupID: '1',
        origin: 'CONFIG_API',
        actor: tester,
        target: { id: 'policy', name: 'policy', type: 'TAILNET', property: 'ACL' },
        action: 'UPDATE',
        new: { revision: 1, hash: hashOf(first) },
        event: 'TAILNET.UPDATE.ACL',
      },
      expect.objectContaining({
        eventTime: '2026-03-01T01:00:00.000Z',
        eventGroupID: '2',
        old: { revision: 1, hash: hashOf(first) },
        new: { revision: 2, hash: hashOf(second) },
      }),
    ]);
    expect(await headRevision()).toBe(2);
  });

  test('keeps every character as it was written', async () => {
    const texts = ['\ufeff{ // first\r\n\t"acls": [],\r\n}', '/* ü 🦊 \u0001 */ {}\n\n\n', '{}'];
    for (const text of texts) {
      const applied = await apply(text);
      expect((await viewPolicy(request(), null)).text).toBe(text);
      expect(applied).toMatchObject({ view: { hash: hashOf(text) } });
    }
  });

  test('of what is in force already changes nothing, and writes no event and no revision', async () => {
    await apply(policy('a'));
    world.pass(hour);
    const again = await apply(policy('a'));
    expect(again).toMatchObject({ state: 'unchanged', view: { revision: 1, appliedAt: new Date('2026-03-01') } });
    expect([await headRevision(), await eventsOf(), await viewPolicies(request())]).toEqual([
      1,
      [expect.anything()],
      [expect.anything()],
    ]);
  });

  test('of one that was replaced puts it in force again, as a revision of its own', async () => {
    for (const name of ['a', 'b', 'a']) await apply(policy(name));
    const hashes = (await viewPolicies(request())).map(({ revision, hash, inForce }) => [revision, hash, inForce]);
    expect(hashes).toEqual([
      [1, hashOf(policy('a')), false],
      [2, hashOf(policy('b')), false],
      [3, hashOf(policy('a')), true],
    ]);
  });

  const test1 = '{ "src": "anna@example.com", "accept": ["wiki:443"] }';
  test.each([
    ['cannot be read', '{ "acls": [ }', 'syntax'],
    [
      'names what is not there',
      '{ "acls": [{ "action": "accept", "src": ["group:a"], "dst": [] }] }',
      'unknown_selector',
    ],
    ['fails its own tests', `{ "hosts": { "wiki": "10.0.0.5" }, "tests": [${test1}] }`, 'test_failed'],
    ['is empty', '', 'syntax'],
  ])('of a policy that %s is refused with the findings, and nothing is written', async (_, text, code) => {
    await apply(policy('before'));
    const refused = await apply(text);
    expect(refused).toMatchObject({ state: 'refused', check: { policy: null, errors: [{ code }] } });
    expect([await headRevision(), (await viewPolicy(request(), null)).text]).toEqual([1, policy('before')]);
  });

  test('is not refused because of warnings', async () => {
    const applied = await apply('{ "postures": { "posture:unused": ["node:os == \'linux\'"] } }');
    expect(applied).toMatchObject({ state: 'applied', check: { warnings: [{ code: 'unused_posture' }] } });
  });

  test.each([
    ['a NUL', '{} // \0'],
    ['half of a character', '{} // \ud800'],
  ])('of a text with %s is refused', async (_, text) => {
    await expect(apply(text)).rejects.toMatchObject({ code: 'invalid' });
  });
});

describe('policy apply --if-revision', () => {
  test('is refused where another one was applied meanwhile, naming it', async () => {
    await apply(policy('a'), 0);
    await apply(policy('b'), 1);
    await expect(apply(policy('c'), 1)).rejects.toMatchObject({
      code: 'conflict',
      message: 'the policy of revision 2 is in force, applied by test at 2026-03-01T00:00:00.000Z; nothing was applied',
    });
    await expect(apply(policy('c'), 0)).rejects.toMatchObject({ code: 'conflict' });
    expect([await headRevision(), (await viewPolicy(request(), null)).text]).toEqual([2, policy('b')]);
  });

  test('is refused where none is in force', async () => {
    await expect(apply(policy('a'), 7)).rejects.toThrow('no policy is in force, and so not that of revision 7');
  });

  test('may be repeated: what is in force already is no conflict', async () => {
    await apply(policy('a'), 0);
    expect(await apply(policy('a'), 0)).toMatchObject({ state: 'unchanged', view: { revision: 1 } });
  });
});

describe('policies that are applied at once', () => {
  test('come one after the other, each telling the one before it', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const applied = await Promise.all(names.map(name => apply(policy(name))));
    expect(applied.map(revisionOf).toSorted()).toEqual([1, 2, 3, 4, 5]);
    const history = await viewPolicies(request());
    expect((await eventsOf()).map(event => event.old ?? null)).toEqual([
      null,
      ...history.slice(0, -1).map(({ revision, hash }) => ({ revision, hash })),
    ]);
  });

  test('with --if-revision: one is, the others are refused', async () => {
    await apply(policy('before'));
    const all = await Promise.allSettled(['a', 'b', 'c'].map(name => apply(policy(name), 1)));
    expect(all.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected', 'rejected']);
    for (const each of all) if (each.status === 'rejected') expect(each.reason).toMatchObject({ code: 'conflict' });
    expect([await headRevision(), (await eventsOf()).length]).toEqual([2, 2]);
  });

  test('and are the same: one is, and the others find it in force', async () => {
    const all = await Promise.all([1, 2, 3].map(() => apply(policy('a'))));
    expect(all.map(({ state }) => state).toSorted()).toEqual(['applied', 'unchanged', 'unchanged']);
    expect(await eventsOf()).toHaveLength(1);
  });
});

describe('policy show', () => {
  test('tells of any policy that was applied, and which is in force', async () => {
    await apply(policy('a'));
    await world.devices({ id: 'd1' });
    await apply(policy('b'));
    expect(await viewPolicy(request(), null)).toEqual({
      revision: 3,
      appliedAt: new Date('2026-03-01'),
      actor: tester,
      hash: hashOf(policy('b')),
      inForce: true,
      text: policy('b'),
    });
    expect(await viewPolicy(request(), 1)).toMatchObject({ text: policy('a'), inForce: false });
    await expect(viewPolicy(request(), 2)).rejects.toThrow('revision 2 applied no policy');
  });

  test('says what to do where none was applied', async () => {
    await expect(viewPolicy(request(), null)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('posture-sync policy apply config/policy.hujson'),
    });
    expect(await viewPolicies(request())).toEqual([]);
  });
});

describe('conditions over custom attributes', () => {
  const about = (...conditions: string[]) => JSON.stringify({ postures: { 'posture:x': conditions } });
  const warnings = async (text: string) => {
    const { check } = await apply(text);
    return check.warnings.flatMap(({ code, message }) => (code === 'unused_posture' ? [] : [`${code}: ${message}`]));
  };

  test('are looked over by the keys in use and their types, and are no errors', async () => {
    await world.devices({ id: 'a' });
    await setAttribute(request(), 'a', 'custom:tier', { value: 'gold' });
    expect(await warnings(about("custom:tier == 'gold'"))).toEqual([]);
    expect(await warnings(about('custom:tier == 5'))).toEqual([
      expect.stringMatching(/^wrong_type: .*custom:tier is a text/),
    ]);
    expect(await warnings(about("custom:teir == 'gold'"))).toEqual([
      expect.stringContaining('unknown_attribute: no device has custom:teir yet'),
    ]);
    expect(await warnings(about('custom:a-b'))).toEqual([
      expect.stringContaining('this is never true: a key is custom:'),
    ]);
  });

  test('stay in force whatever becomes of their keys', async () => {
    await world.devices({ id: 'a' });
    await setAttribute(request(), 'a', 'custom:tier', { value: 'gold' });
    const text = about("custom:tier == 'gold'");
    await apply(text);
    await deleteAttribute(request(), 'a', 'custom:tier');
    await setAttribute(request(), 'a', 'custom:tier', { value: 5 });
    expect(readAppliedPolicy(text, policyCatalogue())?.postures.size).toBe(1);
    expect(await apply(text)).toMatchObject({ state: 'unchanged', check: { errors: [] } });
  });
});
