// The feed of changes of this process: each change is read from the database once, kept for a while, and given to whoever
// follows. A reader draws what it can take and nothing waits for it: one that is too far behind for what is kept reads for
// itself, beside the others.
import pLimit from 'p-limit';
import type { Log } from '../log.ts';
import { createPool, type Now, type Session } from '../store/client.ts';
import { readPortions } from '../store/feed.ts';
import { watchHead } from '../store/head.ts';
import { type Form, integrationsLine, type Line, policyLine, portionLines } from './feed-lines.ts';
import { type FeedReader, join } from './feed-reader.ts';
import { answerWithinMs, type Batch, type FeedLimits, type Shared, usualLimits, wake } from './feed-state.ts';

export interface ChangeFeedContext {
  databaseUrl: string;
  /** Names of the attributes that move at every check-in. */
  moving: readonly string[];
  /** The database's clock. */
  now: Now;
  log: Log;
  limits?: Partial<FeedLimits>;
}

export interface ChangeFeed {
  isReachable(): boolean;
  /** @param after the revision up to which the reader has everything @throws AppError busy when there are too many */
  reader(after: number, form: Form, signal: AbortSignal): FeedReader;
  /** What it costs: who follows, batches read for all, reads for one reader, characters that are kept. */
  figures(): { readers: number; batches: number; ownReads: number; keptCharacters: number };
  stop(): Promise<void>;
}

/** @throws when the database cannot be read */
export async function startChangeFeed(context: ChangeFeedContext): Promise<ChangeFeed> {
  const { databaseUrl, moving, now, log } = context;
  const limits = { ...usualLimits, ...context.limits };
  const shared: Shared = {
    moving,
    now,
    limits,
    turns: pLimit(limits.ownReads),
    own: createPool(databaseUrl, {
      max: limits.ownReads,
      applicationName: 'posture-sync feed reader',
      answerWithinMs,
    }),
    known: { revision: 0, integrations: null, at: now() },
    kept: [],
    keptCharacters: 0,
    restores: 0,
    isReachable: true,
    readers: 0,
    leftAt: Number.NEGATIVE_INFINITY,
    waiting: new Set(),
    batches: 0,
    ownReads: 0,
  };
  const watch = await watchHead(databaseUrl, {
    applicationName: 'posture-sync change feed',
    answerWithinMs,
    atEveryLook: true,
    onMoved: (session, revision) => look(shared, session, revision),
    onReachable: isReachable => {
      shared.isReachable = isReachable;
      wake(shared);
      if (isReachable) log.info('changes are fed again');
      else log.warn('the database is away: no changes are fed');
    },
  }).catch(async error => {
    await shared.own.end();
    throw error;
  });
  return {
    isReachable: () => shared.isReachable,
    reader: (after, form, signal) => join(shared, after, form, signal),
    figures: () => ({
      readers: shared.readers,
      batches: shared.batches,
      ownReads: shared.ownReads,
      keptCharacters: shared.keptCharacters,
    }),
    async stop() {
      await watch.stop();
      await shared.own.end();
    },
  };
}

function keepNothing(shared: Shared): void {
  shared.kept = [];
  shared.keptCharacters = 0;
}

/** Reads what is new, once for all who follow. */
async function look(shared: Shared, session: Session, head: number): Promise<void> {
  const { limits, known } = shared;
  const at = shared.now();
  if (shared.readers === 0 && performance.now() - shared.leftAt > limits.lingerMs) {
    keepNothing(shared);
    shared.known = { revision: head, integrations: null, at };
    return;
  }
  const before = known.revision;
  const found = await readBatch(shared, session, before, at);
  if (found === 'forgotten') {
    // Restored from a backup: what was fed since then is not so any more.
    keepNothing(shared);
    shared.restores++;
    shared.known = { revision: head, integrations: null, at };
  } else {
    const { revision, integrations, batch } = found;
    if (batch !== null) keep(shared, batch);
    else if (revision !== before) keepNothing(shared);
    shared.known = { revision, integrations, at };
    if (revision === before && integrations === known.integrations) return;
  }
  wake(shared);
}

function keep(shared: Shared, batch: Batch): void {
  shared.batches++;
  shared.kept.push(batch);
  shared.keptCharacters += batch.characters;
  while (shared.keptCharacters > shared.limits.kept) shared.keptCharacters -= shared.kept.shift()?.characters ?? 0;
}

interface Found {
  revision: number;
  integrations: string;
  /** Null where nothing changed, and where it is too much to be kept. */
  batch: Batch | null;
}

async function readBatch(
  { moving, limits }: Shared,
  session: Session,
  after: number,
  at: Date,
): Promise<Found | 'forgotten'> {
  const lines: Line[] = [];
  let found: Found | null = null;
  let characters = 0;
  const take = (more: readonly Line[]) => {
    lines.push(...more);
    for (const { text } of more) characters += text.length;
  };
  for await (const part of readPortions(session, after, moving)) {
    if ('integrations' in part) {
      const { revision, integrations, policy } = part;
      found = { revision, integrations: integrationsLine(integrations), batch: null };
      if (policy !== null) take([{ text: policyLine(policy), revision: policy.revision }]);
    } else take(portionLines(part));
    if (found !== null && characters > limits.keptOfBatch) return found;
  }
  if (found === null) return 'forgotten';
  const { revision, integrations } = found;
  if (revision === after) return found;
  return { ...found, batch: { after, revision, at, lines, integrations, characters, encoded: new Map() } };
}
