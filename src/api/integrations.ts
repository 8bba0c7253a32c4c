// Posture integrations: Tailscale's five operations. What they lack is in integration-states.ts.
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { type IntegrationView, viewIntegrations, viewOf } from '../operations/integration-view.ts';
import { addIntegration, removeIntegration, updateIntegration } from '../operations/integrations.ts';
import { lossesOfLifetime } from '../operations/losses.ts';
import { isUnsupported, settingsFormOf } from '../providers/registry.ts';
import { settingsFields } from '../providers/settings.ts';
import { type Integration, integrationById } from '../store/integrations.ts';
import {
  type ApiParts,
  type ApiServer,
  answers,
  confirmParam,
  inTailnet,
  LossesBody,
  Nothing,
  requestOf,
  settingsRequestOf,
} from './common.ts';
import { changesOf, durationOf, ignoringTold, inTheirWords, restOf, settingsOf } from './integration-input.ts';
import { ChangedIntegration, IntegrationBody, NewIntegration } from './integrations-schema.ts';

const manage = { config: { scope: 'feature_settings' } } as const;
const read = { config: { scope: 'feature_settings:read' } } as const;
const tags = ['Posture integrations'];

export function addIntegrations(server: ApiServer, parts: ApiParts): void {
  addReading(server, parts);
  addLosses(server, parts);
  addCreating(server, parts);
  addChanging(server, parts);
}

const all = '/tailnet/:tailnet/posture/integrations';
const single = '/posture/integrations/:integrationId';
const one = z.object({ integrationId: z.string() });

/** @throws AppError not_found */
export async function foundIntegration({ db }: ApiParts, id: string): Promise<Integration> {
  const integration = await integrationById(db, id);
  if (integration === null) throw new AppError('not_found', `there is no posture integration "${id}"`);
  return integration;
}

function addReading(server: ApiServer, parts: ApiParts): void {
  server.get(
    all,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List posture integrations', operationId: 'listPostureIntegrations', params: inTailnet },
        response: answers(z.object({ integrations: z.array(IntegrationBody) }).meta({ id: 'PostureIntegrations' })),
      },
    },
    async () => ({ integrations: (await viewIntegrations(parts.db, parts.now)).map(bodyOfView) }),
  );
  server.get(
    single,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get a posture integration', operationId: 'getPostureIntegration', params: one },
        response: answers(IntegrationBody),
      },
    },
    async request => bodyOf(parts, await foundIntegration(parts, request.params.integrationId)),
  );
}

function addLosses(server: ApiServer, parts: ApiParts): void {
  server.get(
    `${single}/losses`,
    {
      ...read,
      schema: {
        ...{
          tags,
          summary: 'Say what deleting it would take',
          operationId: 'getPostureIntegrationLosses',
          params: one,
        },
        description: 'Ours: the number of devices is what `confirm` wants.',
        querystring: z.strictObject({
          expireAfter: z.string().max(50).optional().describe('Instead: what this lifetime of values would take.'),
        }),
        response: answers(LossesBody),
      },
    },
    async request => {
      const { integrationId: id } = request.params;
      const { expireAfter } = request.query;
      if (expireAfter !== undefined) return await lossesOfLifetime(parts.db, { id }, durationOf(expireAfter));
      return await removeIntegration(requestOf(parts, request), { id }, true);
    },
  );
}

const allowMultiple = z.enum(['true', 'false']).optional();

