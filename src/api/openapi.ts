// The service's own description: /openapi.json, made of the schemas that requests are checked with. It has every route that is added
// after it, with the scope that each needs.
import { createHash } from 'node:crypto';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { type Description, keyRefusals } from '../http/described.ts';
import { isKnown } from '../http/entity-tags.ts';
import { anyKey, noKey } from '../http/guard.ts';
import { ifNoneMatch, Unchanged } from './common.ts';
import { tidied } from './openapi-tidy.ts';
import { addReferencePage } from './reference-page.ts';

const about = `Administration is served as Tailscale's API has it, so that its clients work with another base URL; what is ours stands in
added fields and paths. Keys are sent as bearer token, or as user name of basic authentication with an empty password. Every error is
\`{"message": "..."}\`.`;

const described: Description = {
  ...{ tags: ['Service'], summary: 'Get the description of all routes', operationId: 'getOpenApi' },
  headers: ifNoneMatch,
  response: {
    200: z.looseObject({ openapi: z.string() }).describe('OpenAPI 3.1.'),
    304: Unchanged,
    ...keyRefusals(),
  },
};

/** Call before any route is added. @param publicUrl PUBLIC_URL */
export async function addOpenApi(
  server: FastifyInstance,
  { version, publicUrl }: { version: string; publicUrl: string },
): Promise<void> {
  const zodToJsonConfig = { unrepresentable: 'any' } as const;
  const transform = createJsonSchemaTransform({ skipList: [], zodToJsonConfig });
  const withNames = createJsonSchemaTransformObject({ zodToJsonConfig });
  await server.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: { title: 'posture-sync', version, description: about },
      servers: [{ url: publicUrl }],
      components: {
        securitySchemes: { bearer: { type: 'http', scheme: 'bearer' }, basic: { type: 'http', scheme: 'basic' } },
      },
    },
    transformObject: document => tidied(withNames(document)),
    transform: document => {
      const { scope = noKey, described } = document.route.config ?? {};
      const { schema, url } = transform(described === undefined ? document : { ...document, schema: described });
      // Generated clients that are given a key and no more send it by the last one that is named.
      const security = scope === noKey ? [] : [{ basic: [] }, { bearer: [] }];
      const also = document.route.config?.alsoScope;
      const scopes = { 'x-scope': scope, ...(also === undefined ? {} : { 'x-scope-also': also }) };
      return { url, schema: { ...schema, security, ...scopes } };
    },
  });
  addReferencePage(server, () => server.swagger());
  let text: string | null = null;
  let tag: string | null = null;
  server.get('/openapi.json', { config: { scope: anyKey, isBare: true, described } }, (request, reply) => {
    text ??= JSON.stringify(server.swagger());
    tag ??= createHash('sha256').update(text).digest('hex');
    reply.headers({ etag: `"${tag}"`, 'cache-control': 'no-cache' });
    if (isKnown(request.headers['if-none-match'], tag)) return void reply.code(304).send();
    reply.type('application/json; charset=utf-8').send(text);
  });
}
