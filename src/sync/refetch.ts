// Refetches: requests to read the agents of some devices at once. A request is taken from the table, every integration that may
// be asked is asked, many devices at once where many wait, and the answers go back to the request. Sweeps go on beside it.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { listenForRequests, takeRequests } from '../store/requests.ts';
import { createDesk, type Desk, type RefetchContext } from './refetch-desk.ts';
import { openSession } from './run.ts';

/** The bell may be missed, and what a dead worker had taken rings no bell. */
const lookEveryMs = 1_000;
const mostTakenAtOnce = 500;
/** With so many unanswered no more are taken: other workers may have time. */
const mostInHand = 2_000;

/** Begins to serve requests; the database may be away. */
export function startRefetching(context: RefetchContext): { stop(): Promise<void> } {
  const { log } = context;
  const stopping = new AbortController();
  const { signal } = stopping;
  const desk = createDesk(context, signal);
  let isFailing = false;
  const serving = (async () => {
    while (!signal.aborted) {
      try {
        await attend(context, desk, signal, () => {
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
      await desk.idle();
    },
  };
}

/** Takes requests for as long as its session lives. What it took and did not answer is free when the session ends. */
async function attend(context: RefetchContext, desk: Desk, signal: AbortSignal, onLook: () => void): Promise<void> {
  const session = await openSession(context, 'posture-sync requests');
  try {
    let bell = new AbortController();
    session.on('notification', () => bell.abort());
    session.on('end', () => bell.abort());
    // As many bits as a number in JavaScript has room for.
    const claim = randomBytes(6).readUIntBE(0, 6);
    await listenForRequests(session, claim);
    while (!signal.aborted && !desk.wasBroken()) {
      // Before the look, so that what rings during it is looked for again.
      bell = new AbortController();
      const most = Math.min(mostTakenAtOnce, mostInHand - desk.inHand());
      const taken = most > 0 ? await takeRequests(session, 'refetch', claim, context.now(), most) : [];
      onLook();
      if (taken.length > 0) await desk.take(taken);
      if (taken.length < most) await pause(lookEveryMs, AbortSignal.any([signal, bell.signal]));
      else if (most <= 0) await pause(lookEveryMs, signal);
    }
  } finally {
    // Those that stop keep what is under way until it has ended.
    if (signal.aborted) await desk.idle();
    await session.end().catch(() => {});
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
