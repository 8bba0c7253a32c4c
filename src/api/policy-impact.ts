// What a policy would change for the devices that there are: as one answer with the first changes, or with all of them as lines. Ours.
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { refusals } from '../http/described.ts';
import type { Streams } from '../http/streams.ts';
import {
  type ExplainedLine,
  explainFirst,
  type ImpactLine,
  type ImpactSummary,
  impactOf,
  keepFirst,
  mostExplained,
  pageOfChanges,
  type Reasons,
} from '../operations/impact.ts';
import { type ApiParts, type ApiServer, count, cursorParam, inTailnet, nextCursor, requestOf } from './common.ts';
import { createTurns, type Turns, watchReader } from './costly.ts';
import { UnmetCondition } from './device-page.ts';
import { AccessChange, FindingBody, PolicyProblem, problemOf, TestCounts } from './policy-schema.ts';

const ndJson = 'application/x-ndjson';
/** How far it is, is told when it takes longer than that, and then that often. */
const progress = { afterMs: 500, everyMs: 250 };

const Truths = z.object({ pass: count, fail: count, unknown: count }).nullable();

const Change = z
  .object({
    ...{ device: z.string(), hostname: z.string().nullable(), user: z.string().nullable() },
    ...AccessChange.shape,
    reasons: z
      .array(UnmetCondition)
      .nullable()
      .describe(
        `The first 20 conditions that are not true in \`postures\`: of the new policy where it is lost, of the one in force where it is gained. Null: not told, as of all behind the first ${mostExplained} changes of an answer.`,
      ),
    reasonsTotal: count.nullable().describe('How many they are; null: not told.'),
  })
  .meta({ id: 'PolicyImpactChange' });

const Changes = z.object({ changes: z.array(Change), nextCursor }).meta({ id: 'PolicyImpactChanges' });

const Impact = z
  .object({
    comparedWith: z.int().nullable().describe('The revision in force; null: none is, and everything is denied.'),
    devices: count,
    gaining: count,
    losing: count,
    destinations: z.array(z.object({ destination: z.string(), gains: count, loses: count })),
    postures: z.array(z.object({ posture: z.string(), before: Truths, after: Truths })),
    ok: z.boolean().describe('Whether the policy could be applied; false: its own tests fail.'),
    errors: z.array(FindingBody).describe('The tests that fail.'),
    tests: TestCounts,
    changes: z.array(Change).describe('The first ones, by device.'),
    changesTotal: count,
    loses: Changes.optional().describe(
      'With `each`: the first losses, and where `/impact/changes?change=loses` goes on.',
    ),
    gains: Changes.optional().describe('With `each`: the first gains.'),
  })
  .meta({ id: 'PolicyImpact' });

/** What a body with a policy takes. */
interface PolicyBody {
  bodyLimit: number;
  consumes: string[];
  body: z.ZodType<string | null | undefined>;
}

const needed = { scope: 'policy_file:read', alsoScope: 'devices:posture_attributes:read' } as const;
const tags = ['Policy file'];
const path = '/tailnet/:tailnet/acl/impact';

