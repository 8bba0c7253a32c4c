// What the feed of changes keeps in memory, for the look that reads what is new and for all readers.
import type { LimitFunction } from 'p-limit';
import type { Now, Pool } from '../store/client.ts';
import type { Form, Line } from './feed-lines.ts';

export type FeedLimits = { readonly [name in keyof typeof usualLimits]: number };

export const usualLimits = {
  readers: 1_000,
  /** Characters of changes that are kept for all, and of one batch among them. */
  kept: 16 * 1024 * 1024,
  keptOfBatch: 4 * 1024 * 1024,
  /** What a reader that reads for itself may hold in memory, so that it needs its session no longer. */
  heldOfOwn: 1024 * 1024,
  ownReads: 4,
  /** One that reads for itself takes no longer. */
  ownReadMs: 120_000,
  /** Changes are kept on for so long although nobody follows: a poller comes back. */
  lingerMs: 60_000,
} as const;

/** A query of the feed that takes longer fails. */
export const answerWithinMs = 5_000;

/** What changed after one revision up to another, as of the latter. */
export interface Batch {
  readonly after: number;
  readonly revision: number;
  readonly at: Date;
  readonly lines: readonly Line[];
  readonly integrations: string;
  readonly characters: number;
  /** As it is sent to those who have all before. */
  readonly encoded: Map<Form, Buffer[]>;
}

/** What is known of the database, read in one look. */
export interface Known {
  revision: number;
  /** As a line. Null while nobody follows. */
  integrations: string | null;
  at: Date;
}

export interface Shared {
  /** Names of the attributes that move at every check-in. */
  readonly moving: readonly string[];
  /** The database's clock. */
  readonly now: Now;
  readonly limits: FeedLimits;
  readonly turns: LimitFunction;
  readonly own: Pool;
  known: Known;
  /** One after the other without gaps, the last of them up to what is known. */
  kept: Batch[];
  keptCharacters: number;
  /** How often the database went back. */
  restores: number;
  isReachable: boolean;
  readers: number;
  leftAt: number;
  readonly waiting: Set<() => void>;
  batches: number;
  ownReads: number;
}

/** Tells all who wait that something is different. */
export function wake({ waiting }: Shared): void {
  for (const go of [...waiting]) go();
}
