// Watching the head: every committed write is told of, one call at a time, whatever becomes of the session.
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type HeadWatch, type HeadWatchOptions, watchHead } from '../../src/store/head.ts';
import { write } from '../../src/store/write.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { tester } from '../support/world.ts';

let database: TestDatabase;
let watch: HeadWatch | null = null;
/** The revisions that were told, and whether the database was reachable. */
let told: (number | boolean)[] = [];

beforeEach(async () => {
  database = await freshDatabase();
  told = [];
});
afterEach(async () => {
  await watch?.stop();
  watch = null;
});

async function start(options: Partial<HeadWatchOptions> = {}): Promise<void> {
  watch = await watchHead(database.url, {
    applicationName: 'the watch',
    // Of a machine that is slow nothing is told here: the sessions that are lost are those that a test ends.
    answerWithinMs: 60_000,
    onMoved: async (_session, revision) => void told.push(revision),
    onReachable: isReachable => void told.push(isReachable),
    ...options,
  });
}

const by = { actor: tester, origin: 'CONTROL', cause: 'test' } as const;
const commit = async () =>
  (
    await write(
      database.pool,
      () => new Date(),
      by,
      async () => {},
    )
  ).revision;
const endSession = () =>
  database.pool.query("select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'the watch'");

test('it tells where the head stands at once, then of each move, and of nothing after a stop', async () => {
  await commit();
  await start();
  expect(told).toEqual([1]);
  for (const revision of [2, 3]) {
    await commit();
    await expect.poll(() => told.at(-1)).toBe(revision);
  }
  await watch?.stop();
  await commit();
  expect(told).toEqual([1, 2, 3]);
});

test('writes during a call are told by one more, which reads at least what it was told', async () => {
  let calls = 0;
  const { promise: goesOn, resolve: goOn } = Promise.withResolvers<void>();
  await start({
    onMoved: async (session, revision) => {
      expect(++calls).toBe(1);
      if (revision > 0) await goesOn;
      const { rows } = await session.query('select revision from head');
      expect(rows[0].revision).toBeGreaterThanOrEqual(revision);
      told.push(revision);
      calls--;
    },
  });
  await commit();
  await expect.poll(() => calls).toBe(1);
  for (let n = 0; n < 50; n++) await commit();
  goOn();
  await expect.poll(() => told).toEqual([0, 1, 51]);
});

test('a session that is ended is replaced, and what was written meanwhile is told', async () => {
  await start();
  await endSession();
  await commit();
  // Where the commit took its time, the next session begins before it.
  await expect.poll(() => told.filter(each => each !== 0).sort()).toEqual([1, false, true]);
  expect(told.slice(0, 2)).toEqual([0, false]);
  await commit();
  await expect.poll(() => told.at(-1)).toBe(2);
});

test('a call that fails is made again with another session', async () => {
  let failures = 2;
  await start({
    onMoved: async (_session, revision) => {
      if (revision > 0 && failures-- > 0) throw new Error('on purpose');
      told.push(revision);
    },
  });
  await commit();
  await expect.poll(() => told).toEqual([0, false, 1, true]);
});

test('a head that went back, as after a restored backup, is told as well', async () => {
  for (let n = 0; n < 3; n++) await commit();
  await start();
  await database.pool.query('update head set revision = 1');
  await expect.poll(() => told).toEqual([3, 1]);
});

test('a stop does not wait for an answer that does not come, and is no loss of the database', async () => {
  const asked = Promise.withResolvers<void>();
  let isFirst = true;
  await start({
    answerWithinMs: 600_000,
    atEveryLook: true,
    async onMoved(session) {
      if (!isFirst) asked.resolve();
      await session.query(`select pg_sleep(${isFirst ? 0 : 600})`);
      isFirst = false;
    },
  });
  await asked.promise;
  await watch?.stop();
  expect(told).toEqual([]);
  // A server that does not look after its clients goes on with it.
  await database.pool.query(
    "select pg_terminate_backend(pid) from pg_stat_activity where query = 'select pg_sleep(600)'",
  );
});
