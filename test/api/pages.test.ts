// Lists in pages, all of them in the same words: a limit, a cursor, and a nextCursor that only the list itself gave out.
import { expect, test } from 'vitest';
import { openApiDocument } from '../../src/cli/openapi-document.ts';
import { startApi } from '../support/api.ts';
import '../support/registered.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { createWorld, tester } from '../support/world.ts';

interface Schema {
  $ref?: string;
  properties?: object;
}

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string }[];
  responses: Record<string, { content?: { 'application/json'?: { schema: Schema } } }>;
}

const document = JSON.parse(await openApiDocument()) as {
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
};
const lists = Object.entries(document.paths)
  .filter(([path]) => path.startsWith('/api/'))
  .flatMap(([path, item]) => Object.entries(item).map(([method, operation]) => ({ path, method, operation })));
const asks = ({ parameters = [] }: Operation, name: string) =>
  parameters.some(parameter => parameter.in === 'query' && parameter.name === name);

/** They tell so many at most of what they sum up, and have no more pages. */
const summaries = [
  ...['getPosture', 'getPolicyImpact'],
  ...['previewPostureIntegration', 'previewPostureIntegrationChange', 'getPostureIntegrationPreview'],
];

test('every list that has a limit has a cursor, and says where to go on in the same word', () => {
  const found = lists.filter(({ operation }) => asks(operation, 'limit') || asks(operation, 'cursor'));
  const told = found.map(({ operation }) => {
    const { $ref, ...answer } = operation.responses['200']?.content?.['application/json']?.schema ?? {};
    const { properties = {} } = document.components.schemas[$ref?.split('/').at(-1) ?? ''] ?? answer;
    return [operation.operationId, asks(operation, 'cursor'), 'nextCursor' in properties];
  });
  expect(told.length).toBeGreaterThan(6);
  for (const [name, hasCursor, hasNext] of told)
    expect([name, hasCursor, hasNext]).toEqual([name, !summaries.includes(String(name)), hasCursor]);
  for (const other of ['after', 'before', 'next', 'offset', 'page'])
    expect(lists.filter(({ operation }) => asks(operation, other))).toEqual([]);
});

test('a cursor that the list did not give out is refused by all of them in the same words', async () => {
  const world = await createWorld();
  await world.integration('hq');
  await world.devices({ id: 'a' });
  const text = '{"postures": {"posture:x": ["node:os == \'linux\'"]}}';
  await applyPolicy({ db: world.db, now: world.now, actor: tester }, { text, ifRevision: null, ifHash: null });
  const api = await startApi({ database: world.database, now: world.now });
  const { endpointId } = (
    await api.call('POST', '/api/v2/tailnet/-/webhooks', {
      endpointUrl: 'https://hooks.example.com/',
      subscriptions: [],
      name: 'w',
    })
  ).body;
  const known: Record<string, string> = { tailnet: '-', integrationId: 'phq', deviceId: 'a', posture: 'x', endpointId };
  const wrong = [
    'x',
    '',
    '%20',
    'WyJ4Il',
    ...['[]', '[-1]', '[1e300]', '["\\u0000"]', '[[]]', '{}', 'null', '["a", 1]'],
  ];
  for (const { path, method, operation } of lists.filter(each => asks(each.operation, 'cursor')))
    for (const cursor of wrong) {
      const written = cursor.startsWith('[') || cursor.startsWith('{') || cursor === 'null';
      const sent = written ? Buffer.from(cursor).toString('base64url') : cursor;
      const url = path.replace(/\{(\w+)\}/g, (_whole, name: string) => known[name] ?? 'x');
      const needed = asks(operation, 'start') ? 'start=2026-01-01T00:00:00Z&end=2026-05-01T00:00:00Z&' : '';
      const answer = await api.call(method.toUpperCase(), `${url}?${needed}cursor=${sent}`);
      const message = 'cursor: it must be a nextCursor that this list gave out';
      expect([path, cursor, answer.status, answer.body]).toEqual([path, cursor, 400, { message }]);
    }
});
