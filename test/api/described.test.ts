// The OpenAPI file has every route there is, and says all that each answers. That answers are as it says is held by every test that
// starts a service: see support/described.ts, which this shows to notice.
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { describe, expect, it } from 'vitest';
import { addOpenApi } from '../../src/api/openapi.ts';
import { openApiDocument } from '../../src/cli/openapi-document.ts';
import { addRoutes, type RouteParts } from '../../src/cli/service.ts';
import type { FeedParts } from '../../src/gateway/changes.ts';
import { anyKey } from '../../src/http/guard.ts';
import { createServer } from '../../src/http/server.ts';
import { createStreams } from '../../src/http/streams.ts';
import { createLog } from '../../src/log.ts';
import { describedOperations, type Sent, undescribed, undescribedPaths } from '../support/described.ts';
import { startService } from '../support/http.ts';
import { send } from '../support/wire-request.ts';

// biome-ignore lint/suspicious/noExplicitAny: each test knows where it looks
const document: any = JSON.parse(await openApiDocument());

/** Every route as the router has it, by path and method. */
async function routesOfTheRouter(): Promise<string[]> {
  const found: string[] = [];
  const nothing = {} as never;
  const describe = async (server: FastifyInstance) => {
    server.addHook('onRoute', ({ url, method }) => void found.push(...[method].flat().map(each => `${each} ${url}`)));
    await addOpenApi(server, { version: '0', publicUrl: 'http://127.0.0.1:8080' });
  };
  const unreadiness = async () => [];
  const log = createLog('silent');
  const server = await createServer({
    log,
    trustedProxies: [],
    keys: nothing,
    refusals: nothing,
    unreadiness,
    describe,
  });
  const known = {
    ...{ publicUrl: 'http://127.0.0.1:8080', identifyBy: [], trustedProxies: [], tailnet: 'default' },
    signIn: { openId: null },
  };
  addRoutes(server, known as unknown as RouteParts, { streams: createStreams(server) } as FeedParts);
  await server.ready();
  await server.close();
  return found;
}

