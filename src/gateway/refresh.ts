// Refresh on denial: a refusal that hangs on what a provider said too long ago, or never, asks for the agents of the device to
// be read again. The decision does not wait for it; asking is gathered, coalesced and bounded, so that a fleet which is refused
// at once costs the database a few rows.
import type { Log } from '../log.ts';
import { askForRefetches } from '../operations/refetch.ts';
import { namespaceOf } from '../posture/catalogue.ts';
import type { Decision, Device } from '../posture/decide.ts';
import type { Now, Pool } from '../store/client.ts';
import type { RefreshTold } from './decisions.ts';

export interface RunningRefresher {
  /**
   * To be called for each refusal. Asks for fresh values where they could change it, and never waits.
   * @param now in ms, as the decision was made with
   * @returns `under_way` while fresh values are being asked for: to ask again in a few seconds may help; else null
   */
  consider(device: Pick<Device, 'id'>, decision: Decision, now: number): RefreshTold | null;
  /** Devices for which was asked, and for which it was not because too many waited. */
  counts(): { asked: number; dropped: number };
  /** What was not asked for yet is dropped. */
  stop(): Promise<void>;
}

export interface RefresherParts {
  db: Pool;
  now: Now;
  log: Log;
  /** Of the providers that there are. */
  namespaces: Iterable<string>;
  limits?: Partial<RefresherLimits>;
}

export interface RefresherLimits {
  /** Values confirmed less than this ago are not asked for. */
  freshMs: number;
  /** A device is asked for no more often. */
  everyMs: number;
  /** So long an answer tells that it is under way; a refetch that takes longer than this has failed, or waits behind many. */
  toldMs: number;
  /** Asks gather for so long. */
  gatherMs: number;
  /** Devices asked for in a second, by this process. */
  perSecond: number;
  /** Devices that wait to be asked for; beyond them they are dropped. */
  mostWaiting: number;
  /** After a failure of the database. */
  restMs: number;
}

const usual: RefresherLimits = {
  freshMs: 60_000,
  everyMs: 60_000,
  toldMs: 10_000,
  gatherMs: 50,
  perSecond: 200,
  mostWaiting: 10_000,
  restMs: 1_000,
};

/** A device that was asked for, or is about to be. */
interface Ask {
  /** By the clock of the decision, in ms. */
  at: number;
  /** Waits for its turn; asked for; or nobody could be asked. */
  state: 'waiting' | 'asked' | 'refused';
}

export function createRefresher(parts: RefresherParts): RunningRefresher {
  const limits = { ...usual, ...parts.limits };
  const couldChange = staleness(parts.namespaces, limits.freshMs);
  /** In the order of asking, so that those which are over stand first. */
  const asks = new Map<string, Ask>();
  const counts = { asked: 0, dropped: 0 };
  const queue = createQueue(parts, limits, asks, counts);
  return {
    consider(device, decision, at) {
      if (decision.outcome !== 'posture' || queue.isStopped() || !couldChange(decision, at)) return null;
      const before = asks.get(device.id);
      if (before !== undefined && (before.state === 'waiting' || at - before.at < limits.everyMs)) {
        const isTold = before.state === 'waiting' || (before.state === 'asked' && at - before.at < limits.toldMs);
        return isTold ? { state: 'under_way', requestedAt: new Date(before.at).toISOString() } : null;
      }
      if (queue.size() >= limits.mostWaiting) {
        counts.dropped++;
        return null;
      }
      // Set anew, so that it stands last.
      asks.delete(device.id);
      asks.set(device.id, { at, state: 'waiting' });
      queue.add(device.id);
      return { state: 'under_way', requestedAt: new Date(at).toISOString() };
    },
    counts: () => ({ ...counts }),
    stop: () => queue.stop(),
  };
}

/** @returns whether a refusal hangs on a value of a provider that nobody confirmed lately */
function staleness(namespaces: Iterable<string>, freshMs: number): (decision: Decision, at: number) => boolean {
  const ours = new Set(namespaces);
  // By name: a policy names few attributes, and a text that was cut out would be made for each refusal.
  const known = new Map<string, boolean>();
  const isOurs = (attribute: string) => {
    const found = known.get(attribute) ?? ours.has(namespaceOf(attribute));
    known.set(attribute, found);
    return found;
  };
  return ({ refusals }, at) => {
    for (const { reasons } of refusals)
      for (const { attribute, confirmedAt } of reasons)
        if (attribute !== null && (confirmedAt === null || at - confirmedAt > freshMs) && isOurs(attribute))
          return true;
    return false;
  };
}

/** Asks for those that wait, some at a time, and notes what became of it. */
function createQueue(
  { db, now, log }: RefresherParts,
  limits: RefresherLimits,
  asks: Map<string, Ask>,
  counts: { asked: number },
) {
  let waiting: string[] = [];
  let timer: NodeJS.Timeout | undefined;
  let flushing: Promise<void> = Promise.resolve();
  let isStopped = false;
  let isFailing = false;

  const forgetOld = (at: number) => {
    for (const [id, ask] of asks) {
      if (ask.state === 'waiting' || at - ask.at < limits.everyMs) return;
      asks.delete(id);
    }
  };

  /** @returns how long to wait before the next ones */
  const flush = async (portion: readonly string[]): Promise<number> => {
    try {
      const asked = new Set(await askForRefetches({ db, now }, portion, limits.everyMs));
      for (const id of portion) {
        const ask = asks.get(id);
        if (ask) ask.state = asked.has(id) ? 'asked' : 'refused';
      }
      counts.asked += asked.size;
      if (isFailing) log.info('fresh values are asked for again');
      isFailing = false;
      return limits.gatherMs;
    } catch (error) {
      // The next refusal of each asks anew.
      for (const id of portion) asks.delete(id);
      if (!isFailing && !isStopped) log.warn({ err: error }, 'fresh values cannot be asked for');
      isFailing = true;
      return limits.restMs;
    }
  };

  const arrange = (ms: number) => {
    if (timer !== undefined || isStopped) return;
    timer = setTimeout(() => {
      const most = Math.max(1, Math.floor((limits.perSecond * limits.gatherMs) / 1_000));
      flushing = flush(waiting.splice(0, most)).then(waitMs => {
        forgetOld(now().getTime());
        timer = undefined;
        if (waiting.length > 0) arrange(waitMs);
      });
    }, ms);
    timer.unref();
  };

  return {
    size: () => waiting.length,
    isStopped: () => isStopped,
    add(id: string) {
      waiting.push(id);
      arrange(limits.gatherMs);
    },
    async stop() {
      isStopped = true;
      clearTimeout(timer);
      waiting = [];
      await flushing;
    },
  };
}
