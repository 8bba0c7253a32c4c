// Standings: what makes a device flip, what makes none, and what a keeper leaves to the next one. Judged step by step, by a keeper
// that works when it is told.
import { beforeEach, describe, expect, it } from 'vitest';
import { importDevices } from '../../src/operations/device-import.ts';
import { removeDevice } from '../../src/operations/devices.ts';
import type { FakeConsole } from '../support/fake-provider.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { expectRight, inForce, openKeeper, storedStates } from '../support/standings.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

let world: World;
let console: FakeConsole;
beforeEach(async () => {
  world = await createWorld();
  console = await world.integration('hq', { hold_floor: 100 });
});

const clean = { 'posture:clean': ['fake:threats == 0'] };
const request = () => ({ db: world.db, now: world.now, actor: tester });
const flips = async () => await world.events('NODE.UPDATE.POSTURE_STANDING');
const headRevision = async () => (await world.db.query('select revision from head')).rows[0].revision;
const standing = async (device: string, posture = 'posture:clean') => {
  const { rows } = await world.db.query('select * from standings where device_id = $1 and posture = $2', [
    device,
    posture,
  ]);
  return rows[0];
};

/** Devices with an agent each, synced. */
async function fleet(...ids: string[]): Promise<void> {
  for (const id of ids) {
    await world.devices({ id, serialNumbers: [`SER-${id}`] });
    console.set(fakeAgent(id, `SER-${id}`));
  }
  await world.sync('hq');
}

async function report(id: string, values: Record<string, boolean | number | string>): Promise<void> {
  console.set(fakeAgent(id, `SER-${id}`, { values }));
  await world.sync('hq');
}

describe('first standings', () => {
  it('are no news: no event, and no revision', async () => {
    await fleet('a', 'b');
    await world.devices({ id: 'c' });
    await inForce(world, clean);
    const revision = await headRevision();
    await (await openKeeper(world)).judge();
    expect(await storedStates(world)).toEqual({ 'a clean': 'passing', 'b clean': 'passing', 'c clean': 'unknown' });
    expect([await headRevision(), await flips()]).toEqual([revision, []]);
    expect((await standing('c')).since).toEqual(world.now());
    await expectRight(world);
  });

  it('there are none while no policy is in force', async () => {
    await fleet('a');
    const keeper = await openKeeper(world);
    await keeper.judge();
    expect(await storedStates(world)).toEqual({});
    await inForce(world, clean);
    await keeper.judge();
    expect(await storedStates(world)).toEqual({ 'a clean': 'passing' });
  });
});

