// Makes the description one that clients are generated from gladly: every refusal by its status, components that are used and no
// others, under plain names, and no words of JSON Schema that say nothing.

type Json = Record<string, unknown>;

const standard = new Set(['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']);

/** What every refusal and failure is called, and when it comes. */
const refusals: Readonly<Record<string, readonly [name: string, description: string, header?: string]>> = {
  400: ['Invalid', 'Something is wrong with the request; the message names the field.'],
  401: ['Unauthorized', 'No key was sent, or one that does not hold.', 'WWW-Authenticate'],
  403: ['Forbidden', 'The key has not the scope that is needed; the message names it.'],
  404: ['NotFound', 'What is asked for is not there.'],
  409: ['Conflict', 'It does not go with what is there already; the message says with what.'],
  410: ['Gone', 'It was there, and is not any more.'],
  412: ['PreconditionFailed', 'Not in the state that was asked for; nothing was changed.'],
  413: ['TooLarge', 'The body is too large.'],
  414: ['NameTooLong', 'A name in the path is too long.'],
  415: ['UnsupportedType', 'The body is of a type that is not taken here.'],
  429: ['TooManyRequests', 'Too many requests; ask again later.', 'Retry-After'],
  431: ['HeadersTooLarge', 'The address with its query is too long, or the headers are.'],
  500: ['Failed', 'A fault of the service; its log has it under the answer’s `x-request-id`.'],
  503: [
    'Unavailable',
    'The database is away or busy, or this process cannot do it; nothing was changed.',
    'Retry-After',
  ],
};
/** What any route may answer that needs a key and describes its errors; besides those with names in their path, or with bodies. */
const usual = ['400', '401', '403', '404', '429', '431', '500', '503'];
const ofNames = ['414'];
const ofBodies = ['413', '415'];
const headers: Readonly<Record<string, string>> = {
  'WWW-Authenticate': 'Which way of sending a key is asked for.',
  'Retry-After': 'Seconds.',
};

/**
 * @param document of OpenAPI 3.1
 * @returns the same, tidied
 */
export function tidied<T extends object>(document: T): T {
  const { paths = {}, components = {}, ...rest } = document as { paths?: Json; components?: Json };
  const used = new Set<string>();
  const names = new Set<string>();
  const tidyPaths = Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [plainPath(path), itemOf(item as Json, used, names)] as const),
  );
  const responses = Object.fromEntries([...used].sort().map(status => [refusals[status]?.[0] ?? '', refusal(status)]));
  const whole = { ...rest, components: { ...components, responses }, paths: tidyPaths };
  return withPlainNames(withoutNoise(whole) as Json) as T;
}

/** What follows behind a path has a name in OpenAPI. */
const plainPath = (path: string) => path.replace('{*}', '{path}');

/** Paths for gateways answer every method that there is, and OpenAPI knows eight, each an operation with a name of its own. */
function itemOf(item: Json, used: Set<string>, names: Set<string>): Json {
  return Object.fromEntries(
    Object.entries(item)
      .filter(([method]) => standard.has(method))
      .map(([method, operation]) => [method, named(method, operationOf(method, operation as Json, used), names)]),
  );
}

function named(method: string, operation: Json, names: Set<string>): Json {
  const { operationId: name } = operation;
  if (typeof name !== 'string') return operation;
  const own = names.has(name) ? `${name}By${method[0]?.toUpperCase()}${method.slice(1)}` : name;
  names.add(own);
  return { ...operation, operationId: own };
}

function operationOf(method: string, operation: Json, used: Set<string>): Json {
  const { '4XX': refused, '5XX': failed, ...given } = (operation.responses ?? {}) as Record<string, Json>;
  const parameters = (operation.parameters as Json[] | undefined)?.map(parameterOf);
  const answers: Json = {};
  for (const [status, answer] of Object.entries(given))
    answers[status] =
      status in refusals && isPlainError(answer) ? refer(status, used) : opened(describedOf(status, answer));
  if (refused !== undefined && failed !== undefined) {
    const hasNames = parameters?.some(parameter => parameter.in === 'path') ?? false;
    const also = [...(hasNames ? ofNames : []), ...(method === 'get' ? [] : ofBodies)];
    for (const status of [...usual, ...also]) answers[status] ??= refer(status, used);
  }
  const requestBody = operation.requestBody === undefined ? {} : { requestBody: bodyOf(operation.requestBody as Json) };
  return { ...operation, ...(parameters === undefined ? {} : { parameters }), ...requestBody, responses: answers };
}

const huJson = 'application/hujson';

