// Administration over HTTP, as Tailscale's API has it: clients that were written for that work with another base URL, and what that
// lacks stands beside it in fields and paths of its own. Here is what all its resources share; each has a file beside this one.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyPluginOptions, FastifyRequest, RawServerDefault } from 'fastify';
import { serializerCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { callerOf } from '../http/guard.ts';
import { readAs } from '../http/read.ts';
import type { Log } from '../log.ts';
import type { SettingsRequest } from '../operations/integrations.ts';
import { apiKeyActor } from '../posture/events.ts';
import type { Now, Pool } from '../store/client.ts';
import type { SecretKeys } from '../store/secrets.ts';
import { addIntegrations } from './integrations.ts';

export interface ApiParts {
  db: Pool;
  now: Now;
  log: Log;
  /** Null in a process that was given none: then no secret can be stored by it. */
  keys: SecretKeys | null;
  /** PROVIDER_ALLOWED_HOSTS. */
  allowedHosts: readonly string[];
  /** TAILNET. */
  tailnet: string;
}

/** A server whose routes have zod's schemas. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyInstance['log'],
  ZodTypeProvider
>;

export function addApi(server: FastifyInstance, parts: ApiParts): void {
  server.register(
    async (scope: FastifyInstance, _options: FastifyPluginOptions) => {
      scope.setValidatorCompiler(({ schema, httpPart }) => input => {
        try {
          return { value: readAs(schema as z.ZodType, input, wholes[httpPart ?? ''] ?? 'the body') };
        } catch (error) {
          return { error: error as Error };
        }
      });
      scope.setSerializerCompiler(serializerCompiler);
      takeEmptyBodies(scope);
      scope.addHook('preHandler', async ({ params }) => checkTailnet(params, parts.tailnet));
      addIntegrations(scope.withTypeProvider<ZodTypeProvider>(), parts);
    },
    { prefix: '/api/v2' },
  );
}

const wholes: Readonly<Record<string, string>> = { querystring: 'the query', params: 'the path' };

/** Clients say that they send JSON also where they send nothing. */
function takeEmptyBodies(scope: FastifyInstance): void {
  const parse = scope.getDefaultJsonParser('error', 'error');
  scope.removeContentTypeParser('application/json');
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, String(body), done);
  });
}

function checkTailnet(params: unknown, name: string): void {
  const { tailnet } = params as { tailnet?: string };
  if (tailnet === undefined || tailnet === '-' || tailnet === name) return;
  throw new AppError('not_found', `there is no tailnet "${tailnet}" here; "-" is the one that there is`);
}

/** @returns who asks, and when, for operations */
export function requestOf({ db, now }: ApiParts, request: FastifyRequest) {
  return { db, now, actor: apiKeyActor(callerOf(request)) };
}

/** @throws AppError busy where this process has no keys to seal secrets with */
export function settingsRequestOf(parts: ApiParts, request: FastifyRequest): SettingsRequest {
  const { keys, allowedHosts } = parts;
  if (keys === null)
    throw new AppError('busy', 'this process was given no SECRET_KEYS, so it can store no secret; ask one that was');
  return { ...requestOf(parts, request), keys, allowedHosts };
}

export const ErrorBody = z.object({ message: z.string() }).describe('What is wrong.');

/** @returns the answers of a route: what it gives, and errors */
export function answers<T extends z.ZodType>(given: T) {
  return { 200: given, '4xx': ErrorBody, '5xx': ErrorBody };
}

/** Of an answer without a body. */
export const Nothing = z.undefined().describe('No body.');

export const tailnetParam = z.string().describe('`-`, or the name that TAILNET gives.');
