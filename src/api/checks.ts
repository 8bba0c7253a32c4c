// Of a posture integration: whether its settings work, and what a sweep would change; also with settings that are not stored. A worker finds
// it out. The answer is waited for, and can be asked for later where it takes longer.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import {
  askForPreview,
  askForTest,
  askForTestOfSettings,
  type Check,
  type CheckKind,
  checkResult,
  ofNone,
} from '../operations/checks.ts';
import type { IntegrationChanges } from '../operations/integrations.ts';
import { rfc3339 } from '../posture/times.ts';
import { PreviewBody, TestBody } from './checks-schema.ts';
import { type ApiParts, type ApiServer, answers, inTailnet, settingsRequestOf } from './common.ts';
import { changesOf, type Given, ignoringTold, inTheirWords, restOf, settingsOf } from './integration-input.ts';
import { foundIntegration } from './integrations.ts';
import { ChangedIntegration, NewIntegration } from './integrations-schema.ts';

const tags = ['Posture integrations'];
const one = z.object({ integrationId: z.string() });
const below = '/posture/integrations/:integrationId';
const mostWaitMs = 25_000;
const wait = z.coerce
  .number()
  .min(0)
  .max(mostWaitMs / 1_000)
  .default(20)
  .describe(`Seconds that the answer is waited for, 0 to ${mostWaitMs / 1_000}.`);
const checkId = z.coerce.number().int().min(1).max(Number.MAX_SAFE_INTEGER);
const kept = 'It is forgotten an hour after its end.';

export function addChecks(server: ApiServer, parts: ApiParts): void {
  addTest(server, parts);
  addTestOfNew(server, parts);
  addPreview(server, parts);
}

const testing = { config: { scope: 'feature_settings' } } as const;
const reading = { config: { scope: 'feature_settings:read' } } as const;
// It tells how devices are.
const previewing = { config: { scope: 'feature_settings', alsoScope: 'devices:posture_attributes:read' } } as const;
const readingPreview = {
  config: { scope: 'feature_settings:read', alsoScope: 'devices:posture_attributes:read' },
} as const;

const given = <T extends z.ZodType>(body: T) => ({
  202: body.describe('It takes longer; ask for it at `Location`.'),
  ...answers(body, 409),
});

function addTest(server: ApiServer, parts: ApiParts): void {
  server.post(
    `${below}/test`,
    {
      ...testing,
      ...ignoringTold,
      schema: {
        ...{ tags, summary: 'Test an integration', operationId: 'testPostureIntegration', params: one },
        description:
          'A worker reads the first page of agents; nothing is stored. With a body: as if the integration had been changed so.',
        querystring: z.strictObject({ wait }),
        body: ChangedIntegration.optional(),
        response: given(TestBody),
      },
    },
    async (request, reply) => {
      const { integrationId } = request.params;
      const { integration, asked, changes } = await subjectOf(parts, request, integrationId, request.body);
      const id = await askForTest(asked, integration, changes).catch(error =>
        inTheirWords(error, integration.provider, request.body ?? {}),
      );
      const check = await waited(server, parts, 'test', integration.id, id, request.query.wait);
      goesOn(reply, check, `/posture/integrations/${integration.id}/test/${id}`);
      return testBody(check);
    },
  );
  server.get(
    `${below}/test/:testId`,
    {
      ...reading,
      schema: {
        ...{ tags, summary: 'Get what came of a test', operationId: 'getPostureIntegrationTest', description: kept },
        params: one.extend({ testId: checkId }),
        response: answers(TestBody),
      },
    },
    async ({ params }) => {
      const { id } = await foundIntegration(parts, params.integrationId);
      return testBody(await found(parts, 'test', id, params.testId));
    },
  );
}

function addTestOfNew(server: ApiServer, parts: ApiParts): void {
  const path = '/tailnet/:tailnet/posture/integrations/test';
  server.post(
    path,
    {
      ...testing,
      ...ignoringTold,
      schema: {
        ...{ tags, summary: 'Test settings before they are stored', operationId: 'testPostureIntegrationSettings' },
        description:
          'A worker reads the first page of agents. Nothing is stored: the secret is sealed until the answer is there, five minutes at most if no worker runs.',
        ...{ params: inTailnet, querystring: z.strictObject({ wait }), body: NewIntegration },
        response: given(TestBody),
      },
    },
    async (request, reply) => {
      const { provider, ...rest } = request.body;
      const asking = async () => {
        const { name } = restOf(rest);
        const given = { settings: settingsOf(provider, rest), ...(name === undefined ? {} : { name }) };
        return await askForTestOfSettings(await settingsRequestOf(parts, request), provider, given);
      };
      const id = await asking().catch(error => inTheirWords(error, provider, rest));
      const check = await waited(server, parts, 'test', ofNone, id, request.query.wait);
      goesOn(reply, check, `/tailnet/-/posture/integrations/test/${id}`);
      return testBody(check);
    },
  );
  server.get(
    `${path}/:testId`,
    {
      ...reading,
      schema: {
        ...{ tags, summary: 'Get what came of a test of settings', operationId: 'getPostureIntegrationSettingsTest' },
        ...{ description: kept, params: inTailnet.extend({ testId: checkId }) },
        response: answers(TestBody),
      },
    },
    async ({ params }) => testBody(await found(parts, 'test', ofNone, params.testId)),
  );
}

