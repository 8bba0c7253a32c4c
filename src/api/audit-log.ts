// The configuration audit log: Tailscale's operation, with its filters. A long answer is read and sent piece by piece; what is ours
// beside it is to have it in pages, or as lines.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { refusals } from '../http/described.ts';
import type { Streams } from '../http/streams.ts';
import { type AuditRequest, auditFilter, readAudit, readAuditPage } from '../operations/audit.ts';
import { auditCsvHead, auditCsvLine } from '../operations/audit-csv.ts';
import type { AuditEntry } from '../posture/events.ts';
import type { AuditFilter } from '../store/audit.ts';
import { Actor, type ApiParts, type ApiServer, cursorParam, inTailnet, nextCursor, requestOf, time } from './common.ts';

const ndJson = 'application/x-ndjson';
const csv = 'text/csv';
const formats = ['json', 'ndjson', 'csv'] as const;
const path = '/tailnet/:tailnet/logging/configuration';
export const askedTime = z.iso.datetime({ offset: true, error: 'expected a time such as 2026-11-20T16:00:00Z' });
export const severalTexts = z.union([z.string(), z.array(z.string())]).optional();
const usualLimit = 100;
const json = z.unknown().describe('Any JSON, or absent.');

export const Entry = z
  .object({
    eventTime: time,
    type: z.literal('CONFIG'),
    eventGroupID: z
      .string()
      .describe('The revision: the same for all entries of one write, and in the order of writes.'),
    origin: z.string(),
    actor: Actor,
    target: z.object({ id: z.string(), name: z.string(), type: z.string(), property: z.string().optional() }),
    action: z.string(),
    old: json.optional(),
    new: json.optional(),
    actionDetails: z.string().optional(),
    error: z.string().optional(),
    // -- ours
    event: z.string().describe('`TARGET.ACTION[.PROPERTY]`, as the filter takes it.'),
  })
  .meta({ id: 'ConfigurationAuditLog', description: 'An entry of the audit log.' });

const Log = z
  .object({
    version: z.literal('1.1'),
    tailnet: z.string(),
    tailnetId: z.string(),
    logs: z.array(Entry).describe('Oldest first.'),
    // -- ours
    nextCursor: nextCursor.optional(),
  })
  .meta({ id: 'ConfigurationAuditLogs' });

const Query = z.strictObject({
  start: askedTime.describe('Inclusive.'),
  end: askedTime.describe('Inclusive.'),
  actor: severalTexts.describe(
    'An id, or `~` with a part of a login or display name. May come several times, as the next two.',
  ),
  target: severalTexts.describe('A part of the id or name of a target.'),
  targetId: severalTexts.describe('Ours: the id of a target, as it is.'),
  event: severalTexts.describe(
    '`NODE.UPDATE.ATTRIBUTES`, or the beginning of codes: `NODE.UPDATE`. Ours: `=NODE.UPDATE` is that code alone.',
  ),
  format: z
    .enum(formats)
    .optional()
    .describe('Ours: all entries as a file, for links. `ndjson` is an entry a line, as by `Accept`.'),
  limit: z.coerce
    .number()
    .int()
    .min(1)
    .max(10_000)
    .optional()
    .describe('Ours: so many entries. Without it all come; with `cursor` 100.'),
  cursor: cursorParam,
});

export function addAuditLog(server: ApiServer, parts: ApiParts, streams: Streams): void {
  server.get(
    path,
    {
      ...({ config: { scope: 'logs:configuration:read' }, exposeHeadRoute: false } as const),
      schema: {
        ...{ tags: ['Logging'], summary: 'List configuration audit logs', operationId: 'listConfigurationAuditLogs' },
        description: `All at once, oldest first; with \`Accept: ${ndJson}\` an entry a line. With \`format\` it is a file to be kept.`,
        params: inTailnet,
        querystring: Query,
        response: {
          200: {
            description: 'The entries.',
            content: {
              'application/json': { schema: Log },
              [ndJson]: { schema: z.string() },
              [csv]: { schema: z.string() },
            },
          },
          ...refusals(),
        },
      },
    },
    async (request, reply) => {
      const { limit, cursor, format } = request.query;
      const { db, now } = requestOf(parts, request);
      const filter = auditFilter(askedBy(request.query), now);
      const accepted = (request.headers.accept ?? '').includes(ndJson) ? 'ndjson' : 'json';
      const form = format ?? accepted;
      const isPaged = limit !== undefined || cursor !== undefined;
      if ((form !== 'json' || format !== undefined) && isPaged)
        throw new AppError(
          'invalid',
          `${cursor ? 'cursor' : 'limit'}: lines and files are sent all at once, without pages`,
        );
      const head = { version: '1.1', tailnet: parts.tailnet, tailnetId: parts.tailnet } as const;
      reply.header('cache-control', 'no-store').header('vary', 'accept');
      if (format !== undefined)
        reply.header('content-disposition', `attachment; filename="${fileName(filter)}.${format}"`);
      if (!isPaged) return (await sendAll(request, reply, streams, form, head, readAudit(db, filter))) as never;
      return await page(head, parts, filter, cursor ?? null, limit ?? usualLimit);
    },
  );
}

