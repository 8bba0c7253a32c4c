// The table of devices: a page in some order, to and fro, with the columns that were chosen and nothing else; and all of it as CSV. Ours.
import type { FastifyRequest } from 'fastify';
import { z } from 'zod';
import { refusals } from '../http/described.ts';
import { callerOf } from '../http/guard.ts';
import type { Streams } from '../http/streams.ts';
import { freshSince, readDeviceQuery } from '../operations/device-list.ts';
import { deviceColumns, pageOfTable, readColumns, type TableQuery, tableAsCsv } from '../operations/device-table.ts';
import { standingStates } from '../posture/standings.ts';
import { postureIdentities } from '../store/device-filters.ts';
import { freshnessStates } from '../store/device-freshness.ts';
import { tableOrders } from '../store/device-table.ts';
import {
  type ApiParts,
  type ApiServer,
  answers,
  count,
  cursorParam,
  inTailnet,
  nextCursor,
  several,
} from './common.ts';
import { set } from './devices.ts';
import { AttributeValues, DeviceTableFilters, MatchBody, SerialBody } from './devices-schema.ts';

const read = { config: { scope: 'devices:core:read' } } as const;
const tags = ['Devices'];
const values = 'devices:posture_attributes:read';
const csv = 'text/csv';

const maybeText = z.string().nullable();
const time = z.date().describe('RFC 3339.');
const Line = z
  .object({
    id: z.string(),
    name: z.string().describe('The host name, or the id where there is none.'),
    hostname: maybeText.optional(),
    user: maybeText.optional(),
    os: maybeText.optional(),
    tags: z.array(z.string()).optional(),
    serials: z.array(SerialBody).optional(),
    addresses: z.array(z.string()).optional(),
    created: time.optional(),
    lastSeen: time.nullable().optional(),
    freshness: z
      .object({
        state: z.enum(freshnessStates),
        confirmedAt: time.nullable().describe('When the oldest of what providers say was confirmed.'),
      })
      .optional(),
    match: MatchBody.optional(),
    postureIdentity: z.enum(postureIdentities).optional(),
    postures: z
      .array(z.object({ posture: z.string(), state: z.enum(standingStates) }))
      .optional()
      .describe('As far as it was judged.'),
    attributes: AttributeValues.optional(),
  })
  .meta({ id: 'DeviceLine', description: 'A device with the columns that were chosen.' });

const Table = z
  .object({
    devices: z.array(Line),
    judged: z
      .object({ at: time.nullable().describe('When a worker looked last.'), hasWorker: z.boolean() })
      .optional()
      .describe('Of what postures were chosen. Without a worker they are as of `at`, and devices may stand otherwise.'),
    total: z.object({ devices: count, isExact: z.boolean().describe('False: there are more than that.') }),
    nextCursor,
    previousCursor: z.string().nullable().describe('Where to go back; null on the first page.'),
  })
  .meta({ id: 'DeviceTable' });

const orders = [...tableOrders, ...tableOrders.map(order => `-${order}` as const)] as const;
const Query = DeviceTableFilters.extend({
  column: several.describe(
    `${deviceColumns.map(column => `\`${column}\``).join(', ')}, or the full name of an attribute. May be repeated.`,
  ),
  sort: z.enum(orders).default('name').describe('With `-` in front the other way round. What is equal goes by id.'),
});

export function addDeviceTable(server: ApiServer, parts: ApiParts, streams: Streams): void {
  server.get(
    '/tailnet/:tailnet/devices/table',
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Look through devices', operationId: 'listDeviceTable', params: inTailnet },
        description: `Filters as of the list. Columns of values and postures, and filters by them, need \`${values}\` too.`,
        querystring: Query.extend({
          limit: z.coerce.number().int().min(1).max(1_000).default(50).describe('1 to 1000.'),
          cursor: cursorParam.describe('`nextCursor` or `previousCursor` of a page in the same order.'),
        }),
        response: answers(Table),
      },
    },
    async request => {
      const { limit, cursor = null, ...asked } = request.query;
      return await pageOfTable(parts, await queryOf(server, parts, request, asked), cursor, limit);
    },
  );
  server.get(
    '/tailnet/:tailnet/devices/csv',
    {
      ...read,
      exposeHeadRoute: false,
      schema: {
        ...{ tags, summary: 'Export devices as CSV', operationId: 'exportDevices', params: inTailnet },
        description:
          'All that the filters find, with a line of names first. A cell that begins with `=`, `+`, `-`, `@` or a tab has an apostrophe in front: a spreadsheet would reckon it.',
        querystring: Query,
        response: { 200: { description: 'The devices.', content: { [csv]: { schema: z.string() } } }, ...refusals() },
      },
    },
    async (request, reply) => {
      const query = await queryOf(server, parts, request, request.query);
      const readable = await streams.open(request, reply, { endsOnStop: false }, signal =>
        pieces(tableAsCsv(parts, query), signal),
      );
      reply.header('content-type', `${csv}; charset=utf-8; header=present`);
      reply.header('content-disposition', 'attachment; filename="devices.csv"').header('cache-control', 'no-store');
      return reply.send(readable) as never;
    },
  );
}

async function queryOf(
  server: ApiServer,
  parts: ApiParts,
  request: FastifyRequest,
  { column = [], sort, freshWithin, ...given }: z.infer<typeof Query>,
): Promise<TableQuery> {
  const columns = readColumns(column);
  const asksValues = columns.some(name => name.includes(':') || name === 'postures');
  if (asksValues || given.attribute !== undefined || given.posture !== undefined) server.mustHold(request, values);
  const searchesValues = callerOf(request).granted.has(values);
  const isDescending = sort.startsWith('-');
  return {
    filters: await readDeviceQuery(parts, { ...set(given), searchesValues, freshWithin }),
    order: (isDescending ? sort.slice(1) : sort) as TableQuery['order'],
    isDescending,
    columns,
    freshSince: await freshSince(parts, freshWithin),
  };
}

/** @throws where the answer is to end early: it must not look whole */
async function* pieces(texts: AsyncGenerator<string>, signal: AbortSignal): AsyncGenerator<Buffer, void> {
  for await (const text of texts) {
    if (signal.aborted) throw new Error('cut');
    yield Buffer.from(text);
  }
}
