// Stop signals: a run ends within a bounded number of steps, leaves the integration due and nothing of its stage.
import { beforeAll, describe, expect, it } from 'vitest';
import { createPool } from '../../src/store/client.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { startScheduler } from '../../src/sync/scheduler.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, minute, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('a stop signal', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });

  /** Thirty agents on ten pages, of which the first one has changed since the first sync. */
  async function fleet(name: string): Promise<FakeConsole> {
    const console = await world.integration(name);
    await world.devices({ id: `${name}-0`, serialNumbers: [`${name}-SER-00`] });
    for (let n = 0; n < 30; n++) {
      const id = `${n}`.padStart(2, '0');
      console.set(fakeAgent(id, `${name}-SER-${id}`));
    }
    await world.sync(name);
    world.pass(hour);
    console.set(fakeAgent('00', `${name}-SER-00`, { values: { 'fake:threats': 7 } }));
    return console;
  }

  async function expectNothingLeft(name: string): Promise<void> {
    const sessions =
      "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'posture-sync run'";
    await expect.poll(async () => (await world.db.query(sessions)).rows[0].n).toBe(0);
    const stages = "select count(*)::int as n from pg_class where relname in ('stage', 'changed', 'gone')";
    expect((await world.db.query(stages)).rows[0].n).toBe(0);
    const row = await world.row(name);
    expect(row.nextSyncAt <= world.now()).toBe(true);
    expect(row).toMatchObject({ error: null, failingSince: null });
    const { rows } = await world.db.query(
      'select outcome, finished_at from sync_runs where integration_id = $1 order by id desc limit 1',
      [`p${name}`],
    );
    expect(rows).toEqual([{ outcome: 'abandoned', finished_at: expect.any(Date) }]);
  }

  it.each(['claimed', 'page staged'] satisfies SyncPoint[])(
    'at "%s" ends the run before it asks for more than a page',
    async point => {
      const name = point.replace(' ', '-');
      const console = await fleet(name);
      const stopping = new AbortController();
      let pages = 0;
      console.beforePage = () => {
        pages++;
      };
      const reached = (at: SyncPoint) => {
        if (at === point) stopping.abort(new Error('the test stops'));
      };
      const before = (await world.db.query('select revision from head')).rows;
      const result = await world.sync(name, { signal: stopping.signal, reached });
      expect(result).toMatchObject({ outcome: 'abandoned', complete: false, events: 0, error: null });
      expect(result.pages).toBeLessThanOrEqual(1);
      expect(pages).toBeLessThanOrEqual(2);
      expect((await world.db.query('select revision from head')).rows).toEqual(before);
      expect(await world.values(`${name}-0`)).toEqual(healthy);
      await expectNothingLeft(name);
      expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { changed: 1, removed: 2 } });
    },
  );

  it('while a page does not come ends the run', async () => {
    const console = await fleet('waiting');
    const stopping = new AbortController();
    const page = Promise.withResolvers<void>();
    console.beforePage = n => {
      if (n !== 2) return;
      stopping.abort(new Error('the test stops'));
      // A provider gives up its request when the signal comes; here it does so a little later.
      setImmediate(page.resolve);
      return page.promise;
    };
    expect(await world.sync('waiting', { signal: stopping.signal })).toMatchObject({ outcome: 'abandoned' });
    await expectNothingLeft('waiting');
  });

  it('while the absent are asked for ends the run, and none of them counts as gone', async () => {
    const console = await fleet('asking');
    console.agents.delete('00');
    const stopping = new AbortController();
    let staged = 0;
    const reached = (at: SyncPoint) => {
      if (at === 'page staged' && ++staged === 11) stopping.abort(new Error('the test stops'));
    };
    expect(await world.sync('asking', { signal: stopping.signal, reached })).toMatchObject({ outcome: 'abandoned' });
    expect(staged).toBe(11);
    expect(await world.values('asking-0')).toEqual(healthy);
    await expectNothingLeft('asking');
  });

  it.each(['before head', 'before commit', 'after commit'] satisfies SyncPoint[])(
    'at "%s" lets the merge be finished',
    async point => {
      const name = point.replace(' ', '-');
      await fleet(name);
      const stopping = new AbortController();
      const reached = (at: SyncPoint) => {
        if (at === point) stopping.abort(new Error('the test stops'));
      };
      expect(await world.sync(name, { signal: stopping.signal, reached })).toMatchObject({ outcome: 'succeeded' });
      expect(await world.values(`${name}-0`)).toEqual({ threats: 7 });
      expect((await world.row(name)).nextSyncAt > world.now()).toBe(true);
    },
  );

  it('before the start ends the run without a page', async () => {
    const console = await fleet('early');
    let pages = 0;
    console.beforePage = () => {
      pages++;
    };
    expect(await world.sync('early', { signal: AbortSignal.abort() })).toMatchObject({
      outcome: 'abandoned',
      pages: 0,
    });
    expect(pages).toBeLessThanOrEqual(1);
    await expectNothingLeft('early');
  });

  // A machine that stalls for as long as it may take needs another try.
  it('to the scheduler ends the runs under way and starts no other', { retry: 2 }, async () => {
    const other = await createWorld();
    const console = await other.integration('running');
    await other.integration('queued');
    for (let n = 10; n < 40; n++) console.set(fakeAgent(`${n}`, `SER-${n}`));
    const started = Promise.withResolvers<void>();
    console.beforePage = async n => {
      if (n === 0) started.resolve();
      await new Promise(resolve => setImmediate(resolve));
    };
    let queued = 0;
    const second = other.consoles.get('queued');
    if (second) second.beforePage = () => void queued++;
    const pool = createPool(other.database.url, { max: 2 });
    const context = { ...other.context, pool, concurrency: 1, auditRetentionMs: 400 * 24 * hour };
    await other.db.query('update integrations set next_sync_at = $1 where id = $2', [
      new Date(other.now().getTime() - minute),
      'prunning',
    ]);
    const scheduler = startScheduler(context);
    await started.promise;
    const begun = performance.now();
    await scheduler.stop();
    // Shorter than the time after which the scheduler gives up waiting: nothing may be waited for in vain.
    expect(performance.now() - begun).toBeLessThan(7_500);
    await pool.end();
    const { rows } = await other.db.query('select integration_id, outcome from sync_runs');
    expect(rows).toEqual([{ integration_id: 'prunning', outcome: 'abandoned' }]);
    expect(queued).toBe(0);
    expect((await other.row('running')).nextSyncAt <= other.now()).toBe(true);
    const { signal } = new AbortController();
    expect(await runSync(other.context, 'prunning', { signal })).toMatchObject({ outcome: 'succeeded' });
  });

  it('leaves a log that tells everything', async () => {
    await world.verify();
    await expectWholeLog(world.db);
  });
});