/** A body that may be null is one that need not be sent; what may be HuJSON may as well be JSON, which clients can make of values. */
function bodyOf(body: Json): Json {
  const content = Object.entries(body.content as Record<string, { schema: Json & { anyOf?: Json[] } }>);
  const isNeeded = content.every(([, { schema }]) => !schema.anyOf?.some(isNull));
  const forms = content.map(([type, form]) => [type, { ...form, schema: withoutNull(form.schema) }] as const);
  const json = content.some(([type]) => type === huJson) ? { 'application/json': { schema: anyObject } } : {};
  return { ...body, required: isNeeded, content: { ...json, ...Object.fromEntries(forms) } };
}

const anyObject = { type: 'object', additionalProperties: true, description: 'The same as JSON.' };
const isNull = ({ type }: Json) => type === 'null';

function withoutNull(schema: Json & { anyOf?: Json[] }): Json {
  const [only, ...others] = schema.anyOf?.filter(each => !isNull(each)) ?? [];
  return only === undefined || others.length > 0 ? schema : only;
}

function refer(status: string, used: Set<string>): Json {
  used.add(status);
  return { $ref: `#/components/responses/${refusals[status]?.[0]}` };
}

/** Nothing but the error that every route may answer, and no words of its own. */
function isPlainError({ description, content }: Json): boolean {
  const plain = { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } };
  return description === unsaid && JSON.stringify(content) === JSON.stringify(plain);
}

/** The framework needs some description of each, and makes this up. */
const unsaid = 'Default Response';

function describedOf(status: string, answer: Json): Json {
  if (answer.description !== unsaid) return answer;
  return { ...answer, description: refusals[status]?.[1] ?? 'Done.' };
}

function refusal(status: string): Json {
  const [, description, header] = refusals[status] ?? [];
  const schema = header === 'Retry-After' ? { type: 'integer' } : { type: 'string' };
  return {
    description,
    ...(header === undefined ? {} : { headers: { [header]: { description: headers[header], schema } } }),
    content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
  };
}

/** One value, or several by the same name, is a list to a client. */
function parameterOf(parameter: Json): Json {
  const { anyOf, ...rest } = (parameter.schema ?? {}) as Json & { anyOf?: Json[] };
  const list = parameter.in === 'query' ? anyOf?.find(({ type }) => type === 'array') : undefined;
  return list === undefined ? parameter : { ...parameter, schema: { ...rest, ...list } };
}

/** That names are texts goes without saying. */
function withoutNoise(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNoise);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name, inner]) => {
    return name !== 'propertyNames' || JSON.stringify(inner) !== '{"type":"string"}';
  });
  return Object.fromEntries(entries.map(([name, inner]) => [name, withoutNoise(inner)]));
}

/**
 * An answer may have more fields in a later version, so clients are not told that there are no others; nor that numbers are within
 * what JavaScript can count to.
 */
function opened(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(opened);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([name, inner]) => {
    if (name === 'maximum' || name === 'minimum') return Math.abs(inner as number) !== Number.MAX_SAFE_INTEGER;
    return name !== 'additionalProperties' || inner !== false;
  });
  return Object.fromEntries(entries.map(([name, inner]) => [name, opened(inner)]));
}

const prefix = '#/components/schemas/';
const isOfRequests = (name: string) => name.endsWith('Input');

/**
 * The generator has two components of each schema, one for requests and one for answers. What nobody refers to goes, and what is
 * referred to in requests alone, or is the same in both, has the plain name.
 */
function withPlainNames(document: Json): Json {
  const components = document.components as Json & { schemas: Record<string, Json> };
  const answers = Object.fromEntries(
    Object.entries(components.schemas).map(([name, schema]) => [name, isOfRequests(name) ? schema : opened(schema)]),
  ) as Record<string, unknown>;
  const found = new Set<string>();
  const look = (value: unknown) => {
    for (const [, name = ''] of JSON.stringify(value).matchAll(/"#\/components\/schemas\/([^"]+)"/g)) {
      if (found.has(name)) continue;
      found.add(name);
      look(answers[name]);
    }
  };
  look([document.paths, components.responses]);
  const plain = (name: string) => {
    const short = name.replace(/Input$/, '');
    return found.has(short) && JSON.stringify(answers[short]) !== JSON.stringify(answers[name]) ? name : short;
  };
  const renamed = (value: unknown) =>
    JSON.parse(JSON.stringify(value), (key, inner) =>
      key === '$ref' && String(inner).startsWith(prefix) ? `${prefix}${plain(inner.slice(prefix.length))}` : inner,
    );
  const schemas: Json = {};
  for (const name of [...found].sort()) schemas[plain(name)] = renamed(answers[name]);
  return { ...renamed({ ...document, components: undefined }), components: { ...renamed(components), schemas } };
}
