// Holds every answer of a server in tests against the OpenAPI file: its status, its type and its body must be described there, and the
// body may have no field that the file does not name. Looks on at what is sent, also at streams, and changes nothing.
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type { FastifyInstance } from 'fastify';

type Json = Record<string, unknown>;

interface Answer {
  $ref?: string;
  content?: Record<string, { schema?: Json }>;
}

interface Document {
  paths: Record<string, Record<string, { responses: Record<string, Answer> }>>;
  components: { responses: Record<string, Answer>; schemas: Json };
}

const file = new URL('../../docs/openapi.json', import.meta.url);
const document = closed(JSON.parse(readFileSync(file, 'utf8'))) as Document;

/** Answers may get more fields in a later version, and so the file leaves them open; today they have those that it names. */
function closed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(closed);
  if (typeof value !== 'object' || value === null) return value;
  const inner = Object.fromEntries(Object.entries(value).map(([name, each]) => [name, closed(each)]));
  const isOpen = inner.type === 'object' && 'properties' in inner && !('additionalProperties' in inner);
  return isOpen ? { ...inner, additionalProperties: false } : inner;
}

const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, allErrors: true, validateFormats: true });
formats.default(ajv);
const withRefs = (schema: Json): Json =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components/schemas/', '"file#/$defs/'));
ajv.addSchema({ $id: 'file', $defs: withRefs(document.components.schemas) });

const validators = new WeakMap<Json, ValidateFunction>();

/** @returns what is wrong with a value; null: nothing */
function faultOf(schema: Json, value: unknown): string | null {
  let validate = validators.get(schema);
  if (validate === undefined) {
    validate = ajv.compile(withRefs(schema));
    validators.set(schema, validate);
  }
  if (validate(value)) return null;
  const wrong = validate.errors?.map(
    ({ instancePath, message, params }) => `${instancePath} ${message} ${JSON.stringify(params)}`,
  );
  return wrong?.join('; ') ?? 'it is wrong';
}

const resolved = ({ $ref, ...answer }: Answer): Answer =>
  $ref === undefined ? answer : (document.components.responses[$ref.split('/').at(-1) ?? ''] ?? {});

/** What the framework makes up where a route says nothing. */
const nothingSaid = JSON.stringify({ 200: { description: 'Done.' } });

/** @returns paths of which the file does not say what they answer */
export function undescribedPaths(): string[] {
  const found = Object.entries(document.paths).filter(([, item]) =>
    Object.values(item).some(({ responses }) => JSON.stringify(responses) === nothingSaid),
  );
  return found.map(([path]) => path).sort();
}

export interface Sent {
  method: string;
  /** As routes are written: `/device/:id`; null where there is no route. */
  route: string | null;
  status: number;
  type: string | null;
  body: string;
}

const standard = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);
const error = { $ref: '#/components/schemas/Error' };

/** @returns what of an answer the file does not say; null: nothing */
export function undescribed({ method, route, status, type, body }: Sent): string | null {
  const said = `${method} ${route ?? 'of nothing'} answered ${status}`;
  // What has no route, or is refused before one is found.
  if (route === null)
    return [401, 404, 405, 429].includes(status)
      ? bodyFault(said, method, error, type, body)
      : `${said}, which nothing does`;
  const path = route.replace(/:(\w+)/g, '{$1}').replace('*', '{path}');
  const item = document.paths[path];
  // Routes of tests: of those of the service none is missing there, as described.test.ts sees to.
  if (item === undefined) return null;
  // Paths that take every method are described by those that OpenAPI knows; HEAD is answered wherever GET is.
  const isUnknown = method === 'HEAD' || !standard.has(method.toLowerCase());
  const operation = item[method.toLowerCase()] ?? (isUnknown ? item.get : undefined);
  const described = operation?.responses[String(status)];
  if (described === undefined) return `${said}, a status that is not described`;
  const { content } = resolved(described);
  if (method === 'HEAD') return null;
  if (content === undefined) return body === '' ? null : `${said} with a body, and none is described: ${body}`;
  const schema = content[type ?? '']?.schema;
  if (schema === undefined) return `${said} as ${type}; described are ${Object.keys(content).join(', ')}`;
  return bodyFault(said, method, schema, type, body);
}

