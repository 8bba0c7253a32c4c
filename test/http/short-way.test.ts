// The short way past the router: what it takes, and what goes the usual way although it could be taken. That both answer the same
// is shown where they are used (test/gateway/forward-auth.test.ts).
import { once } from 'node:events';
import http from 'node:http';
import { text } from 'node:stream/consumers';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { Latency } from '../../src/http/latencies.ts';
import { revokeApiKey } from '../../src/operations/keys.ts';
import { startService, type TestService } from '../support/http.ts';
import { send, type WireRequest } from '../support/wire-request.ts';
import { tester } from '../support/world.ts';

describe('the short way', () => {
  let service: TestService;
  let key: string;
  let isFull: boolean;
  let latencies: () => readonly Latency[];

  const start = async (drainMs = 0) => {
    isFull = false;
    service = await startService({
      drainMs,
      limiter: { take: () => (isFull ? 7 : 0) },
      routes: server => {
        latencies = () => server.latencies.read();
        for (const path of ['/quick', '/quick/:what'])
          server.route({
            method: ['GET', 'POST'],
            url: path,
            config: { scope: 'gateway:decide', isBare: true },
            handler: async () => 'usual',
          });
        server.addShortWay({
          scope: 'gateway:decide',
          route: '/quick (short way)',
          read: ({ url }) =>
            url === '/quick' ? ({ name }) => ({ status: 200, headers: ['x-name', name], body: 'é' }) : null,
        });
      },
    });
    key = await service.key('nginx', ['gateway:decide']);
  };
  beforeEach(() => start());

  const ask = (path: string, request: WireRequest = {}, presented = key) =>
    send(service.url, path, {
      behind: '/gateway/whoami',
      ...request,
      headers: [['Authorization', `Bearer ${presented}`], ...(request.headers ?? [])],
    });

  it('is taken by a key that held before on the same connection', async () => {
    const { status, headers, body } = await ask('/quick', { headers: [['X-Request-ID', 'r-1']] });
    expect([status, body]).toEqual([200, 'é']);
    expect(headers).toEqual({
      connection: 'close',
      'content-length': '2',
      date: expect.any(String),
      'x-name': 'nginx',
      'x-request-id': 'r-1',
    });
    const unnamed = await ask('/quick', { headers: [['Content-Length', '0']] });
    expect([unnamed.body, unnamed.headers['x-request-id']]).toEqual(['é', expect.stringMatching(/^[0-9a-f-]{36}$/)]);
  });

  it.each<[string, string, WireRequest]>([
    ['the first request of a connection', '/quick', { behind: null }],
    ['another path', '/quick/er', {}],
    ['another method', '/quick', { method: 'POST', headers: [['Content-Type', 'application/json']], body: '{}' }],
    ['a body', '/quick', { body: '{}' }],
  ])('is not taken by %s', async (_, path, request) => {
    expect((await ask(path, request)).body).toBe('usual');
  });

  it('is not taken by a body of unknown length', async () => {
    const onOne = oneConnection(service.url);
    await onOne('/quick', key);
    expect(await onOne('/quick', key, { 'transfer-encoding': 'chunked' })).toMatchObject({ body: 'usual' });
    expect(await onOne('/quick', key)).toMatchObject({ body: 'é' });
  });

  it('lets nobody in with what a connection remembers: another key, one of another scope, one that was revoked', async () => {
    const other = await service.key('other', ['devices:core:read']);
    expect((await ask('/quick', {}, other)).status).toBe(403);
    const onOne = oneConnection(service.url);
    expect(await onOne('/quick', key)).toMatchObject({ body: 'usual' });
    expect(await onOne('/quick', key)).toMatchObject({ body: 'é' });
    expect(await onOne('/quick', `${key.slice(0, -1)}_`)).toMatchObject({ status: 401 });
    expect(await onOne('/quick', other)).toMatchObject({ status: 403 });
    expect(await onOne('/quick', key)).toMatchObject({ body: 'usual' });
    await revokeApiKey({ db: service.database.pool, now: () => new Date(), actor: tester }, 'nginx');
    await expect.poll(() => onOne('/quick', key)).toMatchObject({ status: 401 });
  });

  it('counts its requests, and leaves it to the usual way to say that there were too many', async () => {
    expect((await ask('/quick')).body).toBe('é');
    isFull = true;
    const { status, headers } = await ask('/quick');
    expect([status, headers['retry-after']]).toEqual([429, '7']);
  });

  it('counts its answers under a route of its own, and the usual ones under theirs', async () => {
    const onOne = oneConnection(service.url);
    for (const body of ['usual', 'é', 'é', 'é']) expect(await onOne('/quick', key)).toMatchObject({ body });
    await onOne('/quick/er', key);
    const its = latencies().filter(({ route }) => route.startsWith('/quick'));
    expect(its.map(({ route, method, status, counts }) => [route, method, status, sum(counts)])).toEqual([
      ['/quick', 'GET', '2xx', 1],
      ['/quick (short way)', 'GET', '2xx', 3],
      ['/quick/:what', 'GET', '2xx', 1],
    ]);
    for (const { seconds } of its) expect(seconds).toBeGreaterThan(0);
  });

  it('is closed once the service stops, so that connections end with their answer', async () => {
    // Time enough to be asked once more.
    await start(3_000);
    const onOne = oneConnection(service.url);
    expect(await onOne('/quick', key)).toMatchObject({ body: 'usual' });
    const stopped = service.running.stop();
    expect(await onOne('/quick', key)).toMatchObject({ body: 'usual', connection: 'close' });
    await stopped;
  });
});

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, n) => all + n, 0);
}

/** @returns what asks on one connection, which is kept open */
function oneConnection(url: string) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  onTestFinished(() => agent.destroy());
  return async (path: string, key: string, more: http.OutgoingHttpHeaders = {}) => {
    const headers = { authorization: `Bearer ${key}`, ...more };
    const request = http.get(`${url}${path}`, { agent, headers });
    const [response] = (await once(request, 'response')) as [http.IncomingMessage];
    const { statusCode: status, headers: told } = response;
    return { status, connection: told.connection, body: await text(response) };
  };
}
