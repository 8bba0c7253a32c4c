// What becomes of refetches when integrations are paused, fail or hang, and when workers and the database end under them.
import { beforeEach, describe, expect, it } from 'vitest';
import { createLog } from '../../src/log.ts';
import { askForRefetches } from '../../src/operations/refetch.ts';
import { runSync } from '../../src/sync/run.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { unansweredFirst } from '../support/killed-worker.ts';
import { answered, askByHand, openRefetchCount, startWorkers } from '../support/refetching.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, minute, type World } from '../support/world.ts';

const { signal } = new AbortController();

describe('a refetch', () => {
  let world: World;
  let console: FakeConsole;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    await world.devices(...['a', 'b'].map(id => ({ id, serialNumbers: [`SER-${id.toUpperCase()}`] })));
    console.set(fakeAgent('1', 'SER-A'), fakeAgent('2', 'SER-B'));
    await world.sync('hq');
    console.queries.length = 0;
    world.pass(5 * minute);
  });

  const refetch = async (device: string) => await answered(world, await askByHand(world, device));
  /** As the gateway asks. */
  async function refresh(device: string) {
    await askForRefetches(world, [device], 0);
    await expect.poll(() => openRefetchCount(world)).toBe(0);
    const { rows } = await world.db.query('select error, result from requests order by id desc limit 1');
    return rows[0];
  }

  it.each(['auth', 'permission'] as const)(
    'that is refused by %s makes the integration due, whose sync tells and pauses; then it is asked no more',
    async kind => {
      startWorkers(world);
      console.fail = { page: 'some', kind };
      const due = await world.row('hq');
      expect(await refetch('a')).toMatchObject({
        state: 'failed',
        integrations: [{ outcome: 'failed', reason: `scripted ${kind}` }],
        error: { message: `hq: scripted ${kind}` },
      });
      expect((await world.row('hq')).nextSyncAt < due.nextSyncAt).toBe(true);
      // Asked by itself it is not tried again for a while, though nobody has told of it yet.
      expect(await refresh('b')).toMatchObject({
        result: [{ outcome: 'not_asked', reason: expect.stringContaining('a moment ago') }],
      });
      console.fail = { page: 0, kind };
      await runSync(world.context, 'phq', { signal, onlyIfDue: true });
      expect(await world.row('hq')).toMatchObject({ pauseReason: kind });
      const asked = console.queries.length;
      expect(await refetch('a')).toMatchObject({
        state: 'failed',
        integrations: [{ outcome: 'not_asked', reason: expect.stringContaining('it is paused: its credentials') }],
      });
      // Nobody could answer, so nothing is even asked for.
      expect(await askForRefetches(world, ['b'], 0)).toEqual([]);
      expect(console.queries).toHaveLength(asked);
      expect(await world.events('TAILNET.')).toMatchObject([{ event: 'TAILNET.PAUSE.POSTURE_INTEGRATION' }]);
      await world.verify();
    },
  );

  it('is not asked of an integration that fails, but by hand it is, unless that told us to wait', async () => {
    startWorkers(world);
    await askForRefetches(world, ['b'], 0);
    const open = async () => (await world.db.query('select id from requests where finished_at is null')).rows;
    await expect.poll(open).toEqual([]);
    console.fail = { page: 0, kind: 'throttled', retryAfterMs: 30 * minute };
    await world.sync('hq');
    const asked = console.queries.length;
    expect(await refetch('a')).toMatchObject({
      integrations: [{ outcome: 'not_asked', reason: 'it is failing: scripted throttled' }],
    });
    expect(console.queries).toHaveLength(asked);
    world.pass(31 * minute);
    expect(await refetch('a')).toMatchObject({ integrations: [{ outcome: 'read' }] });
    expect(await askForRefetches(world, ['a'], 0)).toEqual([]);
  });

  it('that is throttled leaves the provider alone for as long as it said', async () => {
    const lines: string[] = [];
    startWorkers(world, 1, { log: createLog('info', { write: line => void lines.push(line) }) });
    console.fail = { page: 'some', kind: 'throttled', retryAfterMs: 60 * minute };
    await refetch('a');
    expect(lines.flatMap(line => JSON.parse(line).restMs ?? [])).toEqual([60 * minute]);
  });

  it('that fails as unavailable leaves the schedule as it is', async () => {
    startWorkers(world);
    console.fail = { page: 'some', kind: 'unavailable' };
    const before = await world.row('hq');
    expect(await refetch('a')).toMatchObject({ state: 'failed' });
    expect(await world.row('hq')).toEqual(before);
    console.fail = null;
    expect(await refetch('a')).toMatchObject({ state: 'done' });
  });

  it('keeps no other integration waiting that answers', async () => {
    const other = await world.integration('other');
    other.set(fakeAgent('9', 'SER-B'));
    const goOn = Promise.withResolvers<void>();
    console.beforeSome = () => goOn.promise;
    startWorkers(world);
    const id = await askByHand(world, 'b');
    await expect.poll(() => world.values('b')).toMatchObject({ isActive: true });
    await expect.poll(() => other.queries.length).toBe(1);
    expect(await openRefetchCount(world)).toBe(1);
    goOn.resolve();
    expect(await answered(world, id)).toMatchObject({ state: 'done' });
    await world.verify();
  });

  it('whose worker stops or loses its session is served by the next one', async () => {
    const goOn = Promise.withResolvers<void>();
    const asked = Promise.withResolvers<void>();
    console.beforeSome = async () => {
      asked.resolve();
      await goOn.promise;
    };
    const first = startWorkers(world);
    const id = await askByHand(world, 'a');
    await asked.promise;
    console.beforeSome = () => {};
    const stopped = first.stop();
    goOn.resolve();
    await stopped;
    expect(await openRefetchCount(world)).toBe(1);
    startWorkers(world);
    expect(await answered(world, id)).toMatchObject({ state: 'done' });
    expect((await world.db.query('select attempts from requests')).rows).toEqual([{ attempts: 2 }]);
    const cut =
      "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'posture-sync requests'";
    await world.db.query(cut);
    expect(await refetch('b')).toMatchObject({ state: 'done' });
    await world.verify();
  });

  it('whose session ends in its merge writes nothing, and is done again', async () => {
    let times = 0;
    startWorkers(world, 1, {
      async reachedInRefetch(point) {
        if (point !== 'before commit' || times++ > 0) return;
        await world.db.query(
          "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'posture-sync refetch'",
        );
      },
    });
    console.set(fakeAgent('1', 'SER-A', { values: { 'fake:isActive': true, 'fake:threats': 7, 'fake:state': 'na' } }));
    expect(await refetch('a')).toMatchObject({ state: 'done', integrations: [{ new: { 'fake:threats': 7 } }] });
    expect(times).toBe(2);
    expect(await world.events('NODE.UPDATE.ATTRIBUTES')).toHaveLength(1);
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('that breaks whoever takes it is given up after three times', async () => {
    startWorkers(world, 1, {
      reachedInRefetch() {
        throw new Error('a bug of ours');
      },
    });
    expect(await refetch('a')).toMatchObject({
      state: 'failed',
      error: { kind: 'malformed', message: expect.stringContaining('internal error') },
    });
    expect(console.queries).toHaveLength(3);
  });
});

it('a refetch whose worker process is killed is taken by another one at once', async () => {
  const world = await createWorld();
  await world.devices({ id: 'a', serialNumbers: ['C02XK1ZZJG5J'] });
  const { firstAsked, start } = await unansweredFirst(world);
  const killFirst = start('first');
  const id = await askByHand(world, 'a');
  await firstAsked;
  start('second');
  await killFirst();
  expect(await answered(world, id)).toMatchObject({ state: 'done', integrations: [{ outcome: 'read', agents: 1 }] });
  expect((await world.db.query('select attempts from requests')).rows).toEqual([{ attempts: 2 }]);
  await world.verify();
});
