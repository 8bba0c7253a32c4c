// Who looks on in this process, and what each has still to be told. That is never more than the topics that there are and the last word
// of each sync: however slowly somebody reads, it does not grow.
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type LiveTopic, listenLive, type RunProgress } from '../store/live.ts';

/** What came since it was taken last. */
export interface LiveNews {
  topics: ReadonlySet<LiveTopic>;
  /** The last of each integration. */
  runs: readonly RunProgress[];
}

export interface LiveReader {
  /** Resolves when there is news, when the database is lost or back, after so many ms, or with the reader's signal. */
  moved(withinMs: number): Promise<void>;
  take(): LiveNews;
  leave(): void;
}

export interface Live {
  /** False also before the database was reached for the first time. */
  isReachable(): boolean;
  /** The last audited write that is known. */
  revision(): number;
  /** @param callerId whose it is @throws AppError busy when there are too many */
  reader(callerId: string, signal: AbortSignal): LiveReader;
  readers(): number;
  stop(): Promise<void>;
}

export interface LiveContext {
  databaseUrl: string;
  log: Log;
  limits?: { readers: number; perCaller: number };
}

interface Waiting {
  callerId: string;
  topics: Set<LiveTopic>;
  runs: Map<string, RunProgress>;
  isMoved: boolean;
  wake(): void;
}

const usualLimits = { readers: 1_000, perCaller: 200 };
/** Syncs that a reader is told of at once. */
const mostRuns = 1_000;

/** Begins to listen; the database may be away. */
export function startLive({ databaseUrl, log, limits = usualLimits }: LiveContext): Live {
  const readers = new Set<Waiting>();
  let isReachable = false;
  let isToldLost = false;
  let revision = 0;
  const tell = (change: (reader: Waiting) => void) => {
    for (const reader of readers) {
      change(reader);
      reader.isMoved = true;
      reader.wake();
    }
  };
  const watch = listenLive(databaseUrl, {
    onRevision(known) {
      revision = known;
    },
    onChanged(topics) {
      tell(reader => {
        for (const topic of topics) reader.topics.add(topic);
      });
    },
    onProgress(progress) {
      tell(({ runs }) => {
        if (runs.size < mostRuns || runs.has(progress.integrationId)) runs.set(progress.integrationId, progress);
      });
    },
    onReachable(isThere) {
      if (isThere && isToldLost) log.info('what changes is told live again');
      if (!isThere) log.warn('the database is away: nothing is told live');
      isToldLost = !isThere;
      isReachable = isThere;
      tell(() => {});
    },
  });
  return {
    isReachable: () => isReachable,
    revision: () => revision,
    readers: () => readers.size,
    reader(callerId, signal) {
      const own = [...readers].filter(other => other.callerId === callerId).length;
      if (readers.size >= limits.readers || own >= limits.perCaller)
        throw new AppError('busy', 'too many look on already: close some, or come back later');
      const waiting: Waiting = { callerId, topics: new Set(), runs: new Map(), isMoved: false, wake: () => {} };
      readers.add(waiting);
      return readerOf(waiting, signal, () => readers.delete(waiting));
    },
    async stop() {
      await watch.stop();
    },
  };
}

function readerOf(waiting: Waiting, signal: AbortSignal, leave: () => void): LiveReader {
  return {
    async moved(withinMs) {
      if (!waiting.isMoved && !signal.aborted)
        await new Promise<void>(resolve => {
          const done = () => {
            clearTimeout(timer);
            signal.removeEventListener('abort', done);
            waiting.wake = () => {};
            resolve();
          };
          const timer = setTimeout(done, withinMs);
          signal.addEventListener('abort', done, { once: true });
          waiting.wake = done;
        });
      waiting.isMoved = false;
    },
    take() {
      const news = { topics: new Set(waiting.topics), runs: [...waiting.runs.values()] };
      waiting.topics.clear();
      waiting.runs.clear();
      return news;
    },
    leave,
  };
}