const mostTold = 1_000;
const limit = z.coerce
  .number()
  .int()
  .min(1)
  .max(mostTold)
  .default(100)
  .describe(`Most \`changes\` that are told, 1 to ${mostTold}.`);
const query = z.strictObject({ wait, limit });

function addPreview(server: ApiServer, parts: ApiParts): void {
  const schema = { tags, params: one, querystring: query, response: given(PreviewBody) };
  const ask = async (request: Asking, reply: FastifyReply, body?: Given) => {
    const { integrationId } = request.params;
    const { integration, asked, changes } = await subjectOf(parts, request, integrationId, body);
    const id = await askForPreview(asked, integration, changes).catch(error =>
      inTheirWords(error, integration.provider, body ?? {}),
    );
    const check = await waited(server, parts, 'preview', integration.id, id, request.query.wait);
    goesOn(reply, check, `/posture/integrations/${integration.id}/preview/${id}?limit=${request.query.limit}`);
    return previewBody(check, request.query.limit);
  };
  server.get(
    `${below}/preview`,
    {
      ...previewing,
      schema: {
        ...{ ...schema, summary: 'Preview the next sweep', operationId: 'previewPostureIntegration' },
        description: 'A worker reads every agent and tells who would gain, change or lose values. Nothing is written.',
      },
    },
    async (request, reply) => await ask(request, reply),
  );
  server.post(
    `${below}/preview`,
    {
      ...previewing,
      ...ignoringTold,
      schema: {
        ...{ ...schema, summary: 'Preview changed settings', operationId: 'previewPostureIntegrationChange' },
        description: 'As if the integration had been changed by the body, and then swept. Nothing is written.',
        body: ChangedIntegration.optional(),
      },
    },
    async (request, reply) => await ask(request, reply, request.body),
  );
  server.get(
    `${below}/preview/:previewId`,
    {
      ...readingPreview,
      schema: {
        ...{ tags, summary: 'Get what came of a preview', operationId: 'getPostureIntegrationPreview' },
        ...{ description: kept, params: one.extend({ previewId: checkId }), querystring: z.strictObject({ limit }) },
        response: answers(PreviewBody),
      },
    },
    async ({ params, query: { limit: most } }) => {
      const { id } = await foundIntegration(parts, params.integrationId);
      return previewBody(await found(parts, 'preview', id, params.previewId), most);
    },
  );
}

interface Asking extends FastifyRequest {
  params: z.infer<typeof one>;
  query: z.infer<typeof query>;
}

/** @returns the integration, and how it would be changed; null: not at all */
async function subjectOf(parts: ApiParts, request: FastifyRequest, id: string, body: Given = {}) {
  const integration = await foundIntegration(parts, id);
  const { name: _name, settings, ...limits } = changesOf(integration.provider, body);
  const isAsStored = Object.keys({ ...settings, ...limits }).length === 0;
  const changes: IntegrationChanges | null = isAsStored ? null : { ...limits, ...(settings ? { settings } : {}) };
  return { integration, asked: await settingsRequestOf(parts, request), changes };
}

/** A stop ends the waiting, not the request. */
async function waited<Kind extends CheckKind>(
  { stopping }: ApiServer,
  { db, bell }: ApiParts,
  kind: Kind,
  about: string,
  id: number,
  seconds: number,
): Promise<Check<Kind>> {
  let check: Check<Kind> | null = null;
  const hasEnded = async () => {
    check = await checkResult(db, kind, about, id);
    return check === null || check.finishedAt !== null;
  };
  await bell.until(id, hasEnded, seconds * 1_000, stopping).catch(error => {
    if (!stopping.aborted) throw error;
  });
  check ??= await checkResult(db, kind, about, id);
  if (check === null) throw new Error('a request was forgotten while it was awaited');
  return check;
}

/** @throws AppError not_found */
async function found<Kind extends CheckKind>(parts: ApiParts, kind: Kind, about: string, id: number) {
  const check = await checkResult(parts.db, kind, about, id);
  if (check !== null) return check;
  throw new AppError('not_found', `there is no ${kind} ${id} of this; they are kept for an hour`);
}

function goesOn(reply: FastifyReply, check: Check<CheckKind>, path: string): void {
  if (check.finishedAt === null) reply.code(202).header('location', `/api/v2${path}`);
}

const timesOf = ({ requestedAt, finishedAt }: Check<CheckKind>) => ({
  requestedAt: requestedAt.toISOString(),
  finishedAt: rfc3339(finishedAt),
});

function testBody(check: Check<'test'>): z.infer<typeof TestBody> {
  return { ...check, ...timesOf(check) };
}

function previewBody(check: Check<'preview'>, most: number): z.infer<typeof PreviewBody> {
  const { result } = check;
  return { ...check, ...timesOf(check), result: result && { ...result, changes: result.changes.slice(0, most) } };
}
