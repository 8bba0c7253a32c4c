// Decisions from a view that follows a real database: by whom a device is recognised, which policy counts, and that whatever is
// missing, too old or broken is a denial that says so.
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type Asked, createDecider, type Decider, type Identity } from '../../src/gateway/decisions.ts';
import { type Follower, startFollowing } from '../../src/gateway/follow.ts';
import { createLog } from '../../src/log.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { insertPolicy } from '../../src/store/policies.ts';
import { write } from '../../src/store/write.ts';
import { fakeAgent, fakeAttributes } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { Relay } from '../support/relay.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const viewMaxAgeMs = 15 * minute;
const wiki = { host: 'wiki', port: 443, proto: 'tcp' };

const policy = {
  postures: {
    'posture:healthy': {
      conditions: ['fake:isActive == true', "fake:threats == 0 WITHIN '1h'"],
      description: 'Healthy.',
      resolution: 'Remove what was found.',
    },
    'posture:active': ['fake:isActive'],
  },
  defaultSrcPosture: ['posture:healthy'],
  tagOwners: { 'tag:kiosk': [] },
  hosts: { wiki: 'wiki.example.com' },
  acls: [
    { action: 'accept', src: ['autogroup:member'], dst: ['wiki:443'] },
    { action: 'accept', src: ['*'], dst: ['*:22'], srcPosture: [] },
  ],
};

