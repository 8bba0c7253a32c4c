// Of a posture integration what nobody else shows: its runs, also the one that is on; and a sync at once.
import { z } from 'zod';
import { advised } from '../operations/advice.ts';
import { NumberPlace, paged, readCursor } from '../operations/cursors.ts';
import { requestSync, theRun } from '../operations/runs.ts';
import { rfc3339 } from '../posture/times.ts';
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
import { AdvisedError, claimedTotal, runPhase } from './integrations-schema.ts';

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
    phase: runPhase,
    pages: count,
    agents: count,
    claimedTotal,
    skipped: count.describe('Agents that could not be read.'),
    matched: count,
    unmatched: counts.describe('By reason.'),
    unset: counts.describe("The provider's fields without a usable value."),
    attributes: z.object({ set: count, changed: count, removed: count, withheld: count }),
    lostDevices: count,
    events: count,
    revision: z.int().nullable(),
    error: AdvisedError.nullable(),
    worker: z.string(),
  })
  .meta({ id: 'SyncRun' });

const most = 1_000;
const limit = z.coerce.number().int().min(1).max(most).default(100).describe(`1 to ${most}.`);
const startsWithinMs = 3_000;

export function addRuns(server: ApiServer, parts: ApiParts, changes: ChangesHere): void {
  addSync(server, parts);
  addRunLists(server, parts, changes);
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

function bodyOf(run: SyncRun): z.infer<typeof Run> {
  const { attributesSet, attributesChanged, attributesRemoved, attributesWithheld } = run;
  const { id, outcome, complete, durationMs, headMs, pages, agents, skipped, matched, unmatched, unset } = run;
  const { lostDevices, events, revision, worker, phase, claimedTotal: total } = run;
  return {
    ...{ id, outcome, complete, durationMs, headMs, pages, agents, skipped, matched, unmatched, unset },
    ...{ lostDevices, events, revision, worker, phase, claimedTotal: total, error: advised(run.error) },
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
