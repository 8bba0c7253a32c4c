// Answers that take long: each is cut when whoever reads it takes nothing, ends when its key holds no more, and is told when
// the service stops. What it is made of is drawn piece by piece, as it is taken, so that a slow reader costs little memory.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

export interface Streams {
  /**
   * Begins an answer. What fails before its first piece is answered as any failure.
   * @param make gets a signal that is aborted when the answer should end: the connection or the key is lost, or the service
   *   stops and `endsOnStop`
   * @returns what to send
   */
  open(
    request: FastifyRequest,
    reply: FastifyReply,
    options: { endsOnStop: boolean },
    make: (signal: AbortSignal) => AsyncGenerator<Buffer, void>,
  ): Promise<Readable>;
  /** What each has been given so far, in bytes: what was taken, and what waits in buffers. */
  given(): number[];
}

export interface StreamLimits {
  /** A reader that takes nothing for so long is cut. */
  stalledMs: number;
}

interface Open {
  readonly request: FastifyRequest;
  readonly readable: Readable;
  readonly ending: AbortController;
  bytes: number;
  /** Since when a piece waits to be taken, in ms; null: none does. */
  waitsSince: number | null;
  /** It was told to end, and has one more look's time for it. */
  isEnding: boolean;
}

const lookMs = 500;
const usualLimits: StreamLimits = { stalledMs: 30_000 };

/** For the routes of one server; ends with it. */
export function createStreams(server: FastifyInstance, limits: StreamLimits = usualLimits): Streams {
  const open = new Set<Open>();
  const looking = setInterval(() => {
    for (const stream of open) look(server, stream, limits);
  }, lookMs);
  looking.unref();
  server.addHook('onClose', async () => clearInterval(looking));
  return {
    async open(request, reply, { endsOnStop }, make) {
      const ending = new AbortController();
      const end = () => ending.abort();
      reply.raw.once('close', end);
      if (endsOnStop) server.stopping.addEventListener('abort', end);
      const done = () => server.stopping.removeEventListener('abort', end);
      if (reply.raw.destroyed || (endsOnStop && server.stopping.aborted)) end();
      const pieces = make(ending.signal);
      const first = await pieces.next().catch(error => {
        done();
        throw error;
      });
      const readable = Readable.from(
        watched(first, pieces, () => stream),
        { objectMode: false },
      );
      const stream: Open = { request, readable, ending, bytes: 0, waitsSince: null, isEnding: false };
      open.add(stream);
      readable.once('close', () => {
        open.delete(stream);
        done();
        end();
        // Also of an answer that nobody ever drew from.
        pieces.return().catch(() => {});
      });
      return readable;
    },
    given: () => [...open].map(({ bytes }) => bytes),
  };
}

async function* watched(
  first: IteratorResult<Buffer, void>,
  rest: AsyncGenerator<Buffer, void>,
  self: () => Open,
): AsyncGenerator<Buffer> {
  for (let found = first; !found.done; found = await rest.next()) {
    const stream = self();
    stream.bytes += found.value.length;
    stream.waitsSince = performance.now();
    yield found.value;
    stream.waitsSince = null;
  }
}

function look(server: FastifyInstance, stream: Open, { stalledMs }: StreamLimits): void {
  const { request, readable, ending, waitsSince } = stream;
  const isStalled = waitsSince !== null && performance.now() - waitsSince > stalledMs;
  if (isStalled || stream.isEnding) readable.destroy(new Error('cut'));
  else if (!server.stillHolds(request)) {
    stream.isEnding = true;
    ending.abort();
  }
}
