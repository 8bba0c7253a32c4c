// Watches the head from a session of its own: whoever keeps something in memory learns of every audited write that was
// committed anywhere, by NOTIFY as a doorbell and by looking every half second, in case the bell was missed.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Queryable, type Session } from './client.ts';

const pollMs = 500;
/** Reads follow one another no faster than this, however often the bell rings. */
const leastGapMs = 50;
const usualAnswerWithinMs = 3_000;
/** What is under way at a stop may end by itself for so long; then its session is cut. */
const stopWithinMs = 2_000;

/** Each audited write tells its revision there when it is committed. */
export const revisionChannel = 'posture_sync_revision';

export interface HeadWatchOptions {
  /** How the session names itself in pg_stat_activity. */
  applicationName: string;
  /** A session whose query takes longer is given up for another one. 3 s where nothing is said. */
  answerWithinMs?: number;
  /** Whether to call at every look, for what moves without a revision. */
  atEveryLook?: boolean;
  /**
   * Called at the start, when the revision has moved, and after each new connection; one call at a time. What it throws
   * gives up the session: it is called again with the next one.
   */
  onMoved(session: Session, revision: number): Promise<void>;
  /** Called when the database was lost, and when it is back. */
  onReachable?(isReachable: boolean): void;
}

export interface HeadWatch {
  stop(): Promise<void>;
}

/** Resolves after the first call of `onMoved`. @throws what that throws, or when the database cannot be reached */
export async function watchHead(url: string, options: HeadWatchOptions): Promise<HeadWatch> {
  const stopping = new AbortController();
  const { signal } = stopping;
  const first = await open(url, options);
  let watched: Watched | null = first;
  const watching = (async () => {
    for (;;) {
      if (watched) {
        await follow(watched, options, signal).catch(() => {
          if (!signal.aborted) options.onReachable?.(false);
        });
        await watched.session.end().catch(() => {});
      }
      await pause(pollMs, signal);
      if (signal.aborted) return;
      watched = await open(url, options).catch(() => null);
      if (watched) options.onReachable?.(true);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      const cut = setTimeout(() => void watched?.session.end().catch(() => {}), stopWithinMs);
      await watching;
      clearTimeout(cut);
    },
  };
}

interface Watched {
  session: Session;
  /** What was told last. */
  revision: number;
}

const tryAgainMs = 1_000;

/** Like watchHead, for who starts while the database may be away: tries on until it is there. */
export function watchHeadPatiently(url: string, options: HeadWatchOptions): HeadWatch {
  const stopping = new AbortController();
  const { signal } = stopping;
  const starting = (async (): Promise<HeadWatch | null> => {
    while (!signal.aborted) {
      const watch = await watchHead(url, options).catch(() => null);
      if (watch !== null) return watch;
      await pause(tryAgainMs, signal);
    }
    return null;
  })();
  return {
    async stop() {
      stopping.abort();
      await (await starting)?.stop();
    },
  };
}

/** @returns a session that listens, after its first look */
async function open(
  url: string,
  { applicationName, answerWithinMs = usualAnswerWithinMs, onMoved }: HeadWatchOptions,
): Promise<Watched> {
  const session = await connect(url, { applicationName, answerWithinMs });
  try {
    await session.query(`listen ${revisionChannel}`);
    const revision = await currentRevision(session);
    await onMoved(session, revision);
    return { session, revision };
  } catch (error) {
    await session.end().catch(() => {});
    throw error;
  }
}

/** Ends when it is stopped. @throws when the session is lost */
async function follow(
  watched: Watched,
  { atEveryLook, onMoved }: HeadWatchOptions,
  signal: AbortSignal,
): Promise<void> {
  const { session } = watched;
  let bell = new AbortController();
  session.on('notification', () => bell.abort());
  session.on('end', () => bell.abort());
  while (!signal.aborted) {
    await pause(pollMs, AbortSignal.any([signal, bell.signal]));
    if (signal.aborted) return;
    // Before the read, so that what rings during it is looked at again.
    bell = new AbortController();
    const revision = await currentRevision(session);
    if (atEveryLook || revision !== watched.revision) {
      await onMoved(session, revision);
      watched.revision = revision;
    }
    await pause(leastGapMs, signal);
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}

/** @returns the revision of the last write that is committed */
export async function currentRevision(db: Queryable): Promise<number> {
  const { rows } = await db.query('select revision from head');
  return rows[0].revision;
}
