// Keeps a copy what the service has: the snapshot, then the changes as they come. When the connection is cut it goes on from
// where it was; when it was away for too long it takes the snapshot anew, and keeps the old copy until the new one is whole.
import { setTimeout as sleep } from 'node:timers/promises';
import { Copy, type FeedRecord } from './copy.ts';

export interface FollowOptions {
  /** Of the service: http://127.0.0.1:8080 */
  url: string;
  /** An API key with the scope gateway:stream. */
  key: string;
  signal: AbortSignal;
  /** Where it left off, or null. */
  copy: Copy | null;
  /** Called with each copy that is whole, and after every batch that was taken. */
  onCopy(copy: Copy): void;
  log(line: string): void;
}

/** The service says something every 15 s. */
const silenceMs = 40_000;
const shortestPauseMs = 500;
const longestPauseMs = 15_000;

/** Ends when it is aborted. */
export async function follow(options: FollowOptions): Promise<void> {
  const { signal, log, onCopy } = options;
  let { copy } = options;
  let pauseMs = shortestPauseMs;
  while (!signal.aborted) {
    try {
      if (copy === null) {
        copy = await readSnapshot(options);
        log(`the copy has ${copy.size} devices, as of revision ${copy.revision}`);
        onCopy(copy);
      }
      const ended = await readChanges(options, copy, () => {
        pauseMs = shortestPauseMs;
      });
      if (ended === 'gone') {
        log('the copy is too old to go on from: everything is read anew');
        copy = null;
        continue;
      }
    } catch (error) {
      if (!signal.aborted) log(`not connected: ${reasonOf(error)}`);
    }
    // Not all at once when the service is back.
    await sleep(pauseMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {});
    pauseMs = Math.min(longestPauseMs, 2 * pauseMs);
  }
}

/** @returns a copy that is whole @throws Error where the snapshot was cut */
async function readSnapshot({ url, key, signal }: FollowOptions): Promise<Copy> {
  const alive = silenceWatch(signal);
  const response = await fetch(new URL('/gateway/snapshot', url), {
    headers: { authorization: `Bearer ${key}` },
    signal: alive.signal,
  });
  if (!response.ok || response.body === null) throw await refusal(response);
  const copy = new Copy();
  let isWhole = false;
  for await (const line of linesOf(response.body)) {
    alive.heard();
    const record: FeedRecord = JSON.parse(line);
    copy.take(record);
    isWhole = record.end !== undefined;
  }
  if (!isWhole) throw new Error('the snapshot was cut');
  return copy;
}

/** @returns 'gone' where the copy is too old to go on from; 'ended' where the service closed the connection */
async function readChanges(
  { url, key, signal, onCopy }: FollowOptions,
  copy: Copy,
  onBatch: () => void,
): Promise<'gone' | 'ended'> {
  const alive = silenceWatch(signal);
  const response = await fetch(new URL(`/gateway/changes?after=${copy.revision}`, url), {
    headers: { authorization: `Bearer ${key}`, accept: 'text/event-stream' },
    signal: alive.signal,
  });
  if (response.status === 410) return 'gone';
  if (!response.ok || response.body === null) throw await refusal(response);
  let batch: FeedRecord[] = [];
  for await (const line of linesOf(response.body)) {
    alive.heard();
    // Comments, ids and empty lines say nothing that the records do not.
    if (!line.startsWith('data: ')) continue;
    const record: FeedRecord = JSON.parse(line.slice(6));
    batch.push(record);
    if (record.end === undefined) continue;
    // Only now: a batch that is cut must leave no trace. Nobody decides by half of one, since nothing waits in between.
    for (const each of batch) copy.take(each);
    batch = [];
    onBatch();
    onCopy(copy);
  }
  return 'ended';
}

/** @returns the lines that came whole */
export async function* linesOf(body: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
}

/** A signal that is aborted when nothing was heard for too long. */
function silenceWatch(signal: AbortSignal): { signal: AbortSignal; heard(): void } {
  const silent = new AbortController();
  const timer = setTimeout(() => silent.abort(new Error(`nothing was heard for ${silenceMs} ms`)), silenceMs);
  timer.unref();
  return { signal: AbortSignal.any([signal, silent.signal]), heard: () => void timer.refresh() };
}

async function refusal(response: Response): Promise<Error> {
  return new Error(`${response.status} ${(await response.text()).slice(0, 300)}`);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}
