// Every route of administration against what it should refuse, by its own description: wrong types, missing and unknown fields, bodies
// that are no JSON, deep or huge ones, control characters, broken encodings. Always a 4xx that names the field; nothing changes.
// BAD_INPUT_CASES=1000 tries so many bodies of each route.
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/cli/openapi-document.ts';
import { type Answered, startApi } from '../support/api.ts';
import '../support/registered.ts';
import { createWorld } from '../support/world.ts';

const casesARoute = Number(process.env.BAD_INPUT_CASES ?? 300);
/** A path has fewer places for what is wrong than a body. */
const pathsARoute = Math.ceil(casesARoute / 5);

interface Schema {
  $ref?: string;
  type?: string | string[];
  enum?: unknown[];
  properties?: Record<string, Schema>;
  required?: string[];
  anyOf?: Schema[];
  additionalProperties?: unknown;
}

interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema: Schema }[];
  requestBody?: { content?: Record<string, { schema?: Schema }> };
}

const document = JSON.parse(await openApiDocument()) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
const operations = Object.entries(document.paths)
  .filter(([path]) => path.startsWith('/api/'))
  .flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ method, path, operation })));

const resolved = (schema: Schema): Schema =>
  schema.$ref === undefined ? schema : (document.components.schemas[schema.$ref.split('/').at(-1) ?? ''] ?? {});

function typesOf(schema: Schema): Set<string> {
  const { type, anyOf, enum: known } = resolved(schema);
  if (anyOf !== undefined) return new Set(anyOf.flatMap(each => [...typesOf(each)]));
  if (known !== undefined) return new Set(known.map(value => (value === null ? 'null' : typeof value)));
  return new Set(type === undefined ? ['anything'] : [type].flat().map(name => (name === 'integer' ? 'number' : name)));
}

const samples: Record<string, fc.Arbitrary<unknown>> = {
  string: fc.string({ maxLength: 20 }),
  number: fc.double({ noNaN: true, noDefaultInfinity: true }),
  boolean: fc.boolean(),
  null: fc.constant(null),
  array: fc.array(fc.jsonValue(), { maxLength: 3 }),
  object: fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue(), { maxKeys: 3 }),
};

/** A value of a type that the schema has not; null where it takes anything. */
function wrongFor(schema: Schema): fc.Arbitrary<unknown> | null {
  const types = typesOf(schema);
  if (types.has('anything')) return null;
  const others = Object.entries(samples).filter(([type]) => !types.has(type));
  return others.length === 0 ? null : fc.oneof(...others.map(([, sample]) => sample));
}

interface Wrong {
  body: string | Uint8Array;
  /** The message must name one of these; none: that it is refused is enough. */
  names: readonly string[];
}

const json = (value: unknown, names: readonly string[]): Wrong => ({ body: JSON.stringify(value), names });
const deep = (depth: number) => `${'{"a":['.repeat(depth)}${']}'.repeat(depth)}`;

function wrongBodies(schema: Schema): fc.Arbitrary<Wrong> {
  const { properties = {}, required = [] } = resolved(schema);
  const wrongFields = Object.entries(properties).flatMap(([name, field]) => {
    const wrong = wrongFor(field);
    return wrong === null ? [] : [wrong.map(value => json({ [name]: value }, [name, ...required]))];
  });
  const unknown = fc
    .string({ minLength: 1, maxLength: 10 })
    .filter(name => !(name in properties) && name !== '__proto__');
  return fc.oneof(
    ...wrongFields,
    ...(required.length === 0 ? [] : [fc.constant(json({}, required))]),
    unknown.map(name => json({ [name]: 1 }, [name, ...required])),
    ...Object.keys(properties).map(name => fc.constant(json({ [name]: 'a\0b' }, [name]))),
    fc
      .oneof(samples.string ?? fc.string(), fc.integer(), fc.boolean(), samples.array ?? fc.string())
      .map(value => json(value, ['the body'])),
    fc.string({ maxLength: 20 }).map(text => ({ body: `{"${text}`, names: [] })),
    fc
      .uint8Array({ minLength: 1, maxLength: 20 })
      .map(bytes => ({ body: Uint8Array.of(0x7b, 0xff, ...bytes), names: [] })),
    fc.integer({ min: 1, max: 50_000 }).map(depth => ({ body: deep(depth), names: [] })),
    fc.constant({ body: `{"x":"${'y'.repeat(1_100_000)}"}`, names: [] }),
  );
}

// One for all routes: each test sees that nothing changed.
const world = await createWorld();
await world.integration('hq');
await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
const api = await startApi({ database: world.database, now: world.now, endsBy: afterAll });
/** The last write, leaving out those that tell of refused requests. */
const revision = async () =>
  (await world.db.query("select max(revision) from revisions where cause <> 'requests refused'")).rows[0].max;

const known: Record<string, string> = {
  ...{ tailnet: '-', integrationId: 'phq', runId: '1', deviceId: 'a', attributeKey: 'custom:a', endpointId: 'w' },
};

function refused({ status, body }: Answered, what: unknown): void {
  const isRefused = status >= 400 && status < 500;
  expect([what, isRefused ? 'refused' : status, typeof body.message]).toEqual([what, 'refused', 'string']);
}

describe.each(operations.map(each => [`${each.method.toUpperCase()} ${each.path}`, each] as const))('%s', (_, each) => {
  const { path, operation } = each;
  const method = each.method.toUpperCase();
  // A policy is a document with errors of its own, which test/posture and policy-file.test.ts have.
  const { 'application/hujson': policy, 'application/json': json } = operation.requestBody?.content ?? {};
  const schema = policy === undefined ? json?.schema : undefined;

  if (schema !== undefined)
    it(`refuses ${casesARoute} bodies by the field, and nothing changes`, async () => {
      const before = await revision();
      const url = path.replace(/\{(\w+)\}/g, (_whole, name: string) => known[name] ?? 'x');
      await fc.assert(
        fc.asyncProperty(wrongBodies(schema), async ({ body, names }) => {
          const answer = await api.call(method, url, body);
          refused(answer, typeof body === 'string' ? body.slice(0, 200) : [...body]);
          // Signing in may be tried so often and no more: the first hundred say it.
          if (names.length > 0 && answer.status !== 429)
            expect(names.some(name => answer.body.message.includes(name))).toBe(true);
        }),
        { numRuns: casesARoute, seed: 7 },
      );
      expect(await revision()).toBe(before);
    });

  it('refuses paths that nobody has, and unknown fields of the query', async () => {
    const before = await revision();
    const texts = fc.string({ unit: 'binary', minLength: 1, maxLength: 30 });
    const body = schema === undefined ? undefined : {};
    const ask = async (text: string, query = '') => {
      const broken = path.replace(/\{(\w+)\}/g, encodeURIComponent(text.toWellFormed()));
      refused(await api.call(method, `${broken}${query}`, body), text);
    };
    if (path.includes('{'))
      await fc.assert(
        fc.asyncProperty(texts, text => ask(text)),
        { numRuns: pathsARoute, seed: 7 },
      );
    else refused(await api.call(method, `${path}?nobody-has-it=1`, body), path);
    for (const text of path.includes('{') ? ['%', '%00', '%c3%28', '..', '.', '%2e%2e%2f', 'x'.repeat(600)] : [])
      refused(await api.call(method, path.replace(/\{(\w+)\}/g, text), body), text);
    expect(await revision()).toBe(before);
  });
});
