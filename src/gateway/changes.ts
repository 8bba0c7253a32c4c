// `GET /gateway/changes`: what changed after a revision, for who keeps a copy: as server-sent events for as long as the
// connection lasts, or as the answer to a poll that waits until there is something.
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { Streams } from '../http/streams.ts';
import type { AttributeSpec } from '../posture/attributes.ts';
import type { Now } from '../store/client.ts';
import type { ChangeFeed } from './change-feed.ts';
import { changes as described } from './described.ts';
import { catalogueLine, encoded } from './feed-lines.ts';
import type { FeedReader } from './feed-reader.ts';

export interface FeedParts {
  feed: ChangeFeed;
  streams: Streams;
  databaseUrl: string;
  /** Names of the attributes that move at every check-in. */
  moving: readonly string[];
  /** What providers declare: readers are told the types. */
  specs: readonly AttributeSpec[];
  /** The database's clock. */
  now: Now;
}

/** Something comes at least so often, so that a connection that is dead shows. */
const heartbeatMs = 15_000;
const longestWaitSeconds = 60;
const usualWaitSeconds = 30;
const away = Buffer.from(': the database is away\n\n');

type Query = { after?: unknown; wait?: unknown };

export function addChanges(server: FastifyInstance, parts: FeedParts): void {
  const { feed, streams, specs } = parts;
  const options = { config: { scope: 'gateway:stream', described }, exposeHeadRoute: false } as const;
  server.get<{ Querystring: Query }>('/gateway/changes', options, async (request, reply) => {
    const after = revisionOf(request);
    const isStream = String(request.headers.accept ?? '').includes('text/event-stream');
    const waitMs = waitOf(request.query.wait) * 1_000;
    if (!feed.isReachable()) throw new AppError('busy', 'the database is away');
    const catalogue = { text: catalogueLine(specs) };
    const pieces = await streams.open(request, reply, { endsOnStop: true }, async function* (signal) {
      const reader = feed.reader(after, isStream ? 'events' : 'lines', signal);
      try {
        if (isStream) yield* events(feed, reader, encoded([catalogue], 'events'), signal);
        else yield* poll(feed, reader, encoded([catalogue], 'lines'), waitMs);
      } finally {
        reader.leave();
      }
    });
    reply.header('cache-control', 'no-store').header('vary', 'accept');
    // nginx would keep events back otherwise.
    if (isStream) reply.header('content-type', 'text/event-stream; charset=utf-8').header('x-accel-buffering', 'no');
    else reply.header('content-type', 'application/x-ndjson; charset=utf-8');
    return pieces;
  });
}

/** @throws AppError invalid */
function revisionOf({ headers, query }: FastifyRequest<{ Querystring: Query }>): number {
  // A browser's EventSource asks the same address again, and says in this header how far it came.
  const last = headers['last-event-id'];
  const given = typeof last === 'string' && last !== '' ? last : query.after;
  if (typeof given === 'string' && /^\d{1,15}$/.test(given)) return Number(given);
  throw new AppError(
    'invalid',
    'the revision up to which you have everything is needed: ?after=1042; a snapshot tells it',
  );
}

/** @throws AppError invalid */
function waitOf(wait: unknown): number {
  if (wait === undefined) return usualWaitSeconds;
  const seconds = typeof wait === 'string' && /^\d{1,3}$/.test(wait) ? Number(wait) : Number.NaN;
  if (seconds <= longestWaitSeconds) return seconds;
  throw new AppError('invalid', `wait is a number of seconds from 0 to ${longestWaitSeconds}`);
}

async function* events(
  feed: ChangeFeed,
  reader: FeedReader,
  catalogue: readonly Buffer[],
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  let isFirst = true;
  while (!signal.aborted) {
    let isToldAnything = false;
    for await (const piece of reader.catchUp()) {
      // Only once it is clear that the reader can be served at all: until then it gets a status that tells why not.
      if (isFirst) yield* catalogue;
      isFirst = false;
      isToldAnything = true;
      yield piece;
    }
    if (signal.aborted) return;
    if (!isToldAnything) yield feed.isReachable() ? reader.end() : away;
    await reader.moved(heartbeatMs);
  }
}

async function* poll(
  feed: ChangeFeed,
  reader: FeedReader,
  catalogue: readonly Buffer[],
  waitMs: number,
): AsyncGenerator<Buffer> {
  await reader.pollMoved(waitMs);
  if (!feed.isReachable()) throw new AppError('busy', 'the database is away');
  let isFirst = true;
  for await (const piece of reader.catchUp()) {
    if (isFirst) yield* catalogue;
    isFirst = false;
    yield piece;
  }
  // Told to stop while it waited.
  if (isFirst) yield reader.end();
}
