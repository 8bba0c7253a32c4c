// The service's own description: /openapi.json, made of the schemas that requests are checked with. It has every route that is added
// after it, with the scope that each needs.
import { createHash } from 'node:crypto';
import swagger from '@fastify/swagger';
import type { FastifyInstance } from 'fastify';
import { createJsonSchemaTransform, createJsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { isKnown } from '../http/entity-tags.ts';
import { anyKey, noKey } from '../http/guard.ts';
import { addReferencePage } from './reference-page.ts';

const about = `Administration is served as Tailscale's API has it, so that its clients work with another base URL; what is ours stands in
added fields and paths. Keys are sent as bearer token, or as user name of basic authentication with an empty password. Every error is
\`{"message": "..."}\`.`;

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
    transformObject: document => plain(withNames(document)),
    transform: document => {
      const { scope = noKey, described } = document.route.config ?? {};
      const { schema, url } = transform(described === undefined ? document : { ...document, schema: described });
      const security = scope === noKey ? [] : [{ bearer: [] }, { basic: [] }];
      const also = document.route.config?.alsoScope;
      const scopes = { 'x-scope': scope, ...(also === undefined ? {} : { 'x-scope-also': also }) };
      return { url, schema: { ...schema, security, ...scopes } };
    },
  });
  addReferencePage(server, () => server.swagger());
  let text: string | null = null;
  let tag: string | null = null;
  server.get('/openapi.json', { config: { scope: anyKey, isBare: true }, schema: { hide: true } }, (request, reply) => {
    text ??= JSON.stringify(server.swagger());
    tag ??= createHash('sha256').update(text).digest('hex');
    reply.headers({ etag: `"${tag}"`, 'cache-control': 'no-cache' });
    if (isKnown(request.headers['if-none-match'], tag)) return void reply.code(304).send();
    reply.type('application/json; charset=utf-8').send(text);
  });
}

const standard = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

/**
 * Paths for gateways answer every method that there is, and OpenAPI knows eight, each an operation with a name of its own; what
 * follows behind a path has a name there.
 */
function plain<T extends { paths?: object }>(document: T): T {
  const names = new Set<string>();
  const named = (method: string, operation: Operation): Operation => {
    const { operationId: name } = operation;
    if (name === undefined) return operation;
    const own = names.has(name) ? `${name}By${method[0]?.toUpperCase()}${method.slice(1)}` : name;
    names.add(own);
    return { ...operation, operationId: own };
  };
  const paths = Object.entries(document.paths ?? {}).map(([path, item]: [string, Record<string, Operation>]) => {
    const operations = Object.entries(item).filter(([method]) => standard.has(method));
    const told = operations.map(([method, operation]) => [method, named(method, operation)]);
    return [path.replace('{*}', '{path}'), Object.fromEntries(told)] as const;
  });
  return { ...document, paths: Object.fromEntries(paths) };
}

interface Operation {
  operationId?: string;
}