describe('a flip', () => {
  it('is one event for a device and posture, which says what it was, what it is, and why', async () => {
    await fleet('a', 'b');
    await inForce(world, {
      ...clean,
      'posture:active': ['fake:isActive'],
      'posture:both': ['posture:clean', 'fake:isActive'],
    });
    const keeper = await openKeeper(world);
    await keeper.judge();
    await report('a', { 'fake:threats': 2, 'fake:isActive': true });
    await keeper.judge();
    const reasons = [
      {
        posture: 'posture:clean',
        condition: 'fake:threats == 0',
        attribute: 'fake:threats',
        found: 2,
        unknown: null,
      },
    ];
    expect(await flips()).toMatchObject([
      {
        target: { id: 'a', type: 'NODE', property: 'POSTURE_STANDING' },
        action: 'UPDATE',
        origin: 'CONTROL',
        actor: { id: 'posture-sync' },
        eventTime: world.now().toISOString(),
        old: { posture: 'posture:clean', state: 'passing' },
        new: { posture: 'posture:clean', state: 'failing', reasons },
      },
      {
        old: { posture: 'posture:both', state: 'passing' },
        new: { posture: 'posture:both', state: 'failing', reasons },
      },
    ]);
    expect(await standing('a')).toMatchObject({
      since: world.now(),
      reasons: [{ ...reasons[0], integration: 'phq' }],
      revision: await headRevision(),
    });
    await expectRight(world);
  });

  it('to unknown and back tells each way', async () => {
    await fleet('a');
    await inForce(world, clean);
    const keeper = await openKeeper(world);
    await keeper.judge();
    await report('a', { 'fake:isActive': true });
    await keeper.judge();
    await report('a', { 'fake:threats': 0 });
    await keeper.judge();
    expect((await flips()).map(event => [event.old, event.new])).toMatchObject([
      [{ state: 'passing' }, { state: 'unknown', reasons: [{ unknown: 'unset', found: null }] }],
      [{ state: 'unknown', reasons: [{ unknown: 'unset' }] }, { state: 'passing' }],
    ]);
  });

  it('by tags happens where a posture is for some devices', async () => {
    await fleet('a');
    const forLaptops = { 'posture:clean': { conditions: ['fake:threats == 0'], tags: ['tag:laptop'] } };
    await inForce(world, forLaptops, { tagOwners: { 'tag:laptop': [] } });
    const keeper = await openKeeper(world);
    await keeper.judge();
    expect((await standing('a')).reasons).toMatchObject([{ condition: 'tagged tag:laptop', attribute: null }]);
    await world.devices({ id: 'a', tags: ['laptop'] });
    await keeper.judge();
    expect((await flips()).map(event => event.new)).toEqual([{ posture: 'posture:clean', state: 'passing' }]);
    await expectRight(world);
  });

  it('is none where only the reason is another one, which is stored all the same', async () => {
    await fleet('a');
    await report('a', { 'fake:threats': 1 });
    await inForce(world, clean);
    const keeper = await openKeeper(world);
    await keeper.judge();
    const before = await standing('a');
    await report('a', { 'fake:threats': 2 });
    const revision = await headRevision();
    await keeper.judge();
    expect([await headRevision(), await flips()]).toEqual([revision, []]);
    expect(await standing('a')).toEqual({ ...before, reasons: [{ ...before.reasons[0], found: 2 }] });
  });

  it('is none where a value changed that no posture asks for, and nothing is written', async () => {
    await fleet('a');
    await inForce(world, clean);
    const keeper = await openKeeper(world);
    await keeper.judge();
    const written = async () => (await world.db.query('select xmin::text from standings')).rows;
    const before = await written();
    await report('a', { 'fake:threats': 0, 'fake:state': 'other' });
    const revision = await headRevision();
    await keeper.judge();
    expect([await written(), await headRevision()]).toEqual([before, revision]);
  });
});