function addCreating(server: ApiServer, parts: ApiParts): void {
  server.post(
    all,
    {
      ...manage,
      ...ignoringTold,
      schema: {
        ...{
          tags,
          summary: 'Create a posture integration',
          operationId: 'createPostureIntegration',
          params: inTailnet,
        },
        description: 'The provider is not asked: a sync follows at once, and its result stands in `status`.',
        querystring: z.strictObject({
          allowMultiple: allowMultiple.describe('`true`: also beside another integration of the same provider.'),
        }),
        body: NewIntegration,
        response: answers(IntegrationBody, 409),
      },
    },
    async request => {
      const { provider, ...given } = request.body;
      const { name, limits } = restOf(given);
      const input = {
        ...limits,
        ...(name === undefined ? {} : { name }),
        provider,
        settings: settingsOf(provider, given),
      };
      const isOneOfSeveral = request.query.allowMultiple === 'true';
      const adding = addIntegration(await settingsRequestOf(parts, request), {
        ...input,
        allowMultiple: isOneOfSeveral,
      });
      const integration = await adding.catch(error => inTheirWords(error, provider, given));
      if (isUnsupported(provider)) {
        const told = { integration: integration.name, provider };
        parts.log.warn(told, 'this version cannot read the provider: nothing is synced');
      }
      return await bodyOf(parts, integration);
    },
  );
}

function addChanging(server: ApiServer, parts: ApiParts): void {
  server.patch(
    single,
    {
      ...manage,
      ...ignoringTold,
      schema: {
        ...{ tags, summary: 'Change a posture integration', operationId: 'updatePostureIntegration', params: one },
        description:
          'What is absent, null or empty stays as it is. `provider` cannot be changed and is ignored, as is all that is only told.',
        querystring: z.strictObject({ confirm: confirmParam }),
        body: ChangedIntegration,
        response: answers(IntegrationBody, 409),
      },
    },
    async request => {
      const before = await foundIntegration(parts, request.params.integrationId);
      const { provider } = request.body;
      if (provider && provider !== before.provider)
        throw new AppError('invalid', `provider: it is ${before.provider} and cannot be changed`);
      const changes = changesOf(before.provider, request.body);
      const confirm = request.query.confirm ?? null;
      const changing = updateIntegration(await settingsRequestOf(parts, request), { id: before.id }, changes, confirm);
      const { integration } = await changing.catch(error => inTheirWords(error, before.provider, request.body));
      return await bodyOf(parts, integration);
    },
  );
  server.delete(
    single,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Delete a posture integration', operationId: 'deletePostureIntegration', params: one },
        description: 'Its agents go with it, and every value that came from it.',
        querystring: z.strictObject({ confirm: confirmParam }),
        response: answers(Nothing, 409),
      },
    },
    async (request, reply) => {
      const { integrationId: id } = request.params;
      await removeIntegration(requestOf(parts, request), { id }, false, request.query.confirm ?? null);
      return await reply.send(undefined);
    },
  );
}

/** @returns an integration as it is answered */
export async function bodyOf(
  { db, now }: ApiParts,
  integration: Integration,
): Promise<z.infer<typeof IntegrationBody>> {
  return bodyOfView(await viewOf(db, now, integration));
}

function bodyOfView(view: IntegrationView): z.infer<typeof IntegrationBody> {
  const { lastSync, error, status, run, settings, ...ours } = view;
  const isTold = status !== null || error !== null;
  const counts = status ?? { providerHostCount: 0, matchedCount: 0, possibleMatchedCount: 0 };
  const told = {
    ...(lastSync === null ? {} : { lastSync }),
    ...(error === null ? {} : { error: error.message }),
    ...counts,
  };
  return {
    ...ours,
    ...tailscaleSettings(view),
    ...(isTold ? { status: told } : {}),
    settings,
    error,
    run,
  };
}

/** Unused ones are empty, as with Tailscale. */
function tailscaleSettings({ provider, settings }: IntegrationView) {
  const of = (name: string) => {
    const field = settingsFields(settingsFormOf(provider)).find(({ tailscale }) => tailscale === name);
    return field === undefined ? '' : String(settings[field.name] ?? '');
  };
  const tenantId = of('tenantId');
  // As it was given: without the scheme.
  const cloudId = of('cloudId').replace(/^https:\/\//, '');
  return { provider, cloudId, clientId: of('clientId'), ...(tenantId === '' ? {} : { tenantId }) };
}
