// The clock that times are compared by: the database's, carried on without the local one.
import { afterEach, expect, test, vi } from 'vitest';
import { databaseClock } from '../../src/store/client.ts';

afterEach(() => vi.restoreAllMocks());

const hour = 3_600_000;
const start = Date.parse('2026-11-20T12:00:00Z');

/** A database with a clock that the test sets. */
function database() {
  const it = { at: start, reads: 0, isAway: false };
  const query = async () => {
    it.reads++;
    if (it.isAway) throw new Error('away');
    return { rows: [{ at: new Date(it.at) }] };
  };
  // biome-ignore lint/suspicious/noExplicitAny: of a database it asks nothing else
  return Object.assign(it, { db: { query } as any });
}

test('a jump of the local clock does not show', async () => {
  const { db } = database();
  const now = await databaseClock(db);
  const { now: real } = Date;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 1_000 * hour);
  expect(now().getTime() - start).toBeLessThan(hour);
});

test('it is read at once after the machine slept, when the monotonic clock stood still', async () => {
  const it = database();
  const now = await databaseClock(it.db);
  const { now: real } = Date;
  it.at = start + 10 * hour;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 10 * hour);
  now();
  await expect.poll(() => now().getTime()).toBeGreaterThanOrEqual(start + 10 * hour);
  expect(it.reads).toBe(2);
});

test('it goes on where the database does not answer then, and does not ask at every call', async () => {
  const it = database();
  const now = await databaseClock(it.db);
  const { now: real } = Date;
  it.isAway = true;
  vi.spyOn(Date, 'now').mockImplementation(() => real() + 10 * hour);
  for (let n = 0; n < 100; n++) now();
  await new Promise(resolve => setImmediate(resolve));
  expect(now().getTime()).toBeGreaterThanOrEqual(start);
  expect(it.reads).toBe(2);
});