describe('time alone', () => {
  const fresh = { 'posture:fresh': ["fake:threats == 0 WITHIN '2h'"] };

  it('flips a standing when its validity ends, and not before', async () => {
    await fleet('a');
    await inForce(world, fresh);
    const keeper = await openKeeper(world);
    await keeper.judge();
    const confirmedAt = world.now().getTime();
    expect((await standing('a', 'posture:fresh')).valid_until).toEqual(new Date(confirmedAt + 2 * hour + 1));
    world.pass(2 * hour);
    await keeper.judge();
    expect(await storedStates(world)).toEqual({ 'a fresh': 'passing' });
    world.pass(1);
    await keeper.judge();
    expect((await flips()).map(event => event.new)).toMatchObject([
      { state: 'unknown', reasons: [{ unknown: 'too_old' }] },
    ]);
    expect(await standing('a', 'posture:fresh')).toMatchObject({ valid_until: null, awaits_sweep: true });
    await expectRight(world);
  });

  it('is undone by a sweep that finds nothing new and writes no revision', async () => {
    await fleet('a', 'b');
    await inForce(world, fresh);
    const keeper = await openKeeper(world);
    world.pass(3 * hour);
    await keeper.judge();
    expect(await storedStates(world)).toEqual({ 'a fresh': 'unknown', 'b fresh': 'unknown' });
    console.unreadable.add('b');
    await world.sync('hq');
    await keeper.judge();
    expect(await storedStates(world)).toEqual({ 'a fresh': 'passing', 'b fresh': 'unknown' });
    world.pass(3 * hour);
    await keeper.judge();
    const revision = await headRevision();
    await world.sync('hq');
    expect(await headRevision(), 'the sweep').toBe(revision);
    await keeper.judge();
    expect(await storedStates(world)).toEqual({ 'a fresh': 'passing', 'b fresh': 'unknown' });
    await expectRight(world);
  });

  it('leaves a standing that a sweep confirmed meanwhile as it is, and looks again later', async () => {
    await fleet('a');
    await inForce(world, fresh);
    const keeper = await openKeeper(world);
    await keeper.judge();
    world.pass(hour);
    await world.sync('hq');
    const sweptAt = world.now().getTime();
    world.pass(hour);
    const revision = await headRevision();
    await keeper.judge();
    expect((await standing('a', 'posture:fresh')).valid_until).toEqual(new Date(sweptAt + 2 * hour + 1));
    expect([await headRevision(), await flips()]).toEqual([revision, []]);
    await expectRight(world);
  });

  it('that goes back makes what was confirmed lie ahead, which is unknown', async () => {
    await fleet('a');
    await inForce(world, fresh);
    const keeper = await openKeeper(world);
    await keeper.judge();
    world.pass(-hour);
    await keeper.judge();
    expect((await standing('a', 'posture:fresh')).reasons).toMatchObject([{ unknown: 'from_the_future' }]);
    world.pass(hour);
    await keeper.judge();
    expect(await storedStates(world)).toEqual({ 'a fresh': 'passing' });
    await expectRight(world);
  });
});

describe('another policy', () => {
  it('flips whom it judges otherwise; a posture that is new, renamed or removed flips nobody', async () => {
    await fleet('a', 'b');
    await report('b', { 'fake:threats': 1 });
    await inForce(world, { ...clean, 'posture:active': ['fake:isActive'] });
    const keeper = await openKeeper(world);
    await keeper.judge();
    world.pass(minute);
    await inForce(world, { 'posture:clean': ['fake:threats <= 1'], 'posture:alive': ['fake:isActive'] });
    await keeper.judge();
    expect((await flips()).map(({ target, new: is }) => [target.id, is])).toEqual([
      ['b', { posture: 'posture:clean', state: 'passing' }],
    ]);
    expect(await storedStates(world)).toEqual({
      'a alive': 'passing',
      'a clean': 'passing',
      'b alive': 'unknown',
      'b clean': 'passing',
    });
    await expectRight(world);
  });

  it('with the same postures changes nothing, not even when', async () => {
    await fleet('a');
    await inForce(world, clean);
    const keeper = await openKeeper(world);
    await keeper.judge();
    const before = await standing('a');
    world.pass(hour);
    await inForce(world, clean, { acls: [] });
    await keeper.judge();
    expect([await standing('a'), await flips()]).toEqual([before, []]);
    await keeper.end();
    await (await openKeeper(world)).judge();
    expect(await standing('a')).toEqual(before);
  });

  it('that this version cannot read makes everything unknown, and says so; read again, it is judged by', async () => {
    await fleet('a');
    await inForce(world, clean);
    const keeper = await openKeeper(world);
    await keeper.judge();
    await inForce(world, { ...clean, 'posture:more': ['fake:isActive'] });
    await world.db.query(
      "update policies set text = text || '}' where revision = (select max(revision) from policies)",
    );
    await keeper.judge();
    expect((await flips()).map(event => event.new)).toMatchObject([
      { state: 'unknown', reasons: [{ unknown: 'policy_unreadable' }] },
    ]);
    await keeper.end();
    await world.db.query(
      "update policies set text = rtrim(text, '}') || '}}' where revision = (select max(revision) from policies)",
    );
    await (await openKeeper(world)).judge();
    expect(await storedStates(world)).toEqual({ 'a clean': 'passing', 'a more': 'passing' });
    await expectRight(world);
  });

  it('may have conditions with characters that cannot be stored', async () => {
    await fleet('a');
    await inForce(world, { 'posture:odd': [`fake:state == 'a\0b\ud800${'x'.repeat(2_000)}'`] });
    await (await openKeeper(world)).judge();
    expect((await standing('a', 'posture:odd')).reasons[0].condition).toMatch(
      /^fake:state == 'a\ufffdb\ufffdx{200,}…$/,
    );
  });
});

