// When what is shown may no longer be called good, and when it may again: by a clock of the test's own.
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createDoubts, type Doubt, type Doubts, silentMs, watchSilence } from '../../src/web/api/doubt.ts';

const start = '2026-11-22T10:00:00.000Z';
const graceMs = 4_000;

let doubts: Doubts;
/** Each doubt that was told, and null for its end. */
let told: (Doubt | null)[];

beforeEach(() => {
  vi.useFakeTimers({ now: new Date(start) });
  told = [];
  doubts = createDoubts(doubt => told.push(doubt));
});
afterEach(() => {
  doubts.stop();
  vi.useRealTimers();
});

/** A promise in the test's own hands. */
const asking = () => Promise.withResolvers<void>();
const settle = async () => await vi.advanceTimersByTimeAsync(0);

test('a moment without the service is no news, one that lasts is, as of the last word', async () => {
  doubts.lost('lost');
  await vi.advanceTimersByTimeAsync(graceMs - 1);
  doubts.heard();
  doubts.regained(Promise.resolve());
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(told).toEqual([]);
  doubts.lost('lost');
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(told).toEqual([{ since: new Date(Date.parse(start) + graceMs - 1).toISOString(), why: 'lost' }]);
});

test('a doubt ends once all was asked anew, whatever was told and asked meanwhile', async () => {
  doubts.lost('lost');
  await vi.advanceTimersByTimeAsync(graceMs);
  const all = asking();
  doubts.regained(all.promise);
  // That the service is there, and a change of one topic.
  doubts.regained(Promise.resolve());
  const one = asking();
  doubts.regained(one.promise);
  one.resolve();
  await settle();
  expect(told).toHaveLength(1);
  all.resolve();
  await settle();
  expect(told.slice(1)).toEqual([null]);
});

test('what was asked before a loss ends no doubt after it, and holds none up', async () => {
  doubts.lost('lost');
  await vi.advanceTimersByTimeAsync(graceMs);
  const before = asking();
  doubts.regained(before.promise);
  doubts.lost('away');
  before.resolve();
  await settle();
  expect(told.map(doubt => doubt?.why)).toEqual(['lost', 'away']);
  doubts.regained(asking().promise);
  doubts.lost('lost');
  doubts.regained(Promise.reject(new Error('it broke')));
  await settle();
  expect(told.at(-1)).toBeNull();
});

test('what nobody looked at for longer than the service is ever silent is in doubt at once, until it was asked anew', async () => {
  doubts.heard();
  await vi.advanceTimersByTimeAsync(silentMs + 1);
  doubts.lost('lost');
  expect(told).toEqual([{ since: start, why: 'lost' }]);
  const all = asking();
  doubts.heard();
  doubts.regained(all.promise);
  await vi.advanceTimersByTimeAsync(graceMs);
  expect(told).toHaveLength(1);
  all.resolve();
  await settle();
  expect(told.slice(1)).toEqual([null]);
});

test('a page that was loaded now, and one that was looked away from for a moment, are in no doubt at once', async () => {
  doubts.lost('lost');
  doubts.heard();
  doubts.regained(Promise.resolve());
  await vi.advanceTimersByTimeAsync(silentMs);
  doubts.lost('lost');
  expect(told).toEqual([]);
});

test('a machine that slept in the moment of grace is in doubt as it wakes up', () => {
  doubts.lost('lost');
  vi.setSystemTime(Date.parse(start) + silentMs + 1);
  doubts.lost('lost');
  expect(told).toEqual([{ since: start, why: 'lost' }]);
});

test('silence is noticed by the clock, soon after a machine slept, and only where somebody listens', async () => {
  let heardMs: number | null = Date.now();
  let noticed = 0;
  const stop = watchSilence(
    () => heardMs,
    () => {
      noticed++;
      heardMs = null;
    },
  );
  await vi.advanceTimersByTimeAsync(silentMs);
  expect(noticed).toBe(0);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(noticed).toBe(1);
  await vi.advanceTimersByTimeAsync(10 * silentMs);
  expect(noticed).toBe(1);
  // No timer moves meanwhile.
  heardMs = Date.now();
  vi.setSystemTime(Date.now() + 3_600_000);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(noticed).toBe(2);
  heardMs = 0;
  stop();
  await vi.advanceTimersByTimeAsync(silentMs);
  expect(noticed).toBe(2);
});