describe('decisions', () => {
  let world: World;
  let follower: Follower;
  let decider: Decider;
  let ageMs: number | null;
  const lines: string[] = [];
  const catalogue = createCatalogue(fakeAttributes, null);
  const log = createLog('info', { write: line => void lines.push(line) });

  beforeEach(async () => {
    lines.length = 0;
    ageMs = null;
    world = await createWorld();
    follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: ['fake:lastSeen'], log });
    onTestFinished(() => follower.stop());
    const seen = { known: () => follower.known(), ageMs: () => ageMs ?? follower.ageMs() };
    decider = createDecider({ follower: seen, catalogue, viewMaxAgeMs, now: world.now, log });
    (await world.integration('hq')).set(fakeAgent('1', 'SER-1'), fakeAgent('2', 'SER-2'));
    await world.devices({ id: 'a', user: 'Anna@example.com', serialNumbers: ['ser-1'] });
    await world.devices({ id: 'b', serialNumbers: ['SER-2'] });
    await world.sync('hq');
  });

  const caughtUp = async () => {
    const { rows } = await world.db.query('select revision from head');
    await expect.poll(() => follower.known()?.revision).toBe(rows[0].revision);
  };
  const apply = async (document: object) => {
    const request = { db: world.db, now: world.now, actor: tester };
    const applied = await applyPolicy(request, { text: JSON.stringify(document), ifRevision: null });
    expect(applied.state).toBe('applied');
    await caughtUp();
  };
  const anna: Identity = { kind: 'id', value: 'a' };
  const ask = (identities: Identity[], by: Asked['by'], user?: string) =>
    decider.decide({ identities, by, route: 'test', callerId: null, ...(user === undefined ? {} : { user }) });
  const toWiki = (...identities: Identity[]) => ask(identities, { destination: wiki });

  it('tell the rule, the posture, every value with its age, the revisions and how long it stands', async () => {
    await apply(policy);
    const confirmedAt = world.now().getTime();
    world.pass(10 * minute);
    const revision = follower.known()?.revision;
    const ground = { integration: 'hq', confirmedAt };
    expect(toWiki(anna)).toMatchObject({
      allowed: true,
      outcome: 'allowed',
      rule: 'acls[0]',
      posture: 'posture:healthy',
      refusals: [],
      grounds: [
        { attribute: 'fake:isActive', ...ground },
        { attribute: 'fake:threats', ...ground },
      ],
      device: { id: 'a' },
      revision,
      policyRevision: revision,
      viewAgeMs: expect.any(Number),
      at: world.now().getTime(),
      validUntil: confirmedAt + hour + 1,
    });
  });

  it('tell each condition that is not true, with what was found and how old it is, and what to do', async () => {
    await apply(policy);
    world.consoles.get('hq')?.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true, 'fake:threats': 2 } }));
    await world.sync('hq');
    await caughtUp();
    expect(toWiki(anna)).toMatchObject({
      allowed: false,
      outcome: 'posture',
      grounds: [],
      refusals: [
        {
          posture: 'posture:healthy',
          rule: 'acls[0]',
          resolution: 'Remove what was found.',
          reasons: [{ attribute: 'fake:threats', expected: 0, found: 2, unknown: null, integration: 'hq' }],
        },
      ],
    });
  });

  it('turn when only time passed', async () => {
    await apply(policy);
    world.pass(hour - minute);
    expect(toWiki(anna).allowed).toBe(true);
    world.pass(2 * minute);
    expect(toWiki(anna)).toMatchObject({ outcome: 'posture', refusals: [{ reasons: [{ unknown: 'too_old' }] }] });
  });

  it('know a device by id and by serial number, however it is written', async () => {
    await apply(policy);
    expect(toWiki({ kind: 'serial', value: ' ser-1 ' }).device?.id).toBe('a');
    expect(toWiki({ kind: 'serial', value: ' ser-1 ' }, anna).allowed).toBe(true);
    expect(toWiki({ kind: 'serial', value: 'To be filled by O.E.M.' }).outcome).toBe('no_device');
  });

  it.each<[string, Identity[], string]>([
    ['nobody says which device it is', [], 'no_device'],
    ['there is no such device', [{ kind: 'id', value: 'x' }], 'no_device'],
    [
      'neither is known',
      [
        { kind: 'id', value: 'x' },
        { kind: 'serial', value: 'SER-9' },
      ],
      'no_device',
    ],
    ['two are meant', [anna, { kind: 'serial', value: 'SER-2' }], 'devices_differ'],
    ['the first is unknown', [{ kind: 'id', value: 'x' }, anna], 'devices_differ'],
    ['the second is unknown', [anna, { kind: 'address', value: '192.0.2.9' }], 'devices_differ'],
  ])('deny where %s, also what a rule lets everybody do', async (_, identities, outcome) => {
    await apply(policy);
    const everybody = { destination: { host: 'wiki', port: 22, proto: 'tcp' } };
    expect(ask([anna], everybody).allowed).toBe(true);
    expect(ask(identities, everybody)).toMatchObject({ allowed: false, outcome });
  });

  it('deny a user with the device of another one, and one with a device of nobody', async () => {
    await apply(policy);
    expect(ask([anna], { destination: wiki }, 'anna@EXAMPLE.com').allowed).toBe(true);
    expect(ask([anna], { destination: wiki }, 'bob@example.com').outcome).toBe('other_user');
    expect(ask([anna], { destination: wiki }, '').outcome).toBe('other_user');
    expect(ask([{ kind: 'id', value: 'b' }], { destination: wiki }, 'anna@example.com').outcome).toBe('other_user');
  });

  it('are made by posture alone where one is named, and none but those of the policy', async () => {
    await apply(policy);
    const b: Identity = { kind: 'id', value: 'b' };
    expect(toWiki(b).outcome).toBe('no_rule');
    expect(ask([b], { postures: ['posture:active'] })).toMatchObject({ allowed: true, rule: null });
    expect(ask([b], { postures: [] }).outcome).toBe('unknown_posture');
    // One that holds beside one that nobody knows: somebody mistyped, or took a posture out of the policy.
    expect(ask([b], { postures: ['posture:active', 'posture:actve'] }).outcome).toBe('unknown_posture');
    world.consoles.get('hq')?.set(fakeAgent('2', 'SER-2', { values: { 'fake:threats': 0 } }));
    await world.sync('hq');
    await caughtUp();
    expect(ask([b], { postures: ['posture:active'] }).outcome).toBe('posture');
    expect(ask([b], { postures: ['posture:active', 'posture:healthy'] }).refusals).toHaveLength(2);
  });

  it('are denials as long as no policy is in force, and by the new one as soon as it is', async () => {
    await caughtUp();
    expect(toWiki(anna).outcome).toBe('no_policy');
    await apply(policy);
    expect(toWiki(anna).allowed).toBe(true);
    await apply({ ...policy, acls: [] });
    expect(toWiki(anna).outcome).toBe('no_rule');
    expect(toWiki(anna).policyRevision).toBe(follower.known()?.policy?.revision);
  });

  it('never mix the policy before with devices as they are after it, however many change with it', async () => {
    const many = Array.from({ length: 1_200 }, (_, n) => ({ id: `m${n}`, tags: ['tag:kiosk'] }));
    await world.devices(...many);
    const rule = (src: string) => [{ action: 'accept', src: [src], dst: ['*:*'], srcPosture: [] }];
    const tagOwners = { 'tag:kiosk': [], 'tag:free': [] };
    await apply({ tagOwners, acls: rule('tag:free') });
    // In one write the tag that opened everything opens nothing any more, and all of them get it.
    const by = { actor: tester, origin: 'CONFIG_API', cause: 'test' } as const;
    const { revision } = await write(world.db, world.now, by, async w => {
      const text = JSON.stringify({ tagOwners, acls: rule('tag:kiosk') });
      await insertPolicy(w.client, { revision: w.revision, text, hash: '', appliedAt: w.at, actor: tester });
      await w.client.query("update devices set tags = '{tag:free}', revision = $1 where id like 'm%'", [w.revision]);
    });
    const anywhere = { destination: { host: '10.0.0.1', port: 1, proto: 'tcp' } };
    let allowed = 0;
    while (follower.known()?.revision !== revision) {
      for (const id of ['m0', 'm600', 'm1199']) if (ask([{ kind: 'id', value: id }], anywhere).allowed) allowed++;
      await new Promise(resolve => setImmediate(resolve));
    }
    expect(allowed).toBe(0);
    expect(ask([{ kind: 'id', value: 'm0' }], anywhere).outcome).toBe('no_rule');
  });

  it('are denials where the policy in force cannot be read by this version', async () => {
    await apply(policy);
    const by = { actor: tester, origin: 'CONFIG_API', cause: 'policy apply' } as const;
    await write(world.db, world.now, by, async w => {
      const text = '{ "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:*"] }], "tomorrow": 1 }';
      await insertPolicy(w.client, { revision: w.revision, text, hash: '', appliedAt: w.at, actor: tester });
    });
    await caughtUp();
    expect(toWiki(anna)).toMatchObject({ outcome: 'policy_unreadable', device: { id: 'a' } });
    expect(lines.join('')).toContain('the policy has errors for this version');
    await apply(policy);
    expect(toWiki(anna).allowed).toBe(true);
  });

  it('go on by a policy whose own tests fail since time passed', async () => {
    const dated = {
      src: 'anna@example.com',
      srcPostureAttrs: { 'fake:isActive': true, 'fake:lastSeen': world.now().toISOString() },
      accept: ['wiki:443'],
    };
    const postures = { 'posture:healthy': ['fake:isActive', "fake:lastSeen WITHIN '30d'"] };
    const seen = { 'fake:isActive': true, 'fake:lastSeen': '2026-06-01T00:00:00.000Z' };
    await apply({ ...policy, postures, tests: [dated] });
    world.pass(92 * 24 * hour);
    world.consoles.get('hq')?.set(fakeAgent('1', 'SER-1', { values: seen }));
    await world.sync('hq');
    const anew = startFollowing({ databaseUrl: world.database.url, catalogue, moving: ['fake:lastSeen'], log });
    onTestFinished(() => anew.stop());
    await expect.poll(() => anew.known()).not.toBeNull();
    const decides = createDecider({ follower: anew, catalogue, viewMaxAgeMs, now: world.now, log });
    const asked = { identities: [anna], by: { destination: wiki }, route: 'test', callerId: null };
    expect(decides.decide(asked)).toMatchObject({ allowed: true });
  });

  it('are denials when the view is not loaded yet, and when it is older than allowed', async () => {
    await apply(policy);
    ageMs = viewMaxAgeMs;
    expect(toWiki(anna)).toMatchObject({ allowed: true, viewAgeMs: viewMaxAgeMs });
    ageMs = viewMaxAgeMs + 1;
    expect(toWiki(anna)).toMatchObject({ allowed: false, outcome: 'view_stale', viewAgeMs: viewMaxAgeMs + 1 });
    ageMs = Number.NaN;
    expect(toWiki(anna).outcome).toBe('view_stale');
    const parts = { catalogue, viewMaxAgeMs, now: world.now, log };
    const early = createDecider({ ...parts, follower: { known: () => null, ageMs: () => Number.POSITIVE_INFINITY } });
    const asked = { identities: [anna], by: { destination: wiki }, route: 'test', callerId: null };
    expect(early.decide(asked)).toMatchObject({ allowed: false, outcome: 'view_loading', revision: null });
  });

  it.each(['refuses', 'hangs'] as const)(
    'go on with their age when the database %s, are denials beyond VIEW_MAX_AGE, and go on when it is back',
    async how => {
      await apply(policy);
      const relay = await Relay.to(world.database.url);
      onTestFinished(() => relay.stop());
      const options = { databaseUrl: relay.url, catalogue, moving: [], log, changesWithinMs: 500 };
      const cut = startFollowing(options);
      onTestFinished(() => cut.stop());
      await expect.poll(() => cut.known()).not.toBeNull();
      const shortly = createDecider({ follower: cut, catalogue, viewMaxAgeMs: 2_000, now: world.now, log });
      const asked = { identities: [anna], by: { destination: wiki }, route: 'test', callerId: null };
      relay.fail(how);
      const seen: [boolean, number | null][] = [];
      const outcome = () => {
        const answer = shortly.decide(asked);
        seen.push([answer.allowed, answer.viewAgeMs]);
        return answer.outcome;
      };
      await expect.poll(outcome).toBe('view_stale');
      // Older and older, and allowed until it is too old; how often one is asked meanwhile hangs on the machine.
      expect(seen.some(([allowed, ageMs]) => allowed && Number(ageMs) > 0)).toBe(true);
      // Ages are told in whole milliseconds: 2,000 of them may be a little more.
      for (const [allowed, ageMs] of seen)
        if (ageMs !== 2_000) expect([ageMs, allowed]).toEqual([ageMs, Number(ageMs) < 2_000]);
      relay.heal();
      await expect.poll(outcome).toBe('allowed');
    },
  );

  it('are denials where a clock jumps, whichever way', async () => {
    await apply(policy);
    expect(toWiki(anna).allowed).toBe(true);
    world.pass(-6 * minute);
    expect(toWiki(anna).refusals[0]?.reasons).toMatchObject([{ unknown: 'from_the_future' }]);
    world.pass(-300 * 24 * hour);
    expect(toWiki(anna).allowed).toBe(false);
    world.pass(600 * 24 * hour);
    expect(toWiki(anna).refusals[0]?.reasons).toMatchObject([{ unknown: 'too_old' }]);
    world.pass(-300 * 24 * hour + 6 * minute);
    expect(toWiki(anna).allowed).toBe(true);
  });

  it('are denials where we fail, which is logged, though not for each of them', () => {
    const broken = () => {
      throw new Error('broken');
    };
    const parts = { catalogue, viewMaxAgeMs, now: world.now, log };
    const failing = createDecider({ ...parts, follower: { known: broken, ageMs: () => 0 } });
    const asked = { identities: [anna], by: { destination: wiki }, route: 'test', callerId: null };
    for (let i = 0; i < 3; i++)
      expect(failing.decide(asked)).toMatchObject({ allowed: false, outcome: 'internal_error' });
    expect(lines.filter(line => line.includes('access was denied'))).toHaveLength(1);
  });

  it('are made although they cannot be logged, which is told', async () => {
    await apply(policy);
    const note = () => {
      throw new Error('broken');
    };
    const parts = { follower, catalogue, viewMaxAgeMs, now: world.now, log, decisionLog: { note } };
    const asked = { identities: [anna], by: { destination: wiki }, route: 'test', callerId: null };
    const unlogged = createDecider(parts);
    for (let i = 0; i < 3; i++) expect(unlogged.decide(asked)).toMatchObject({ allowed: true });
    expect(lines.filter(line => line.includes('a decision could not be logged'))).toHaveLength(1);
  });

  it.each<[string, unknown]>([
    ['NaN', Number.NaN],
    ['infinite', Number.POSITIVE_INFINITY],
    ['beyond every integer', 1e300],
    ['a text', '0'],
    ['an object', {}],
    ['a million characters', '0'.repeat(1_000_000)],
  ])('are denials where a value that must be 0 is %s', async (_, threats) => {
    await apply(policy);
    const values = { 'fake:isActive': true, 'fake:threats': threats as number };
    world.consoles.get('hq')?.set(fakeAgent('1', 'SER-1', { values }));
    await world.sync('hq');
    await caughtUp();
    expect(toWiki(anna).allowed).toBe(false);
  });

  it('are denials after the machine slept without the database, though the monotonic clock stood still', async () => {
    await apply(policy);
    const relay = await Relay.to(world.database.url);
    onTestFinished(() => relay.stop());
    const slept = startFollowing({ databaseUrl: relay.url, catalogue, moving: [], log });
    onTestFinished(() => slept.stop());
    await expect.poll(() => slept.known()).not.toBeNull();
    relay.fail('refuses');
    const asked = { identities: [anna], by: { destination: wiki }, route: 'test', callerId: null };
    const decides = createDecider({ follower: slept, catalogue, viewMaxAgeMs, now: world.now, log });
    expect(decides.decide(asked).allowed).toBe(true);
    const { now: real } = Date;
    vi.spyOn(Date, 'now').mockImplementation(() => real() + hour);
    onTestFinished(() => void vi.restoreAllMocks());
    expect(decides.decide(asked).outcome).toBe('view_stale');
  });

  it('do not take a tag for another one, however many times it says that it is one', async () => {
    await apply({ ...policy, acls: [{ action: 'accept', src: ['tag:kiosk'], dst: ['*:22'], srcPosture: [] }] });
    await world.devices(
      { id: 'k', tags: ['tag:kiosk'] },
      { id: 'l', tags: ['kiosk'] },
      { id: 'm', tags: ['tag:tag:kiosk'] },
    );
    await caughtUp();
    const answers = ['k', 'l', 'm'].map(id =>
      ask([{ kind: 'id', value: id }], { destination: { host: 'x', port: 22 } }),
    );
    expect(answers.map(({ outcome }) => outcome)).toEqual(['allowed', 'allowed', 'no_rule']);
  });

  it('have ids of which none comes twice', async () => {
    const ids = new Set(Array.from({ length: 1_000 }, () => toWiki(anna).id));
    expect(ids.size).toBe(1_000);
    const other = createDecider({ follower, catalogue, viewMaxAgeMs, now: world.now, log });
    expect(ids).not.toContain(other.decide({ identities: [], by: { postures: [] }, route: '', callerId: null }).id);
  });
});
