// `GET /gateway/snapshot`: everything as of one revision, as lines, for who keeps a copy. It comes straight from the database
// through a cursor, as fast as it is taken. Each holds a transaction open, so there are few at once and none takes for ever.
import { pipeline } from 'node:stream';
import { createGzip } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors.ts';
import { connect } from '../store/client.ts';
import { readPortions } from '../store/feed.ts';
import type { FeedParts } from './changes.ts';
import { snapshot as described } from './described.ts';
import {
  catalogueLine,
  encoded,
  encodedEnd,
  feedFormat,
  integrationsLine,
  policyLine,
  portionLines,
} from './feed-lines.ts';

export const snapshotLimits = {
  /** Each holds a session and a transaction. */
  atOnce: 4,
  /** The database cleans nothing up that is newer than the oldest of them. */
  withinMs: 600_000,
} as const;

const answerWithinMs = 10_000;
const type = 'application/x-ndjson; charset=utf-8';

/** @returns how many are read now, to be shown */
export function addSnapshot(server: FastifyInstance, parts: FeedParts): { underWay(): number } {
  let underWay = 0;
  const options = { config: { scope: 'gateway:stream', described }, exposeHeadRoute: false } as const;
  server.get('/gateway/snapshot', options, async (request, reply) => {
    if (!parts.feed.isReachable()) throw new AppError('busy', 'the database is away');
    if (underWay >= snapshotLimits.atOnce)
      throw new AppError('busy', `${snapshotLimits.atOnce} snapshots are being read already`);
    underWay++;
    const lines = await parts.streams.open(request, reply, { endsOnStop: false }, signal =>
      snapshot(parts, signal, () => underWay--),
    );
    reply.header('content-type', type).header('cache-control', 'no-store').header('vary', 'accept-encoding');
    if (!takesGzip(request.headers['accept-encoding'])) return lines;
    reply.header('content-encoding', 'gzip');
    // What fails on one end is closed on the other: the answer has no end record then.
    return pipeline(lines, createGzip({ level: 4 }), () => {});
  });
  return { underWay: () => underWay };
}

function takesGzip(header: string | string[] | undefined): boolean {
  return /(^|,)\s*(gzip|\*)\s*(;\s*q=(1(\.0*)?|0\.0*[1-9]\d*))?\s*(,|$)/i.test(String(header ?? ''));
}

async function* snapshot(
  { databaseUrl, moving, specs, now }: FeedParts,
  signal: AbortSignal,
  done: () => void,
): AsyncGenerator<Buffer, void> {
  const began = performance.now();
  try {
    const session = await connect(databaseUrl, { applicationName: 'posture-sync snapshot', answerWithinMs });
    try {
      const at = now();
      let revision = 0;
      for await (const part of readPortions(session, null, moving)) {
        if (signal.aborted || performance.now() - began > snapshotLimits.withinMs) throw new Error('cut');
        if ('integrations' in part) {
          revision = part.revision;
          const head = JSON.stringify({ snapshot: { format: feedFormat, revision, at } });
          const lines = [head, catalogueLine(specs), integrationsLine(part.integrations), policyLine(part.policy)];
          yield* encoded(
            lines.map(text => ({ text })),
            'lines',
          );
        } else yield* encoded(portionLines(part), 'lines');
      }
      yield encodedEnd({ revision, at }, 'lines');
    } finally {
      await session.end();
    }
  } finally {
    done();
  }
}
