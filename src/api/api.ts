// Administration over HTTP, as Tailscale's API has it: clients that were written for that work with another base URL, and what that
// lacks stands beside it in fields and paths of its own. Each resource has a file beside this one; common.ts has what they share.
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyPluginOptions } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { z } from 'zod';
import { AppError } from '../errors.ts';
import { refuseOtherSites } from '../http/own-pages.ts';
import { readAs } from '../http/read.ts';
import { createStreams } from '../http/streams.ts';
import { addAgents } from './agents.ts';
import { addAttributeCatalogue } from './attribute-catalogue.ts';
import { addAttributeHistory } from './attribute-history.ts';
import { addAttributes } from './attributes.ts';
import { addAuditGroups } from './audit-groups.ts';
import { addAuditLog } from './audit-log.ts';
import { watchChanges } from './changes-here.ts';
import { refuseZeros } from './characters.ts';
import { addChecks } from './checks.ts';
import type { ApiParts } from './common.ts';
import { addDeviceAgents } from './device-agents.ts';
import { addDeviceAttributes } from './device-attributes.ts';
import { addDeviceBulk } from './device-bulk.ts';
import { addDeviceImport } from './device-import.ts';
import { addDevicePage } from './device-page.ts';
import { addDeviceTable } from './device-table.ts';
import { addDevices } from './devices.ts';
import { addIntegrationStates } from './integration-states.ts';
import { addIntegrations } from './integrations.ts';
import { addKeys } from './keys.ts';
import { addLive } from './live.ts';
import { addOpenId } from './openid.ts';
import { addOverview } from './overview.ts';
import { addPolicyFile } from './policy-file.ts';
import { addPostures } from './postures.ts';
import { addProviders } from './providers.ts';
import { addReports } from './reports.ts';
import { addRuns } from './runs.ts';
import { addSession } from './session.ts';
import { addSettings } from './settings.ts';
import { addSimulation } from './simulation.ts';
import { addWebhooks } from './webhooks.ts';

export function addApi(server: FastifyInstance, parts: ApiParts): void {
  const streams = createStreams(server);
  addOpenId(server, parts);
  server.register(
    async (scope: FastifyInstance, _options: FastifyPluginOptions) => {
      scope.setValidatorCompiler(({ schema, httpPart }) => input => {
        try {
          // Fastify says null of a body that is not there.
          const given = httpPart === 'body' && input === null ? undefined : input;
          return { value: readAs(schema as z.ZodType, given, wholes[httpPart ?? ''] ?? 'the body') };
        } catch (error) {
          return { error: error as Error };
        }
      });
      scope.setSerializerCompiler(serializerCompiler);
      takeJson(scope);
      scope.addHook('onRequest', async (request, reply) => {
        refuseOtherSites(request, parts.publicUrl);
        // A cookie keeps no cache from an answer, as a key does: who signs out leaves nothing behind, nor does a proxy give it to others.
        if (request.caller !== null && request.caller.session !== null) reply.header('cache-control', 'no-store');
      });
      scope.addHook('preValidation', async ({ params, query, body }) => {
        // What comes as a stream is read where it is taken.
        for (const input of [params, query, body instanceof Readable ? null : body]) refuseZeros(input);
        checkTailnet(params, parts.tailnet);
      });
      const changes = watchChanges(scope);
      const typed = scope.withTypeProvider<ZodTypeProvider>();
      addOverview(typed, parts);
      addAttributes(typed, parts, changes);
      addAttributeCatalogue(typed, parts);
      addAttributeHistory(typed, parts);
      addProviders(typed);
      addIntegrations(typed, parts);
      addPolicyFile(typed, parts, streams);
      addAuditLog(typed, parts, streams);
      addAuditGroups(typed, parts);
      addPostures(typed, parts);
      addSimulation(typed, parts);
      addIntegrationStates(typed, parts);
      addRuns(typed, parts, changes);
      addAgents(typed, parts, streams);
      addChecks(typed, parts);
      addSettings(typed, parts);
      addWebhooks(typed, parts);
      addLive(typed, parts, streams);
      addDevices(typed, parts);
      addDeviceTable(typed, parts, streams);
      addDevicePage(typed, parts);
      addDeviceAgents(typed, parts, changes);
      addDeviceAttributes(typed, parts);
      addDeviceBulk(typed, parts);
      addReports(typed, parts);
      addDeviceImport(typed, parts);
      addKeys(typed, parts);
      addSession(typed, parts);
    },
    { prefix: '/api/v2' },
  );
}

const wholes: Readonly<Record<string, string>> = { querystring: 'the query', params: 'the path' };

/** Clients say that they send JSON also where they send nothing; and JSON has names of its own, as for a merge patch. */
function takeJson(scope: FastifyInstance): void {
  const parse = scope.getDefaultJsonParser('error', 'error');
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser(/^application\/([\w.-]+\+)?json\b/i, { parseAs: 'string' }, (request, body, done) => {
    const text = String(body);
    if (text === '') done(null, undefined);
    // It would pass for nothing sent, where nothing need be sent.
    else if (text.trim() === 'null') done(new AppError('invalid', 'the body: expected an object'), undefined);
    else parse(request, text, done);
  });
}

function checkTailnet(params: unknown, name: string): void {
  const { tailnet } = params as { tailnet?: string };
  if (tailnet === undefined || tailnet === '-' || tailnet === name) return;
  throw new AppError('not_found', `there is no tailnet "${tailnet}" here; "-" is the one that there is`);
}