function bodyFault(said: string, method: string, schema: Json, type: string | null, body: string): string | null {
  if (method === 'HEAD') return null;
  if (type !== 'application/json') return faultOf(schema, body);
  try {
    const fault = faultOf(schema, JSON.parse(body));
    return fault === null ? null : `${said}: ${fault} in ${body.slice(0, 500)}`;
  } catch (failure) {
    return `${said} with what is no JSON (${failure}): ${body.slice(0, 500)}`;
  }
}

/**
 * Looks on at a server from now on, also at what comes by the short way, past its router.
 * @returns what was answered and is not described
 */
export function watchAnswers(server: FastifyInstance): string[] {
  const faults: string[] = [];
  const routes = new WeakMap<ServerResponse, string | null>();
  server.addHook('onSend', ({ is404, routeOptions }, { raw }, payload, next) => {
    routes.set(raw, is404 ? null : (routeOptions.url ?? null));
    next(null, payload);
  });
  server.server.prependListener('request', ({ method = '', url = '' }: IncomingMessage, response: ServerResponse) => {
    keepAnswer(response, (type, body) => {
      const route = routes.has(response) ? (routes.get(response) ?? null) : pathOf(url);
      const fault = undescribed({ method, route, status: response.statusCode, type, body });
      if (fault !== null) faults.push(fault);
    });
  });
  return faults;
}

const names = (path: string) => path.split('{').length;
/** The router prefers those with fewer names, too. */
const patterns = Object.keys(document.paths)
  .sort((a, b) => names(a) - names(b))
  .map(path => {
    const pattern = path
      .replace(/[.]/g, '\\$&')
      .replace('/{path}', '/.*')
      .replace(/\{\w+\}/g, '[^/]+');
    return [path, new RegExp(`^${pattern}(\\?|$)`)] as const;
  });

/** @returns the path of the file that a URL is of, or the URL */
function pathOf(url: string): string {
  return patterns.find(([, pattern]) => pattern.test(url))?.[0] ?? url;
}

/** Calls back with the type and all that was sent, unless it was cut or is packed. */
function keepAnswer(raw: ServerResponse, whole: (type: string | null, body: string) => void): void {
  const pieces: Buffer[] = [];
  const keep = (piece: unknown) => {
    if (typeof piece === 'string') pieces.push(Buffer.from(piece));
    else if (piece instanceof Uint8Array) pieces.push(Buffer.from(piece));
  };
  let headers: Record<string, unknown> = {};
  const { write, end, writeHead } = raw;
  raw.writeHead = function (this: ServerResponse, status: number, ...given: unknown[]) {
    headers = { ...raw.getHeaders(), ...named(given.at(-1)) };
    return writeHead.call(this, status, ...(given as []));
  } as never;
  raw.write = function (this: ServerResponse, ...given: unknown[]) {
    keep(given[0]);
    return write.apply(this, given as never);
  } as never;
  raw.end = function (this: ServerResponse, ...given: unknown[]) {
    keep(given[0]);
    return end.apply(this, given as never);
  } as never;
  raw.once('finish', () => {
    if (headers['content-encoding'] !== undefined) return;
    const [type = ''] = String(headers['content-type'] ?? '').split(';');
    whole(type === '' ? null : type, Buffer.concat(pieces).toString());
  });
}

/** Headers come as an object, or each name followed by its value. */
function named(headers: unknown): Record<string, unknown> {
  if (!Array.isArray(headers)) return typeof headers === 'object' && headers !== null ? { ...headers } : {};
  return Object.fromEntries(headers.flatMap((name, at) => (at % 2 === 0 ? [[name, headers[at + 1]]] : [])));
}

/** @returns every operation of the file: `GET /api/v2/device/{deviceId}` */
export function describedOperations(): string[] {
  return Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map(method => `${method.toUpperCase()} ${path}`),
  );
}
