// `GET .../live`: says to whoever looks on what was just changed, by topic, so that they read it again; and how far each sync is. What
// was changed is not in it: that is asked for by who may read it, and needs it.
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { refusals } from '../http/described.ts';
import { anyKey, callerOf } from '../http/guard.ts';
import type { Streams } from '../http/streams.ts';
import type { Scope } from '../posture/scopes.ts';
import { type LiveTopic, liveTopics } from '../store/live.ts';
import { type ApiParts, type ApiServer, inTailnet } from './common.ts';
import type { Live, LiveReader } from './live-readers.ts';

const eventStream = 'text/event-stream';
/** Something comes at least so often, so that a connection that is dead shows. */
const heartbeatMs = 15_000;
/** A reader is told no more often. */
const leastGapMs = 1_000;
const gatherMs = 50;
/** How long a browser waits before it connects again. */
const retryMs = 2_000;

/** One of these may read what a topic is about. */
const readersOf: Readonly<Record<LiveTopic, readonly Scope[]>> = {
  devices: ['devices:core:read', 'devices:posture_attributes:read'],
  integrations: ['feature_settings:read'],
  runs: ['feature_settings:read'],
  policy: ['policy_file:read'],
  audit: ['logs:configuration:read'],
  webhooks: ['webhooks:read'],
  keys: ['api_access_tokens:read'],
  settings: ['feature_settings:read'],
};

/** @param granted scopes with those that they include */
function topicsFor(granted: ReadonlySet<Scope>): LiveTopic[] {
  return liveTopics.filter(topic => readersOf[topic].some(scope => granted.has(scope)));
}

export function addLive(server: ApiServer, { live }: ApiParts, streams: Streams): void {
  server.get(
    '/tailnet/:tailnet/live',
    {
      ...({ config: { scope: anyKey }, exposeHeadRoute: false } as const),
      schema: {
        ...{ tags: ['Live'], summary: 'Follow what changes', operationId: 'followLive', params: inTailnet },
        description:
          'Ours: server-sent events for as long as the connection lasts. `hello` and `here` tell the revision, `change` the topics of which something was changed, `run` how far a sync is, `away` that the database cannot be reached for now.',
        headers: z.looseObject({
          'last-event-id': z
            .string()
            .max(100)
            .optional()
            .describe(
              'Of the last event before the connection was lost: then one `change` with all topics comes first.',
            ),
        }),
        response: {
          200: { description: 'Events, as they happen.', content: { [eventStream]: { schema: z.string() } } },
          ...refusals(),
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request);
      const topics = topicsFor(caller.granted);
      if (topics.length === 0) throw new AppError('forbidden', 'the key may read nothing that is told here');
      if (!live.isReachable()) throw new AppError('busy', 'the database is away');
      const isBack = (request.headers['last-event-id'] ?? '') !== '';
      const pieces = await streams.open(request, reply, { endsOnStop: true }, async function* (signal) {
        const reader = live.reader(caller.id, signal);
        try {
          yield* events(live, reader, topics, isBack, signal);
        } finally {
          reader.leave();
        }
      });
      // nginx would keep events back otherwise, and others would pack or store them.
      reply.header('cache-control', 'no-cache, no-transform').header('x-accel-buffering', 'no');
      reply.header('content-type', `${eventStream}; charset=utf-8`);
      return (await reply.send(pieces)) as never;
    },
  );
}

async function* events(
  live: Live,
  reader: LiveReader,
  topics: readonly LiveTopic[],
  isBack: boolean,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const at = () => ({ revision: live.revision() });
  yield event('hello', live, at(), `retry: ${retryMs}\n`);
  if (isBack) yield event('change', live, { ...at(), topics });
  let isAway = false;
  let toldAt = performance.now();
  while (!signal.aborted) {
    await reader.moved(toldAt + heartbeatMs - performance.now());
    if (signal.aborted) return;
    // A write tells several topics, and its revision last.
    await sleep(gatherMs, undefined, { signal }).catch(() => {});
    const news = reader.take();
    const changed = topics.filter(topic => news.topics.has(topic));
    const runs = topics.includes('runs') ? news.runs : [];
    const isLost = !live.isReachable();
    const pieces = runs.map(run => event('run', live, run));
    if (isLost && !isAway) pieces.unshift(event('away', live, at()));
    else if (changed.length > 0) pieces.unshift(event('change', live, { ...at(), topics: changed }));
    else if (pieces.length === 0 && performance.now() - toldAt >= heartbeatMs)
      pieces.push(event(isLost ? 'away' : 'here', live, at(), ': here\n'));
    isAway = isLost;
    if (pieces.length > 0) toldAt = performance.now();
    yield* pieces;
    // What comes meanwhile comes together afterwards.
    await sleep(leastGapMs, undefined, { signal }).catch(() => {});
  }
}

function event(name: string, live: Live, data: object, before = ''): Buffer {
  return Buffer.from(`${before}id: ${live.revision()}\nevent: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
}
