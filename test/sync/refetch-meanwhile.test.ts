// Refetches beside sweeps of the same integration, in both orders: neither waits for the other's provider, none undoes what the
// other knows better, and what a sweep could not see is not missing.
import { beforeEach, describe, expect, it } from 'vitest';
import { askForRefetches } from '../../src/operations/refetch.ts';
import type { Agent } from '../../src/providers/provider.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import type { RefetchPoint } from '../../src/sync/refetch-batch.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { seeded } from '../support/random.ts';
import { answered, askByHand, openRefetchCount, startWorkers } from '../support/refetching.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, minute, type World } from '../support/world.ts';

/** Somebody who comes to a point once and waits there until let on. */
function halt<Point>(at: Point) {
  const came = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let isOver = false;
  return {
    came: came.promise,
    goOn: goOn.resolve,
    async reached(point: Point) {
      if (point !== at || isOver) return;
      isOver = true;
      came.resolve();
      await goOn.promise;
    },
  };
}

const withThreats = (id: string, serial: string, threats: number): Agent =>
  fakeAgent(id, serial, { values: { 'fake:isActive': true, 'fake:threats': threats, 'fake:state': 'na' } });

describe('while a sweep is on, a refetch', () => {
  let world: World;
  let console: FakeConsole;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    await world.devices(...['a', 'b', 'c', 'new'].map(id => ({ id, serialNumbers: [`SER-${id.toUpperCase()}`] })));
    for (const id of ['A', 'B', 'C']) console.set(withThreats(`1${id}`, `SER-${id}`, 0));
    await world.sync('hq');
    world.pass(5 * minute);
  });

  const refetch = async (device: string) => await answered(world, await askByHand(world, device));
  const threats = async (device: string) => (await world.values(device)).threats;

  it.each(['claimed', 'page staged'] satisfies SyncPoint[])(
    'that comes at its point "%s" does not wait for it, and is not undone by it',
    async point => {
      startWorkers(world);
      const sweep = halt<SyncPoint>(point);
      const swept = world.sync('hq', { reached: sweep.reached });
      await sweep.came;
      world.pass(1_000);
      const before = new Map(console.agents);
      console.set(withThreats('1A', 'SER-A', 7), withThreats('1N', 'SER-NEW', 3));
      expect(await refetch('a')).toMatchObject({ state: 'done', integrations: [{ new: { 'fake:threats': 7 } }] });
      expect(await refetch('new')).toMatchObject({ state: 'done', integrations: [{ agents: 1 }] });
      // Asked for by id after that, the new agent seems not to be there: what was seen later counts.
      console.agents = before;
      sweep.goOn();
      expect(await swept).toMatchObject({ outcome: 'succeeded' });
      expect([await threats('a'), await threats('b'), await threats('new')]).toEqual([7, 0, 3]);
      await world.verify();
      await expectWholeLog(world.db);
    },
  );

  it('that finds an agent after the sweep asked for the absent is believed', async () => {
    startWorkers(world);
    console.agents.delete('1A');
    const asked = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let isFirst = true;
    console.beforeSome = async () => {
      if (!isFirst) return;
      isFirst = false;
      asked.resolve();
      await goOn.promise;
    };
    const swept = world.sync('hq');
    await asked.promise;
    world.pass(1_000);
    console.set(withThreats('1A', 'SER-A', 5));
    expect(await refetch('a')).toMatchObject({ integrations: [{ new: { 'fake:threats': 5 } }] });
    console.agents.delete('1A');
    goOn.resolve();
    expect(await swept).toMatchObject({ outcome: 'succeeded' });
    expect(await threats('a')).toBe(5);
    await world.verify();
    // It is gone by the next one.
    await world.sync('hq');
    expect(await threats('a')).toBeUndefined();
    await world.verify();
  });

  it('that comes while it merges is merged after it', async () => {
    startWorkers(world);
    console.set(withThreats('1B', 'SER-B', 1));
    const sweep = halt<SyncPoint>('before head');
    const swept = world.sync('hq', { reached: sweep.reached });
    await sweep.came;
    world.pass(1_000);
    console.set(withThreats('1A', 'SER-A', 7), withThreats('1B', 'SER-B', 2));
    const ids = [await askByHand(world, 'a'), await askByHand(world, 'b')];
    await expect.poll(() => waitingForTurn()).toBe(1);
    sweep.goOn();
    await swept;
    for (const id of ids) expect(await answered(world, id)).toMatchObject({ state: 'done' });
    expect([await threats('a'), await threats('b')]).toEqual([7, 2]);
    await world.verify();
    await expectWholeLog(world.db);
  });

  const waitingForTurn = async () =>
    (
      await world.db.query(
        "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'posture-sync refetch' and wait_event_type = 'Lock'",
      )
    ).rows[0].n;

  it('that has read before a sweep which is merged already asks again', async () => {
    const mine = halt<RefetchPoint>('read');
    startWorkers(world, 1, { reachedInRefetch: mine.reached });
    console.set(withThreats('1A', 'SER-A', 7), withThreats('1N', 'SER-NEW', 3));
    const ids = [await askByHand(world, 'a'), await askByHand(world, 'new')];
    await mine.came;
    console.set(withThreats('1A', 'SER-A', 0));
    console.agents.delete('1N');
    // It finds all as it was, so it confirms and writes nothing.
    expect(await world.sync('hq')).toMatchObject({ outcome: 'succeeded', events: 0 });
    mine.goOn();
    for (const id of ids) expect(await answered(world, id)).toMatchObject({ state: 'done' });
    expect([await threats('a'), await threats('new')]).toEqual([0, undefined]);
    await world.verify();
  });

  it('that merges keeps the sweep waiting, which then finds what it wrote', async () => {
    const mine = halt<RefetchPoint>('before commit');
    startWorkers(world, 1, { reachedInRefetch: mine.reached });
    console.set(withThreats('1A', 'SER-A', 7));
    const id = await askByHand(world, 'a');
    await mine.came;
    console.set(withThreats('1A', 'SER-A', 8));
    const swept = world.sync('hq');
    await expect
      .poll(async () => {
        const { rows } = await world.db.query(
          "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'posture-sync run' and wait_event_type = 'Lock'",
        );
        return rows[0].n;
      })
      .toBe(1);
    mine.goOn();
    expect(await answered(world, id)).toMatchObject({ integrations: [{ new: { 'fake:threats': 7 } }] });
    await swept;
    expect(await threats('a')).toBe(8);
    await world.verify();
    await expectWholeLog(world.db);
  });

  it.each([1, 2, 3, 4])('and others in any order (seed %i) leave what was read last', seed =>
    seeded(seed, async random => {
      startWorkers(world, 2);
      const ids = Array.from({ length: 12 }, (_, i) => `r${i}`);
      await world.devices(...ids.map(id => ({ id, serialNumbers: [`SER-${id.toUpperCase()}`] })));
      console.pageSize = 4;
      const change = (n: number) => {
        for (let i = 0; i < n; i++) {
          const id = random.pick(ids);
          if (random.next() < 0.15) console.agents.delete(id);
          else console.set(withThreats(id, `SER-${id.toUpperCase()}`, random.below(5)));
        }
      };
      const meanwhile = async () => {
        world.pass(random.below(2_000));
        change(random.below(4));
        if (random.next() < 0.7) await askForRefetches(world, [random.pick(ids), random.pick(ids)], 0);
      };
      console.beforePage = meanwhile;
      console.beforeSome = () => world.pass(random.below(500));
      for (let round = 0; round < 6; round++) {
        await world.sync('hq', { reached: async point => (point === 'before head' ? await meanwhile() : undefined) });
        await expect.poll(() => openRefetchCount(world)).toBe(0);
        await world.verify();
      }
      console.beforePage = () => {};
      await world.db.query('update integrations set hold_share = 1, hold_floor = 1000');
      world.pass(minute);
      expect(await world.sync('hq')).toMatchObject({ outcome: 'succeeded' });
      for (const id of ids)
        expect([id, await threats(id)]).toEqual([id, console.agents.get(id)?.values['fake:threats']]);
      await world.verify();
      await expectWholeLog(world.db);
    }),
  );
});