describe('a device', () => {
  it('that is removed loses its standings; one of the same id begins anew', async () => {
    await fleet('a', 'b');
    await inForce(world, clean);
    const keeper = await openKeeper(world);
    await keeper.judge();
    await removeDevice(request(), 'a');
    await keeper.judge();
    expect(await storedStates(world)).toEqual({ 'b clean': 'passing' });
    await removeDevice(request(), 'b');
    world.pass(minute);
    await world.devices({ id: 'b' });
    await keeper.judge();
    expect(await standing('b')).toMatchObject({ state: 'unknown', since: world.now() });
    expect(await flips()).toEqual([]);
    // Without any value, so that its removal alone tells.
    await removeDevice(request(), 'b');
    await keeper.judge();
    expect(await storedStates(world)).toEqual({});
    await expectRight(world);
  });

  it('that changes while it is judged is judged again, and not written as it was', async () => {
    await fleet('a', 'b');
    await inForce(world, clean);
    let meanwhile = async () => {};
    const keeper = await openKeeper(world, {
      reached: async point => void (point === 'judged' && (await meanwhile())),
    });
    await keeper.judge();
    await report('a', { 'fake:threats': 1 });
    meanwhile = async () => {
      meanwhile = async () => {};
      await report('a', { 'fake:threats': 0 });
    };
    const revision = await headRevision();
    await keeper.judge();
    // The sync alone: what was not true any more is not written.
    expect([await headRevision(), await flips()]).toEqual([revision + 1, []]);
    meanwhile = async () => {
      meanwhile = async () => {};
      await removeDevice(request(), 'b');
    };
    await report('b', { 'fake:threats': 1 });
    await keeper.judge();
    expect([await storedStates(world), await flips()]).toEqual([{ 'a clean': 'passing' }, []]);
    await expectRight(world);
  });

  it('whose tags change while it is judged is judged again', async () => {
    await world.devices({ id: 'a' });
    const forLaptops = { 'posture:none': { conditions: ['fake:state NOT SET'], tags: ['tag:laptop'] } };
    await inForce(world, forLaptops, { tagOwners: { 'tag:laptop': [] } });
    let meanwhile = async () => {};
    const keeper = await openKeeper(world, {
      reached: async point => void (point === 'judged' && (await meanwhile())),
    });
    await keeper.judge();
    await world.devices({ id: 'a', tags: ['laptop'] });
    meanwhile = async () => {
      meanwhile = async () => {};
      await world.devices({ id: 'a', tags: ['server'] });
    };
    await keeper.judge();
    expect([await storedStates(world), await flips()]).toEqual([{ 'a none': 'unknown' }, []]);
  });

  it('is judged by the policy that came in force while it was judged', async () => {
    await fleet('a');
    await inForce(world, clean);
    let meanwhile = async () => {};
    const keeper = await openKeeper(world, {
      reached: async point => void (point === 'judged' && (await meanwhile())),
    });
    await keeper.judge();
    await report('a', { 'fake:threats': 1 });
    meanwhile = async () => {
      meanwhile = async () => {};
      await inForce(world, { 'posture:clean': ['fake:threats < 5'] });
    };
    await keeper.judge();
    expect([await storedStates(world), await flips()]).toEqual([{ 'a clean': 'passing' }, []]);
    await expectRight(world);
  });
});

