// API keys by Tailscale's paths and field names, and what each scope lets a key do. Nobody gives a key what they lack themselves.
import { z } from 'zod';
import { callerOf } from '../http/guard.ts';
import { type ApiKeyView, createApiKey, pageOfApiKeys, revokeApiKeyById, viewApiKey } from '../operations/keys.ts';
import { includes, isScope, scopeCatalogue, scopes } from '../posture/scopes.ts';
import { rfc3339 } from '../posture/times.ts';
import {
  type ApiParts,
  type ApiServer,
  answers,
  cursorParam,
  inTailnet,
  limitOfWhole,
  maybeTime,
  Nothing,
  nextCursor,
  requestOf,
  time,
  toldBy,
} from './common.ts';

const manage = { config: { scope: 'api_access_tokens' } } as const;
const read = { config: { scope: 'api_access_tokens:read' } } as const;
const tags = ['Keys'];
const all = '/tailnet/:tailnet/keys';
const single = `${all}/:keyId`;
const one = inTailnet.extend({ keyId: z.string().describe('The part of a key between its hyphens.') });

const states = ['active', 'expired', 'revoked'] as const;

const Key = z
  .object({
    id: z.string(),
    key: z.string().optional().describe('Only where it was just made: it cannot be seen again.'),
    keyType: z.literal('api'),
    description: z.string().describe('What it is called. Of keys that are not revoked each has another one.'),
    created: time,
    expires: maybeTime.describe('Null: never.'),
    revoked: maybeTime,
    scopes: z.array(z.string()),
    invalid: z.boolean().describe('It was revoked or has expired.'),
    // -- ours
    state: z.enum(states),
    prefix: z.string().describe('How the key begins. It tells which one it is, and may be shown.'),
    lastUsedAt: maybeTime.describe('To the minute.'),
    createdBy: z.string().describe('The id of who made it, as in the audit log.'),
    createdByName: z.string().describe('What that one was called then.'),
  })
  .meta({ id: 'Key' });

const longestSeconds = 3_650 * 86_400;
const NewKey = z
  .strictObject({
    description: z.string().max(200).describe('Who or what has it.'),
    scopes: z.array(z.string().max(100)).max(100),
    expirySeconds: z
      .int()
      .min(60)
      .max(longestSeconds)
      .nullable()
      .optional()
      .describe('From now. Null or absent: it holds until it is revoked.'),
    keyType: z.literal('api', 'there are keys of this API only').optional(),
  })
  .meta({ id: 'NewKey' });

const ScopeBody = z
  .object({
    scope: z.string(),
    about: z.string().describe('One sentence for people.'),
    includes: z.array(z.string()).describe('Other scopes that it includes.'),
    mayGive: z.boolean().describe('Whether you have it yourself, and may give it to a key.'),
  })
  .meta({ id: 'Scope' });

export function addKeys(server: ApiServer, parts: ApiParts): void {
  addReading(server, parts);
  addScopes(server);
  addWriting(server, parts);
}

function addReading(server: ApiServer, parts: ApiParts): void {
  server.get(
    all,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List API keys, the oldest first', operationId: 'listKeys', params: inTailnet },
        description: 'With those that hold no more.',
        querystring: z.strictObject({
          ...{ limit: limitOfWhole, cursor: cursorParam },
          state: z.enum(states).optional().describe('Ours: of these alone.'),
        }),
        response: answers(z.object({ keys: z.array(Key), nextCursor }).meta({ id: 'Keys' })),
      },
    },
    async request => {
      const { limit = null, cursor = null, state = null } = request.query;
      const found = await pageOfApiKeys(requestOf(parts, request), { limit, cursor, state });
      return { keys: found.keys.map(view => bodyOf(view)), nextCursor: found.nextCursor };
    },
  );
  server.get(
    single,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Get an API key', operationId: 'getKey', params: one },
        description: 'What is known of it, never the key itself.',
        response: answers(Key),
      },
    },
    async request => bodyOf(await viewApiKey(requestOf(parts, request), request.params.keyId)),
  );
}

function addScopes(server: ApiServer): void {
  server.get(
    `${all}/scopes`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'List what a key may be allowed', operationId: 'listScopes', params: inTailnet },
        response: answers(z.object({ scopes: z.array(ScopeBody) }).meta({ id: 'Scopes' })),
      },
    },
    async request => {
      const { granted } = callerOf(request);
      return {
        scopes: scopes.map(scope => ({
          ...{ scope, about: scopeCatalogue[scope].about, mayGive: granted.has(scope) },
          includes: scopes.filter(other => other !== scope && includes(scope, other)),
        })),
      };
    },
  );
}

function addWriting(server: ApiServer, parts: ApiParts): void {
  server.post(
    all,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Make an API key', operationId: 'createKey', params: inTailnet },
        description: 'The key is answered this once. It can be given no scope that you lack yourself.',
        body: NewKey,
        response: answers(Key, 409),
      },
    },
    async request => {
      const { description: name, scopes: given, expirySeconds = null } = request.body;
      for (const scope of given) if (isScope(scope)) server.mustHold(request, scope);
      const expiresInMs = expirySeconds === null ? null : expirySeconds * 1_000;
      const wanted = { name, scopes: given, expiresInMs };
      const made = await createApiKey(requestOf(parts, request), wanted).catch(toldBy({ name: 'description' }));
      return bodyOf(made.view, made.key);
    },
  );
  server.delete(
    single,
    {
      ...manage,
      schema: {
        ...{ tags, summary: 'Revoke an API key', operationId: 'deleteKey', params: one },
        description: 'Within a second it holds nowhere any more, and nobody is signed in by it. It stays in the list.',
        response: answers(Nothing),
      },
    },
    async (request, reply) => {
      await revokeApiKeyById(requestOf(parts, request), request.params.keyId);
      return await reply.send(undefined);
    },
  );
}

function bodyOf(view: ApiKeyView, key?: string): z.infer<typeof Key> {
  const {
    id,
    name,
    prefix,
    scopes: given,
    state,
    createdAt,
    createdBy,
    createdByName,
    expiresAt,
    revokedAt,
    lastUsedAt,
  } = view;
  return {
    ...{
      id,
      ...(key === undefined ? {} : { key }),
      keyType: 'api',
      description: name,
      prefix,
      state,
      createdBy,
      createdByName,
    },
    ...{ scopes: given, invalid: state !== 'active' },
    created: createdAt.toISOString(),
    expires: rfc3339(expiresAt),
    revoked: rfc3339(revokedAt),
    lastUsedAt: rfc3339(lastUsedAt),
  };
}
