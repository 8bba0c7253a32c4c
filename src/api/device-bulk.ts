// Many devices in one call: ndjson in, ndjson out, each line answered as soon as it is written. Neither is ever in memory as a whole
// where it is large.
import { PassThrough, Readable } from 'node:stream';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { refusals } from '../http/described.ts';
import { importLines } from '../operations/device-import.ts';
import { readJsonLines } from '../operations/device-lines.ts';
import type { Request } from '../operations/devices.ts';
import { type ApiParts, type ApiServer, inTailnet, requestOf } from './common.ts';

const ndjson = 'application/x-ndjson';

/**
 * So much is read ahead of what is written, in bytes: a request must have come whole within the server's time-out, and clients that send
 * all before they read anything would wait for ever.
 */
const readAhead = 64 * 1024 * 1024;

export function addDeviceBulk(server: ApiServer, parts: ApiParts): void {
  // By itself, so that no other route takes such bodies.
  server.register(async fresh => {
    const scope = fresh.withTypeProvider<ZodTypeProvider>();
    scope.addContentTypeParser(ndjson, (_request, payload, done) => done(null, payload));
    scope.post(
      '/tailnet/:tailnet/devices/bulk',
      {
        config: { scope: 'devices:core' },
        schema: {
          tags: ['Devices'],
          summary: 'Create and change many devices',
          operationId: 'bulkUpsertDevices',
          description:
            'ndjson, an object a line, as `device import` takes: what is absent stays, null clears it, devices that are not among the lines stay. Each line is answered by one of `{"line", "id", "outcome": "created" | "changed" | "unchanged"}` or `{"line", "outcome": "rejected", "message"}`, once it is written. The last line is `{"created", "changed", "unchanged", "rejected"}`: without it the call failed on the way, and may be repeated.',
          consumes: [ndjson],
          params: inTailnet,
          // It is read where it is written: this only describes it.
          body: z.unknown().meta({ type: 'string', description: 'A device a line.' }),
          response: {
            200: { description: 'A line for each line.', content: { [ndjson]: { schema: z.string() } } },
            ...refusals(),
          },
        },
      },
      async (request, reply) => {
        const { body } = request;
        if (!(body instanceof Readable)) throw new AppError('invalid', `the body: it must be sent as ${ndjson}`);
        const ahead = body.pipe(new PassThrough({ highWaterMark: readAhead }));
        body.once('error', error => ahead.destroy(error));
        body.once('close', () => body.readableEnded || ahead.destroy(new Error('the request was cut')));
        const answer = Readable.from(answerLines(parts, requestOf(parts, request), ahead));
        return await reply.type(ndjson).send(answer as never);
      },
    );
  });
}

async function* answerLines(parts: ApiParts, request: Request, body: Readable): AsyncGenerator<string> {
  const counts = { created: 0, changed: 0, unchanged: 0, rejected: 0 };
  try {
    for await (const outcomes of importLines(request, readJsonLines(body))) {
      for (const { outcome } of outcomes) counts[outcome]++;
      yield outcomes.map(each => `${JSON.stringify(each)}\n`).join('');
    }
  } catch (error) {
    // The answer has begun, and can only be cut.
    parts.log.warn({ err: error, ...counts }, 'a bulk upsert of devices ended early');
    throw error;
  }
  yield `${JSON.stringify(counts)}\n`;
}
