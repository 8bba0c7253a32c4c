// Several workers: one of them keeps the standings, another one goes on when it dies or freezes, and what changes anywhere is
// judged at once.
import { from as copyFrom } from 'pg-copy-streams';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { connect } from '../../src/store/client.ts';
import { type StandingsContext, startStandings, takeOver } from '../../src/sync/standings.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { expectRight, inForce, openKeeper, storedStates, type TestKeeper } from '../support/standings.ts';
import { createWorld, hour, type World } from '../support/world.ts';

let world: World;
let console: FakeConsole;
let workers: ReturnType<typeof startStandings>[] = [];

beforeEach(async () => {
  world = await createWorld();
  console = await world.integration('hq');
  await world.devices({ id: 'a', serialNumbers: ['SER-a'] });
  await report(0);
  await inForce(world, { 'posture:clean': ["fake:threats == 0 WITHIN '2h'"] });
});
afterEach(async () => {
  await Promise.all(workers.map(worker => worker.stop()));
  workers = [];
});

async function report(threats: number): Promise<void> {
  console.set(fakeAgent('a', 'SER-a', { values: { 'fake:threats': threats } }));
  await world.sync('hq');
}

/** Short enough for a test, long enough that a busy machine does not look frozen. */
const keeperIdleMs = 2_000;
const contextOf = (change: Partial<StandingsContext> = {}): StandingsContext => {
  return { databaseUrl: world.database.url, now: world.now, log: world.context.log, keeperIdleMs, ...change };
};
const start = (change?: Partial<StandingsContext>) => void workers.push(startStandings(contextOf(change)));
const untilStateIs = (state: string) => expect.poll(async () => (await storedStates(world))['a clean']).toBe(state);
const flips = async () =>
  (await world.events('NODE.UPDATE.POSTURE_STANDING')).map(event => (event.new as { state: string }).state);

/** The session that has the keeper's lock; there is one at most. */
async function keeper(): Promise<number | null> {
  const { rows } = await world.db.query(
    `select distinct l.pid from pg_locks l join pg_stat_activity a using (pid) where l.locktype = 'advisory' and l.granted and a.datname = current_database()`,
  );
  expect(rows.length).toBeLessThan(2);
  return rows[0]?.pid ?? null;
}

it('what is written anywhere is judged at once, and so is what only time changes; all by one of two workers', async () => {
  // However busy the machine is, the first one does not look frozen.
  start({ keeperIdleMs: hour });
  start({ keeperIdleMs: hour });
  await untilStateIs('passing');
  const first = await keeper();
  await report(1);
  await untilStateIs('failing');
  await report(0);
  await untilStateIs('passing');
  world.pass(3 * hour);
  await untilStateIs('unknown');
  await world.sync('hq');
  await untilStateIs('passing');
  expect(await flips()).toEqual(['failing', 'passing', 'unknown', 'passing']);
  expect(await keeper()).toBe(first);
  await expectRight(world);
});

it('when the session of the keeper is killed another worker takes over, and nothing is told twice', async () => {
  start();
  start();
  await untilStateIs('passing');
  for (const [threats, state] of [
    [1, 'failing'],
    [0, 'passing'],
    [2, 'failing'],
  ] as const) {
    const pid = await keeper();
    await world.db.query('select pg_terminate_backend($1)', [pid]);
    await report(threats);
    await untilStateIs(state);
    expect(await keeper()).not.toBe(pid);
  }
  expect(await flips()).toEqual(['failing', 'passing', 'failing']);
  await expectRight(world);
});

it('what a keeper that died had not judged yet after its clock was set back is judged by the next one', async () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];
  await world.devices(...ids.map(id => ({ id, serialNumbers: [`SER-${id}`] })));
  console.set(...ids.map(id => fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': 0 } })));
  await world.sync('hq');
  const first = await openKeeper(world);
  await first.judge();
  await first.end();
  // All that was confirmed lies ahead now, which no revision tells.
  world.pass(-hour);
  let portions = 0;
  const dying: TestKeeper = await openKeeper(world, {
    portion: 2,
    reached: async point => void (point === 'stored' && ++portions === 1 && (await dying.end())),
  });
  await expect(dying.judge()).rejects.toThrow();
  expect(Object.values(await storedStates(world)).sort()).toEqual([
    ...ids.slice(2).map(() => 'passing'),
    'unknown',
    'unknown',
  ]);
  await (await openKeeper(world)).judge();
  expect(new Set(Object.values(await storedStates(world)))).toEqual(new Set(['unknown']));
  await expectRight(world);
});

it('a keeper that freezes loses its session, and what it had judged is not written late', async () => {
  const thaw = Promise.withResolvers<void>();
  const frozen = Promise.withResolvers<void>();
  let isFirst = true;
  const reached = async () => {
    if (!isFirst) return;
    isFirst = false;
    frozen.resolve();
    await thaw.promise;
  };
  await report(1);
  start({ reached });
  await frozen.promise;
  await report(0);
  start();
  await untilStateIs('passing');
  thaw.resolve();
  await workers[0]?.stop();
  expect(await flips()).toEqual([]);
  await expectRight(world);
});

it('a keeper that freezes in the middle of an answer, where no time-out of the server counts, is ended by the next one', async () => {
  const session = await connect(world.database.url);
  expect(await takeOver(contextOf(), session)).not.toBeNull();
  session.query(copyFrom('copy to_judge from stdin')).on('error', () => {});
  start();
  await untilStateIs('passing');
  await session.end().catch(() => {});
});