describe('a keeper that dies between portions', () => {
  it.each(['judged', 'stored'] as const)(
    'after "%s" leaves the rest to the next one, and no event comes twice',
    async point => {
      const ids = Array.from({ length: 7 }, (_, i) => `d${i}`);
      await fleet(...ids);
      await inForce(world, clean);
      const first = await openKeeper(world);
      await first.judge();
      await first.end();
      for (const id of ids) console.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': 3 } }));
      await world.sync('hq');
      for (const dies of [3, 2, null]) {
        let count = 0;
        const reached = (at: string) => {
          if (at === point && ++count === dies) throw new Error('it dies');
        };
        const keeper = await openKeeper(world, { portion: 2, reached });
        await keeper.judge().catch(() => {});
        await keeper.end();
      }
      expect((await flips()).map(({ target }) => target.id).toSorted()).toEqual(ids);
      await expectRight(world);
    },
  );
});

describe('a fleet that is judged by another policy', () => {
  it('does not hold up what changes meanwhile: that is judged next', async () => {
    const ids = ['a', 'b', 'c', 'd', 'e'];
    await fleet(...ids);
    await inForce(world, clean);
    let meanwhile = async () => {};
    const reached = async (point: string) => void (point === 'stored' && (await meanwhile()));
    const keeper = await openKeeper(world, { portion: 1, reached });
    await keeper.judge();
    await inForce(world, { 'posture:clean': ['fake:threats < 0'] });
    meanwhile = async () => {
      meanwhile = async () => {};
      await report('e', { 'fake:threats': 9 });
    };
    await keeper.judge();
    expect((await flips()).map(({ target }) => target.id)).toEqual(['a', 'e', 'b', 'c', 'd']);
    await expectRight(world);
  });
});

describe('five thousand devices', () => {
  it('are judged by another policy in portions, with as many events as flips', async () => {
    await importDevices(
      request(),
      Array.from({ length: 5_000 }, (_, i) => ({
        line: i,
        record: { id: `d${i}`, tags: i % 5 === 0 ? ['odd'] : ['even'] },
      })),
    );
    const rest = { tagOwners: { 'tag:odd': [], 'tag:even': [] } };
    const forTag = (tag: string) => ({ 'posture:p': { conditions: ['fake:state NOT SET'], tags: [tag] } });
    await inForce(world, forTag('tag:odd'), rest);
    const keeper = await openKeeper(world);
    await keeper.judge();
    const count = async () =>
      (await world.db.query('select state, count(*)::int as n from standings group by 1 order by 1')).rows;
    expect(await count()).toEqual([
      { state: 'passing', n: 1_000 },
      { state: 'unknown', n: 4_000 },
    ]);
    expect(await flips()).toEqual([]);
    const before = await headRevision();
    await inForce(world, forTag('tag:even'), rest);
    await keeper.judge();
    expect(await count()).toEqual([
      { state: 'passing', n: 4_000 },
      { state: 'unknown', n: 1_000 },
    ]);
    expect([(await flips()).length, (await headRevision()) - before]).toEqual([5_000, 6]);
    await expectRight(world);
  });
});

describe('verify', () => {
  it('finds standings that are not what the policy makes of the evidence', async () => {
    await fleet('a', 'b');
    await inForce(world, clean);
    await (await openKeeper(world)).judge();
    await world.verify();
    await world.db.query("update standings set state = 'failing' where device_id = 'a'");
    await world.db.query(
      "insert into standings select 'ghost', posture, state, since, reasons, awaits_sweep, valid_until, revision from standings where device_id = 'b'",
    );
    await expect(world.verify()).rejects.toThrow(/"count": 2(.|\n)*"stored": "failing",\s*"judged": "passing"/);
  });

  it('finds nothing in what a keeper has not judged yet', async () => {
    await fleet('a');
    await inForce(world, clean);
    await (await openKeeper(world)).judge();
    await report('a', { 'fake:threats': 1 });
    await world.devices({ id: 'b' });
    await world.verify();
    await inForce(world, { 'posture:other': ['fake:isActive'] });
    await world.verify();
  });
});