async function page(
  head: Pick<z.infer<typeof Log>, 'version' | 'tailnet' | 'tailnetId'>,
  { db }: ApiParts,
  filter: AuditFilter,
  cursor: string | null,
  limit: number,
): Promise<z.infer<typeof Log>> {
  const { entries, ...rest } = await readAuditPage(db, filter, cursor, limit);
  return { ...head, logs: entries as z.infer<typeof Entry>[], ...rest };
}

/** @param head what stands before the entries in a document */
async function sendAll(
  request: FastifyRequest,
  reply: FastifyReply,
  streams: Streams,
  form: (typeof formats)[number],
  head: object,
  entries: AsyncGenerator<AuditEntry>,
): Promise<FastifyReply> {
  const readable = await streams.open(request, reply, { endsOnStop: false }, signal =>
    pieces(texts[form](entries, head), signal),
  );
  const type = { json: 'application/json', ndjson: ndJson, csv }[form];
  reply.header('content-type', `${type}; charset=utf-8`);
  return reply.send(readable);
}

const texts = { json: document, ndjson: lines, csv: table } as const;

async function* table(entries: AsyncGenerator<AuditEntry>): AsyncGenerator<string> {
  yield auditCsvHead;
  for await (const entry of entries) yield auditCsvLine(entry);
}

/** As of what days it is. */
function fileName({ since, until }: AuditFilter): string {
  return ['audit-log', since, until]
    .map(part => (part instanceof Date ? part.toISOString().slice(0, 10) : part))
    .join('-');
}

async function* lines(entries: AsyncGenerator<AuditEntry>): AsyncGenerator<string> {
  for await (const entry of entries) yield `${JSON.stringify(entry)}\n`;
}

async function* document(entries: AsyncGenerator<AuditEntry>, head: object): AsyncGenerator<string> {
  yield `${JSON.stringify(head).slice(0, -1)},"logs":[`;
  let comma = '';
  for await (const entry of entries) {
    yield `${comma}${JSON.stringify(entry)}`;
    comma = ',\n';
  }
  yield ']}';
}

const pieceLength = 65_536;

/** Texts put together to pieces. @throws where the answer is to end early: it must not look whole */
async function* pieces(texts: AsyncGenerator<string>, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  let piece = '';
  for await (const text of texts) {
    if (signal.aborted) throw new Error('cut');
    piece += text;
    if (piece.length < pieceLength) continue;
    yield Buffer.from(piece);
    piece = '';
  }
  yield Buffer.from(piece);
}

/** What a request asks for, of filters that it may have. */
interface Asked {
  start?: string | undefined;
  end?: string | undefined;
  actor?: string | string[] | undefined;
  target?: string | string[] | undefined;
  targetId?: string | string[] | undefined;
  event?: string | string[] | undefined;
}

export function askedBy(query: Asked): AuditRequest {
  const { start, end, actor, target, targetId, event } = query;
  const [actors, targets, events, targetIds] = [listOf(actor), listOf(target), listOf(event), listOf(targetId)];
  return {
    takesForeignEvents: true,
    ...(start === undefined ? {} : { since: start }),
    ...(end === undefined ? {} : { until: end }),
    ...(targetIds === null ? {} : { targetIds }),
    ...(actors === null ? {} : { actors }),
    ...(targets === null ? {} : { targets }),
    ...(events === null ? {} : { events }),
  };
}

/** Clients send empty texts for what they do not ask. */
function listOf(given: string | string[] | undefined): string[] | null {
  const list = [given ?? []].flat().filter(text => text !== '');
  return list.length === 0 ? null : list;
}