export function addImpact(server: ApiServer, parts: ApiParts, streams: Streams, given: PolicyBody): void {
  const turns = createTurns('policies are being compared');
  const { bodyLimit, ...taken } = given;
  server.post(
    path,
    {
      config: needed,
      bodyLimit,
      schema: {
        ...{ tags, summary: 'Tell who would gain and lose what', operationId: 'getPolicyImpact' },
        description: `Of the policy in the body, beside the one in force; also of one that only fails its own tests, which \`ok\` and \`errors\` tell. With \`Accept: ${ndJson}\` every change is a line, and the totals are the last one; with \`progress\` besides the only line is the JSON answer, and what takes longer than ${progress.afterMs} ms has lines before it, \`{"compared":12000,"devices":100000}\`. An answer without its last line was cut.`,
        params: inTailnet,
        querystring: z.strictObject({
          limit: z.coerce.number().int().min(0).max(10_000).default(1_000).describe('So many changes at most.'),
          each: z.coerce.number().int().min(1).max(1_000).optional().describe('So many losses and gains besides.'),
          progress: z.enum(['true', 'false']).optional().describe('As lines: how far it is, in place of the changes.'),
        }),
        ...taken,
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
      const done = turns.take();
      let isLeft = false;
      try {
        const text = request.body ?? '';
        const collected = collect(request.query);
        if ((request.headers.accept ?? '').includes(ndJson)) {
          const wanted = request.query.progress === 'true' ? collected : null;
          const readable = await streams.open(request, reply, { endsOnStop: true }, signal =>
            lines(requestOf(parts, request), text, wanted, signal),
          );
          isLeft = true;
          readable.once('close', done);
          return reply.header('content-type', `${ndJson}; charset=utf-8`).send(readable as never);
        }
        const taker = { change: collected.take, progress: watchReader(reply) };
        const { check, summary } = await impactOf(requestOf(parts, request), text, taker);
        if (summary === null) return await reply.code(400).send(problemOf(check));
        return collected.answer(summary) as never;
      } finally {
        if (!isLeft) done();
      }
    },
  );
  addChanges(server, parts, given, turns);
}

function addChanges(server: ApiServer, parts: ApiParts, { bodyLimit, ...taken }: PolicyBody, turns: Turns): void {
  server.post(
    `${path}/changes`,
    {
      config: needed,
      bodyLimit,
      schema: {
        ...{ tags, summary: 'List who would gain and lose what', operationId: 'listPolicyImpactChanges' },
        description: 'The changes of the impact in pages, by device. Each page is as of its own moment.',
        params: inTailnet,
        querystring: z.strictObject({
          change: z.enum(['gains', 'loses']).optional().describe('Only such.'),
          destination: z.string().max(10_000).optional().describe('Only this one, as the impact has it.'),
          limit: z.coerce.number().int().min(1).max(1_000).default(100).describe('So many changes at most.'),
          cursor: cursorParam,
        }),
        ...taken,
        response: { 200: Changes, 400: PolicyProblem, ...refusals() },
      },
    },
    async (request, reply) => {
      const { change, destination, limit, cursor = null } = request.query;
      const done = turns.take();
      try {
        const filter = { change, destination };
        const page = { cursor, most: limit, look: watchReader(reply) };
        const found = await pageOfChanges(requestOf(parts, request), request.body ?? '', filter, page);
        if ('check' in found) return await reply.code(400).send(problemOf(found.check));
        return found as never;
      } finally {
        done();
      }
    },
  );
}

/** Keeps what one answer tells of the changes. */
function collect({ limit, each }: { limit: number; each?: number | undefined }) {
  const changes: ExplainedLine[] = [];
  const kept = keepFirst(each ?? 0);
  const explainedOf = explainFirst();
  let changesTotal = 0;
  return {
    take(line: ImpactLine, explain: () => Reasons) {
      if (++changesTotal <= limit) changes.push(explainedOf(line, explain));
      if (each !== undefined) kept.take(line, explain);
    },
    answer(summary: ImpactSummary): object {
      const first = each === undefined ? {} : { loses: kept.first('loses'), gains: kept.first('gains') };
      return { ...summary, changes, changesTotal, ...first };
    },
  };
}

/**
 * @param collected what keeps the changes for one answer at the end, with how far it is before it; null: changes are told as they are
 *   found, each when the one before was taken, and the totals at the end
 * @throws AppError invalid for a policy with other errors than that its tests fail
 */
async function* lines(
  asking: Parameters<typeof impactOf>[0],
  text: string,
  collected: ReturnType<typeof collect> | null,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const out = new PassThrough();
  const ended = new AbortController();
  out.once('close', () => ended.abort());
  // Whoever reads it is gone, or has to go: the answer must not look whole.
  const goOn = () => {
    if (ended.signal.aborted || signal.aborted) throw new Error('cut');
  };
  const write = async (line: object) => {
    goOn();
    if (!out.write(`${JSON.stringify(line)}\n`)) await once(out, 'drain', { signal: ended.signal });
  };
  let tellAt = performance.now() + progress.afterMs;
  const explainedOf = explainFirst();
  const found = impactOf(asking, text, {
    change: collected?.take ?? ((line, explain) => write(explainedOf(line, explain))),
    progress(compared, devices) {
      goOn();
      if (collected === null || performance.now() < tellAt) return;
      tellAt = performance.now() + progress.everyMs;
      out.write(`${JSON.stringify({ compared, devices })}\n`);
    },
  }).then(async ({ check, summary }) => {
    if (summary === null) throw new AppError('invalid', problemOf(check).message);
    await write(collected?.answer(summary) ?? summary);
    out.end();
  });
  found.catch(error => out.destroy(error));
  yield* out;
}
