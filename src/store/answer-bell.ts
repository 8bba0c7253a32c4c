// Tells whoever waits that a request has ended, by NOTIFY: one session for all that wait in this process, opened when somebody waits
// for the first time. When it is lost another one is opened, and everybody looks again; so nothing is missed, and nobody polls.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from './client.ts';
import { answerChannel } from './requests.ts';

export interface AnswerBell {
  /**
   * Waits until a request has ended, or the time is over.
   * @param hasEnded looks whether it has; called at the beginning, when the bell rings for it, and after a lost session
   * @throws what `hasEnded` throws; the signal's reason
   */
  until(id: number, hasEnded: () => Promise<boolean>, withinMs: number, signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

const tryAgainMs = 1_000;

interface Waiter {
  id: number;
  wake(): void;
}

/** @param url where to listen. Nothing is opened before somebody waits */
export function createAnswerBell(url: string): AnswerBell {
  const waiters = new Set<Waiter>();
  const stopping = new AbortController();
  let listening: Promise<void> | null = null;
  const wake = (id: number | null) => {
    for (const waiter of waiters) if (id === null || waiter.id === id) waiter.wake();
  };
  return {
    async until(id, hasEnded, withinMs, signal) {
      listening ??= listen(url, wake, stopping.signal);
      const overAt = performance.now() + withinMs;
      for (;;) {
        // Before the look, so that what rings during it is looked for again.
        const rung = new AbortController();
        const waiter = { id, wake: () => rung.abort() };
        waiters.add(waiter);
        try {
          signal.throwIfAborted();
          if (await hasEnded()) return;
          const leftMs = overAt - performance.now();
          if (leftMs <= 0) return;
          await pause(leftMs, AbortSignal.any([rung.signal, signal]));
        } finally {
          waiters.delete(waiter);
        }
      }
    },
    async stop() {
      stopping.abort();
      wake(null);
      await listening;
    },
  };
}

/** Listens until it is stopped, through every loss of the session. */
async function listen(url: string, wake: (id: number | null) => void, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const session = await connect(url, { applicationName: 'posture-sync answers' }).catch(() => null);
    if (session !== null) {
      const lost = new AbortController();
      session.on('end', () => lost.abort());
      session.on('notification', ({ payload }) => wake(Number(payload)));
      try {
        await session.query(`listen ${answerChannel}`);
        // What ended before it listened rang for nobody.
        wake(null);
        await untilAborted(AbortSignal.any([lost.signal, signal]));
      } catch {
        // It was lost at once; another one follows.
      }
      await session.end().catch(() => {});
    }
    await pause(tryAgainMs, signal);
  }
}

async function untilAborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise(resolve => signal.addEventListener('abort', resolve, { once: true }));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
