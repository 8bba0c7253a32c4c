// The agents of a posture integration, and why they match nothing: in pages, or all at once as a file.
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { refusals } from '../http/described.ts';
import type { Streams } from '../http/streams.ts';
import { csvLine } from '../operations/csv.ts';
import { IdPlace, placeCursor, readCursor } from '../operations/cursors.ts';
import { reasonSentence } from '../posture/reasons.ts';
import { rfc3339 } from '../posture/times.ts';
import { type AgentFilter, type ListedAgent, listAgents } from '../store/agents.ts';
import { type ApiParts, type ApiServer, answers, cursorParam, nextCursor, time } from './common.ts';
import { foundIntegration } from './integrations.ts';

const read = { config: { scope: 'feature_settings:read' } } as const;
const tags = ['Posture integrations'];
const one = z.object({ integrationId: z.string() });
const path = '/posture/integrations/:integrationId/agents';

const Agent = z
  .object({
    id: z.string(),
    hostname: z.string().nullable(),
    serials: z.array(z.string()),
    active: z.boolean().nullable(),
    registeredAt: time.nullable(),
    lastActiveAt: time.nullable(),
    observedAt: time.describe('When it was last seen.'),
    frozenAt: time.nullable().describe('Since then it could not be read.'),
    goneReason: z.string().nullable(),
    goneAt: time.nullable(),
    device: z.string().nullable().describe('The device that it speaks for.'),
    boundDevice: z.string().nullable().describe('The device that it was bound to by hand.'),
    reason: z.string().nullable().describe('Why it speaks for none; docs/matching.md has the codes.'),
  })
  .meta({ id: 'Agent' });

const word = z.string().min(1).max(256).optional();
const filters = {
  match: z.enum(['matched', 'unmatched', 'gone']).optional(),
  reason: word.describe('A reason code, for example `no_device`.'),
  search: word.describe('Part of an id, host name or serial number.'),
};
const most = 1_000;

export function addAgents(server: ApiServer, parts: ApiParts, streams: Streams): void {
  addList(server, parts);
  addExport(server, parts, streams);
}

function addList(server: ApiServer, parts: ApiParts): void {
  server.get(
    path,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List agents, and why they match nothing', operationId: 'listAgents', params: one },
        description:
          'A search looks through 100,000 agents for a page: there may be fewer on it than `limit`, or none, and `nextCursor` all the same.',
        querystring: z.strictObject({
          ...filters,
          limit: z.coerce.number().int().min(1).max(most).default(100).describe(`1 to ${most}.`),
          cursor: cursorParam,
        }),
        response: answers(z.object({ agents: z.array(Agent), nextCursor }).meta({ id: 'Agents' })),
      },
    },
    async ({ params, query }) => {
      const { id } = await foundIntegration(parts, params.integrationId);
      const { limit, cursor } = query;
      const after = cursor === undefined ? null : readCursor(cursor, IdPlace)[0];
      const { agents, next } = await listAgents(parts.db, { ...filterOf(id, query), after, limit });
      return { agents: agents.map(bodyOf), nextCursor: next === null ? null : placeCursor([next]) };
    },
  );
}

interface Filters {
  match?: AgentFilter['match'] | undefined;
  reason?: string | undefined;
  search?: string | undefined;
}

function filterOf(integrationId: string, { match, reason, search }: Filters) {
  return { integrationId, match: match ?? null, reason: reason ?? null, search: search ?? null };
}

function bodyOf({ registeredAt, lastActiveAt, observedAt, frozenAt, goneAt, ...agent }: ListedAgent) {
  return {
    ...agent,
    registeredAt: rfc3339(registeredAt),
    lastActiveAt: rfc3339(lastActiveAt),
    observedAt: observedAt.toISOString(),
    frozenAt: rfc3339(frozenAt),
    goneAt: rfc3339(goneAt),
  };
}

const types = { csv: 'text/csv', ndjson: 'application/x-ndjson' } as const;

function addExport(server: ApiServer, parts: ApiParts, streams: Streams): void {
  server.get(
    `${path}/export`,
    {
      ...read,
      exposeHeadRoute: false,
      schema: {
        ...{ tags, summary: 'Export agents as a file', operationId: 'exportAgents', params: one },
        description: 'All that the filters mean, by id: `csv` for spreadsheets, or `ndjson` as the list has them.',
        querystring: z.strictObject({ ...filters, format: z.enum(['csv', 'ndjson']).default('csv') }),
        response: {
          200: {
            description: 'The agents.',
            content: { [types.csv]: { schema: z.string() }, [types.ndjson]: { schema: z.string() } },
          },
          ...refusals(),
        },
      },
    },
    async (request, reply) => {
      const { params, query } = request;
      const { id, name } = await foundIntegration(parts, params.integrationId);
      const filter = filterOf(id, query);
      const file = fileName([name, query.match ?? 'all', query.reason ?? '', 'agents'], query.format);
      const readable = await streams.open(request, reply, { endsOnStop: false }, signal =>
        pieces(parts, filter, query.format, signal),
      );
      return sendFile(reply, file, types[query.format]).send(readable) as never;
    },
  );
}

const fileName = (words: readonly string[], format: string) =>
  `${words
    .filter(text => text !== '')
    .join('-')
    .replace(/[^\w.-]+/g, '_')}.${format}`;

function sendFile(reply: FastifyReply, file: string, type: string): FastifyReply {
  return reply
    .header('cache-control', 'no-store')
    .header('content-disposition', `attachment; filename="${file}"`)
    .header('content-type', `${type}; charset=utf-8`);
}

/** @throws where the answer is to end early: it must not look whole */
async function* pieces(
  { db }: ApiParts,
  filter: Omit<AgentFilter, 'after' | 'limit'>,
  format: 'csv' | 'ndjson',
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  let after: string | null = null;
  let head = format === 'csv' ? csvHead : '';
  do {
    if (signal.aborted) throw new Error('cut');
    const { agents, next } = await listAgents(db, { ...filter, after, limit: most });
    yield Buffer.from(
      head + agents.map(format === 'csv' ? csvOf : agent => `${JSON.stringify(bodyOf(agent))}\n`).join(''),
    );
    head = '';
    after = next;
  } while (after !== null);
}

const csvHead = csvLine([
  ...['agent', 'hostname', 'serialNumbers', 'device', 'boundDevice', 'reason', 'explanation', 'active'],
  ...['registeredAt', 'lastActiveAt', 'observedAt', 'frozenAt', 'goneReason', 'goneAt'],
]);

function csvOf(agent: ListedAgent): string {
  const { id, hostname, serials, device, boundDevice, reason, active, goneReason } = agent;
  const { registeredAt, lastActiveAt, observedAt, frozenAt, goneAt } = bodyOf(agent);
  return csvLine([
    ...[id, hostname, serials.join('; '), device, boundDevice, reason],
    ...[reason && reasonSentence('agent', reason), active, registeredAt, lastActiveAt, observedAt, frozenAt],
    ...[goneReason, goneAt],
  ]);
}