describe('the OpenAPI file', () => {
  it('has every route that there is', async () => {
    const methods = /^(GET|PUT|POST|DELETE|OPTIONS|PATCH|TRACE) /;
    const there = (await routesOfTheRouter())
      .filter(route => methods.test(route))
      .map(route => route.replace(/:(\w+)/g, '{$1}').replace('*', '{path}'));
    expect(there.length).toBeGreaterThan(50);
    const described = new Set(describedOperations());
    expect(there.filter(route => !described.has(route))).toEqual([]);
  });

  it('says what every route answers', () => {
    expect(undescribedPaths()).toEqual([]);
  });

  it('refers to nothing that it lacks, and has no component that nobody uses', async () => {
    const text = JSON.stringify(document);
    const used = new Set([...text.matchAll(/"#\/components\/(\w+\/[^"]+)"/g)].map(([, name]) => name));
    const { schemas, responses } = document.components;
    const there = [
      ...Object.keys(schemas).map(name => `schemas/${name}`),
      ...Object.keys(responses).map(name => `responses/${name}`),
    ];
    expect([...used].sort()).toEqual(there.sort());
    expect(there.filter(name => /Input$|__/.test(name))).toEqual([]);
  });
});

describe('what clients are told of it', () => {
  const operations = document.paths;
  const parameter = (path: string, method: string, name: string) =>
    operations[path]?.[method]?.parameters?.find((each: { name: string }) => each.name === name)?.schema;

  it('has the bounds of what is sent, and leaves answers open for fields of later versions', () => {
    const run = '/api/v2/posture/integrations/{integrationId}/runs/{runId}';
    expect(parameter(run, 'get', 'runId')).toMatchObject({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
    const attribute = '/api/v2/device/{deviceId}/attributes/{attributeKey}';
    expect(parameter(attribute, 'post', 'attributeKey')).toMatchObject({ maxLength: 128 });
    const { Device, NewDevice } = document.components.schemas;
    expect([Device.additionalProperties, NewDevice.additionalProperties]).toEqual([undefined, false]);
  });

  it('has lists where a parameter may be repeated, and bodies that may be absent', () => {
    const tags = parameter('/api/v2/tailnet/{tailnet}/devices', 'get', 'tags');
    expect(tags).toMatchObject({ type: 'array', items: { type: 'string' } });
    const { requestBody } = operations['/api/v2/tailnet/{tailnet}/acl']?.post ?? {};
    expect(requestBody).toMatchObject({
      required: false,
      content: { 'application/json': {}, 'application/hujson': {} },
    });
  });

  it('has each refusal by its status, and the way of sending a key that most clients take last', () => {
    const list = operations['/api/v2/tailnet/{tailnet}/posture/integrations'];
    const ofAll = ['400', '401', '403', '404', '414', '429', '431', '500', '503'];
    expect(Object.keys(list?.get?.responses ?? {})).toEqual(['200', ...ofAll].sort());
    expect(Object.keys(list?.post?.responses ?? {})).toEqual(['200', '409', '413', '415', ...ofAll].sort());
    expect(list?.get?.security).toEqual([{ basic: [] }, { bearer: [] }]);
  });
});

describe('an answer that is not as the file says', () => {
  const device = {
    ...{ id: 'a', nodeId: 'a', name: 'a', hostname: '', user: '', os: '', addresses: [], tags: [] },
    created: '2026-11-20T16:00:00.000Z',
  };
  const sent = (change: Partial<Sent> & { value?: unknown }): Sent => ({
    ...{ method: 'GET', route: '/api/v2/device/:deviceId', status: 200, type: 'application/json' },
    body: JSON.stringify(change.value ?? device),
    ...change,
  });

  it.each([
    ['has a status that is not described', sent({ status: 418 })],
    ['has another type', sent({ type: 'text/plain' })],
    ['has no type', sent({ type: null })],
    ['lacks a field', sent({ value: { ...device, id: undefined } })],
    ['has a field that is not described', sent({ value: { ...device, secret: 'x' } })],
    ['has a field of another type', sent({ value: { ...device, tags: 'x' } })],
    ['has a time that is none', sent({ value: { ...device, created: 'yesterday' } })],
    ['is no JSON', sent({ body: '{' })],
    ['has a body where none is described', sent({ method: 'DELETE' })],
    ['is an error without a message', sent({ status: 404, value: { error: 'x' } })],
    ['is of no route and no refusal', sent({ route: null })],
  ])('is noticed where it %s', (_what, answer) => {
    expect(undescribed(sent({}))).toBeNull();
    expect(undescribed(answer)).toEqual(expect.any(String));
  });

  it('fails the test whose service gave it, also where it came as a stream', async () => {
    const { faults, url, key } = await startService({
      routes: server => {
        server.get('/api/v2/device/:deviceId', { config: { scope: anyKey } }, (_request, reply) =>
          reply.type('application/json').send(Readable.from(['{"id":', '"a"}'])),
        );
      },
    });
    const headers = { authorization: `Bearer ${await key('any', ['devices:report'])}` };
    await fetch(`${url}/nowhere`, { headers });
    expect(faults).toEqual([]);
    await (await fetch(`${url}/api/v2/device/a`, { headers })).text();
    expect(faults).toEqual([expect.stringContaining("must have required property 'nodeId'")]);
    faults.length = 0;
  });

  it('fails it also where the answer came past the router', async () => {
    const { faults, url, key } = await startService({
      routes: server => {
        const read = () => () => ({ status: 418, headers: ['content-type', 'application/json'], body: '{}' });
        server.addShortWay({ scope: 'gateway:decide', route: 'none', read });
      },
    });
    const headers = [['Authorization', `Bearer ${await key('nginx', ['gateway:decide'])}`]] as const;
    const { status } = await send(url, '/gateway/check/policy/a?b', { behind: '/gateway/whoami', headers });
    expect(status).toBe(418);
    expect(faults).toEqual(['GET /gateway/check/policy/{path} answered 418, a status that is not described']);
    faults.length = 0;
  });
});
