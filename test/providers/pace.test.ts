// Pace and repetition, on a clock that the test moves.
import { describe, expect, test } from 'vitest';
import { createLanes, type PaceClock } from '../../src/providers/pace.ts';
import { defaultRetryBounds, isRepeatable, retryAfterMs, waitBeforeRepeat } from '../../src/providers/retries.ts';

const never = new AbortController().signal;

/** Time passes only by sleeping. */
function fakeClock(): PaceClock & { at: number } {
  const clock = {
    at: 0,
    now: () => clock.at,
    sleep: async (ms: number) => {
      if (ms > 0) clock.at += ms;
    },
  };
  return clock;
}

describe('pace', () => {
  test('spaces requests evenly, and lets no burst through after a rest', async () => {
    const clock = fakeClock();
    const lane = createLanes(clock)('key', { requestsPerSecond: 20, atOnce: 1 });
    const starts: number[] = [];
    const start = async () => void starts.push(clock.at);
    for (let time = 0; time < 3; time += 1) await lane.run(start, never);
    clock.at = 10_000;
    for (let time = 0; time < 3; time += 1) await lane.run(start, never);
    expect(starts).toEqual([0, 50, 100, 10_000, 10_050, 10_100]);
  });

  test('is shared by all who use the same origin and credential, each at its own', async () => {
    const clock = fakeClock();
    const open = createLanes(clock);
    const sweep = open('key', { requestsPerSecond: 10, atOnce: 2 });
    const refetch = open('key', { requestsPerSecond: 20, atOnce: 2 });
    const other = open('other', { requestsPerSecond: 10, atOnce: 2 });
    const starts: string[] = [];
    await sweep.run(async () => void starts.push(`sweep ${clock.at}`), never);
    await other.run(async () => void starts.push(`other ${clock.at}`), never);
    await refetch.run(async () => void starts.push(`refetch ${clock.at}`), never);
    await sweep.run(async () => void starts.push(`sweep ${clock.at}`), never);
    expect(starts).toEqual(['sweep 0', 'other 0', 'refetch 100', 'sweep 150']);
  });

  test('holds everybody when the provider asks for it', async () => {
    const clock = fakeClock();
    const lane = createLanes(clock)('key', { requestsPerSecond: 20, atOnce: 2 });
    lane.holdFor(7_000);
    expect(await lane.run(async () => clock.at, never)).toBe(7_000);
  });

  test('lets no more requests run at once than the provider bears, and never ends for a failure', async () => {
    const lane = createLanes(fakeClock())('key', { requestsPerSecond: 1000, atOnce: 2 });
    let running = 0;
    let most = 0;
    const work = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise(resolve => setImmediate(resolve));
      running -= 1;
      throw new Error('failed');
    };
    const results = await Promise.allSettled(Array.from({ length: 9 }, () => lane.run(work, never)));
    expect(results.every(({ status }) => status === 'rejected')).toBe(true);
    expect(most).toBe(2);
  });
});

describe('the wait before a repetition', () => {
  test('doubles, half of it spread, up to the cap', () => {
    const waits = [1, 2, 3].map(attempt =>
      [0, 1].map(random => waitBeforeRepeat(attempt, null, defaultRetryBounds, random)),
    );
    expect(waits).toEqual([
      [500, 1000],
      [1000, 2000],
      [2000, 4000],
    ]);
    expect(waitBeforeRepeat(20, null, { attempts: 99, baseMs: 1000, capMs: 60_000 }, 1)).toBe(60_000);
  });

  test('is none after the fourth attempt', () => {
    expect(waitBeforeRepeat(4, null, defaultRetryBounds, 0)).toBeNull();
    expect(waitBeforeRepeat(4, 1000, defaultRetryBounds, 0)).toBeNull();
  });

  test('is what Retry-After asks for, and none where that is over a minute', () => {
    expect(waitBeforeRepeat(1, 60_000, defaultRetryBounds, 0)).toBe(60_000);
    expect(waitBeforeRepeat(1, 60_001, defaultRetryBounds, 0)).toBeNull();
  });

  test.each([
    ['7', 7_000],
    [' 7 ', 7_000],
    ['0.5', 500],
    ['Fri, 20 Nov 2026 12:00:30 GMT', 30_000],
    ['Friday, 20-Nov-26 12:00:30 GMT', 30_000],
    ['Fri, 20 Nov 2026 11:00:00 GMT', 0],
    ['86399', 86_399_000],
    ['86401', 86_400_000],
    ['31536000', 86_400_000],
    ['9'.repeat(400), 86_400_000],
    ['Sat, 21 Nov 2026 12:00:01 GMT', 86_400_000],
    ['Fri, 31 Dec 9999 23:59:59 GMT', 86_400_000],
    ['soon', null],
    ['5s', null],
    ['-1', null],
    ['', null],
  ])('is read from Retry-After: %j', (header, expected) => {
    expect(retryAfterMs({ 'retry-after': header }, Date.parse('2026-11-20T12:00:00Z'))).toBe(expected);
  });

  test('is not there without the header', () => {
    expect(retryAfterMs({}, 0)).toBeNull();
    expect(retryAfterMs({ 'retry-after': ['3', '4'] }, 0)).toBe(3_000);
  });

  test('is for too slow, too many and down only', () => {
    const repeatable = [200, 301, 400, 401, 403, 404, 408, 409, 422, 429, 500, 501, 502, 503, 504, 599].filter(
      isRepeatable,
    );
    expect(repeatable).toEqual([408, 429, 500, 501, 502, 503, 504, 599]);
  });
});
