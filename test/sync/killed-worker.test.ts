// kill -9 of the worker process at each point of a run: nothing is lost, nothing doubled, and the next worker takes over.
import { beforeAll, describe, expect, it } from 'vitest';
import { isRunning } from '../../src/store/integrations.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { workerHalted } from '../support/worker.ts';
import { createWorld, minute, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('after kill -9 of a worker', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });

  /** The server has noticed the death. */
  async function lockFree(name: string): Promise<void> {
    await expect.poll(() => isRunning(world.db, `p${name}`)).toBe(false);
  }

  async function fleet(name: string) {
    const console = await world.integration(name);
    await world.devices(...[1, 2, 3, 4, 5].map(n => ({ id: `${name}-${n}`, serialNumbers: [`${name}-SER-${n}`] })));
    for (const n of [1, 2, 3, 4]) console.set(fakeAgent(`${n}`, `${name}-SER-${n}`));
    await world.sync(name);
    // One changed, one gone, one new.
    console.set(fakeAgent('1', `${name}-SER-1`, { values: { 'fake:threats': 7 } }), fakeAgent('5', `${name}-SER-5`));
    console.agents.delete('2');
    world.pass(minute);
    return console;
  }

  async function runsOf(name: string) {
    const { rows } = await world.db.query('select * from sync_runs where integration_id = $1 order by id', [
      `p${name}`,
    ]);
    return rows;
  }

  it.each(['claimed', 'page staged', 'before head', 'before commit', 'after commit'] satisfies SyncPoint[])(
    'at "%s" the next worker brings all right and closes the dead run as abandoned',
    async point => {
      const name = point.replace(' ', '-');
      const console = await fleet(name);
      const before = await world.db.query('select revision from head');
      const worker = await workerHalted(world, name, console, point);
      expect(await world.sync(name).catch(String)).toContain('the run lock was taken');
      await worker.kill();
      const wasMerged = point === 'after commit';
      await lockFree(name);
      await world.sync(name);
      const [, dead, next, ...others] = await runsOf(name);
      expect(others).toEqual([]);
      expect(dead).toMatchObject({ worker: 'child', outcome: 'abandoned', finished_at: expect.any(Date) });
      expect(next).toMatchObject({
        worker: 'test',
        outcome: 'succeeded',
        events: wasMerged ? 0 : 3,
        lost_devices: wasMerged ? 0 : 2,
        attributes_removed: wasMerged ? 0 : 5,
      });
      expect(await world.values(`${name}-1`)).toEqual({ threats: 7 });
      expect(await world.values(`${name}-2`)).toEqual({});
      expect(await world.values(`${name}-5`)).toEqual(healthy);
      const after = await world.db.query('select revision from head');
      expect(after.rows[0].revision).toBe(before.rows[0].revision + 1);
      expect(await world.row(name)).toMatchObject({
        sweptAt: wasMerged ? expect.any(Date) : next.started_at,
        error: null,
      });
      await world.verify();
      await expectWholeLog(world.db);
    },
  );

  it('between commit and finish the losses still count in the limit', async () => {
    const console = await fleet('counted');
    const worker = await workerHalted(world, 'counted', console, 'after commit');
    await worker.kill();
    await lockFree('counted');
    await world.sync('counted');
    expect((await runsOf('counted')).map(run => run.lost_devices)).toEqual([0, 2, 0]);
    console.agents.delete('3');
    expect(await world.sync('counted')).toMatchObject({ outcome: 'held', attributes: { removed: 0, withheld: 3 } });
  });

  it('runs that die three times in a row wait an interval, so that a deadly integration does not spin', async () => {
    const console = await fleet('deadly');
    for (let death = 1; death <= 3; death++) {
      const worker = await workerHalted(world, 'deadly', console, 'claimed');
      await worker.kill();
      await lockFree('deadly');
    }
    const { signal } = new AbortController();
    world.pass(minute);
    expect(await runSync(world.context, 'pdeadly', { signal })).toBeNull();
    expect((await world.row('deadly')).nextSyncAt).toEqual(new Date(world.now().getTime() + 15 * minute));
    expect(await runSync(world.context, 'pdeadly', { signal, onlyIfDue: true })).toBeNull();
    expect((await runsOf('deadly')).slice(1).map(run => run.outcome)).toEqual(['abandoned', 'abandoned', 'abandoned']);
    expect(await world.values('deadly-1')).toEqual(healthy);
    expect(await world.sync('deadly')).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('deadly-1')).toEqual({ threats: 7 });
  });
});
