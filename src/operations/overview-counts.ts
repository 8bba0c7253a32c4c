// What takes a while to count for the overview: fresh posture over all devices, and standings. Kept for a moment by whoever asks often;
// the worker that samples counts the same.
import pLimit from 'p-limit';
import type { Now, Pool } from '../store/client.ts';
import {
  countFreshness,
  countWithoutEvidence,
  evidenceOf,
  type Freshness,
  type OldestEvidence,
} from '../store/overview.ts';
import { sampledFreshWithinMs } from '../store/overview-samples.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import { type PosturesNow, posturesNow } from './postures.ts';

export interface OverviewCounts {
  at: Date;
  freshWithinMs: number;
  freshness: Freshness;
  oldest: OldestEvidence | null;
  /** Devices of which no provider says anything, by why; null: an agent speaks for them and says nothing. */
  without: { reason: string | null; devices: number }[];
  postures: PosturesNow;
}

/** Turns that may be missed before what a sync confirmed counts as stale: one that fails and is tried again is no news. */
const turns = 3;
/** Shorter intervals are for trying things out; the clock of a keeper's tick is a minute. */
const leastFreshMs = 5 * 60_000;
const mostFreshMs = 20 * 24 * 3_600_000;

/** @returns how long what was confirmed counts as fresh, in ms */
export function freshWithin(syncIntervalMs: number): number {
  return Math.min(Math.max(turns * syncIntervalMs, leastFreshMs), mostFreshMs);
}

/** Workers sync, so it is their interval that counts: they say it with each sample. So old it may be. */
const saidWithinMs = 3_600_000;

/** @returns what workers call fresh; where none has said it lately, what this process would */
export async function freshWithinInUse(db: Pool, at: Date, syncIntervalMs: number): Promise<number> {
  const said = await sampledFreshWithinMs(db, new Date(at.getTime() - saidWithinMs));
  return said ?? freshWithin(syncIntervalMs);
}

/** Counts all of it as of one moment. */
export async function countOverview(db: Pool, at: Date, freshWithinMs: number): Promise<OverviewCounts> {
  return await inSnapshot(db, async client => {
    const freshness = await countFreshness(client, new Date(at.getTime() - freshWithinMs));
    return {
      ...{ at, freshWithinMs, freshness },
      oldest: freshness.oldestAt === null ? null : await evidenceOf(client, freshness.oldestAt),
      without: await countWithoutEvidence(client),
      postures: await posturesNow(client),
    };
  });
}

export interface KeptCounts {
  /** @param key what the counts hang on besides time: with another one they are counted anew */
  read(db: Pool, now: Now, freshWithinMs: number, key: string): Promise<OverviewCounts>;
}

/** Time alone makes evidence stale: that is noticed so late at most, which is little beside what counts as fresh. */
const keptMs = (freshWithinMs: number) => Math.min(60_000, freshWithinMs / 20);

/** Counts once for all who ask at a time. */
export function keepCounts(): KeptCounts {
  const oneAtATime = pLimit(1);
  let kept: { key: string; counts: OverviewCounts } | null = null;
  return {
    async read(db, now, freshWithinMs, key) {
      return await oneAtATime(async () => {
        const at = now();
        if (kept?.key === key && Math.abs(at.getTime() - kept.counts.at.getTime()) < keptMs(freshWithinMs))
          return kept.counts;
        kept = { key, counts: await countOverview(db, at, freshWithinMs) };
        return kept.counts;
      });
    },
  };
}
