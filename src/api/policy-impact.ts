// What a policy would change for the devices that there are: as one answer with the first changes, or with all of them as lines. Ours.
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { refusals } from '../http/described.ts';
import type { Streams } from '../http/streams.ts';
import { type ImpactLine, impactOf } from '../operations/impact.ts';
import { type ApiParts, type ApiServer, count, inTailnet, requestOf } from './common.ts';
import { PolicyProblem, problemOf } from './policy-schema.ts';

const ndJson = 'application/x-ndjson';
/** Each holds a session and a transaction. */
const atOnce = 2;

const Truths = z.object({ pass: count, fail: count, unknown: count }).nullable();

const Change = z
  .object({
    device: z.string(),
    hostname: z.string().nullable(),
    user: z.string().nullable(),
    change: z.enum(['gains', 'loses']),
    destination: z.string(),
    rule: z.string().describe('The first rule that grants it.'),
    outcome: z.enum(['no_rule', 'posture']).describe('Why the other policy does not.'),
    postures: z.array(z.string()).describe('Those that do not hold.'),
  })
  .meta({ id: 'PolicyImpactChange' });

const Impact = z
  .object({
    comparedWith: z.int().nullable().describe('The revision in force; null: none is, and everything is denied.'),
    devices: count,
    gaining: count,
    losing: count,
    destinations: z.array(z.object({ destination: z.string(), gains: count, loses: count })),
    postures: z.array(z.object({ posture: z.string(), before: Truths, after: Truths })),
    changes: z.array(Change).describe('The first ones, by device.'),
    changesTotal: count,
  })
  .meta({ id: 'PolicyImpact' });

/** @param bodyLimit of a policy */
export function addImpact(
  server: ApiServer,
  parts: ApiParts,
  streams: Streams,
  { bodyLimit, consumes, body }: { bodyLimit: number; consumes: string[]; body: z.ZodType<string | null | undefined> },
): void {
  let underWay = 0;
  server.post(
    '/tailnet/:tailnet/acl/impact',
    {
      config: { scope: 'policy_file:read', alsoScope: 'devices:posture_attributes:read' },
      bodyLimit,
      schema: {
        ...{ tags: ['Policy file'], summary: 'Tell who would gain and lose what', operationId: 'getPolicyImpact' },
        description: `Of the policy in the body, beside the one in force. With \`Accept: ${ndJson}\` every change is a line, and the totals are the last one.`,
        params: inTailnet,
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(0).max(10_000).default(1_000).describe('So many changes at most.'),
        }),
        ...{ consumes, body },
        response: {
          200: {
            description: 'What would change; nothing is applied.',
            content: { 'application/json': { schema: Impact }, [ndJson]: { schema: z.string() } },
          },
          ...{ 400: PolicyProblem, ...refusals() },
        },
      },
    },
    async (request, reply) => {
      if (underWay >= atOnce) throw new AppError('busy', `${atOnce} policies are being compared already`);
      underWay++;
      let isLeft = false;
      try {
        const text = request.body ?? '';
        if ((request.headers.accept ?? '').includes(ndJson)) {
          const readable = await streams.open(request, reply, { endsOnStop: true }, signal =>
            lines(parts, request, text, signal),
          );
          isLeft = true;
          readable.once('close', () => underWay--);
          return reply.header('content-type', `${ndJson}; charset=utf-8`).send(readable as never);
        }
        const changes: ImpactLine[] = [];
        let changesTotal = 0;
        const { check, summary } = await impactOf(requestOf(parts, request), text, {
          change(line) {
            if (++changesTotal <= request.query.limit) changes.push(line);
          },
        });
        if (summary === null) return await reply.code(400).send(problemOf(check));
        return { ...summary, changes, changesTotal } as never;
      } finally {
        if (!isLeft) underWay--;
      }
    },
  );
}

/** Changes as they are found, each when the one before was taken. @throws AppError invalid for a policy with errors */
async function* lines(
  parts: ApiParts,
  request: FastifyRequest,
  text: string,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const out = new PassThrough();
  const ended = new AbortController();
  out.once('close', () => ended.abort());
  const write = async (line: object) => {
    // Whoever reads it is gone, or has to go: the answer must not look whole.
    if (ended.signal.aborted || signal.aborted) throw new Error('cut');
    if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain', { signal: ended.signal });
  };
  const found = impactOf(requestOf(parts, request), text, { change: write }).then(async ({ check, summary }) => {
    if (summary === null) throw new AppError('invalid', problemOf(check).message);
    await write(summary);
    out.end();
  });
  found.catch(error => out.destroy(error));
  yield* out;
}
