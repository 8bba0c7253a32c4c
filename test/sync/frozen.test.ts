// Workers that freeze (SIGSTOP) in the middle of a run: others take over, and a thawed one cannot write late.
import { from as copyFrom } from 'pg-copy-streams';
import { beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/store/client.ts';
import { isRunning, tryRunLock } from '../../src/store/integrations.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { workerHalted } from '../support/worker.ts';
import { createWorld, minute, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };
/** Short enough for a test, long enough that a busy machine does not look frozen. */
const sessionIdleMs = 4_000;

describe('a frozen worker', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });

  async function fleet(name: string) {
    const console = await world.integration(name);
    await world.devices(...[1, 2, 3, 4].map(n => ({ id: `${name}-${n}`, serialNumbers: [`${name}-SER-${n}`] })));
    for (const n of [1, 2, 3, 4]) console.set(fakeAgent(`${n}`, `${name}-SER-${n}`));
    await world.sync(name);
    console.set(fakeAgent('1', `${name}-SER-1`, { values: { 'fake:threats': 7 } }));
    world.pass(minute);
    return console;
  }

  const headOf = async () => (await world.db.query('select revision from head')).rows[0].revision;
  const lockIsFree = (name: string) => expect.poll(() => isRunning(world.db, `p${name}`)).toBe(false);

  it.each(['page staged', 'before head'] satisfies SyncPoint[])(
    'at "%s" loses its session, another one takes over, and when thawed it fails without writing',
    async point => {
      const name = point.replace(' ', '-');
      const console = await fleet(name);
      const worker = await workerHalted(world, name, console, point, sessionIdleMs);
      worker.child.kill('SIGSTOP');
      await lockIsFree(name);
      // By now the agent has yet another value, which the frozen worker does not know.
      console.set(fakeAgent('1', `${name}-SER-1`, { values: { 'fake:threats': 9 } }));
      expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { changed: 1 } });
      const head = await headOf();
      const state = await world.row(name);
      worker.goOn();
      worker.child.kill('SIGCONT');
      expect(await worker.word()).toEqual({ failed: expect.any(String) });
      expect(await headOf()).toBe(head);
      expect(await world.row(name)).toEqual(state);
      expect(await world.values(`${name}-1`)).toEqual({ threats: 9 });
      const runs = await world.db.query('select worker, outcome from sync_runs where integration_id = $1 order by id', [
        `p${name}`,
      ]);
      expect(runs.rows.slice(1)).toEqual([
        { worker: 'child', outcome: 'abandoned' },
        { worker: 'test', outcome: 'succeeded' },
      ]);
      await world.verify();
      await expectWholeLog(world.db);
    },
  );

  it('within its merge is ended, so that others who wait for the head go on, and writes nothing when thawed', async () => {
    const console = await fleet('merging');
    const worker = await workerHalted(world, 'merging', console, 'before commit', sessionIdleMs);
    worker.child.kill('SIGSTOP');
    const head = await headOf();
    // Waits for the head, which the frozen one holds.
    await world.devices({ id: 'patient', serialNumbers: ['PATIENT-1'] });
    expect(await headOf()).toBe(head + 1);
    expect(await world.values('merging-1')).toEqual(healthy);
    worker.goOn();
    worker.child.kill('SIGCONT');
    expect(await worker.word()).toEqual({ failed: expect.any(String) });
    expect(await headOf()).toBe(head + 1);
    await lockIsFree('merging');
    expect(await world.sync('merging')).toMatchObject({ outcome: 'succeeded', attributes: { changed: 1 } });
    expect(await world.values('merging-1')).toEqual({ threats: 7 });
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('in the middle of a COPY, where no time-out of the server counts, is ended by the next worker', async () => {
    await fleet('copying');
    const frozen = await connect(world.database.url);
    const ended = new Promise<void>(resolve => frozen.once('end', resolve));
    await frozen.query(`set idle_session_timeout = ${sessionIdleMs}`);
    expect(await tryRunLock(frozen, 'pcopying')).toBe(true);
    await frozen.query('create temp table stage (agent_id text)');
    const copy = frozen.query(copyFrom('copy stage from stdin'));
    copy.on('error', () => {});
    copy.write('half a li');
    const context = { ...world.context, sessionIdleMs };
    const { signal } = new AbortController();
    // At first it may just be slow.
    expect(await runSync(context, 'pcopying', { signal })).toBeNull();
    await expect.poll(() => runSync(context, 'pcopying', { signal })).toMatchObject({ outcome: 'succeeded' });
    await ended;
    expect(await world.values('copying-1')).toEqual({ threats: 7 });
  });

  it('is not mistaken for one that waits long for a page, since that one shows life', async () => {
    const console = await fleet('slow');
    const page = Promise.withResolvers<void>();
    console.beforePage = n => (n === 1 ? page.promise : undefined);
    const context = { ...world.context, sessionIdleMs };
    const run = runSync(context, 'pslow', { signal: new AbortController().signal });
    const { rows } = await world.db.query('select clock_timestamp() as at');
    const waited = async () =>
      (await world.db.query('select clock_timestamp() - $1 > $2::interval as ok', [rows[0].at, '6 seconds'])).rows[0]
        .ok;
    await expect.poll(waited).toBe(true);
    page.resolve();
    expect(await run).toMatchObject({ outcome: 'succeeded' });
  });
});
