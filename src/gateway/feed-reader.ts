// One reader of the feed: draws what it lacks from what is kept for all, or, too far behind for that, reads for itself. What
// it lacks is told by revisions alone, so that nothing is missed and nothing comes twice.
import type { LimitFunction } from 'p-limit';
import { AppError } from '../errors.ts';
import { readPortions } from '../store/feed.ts';
import { encoded, encodedEnd, type Form, integrationsLine, policyLine, portionLines } from './feed-lines.ts';
import { answerWithinMs, type Batch, type Known, type Shared } from './feed-state.ts';

export interface FeedReader {
  /**
   * Draws all that it has not. Every batch ends with its revision; what comes before such an end does not count yet.
   * @throws AppError gone when its revision is too old, or of another database
   */
  catchUp(): AsyncGenerator<Buffer, void>;
  /** @returns an end that brings nothing but the time as of which it was true */
  end(): Buffer;
  /** Resolves when there is more to draw, when the database is lost or back, after so many ms, and when aborted. */
  moved(withinMs: number): Promise<void>;
  /** For one that polls: the same, but ages that were not told yet are nothing to come back for at once. */
  pollMoved(withinMs: number): Promise<void>;
  leave(): void;
}

const tooOld =
  'what changed since that revision is not known any more: read GET /gateway/snapshot, and go on from there';

/** Where a reader is. */
interface Position {
  revision: number;
  /** The integrations that it was told last. */
  integrations: string | null;
  /** It read for itself, and may know more than the others. */
  hasRead: boolean;
  readonly restores: number;
}

/** @throws AppError busy when there are too many */
export function join(shared: Shared, after: number, form: Form, signal: AbortSignal): FeedReader {
  if (shared.readers >= shared.limits.readers) throw new AppError('busy', 'too many follow the changes already');
  shared.readers++;
  const position: Position = { revision: after, integrations: null, hasRead: false, restores: shared.restores };
  let isIn = true;
  return {
    catchUp: () => catchUp(shared, position, form, signal),
    end: () => {
      const { revision } = position;
      return encodedEnd({ after: revision, revision, at: shared.known.at }, form);
    },
    async moved(withinMs) {
      if (!isBehind(shared, position)) await moved(shared, withinMs, signal);
    },
    async pollMoved(withinMs) {
      await followed(shared, signal);
      position.integrations = shared.known.integrations;
      if (!isBehind(shared, position)) await moved(shared, withinMs, signal);
      position.integrations = null;
    },
    leave() {
      if (!isIn) return;
      isIn = false;
      shared.readers--;
      shared.leftAt = performance.now();
    },
  };
}

/** Also what came between two looks of the reader must not be slept through. */
function isBehind({ known, restores }: Shared, { revision, integrations, ...position }: Position): boolean {
  if (restores !== position.restores || revision < known.revision) return true;
  return revision === known.revision ? integrations !== known.integrations : !position.hasRead;
}

async function moved({ waiting }: Shared, withinMs: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const go = () => resolve();
  const timer = setTimeout(go, withinMs);
  waiting.add(go);
  signal.addEventListener('abort', go);
  await promise;
  clearTimeout(timer);
  waiting.delete(go);
  signal.removeEventListener('abort', go);
}

/** Nobody may have followed until now: then the next look reads for whoever is here. */
async function followed(shared: Shared, signal: AbortSignal): Promise<void> {
  while (shared.known.integrations === null && !signal.aborted) {
    if (!shared.isReachable) throw new AppError('busy', 'the database is away');
    await moved(shared, answerWithinMs, signal);
  }
}

async function* catchUp(shared: Shared, position: Position, form: Form, signal: AbortSignal): AsyncGenerator<Buffer> {
  for (;;) {
    await followed(shared, signal);
    if (signal.aborted) return;
    const { known, kept } = shared;
    if (position.restores !== shared.restores) throw new AppError('gone', tooOld);
    if (position.revision === known.revision) {
      if (position.integrations !== known.integrations) yield* tellAges(known, position, form);
      else return;
    } else if (position.revision > known.revision && position.hasRead) {
      return;
    } else if (position.revision > known.revision || position.revision < (kept[0]?.after ?? known.revision)) {
      yield* readAlone(shared, position, form, signal);
    } else {
      const batch = kept.find(({ revision }) => revision > position.revision);
      if (batch !== undefined) yield* tellBatch(batch, position, form);
    }
  }
}

/** Ages move without a revision. */
function* tellAges({ revision, integrations, at }: Known, position: Position, form: Form): Generator<Buffer> {
  if (integrations !== null) yield* encoded([{ text: integrations }], form);
  position.integrations = integrations;
  yield encodedEnd({ after: revision, revision, at }, form);
}

function* tellBatch(batch: Batch, position: Position, form: Form): Generator<Buffer> {
  const { revision, lines, integrations, at } = batch;
  const after = position.revision;
  // The states are those of the batch's end, so one that was written later than `after` is all that the reader lacks.
  yield* after === batch.after
    ? encodedOf(batch, form)
    : encoded(
        lines.filter(line => line.revision > after),
        form,
      );
  if (position.integrations !== integrations) yield* encoded([{ text: integrations }], form);
  Object.assign(position, { revision, integrations });
  yield encodedEnd({ after, revision, at }, form);
}

function encodedOf(batch: Batch, form: Form): Buffer[] {
  const pieces = batch.encoded.get(form) ?? encoded(batch.lines, form);
  batch.encoded.set(form, pieces);
  return pieces;
}

/** In a session of its own, that is held no longer than it takes, unless the changes are very many. */
async function* readAlone(shared: Shared, position: Position, form: Form, signal: AbortSignal): AsyncGenerator<Buffer> {
  const leave = await turn(shared.turns);
  try {
    if (!signal.aborted) yield* readInTurn(shared, position, form);
  } finally {
    leave();
  }
}

/** @returns what ends the turn, once it has come */
async function turn(turns: LimitFunction): Promise<() => void> {
  const came = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  turns(() => {
    came.resolve();
    return ended.promise;
  });
  await came.promise;
  return ended.resolve;
}

async function* readInTurn(shared: Shared, position: Position, form: Form): AsyncGenerator<Buffer> {
  const { moving, now, limits, own } = shared;
  const after = position.revision;
  const session = await own.connect();
  shared.ownReads++;
  const began = performance.now();
  const at = now();
  let held: Buffer[] = [];
  let bytes = 0;
  let read: { revision: number; integrations: string } | null = null;
  let broken: Error | undefined;
  try {
    for await (const part of readPortions(session, after, moving)) {
      if (performance.now() - began > limits.ownReadMs) throw new AppError('busy', 'it took too long to read');
      let lines: { text: string }[];
      if ('integrations' in part) {
        const { revision, integrations, policy } = part;
        read = { revision, integrations: integrationsLine(integrations) };
        lines = [{ text: read.integrations }, ...(policy === null ? [] : [{ text: policyLine(policy) }])];
      } else lines = portionLines(part);
      for (const piece of encoded(lines, form)) {
        held.push(piece);
        bytes += piece.length;
      }
      if (bytes < limits.heldOfOwn) continue;
      yield* held;
      held = [];
      bytes = 0;
    }
  } catch (error) {
    broken = error instanceof Error ? error : new Error(String(error));
    throw error;
  } finally {
    session.release(broken);
  }
  if (read === null) throw new AppError('gone', tooOld);
  yield* held;
  Object.assign(position, { ...read, hasRead: true });
  yield encodedEnd({ after, revision: read.revision, at }, form);
}
