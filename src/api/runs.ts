// Of a posture integration what nobody else shows: its runs, also the one that is on, its agents and why they match nothing; and a
// sync at once.
import { z } from 'zod';
import { IdPlace, NumberPlace, paged, readCursor } from '../operations/cursors.ts';
import { requestSync, theRun } from '../operations/runs.ts';
import { rfc3339 } from '../posture/times.ts';
import { listAgents } from '../store/agents.ts';
import { lastRuns, type SyncRun } from '../store/runs.ts';
import type { ChangesHere } from './changes-here.ts';
import {
  type ApiParts,
  type ApiServer,
  accepted,
  answers,
  count,
  cursorParam,
  nextCursor,
  requestOf,
  time,
} from './common.ts';
import { foundIntegration } from './integrations.ts';
import { StoredError } from './integrations-schema.ts';

const counts = z.record(z.string(), count);
const read = { config: { scope: 'feature_settings:read' } } as const;
const tags = ['Posture integrations'];
const one = z.object({ integrationId: z.string() });
const below = '/posture/integrations/:integrationId';

const Run = z
  .object({
    id: z.int(),
    startedAt: time,
    finishedAt: time.nullable(),
    /** Null while it is on. */
    outcome: z.enum(['succeeded', 'partial', 'held', 'failed', 'abandoned']).nullable(),
    complete: z.boolean().describe('Every agent was read.'),
    durationMs: z.int().nullable(),
    headMs: z.int().nullable().describe('How long it kept all other audited writes waiting.'),
    pages: count,
    agents: count,
    skipped: count.describe('Agents that could not be read.'),
    matched: count,
    unmatched: counts.describe('By reason.'),
    unset: counts.describe("The provider's fields without a usable value."),
    attributes: z.object({ set: count, changed: count, removed: count, withheld: count }),
    lostDevices: count,
    events: count,
    revision: z.int().nullable(),
    error: StoredError.nullable(),
    worker: z.string(),
  })
  .meta({ id: 'SyncRun' });

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

const most = 1_000;
const limit = z.coerce.number().int().min(1).max(most).default(100).describe(`1 to ${most}.`);
const startsWithinMs = 3_000;

export function addRuns(server: ApiServer, parts: ApiParts, changes: ChangesHere): void {
  addSync(server, parts);
  addRunLists(server, parts, changes);
  addAgents(server, parts);
}

function addSync(server: ApiServer, parts: ApiParts): void {
  server.post(
    `${below}/sync`,
    {
      config: { scope: 'feature_settings' },
      schema: {
        ...{ tags, summary: 'Sync at once', operationId: 'syncPostureIntegration', params: one },
        description:
          'Answers as soon as a worker began; `run` is null where none did within 3 s. A run that is on is that run.',
        response: accepted(z.object({ run: Run.nullable() }).meta({ id: 'StartedSync' }), 409),
      },
    },
    async (request, reply) => {
      const integration = await foundIntegration(parts, request.params.integrationId);
      const run = await requestSync(requestOf(parts, request), integration, startsWithinMs);
      return await reply.code(202).send({ run: run && bodyOf(run) });
    },
  );
}

function addRunLists(server: ApiServer, parts: ApiParts, changes: ChangesHere): void {
  const told = (run: SyncRun) => {
    changes.tell(run.finishedAt, parts.now());
    return bodyOf(run);
  };
  server.get(
    `${below}/runs`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List sync runs, newest first', operationId: 'listSyncRuns', params: one },
        querystring: z.strictObject({ limit, cursor: cursorParam }),
        response: answers(z.object({ runs: z.array(Run), nextCursor }).meta({ id: 'SyncRuns' })),
      },
    },
    async ({ params, query }) => {
      const { id } = await foundIntegration(parts, params.integrationId);
      const before = query.cursor === undefined ? undefined : readCursor(query.cursor, NumberPlace)[0];
      const runs = await lastRuns(parts.db, id, query.limit + 1, before);
      const { page, nextCursor: next } = paged(runs, query.limit, run => [run.id]);
      return { runs: page.map(told), nextCursor: next };
    },
  );
  server.get(
    `${below}/runs/:runId`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get a sync run, also while it is on', operationId: 'getSyncRun' },
        params: one.extend({ runId: z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER) }),
        response: answers(Run),
      },
    },
    async ({ params }) => {
      const { id } = await foundIntegration(parts, params.integrationId);
      return told(await theRun(parts.db, id, params.runId));
    },
  );
}

function addAgents(server: ApiServer, parts: ApiParts): void {
  const word = z.string().min(1).max(256).optional();
  server.get(
    `${below}/agents`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List agents, and why they match nothing', operationId: 'listAgents', params: one },
        querystring: z.strictObject({
          match: z.enum(['matched', 'unmatched', 'gone']).optional(),
          reason: word.describe('A reason code, for example `no_device`.'),
          search: word.describe('Part of an id, host name or serial number.'),
          limit,
          cursor: cursorParam,
        }),
        response: answers(z.object({ agents: z.array(Agent), nextCursor }).meta({ id: 'Agents' })),
      },
    },
    async ({ params, query }) => {
      const { id: integrationId } = await foundIntegration(parts, params.integrationId);
      const { match = null, reason = null, search = null, cursor } = query;
      const after = cursor === undefined ? null : readCursor(cursor, IdPlace)[0];
      const filter = { integrationId, match, reason, search, after, limit: query.limit + 1 };
      const agents = await listAgents(parts.db, filter);
      const { page, nextCursor: next } = paged(agents, query.limit, agent => [agent.id]);
      return {
        agents: page.map(({ registeredAt, lastActiveAt, observedAt, frozenAt, goneAt, ...agent }) => ({
          ...agent,
          registeredAt: rfc3339(registeredAt),
          lastActiveAt: rfc3339(lastActiveAt),
          observedAt: observedAt.toISOString(),
          frozenAt: rfc3339(frozenAt),
          goneAt: rfc3339(goneAt),
        })),
        nextCursor: next,
      };
    },
  );
}

function bodyOf(run: SyncRun): z.infer<typeof Run> {
  const { attributesSet, attributesChanged, attributesRemoved, attributesWithheld } = run;
  const { id, outcome, complete, durationMs, headMs, pages, agents, skipped, matched, unmatched, unset } = run;
  const { lostDevices, events, revision, error, worker } = run;
  return {
    ...{ id, outcome, complete, durationMs, headMs, pages, agents, skipped, matched, unmatched, unset },
    ...{ lostDevices, events, revision, error, worker },
    startedAt: run.startedAt.toISOString(),
    finishedAt: rfc3339(run.finishedAt),
    attributes: {
      set: attributesSet,
      changed: attributesChanged,
      removed: attributesRemoved,
      withheld: attributesWithheld,
    },
  };
}
