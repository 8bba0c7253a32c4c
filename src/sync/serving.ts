// Serving requests: what workers are asked to do besides their schedule. A request is taken from the table under a lock of this session,
// so that what a worker that dies had taken is free at once, and is given to the desk of its kind.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenForRequests, type TakenRequest, takeRequests } from '../store/requests.ts';
import type { RequestKind } from '../store/schema-requests.ts';
import type { SyncContext } from './context.ts';
import { openSession } from './run.ts';

/** The bell may be missed, and what a dead worker had taken rings no bell. */
const lookEveryMs = 1_000;

/** What is done with requests of one kind. */
export interface Desk {
  kind: RequestKind;
  /** How many more it can take; others are left to other workers. */
  room(): number;
  /** @throws when the database is away; then nothing was taken */
  take(requests: readonly TakenRequest[]): Promise<void>;
  /** Whether something could be neither answered nor given back, once: only the end of the claim frees it. */
  wasBroken(): boolean;
  /** Resolves when nothing is under way. */
  idle(): Promise<void>;
}

type ServingContext = Pick<SyncContext, 'databaseUrl' | 'sessionIdleMs' | 'now' | 'log'>;

/** Begins to serve requests; the database may be away. @param open makes the desks; their signal ends what is under way */
export function startServing(
  context: ServingContext,
  open: (signal: AbortSignal) => readonly Desk[],
): { stop(): Promise<void> } {
  const { log } = context;
  const stopping = new AbortController();
  const { signal } = stopping;
  const desks = open(signal);
  let isFailing = false;
  const serving = (async () => {
    while (!signal.aborted) {
      try {
        await attend(context, desks, signal, () => {
          if (isFailing) log.info('requests are served again');
          isFailing = false;
        });
      } catch (error) {
        if (!isFailing && !signal.aborted) log.warn({ err: error }, 'requests cannot be taken; trying on');
        isFailing = true;
      }
      await pause(lookEveryMs, signal);
    }
  })();
  return {
    async stop() {
      stopping.abort(new Error('the service stops'));
      await serving;
      await allIdle(desks);
    },
  };
}

/** Takes requests for as long as its session lives. What it took and did not answer is free when the session ends. */
async function attend(
  context: ServingContext,
  desks: readonly Desk[],
  signal: AbortSignal,
  onLook: () => void,
): Promise<void> {
  const session = await openSession(context, 'posture-sync requests');
  try {
    let bell = new AbortController();
    session.on('notification', () => bell.abort());
    session.on('end', () => bell.abort());
    // As many bits as a number in JavaScript has room for.
    const claim = randomBytes(6).readUIntBE(0, 6);
    await listenForRequests(session, claim);
    while (!signal.aborted && !desks.some(desk => desk.wasBroken())) {
      // Before the look, so that what rings during it is looked for again.
      bell = new AbortController();
      let [mayBeMore, hasRoom] = [false, false];
      for (const desk of desks) {
        const most = desk.room();
        const taken = most > 0 ? await takeRequests(session, desk.kind, claim, context.now(), most) : [];
        if (taken.length > 0) await desk.take(taken);
        hasRoom ||= most > 0;
        mayBeMore ||= most > 0 && taken.length === most;
      }
      onLook();
      if (!hasRoom) await pause(lookEveryMs, signal);
      else if (!mayBeMore) await pause(lookEveryMs, AbortSignal.any([signal, bell.signal]));
    }
  } finally {
    // Those that stop keep what is under way until it has ended.
    if (signal.aborted) await allIdle(desks);
    await session.end().catch(() => {});
  }
}

async function allIdle(desks: readonly Desk[]): Promise<void> {
  await Promise.all(desks.map(desk => desk.idle()));
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
