// How fast and how many at once: one lane for each origin and credential, shared by all uses in this process, so that a
// sweep and a refetch together stay below the provider's limit. Requests are spaced evenly; there are no bursts.
import { setTimeout as delay } from 'node:timers/promises';
import pLimit, { type LimitFunction } from 'p-limit';

/** Waits, or throws the signal's reason as soon as it is aborted. */
export async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (ms <= 0) return;
  await delay(ms, undefined, { signal }).catch(() => signal.throwIfAborted());
}

export interface Lane {
  /** Runs the work when its turn has come. Throws the signal's reason as soon as it is aborted, also while it waits. */
  run<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T>;
  /** Lets no request start for so many ms. */
  holdFor(ms: number): void;
}

export interface PaceClock {
  /** A monotonic clock in ms. */
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

const realClock: PaceClock = { now: () => performance.now(), sleep };

/** @returns opens the lane of a key; opened again with the same key it is the same lane, with the pace last given */
export function createLanes(clock: PaceClock = realClock) {
  const lanes = new Map<string, { freeAt: number; limit: LimitFunction }>();
  return (key: string, pace: { requestsPerSecond: number; atOnce: number }): Lane => {
    const lane = lanes.get(key) ?? { freeAt: 0, limit: pLimit(pace.atOnce) };
    lanes.set(key, lane);
    lane.limit.concurrency = pace.atOnce;
    return {
      run: (work, signal) =>
        // The place is taken before the turn is waited for: the other way round, turns would pile up behind a slow
        // request and start together when it ends.
        untilAborted(
          lane.limit(async () => {
            const at = Math.max(clock.now(), lane.freeAt);
            lane.freeAt = at + 1000 / pace.requestsPerSecond;
            await clock.sleep(at - clock.now(), signal);
            return await work();
          }),
          signal,
        ),
      holdFor: ms => {
        lane.freeAt = Math.max(lane.freeAt, clock.now() + ms);
      },
    };
  };
}

/** A queue knows nothing of signals: who waits in it leaves at once, and its turn is passed over when it comes. */
async function untilAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
