// The HTTP server without keys to speak of: health, readiness, errors that say nothing of our inside, names of requests,
// and a stop that lets answers finish.
import http from 'node:http';
import net from 'node:net';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AppError } from '../../src/errors.ts';
import { anyKey, noKey, type RouteScope } from '../../src/http/guard.ts';
import type { Caller } from '../../src/http/key-ring.ts';
import { createServer, listen } from '../../src/http/server.ts';
import { createLog } from '../../src/log.ts';
import { apiKeyActor } from '../../src/posture/events.ts';

let reasons: string[] = [];
let logged: string[] = [];
const open: { close(): Promise<unknown> }[] = [];
const caller: Caller = {
  ...{ id: 'k', name: 'k', scopes: ['all'], granted: new Set(), expiresAt: null },
  ...{ actor: apiKeyActor({ id: 'k', name: 'k' }), session: null },
};
const keys = { identify: () => ({ caller, refusal: null }), stillHolds: () => true, sessions: null as never };
const headers = { authorization: 'Bearer key' };
const config = { scope: anyKey } as const;

async function server() {
  const log = createLog('info', { write: line => logged.push(line) });
  const made = await createServer({
    log,
    trustedProxies: [],
    unreadiness: async () => reasons,
    keys,
    refusals: { note: () => {} },
  });
  open.push(made);
  return made;
}

afterEach(async () => {
  reasons = [];
  logged = [];
  for (const made of open.splice(0)) await made.close();
});

test('it is healthy, and ready unless there is a reason not to be', async () => {
  const made = await server();
  expect((await made.inject('/healthz')).json()).toEqual({ status: 'ok' });
  expect((await made.inject('/readyz')).json()).toEqual({ status: 'ready' });
  reasons = ['the database cannot be reached'];
  const answer = await made.inject('/readyz');
  expect([answer.statusCode, answer.json()]).toEqual([503, { status: 'not ready', reasons }]);
  expect(answer.headers['retry-after']).toBe('5');
  expect((await made.inject('/healthz')).statusCode).toBe(200);
});

test('every answer says what helmet has browsers told, but for those of routes that ask for none', async () => {
  const made = await server();
  made.get('/bare', { config: { ...config, isBare: true } }, async () => ({}));
  for (const url of ['/healthz', '/nowhere', '/%', `/${'x'.repeat(600)}`]) {
    const { headers: said } = await made.inject({ url, headers });
    expect(said['x-content-type-options'], url).toBe('nosniff');
    expect(said['content-security-policy'], url).toContain("default-src 'self'");
    expect(said['strict-transport-security'], url).toContain('max-age=');
  }
  const bare = await made.inject({ url: '/bare', headers });
  expect(bare.headers).not.toHaveProperty('x-content-type-options');
  expect(bare.headers['x-request-id']).toBeDefined();
});

test('those who ask at once whether it is ready share one look', async () => {
  let looks = 0;
  const { promise, resolve } = Promise.withResolvers<string[]>();
  const made = await createServer({
    log: createLog('silent'),
    trustedProxies: [],
    unreadiness: () => {
      looks++;
      return promise;
    },
    keys,
    refusals: { note: () => {} },
  });
  open.push(made);
  const asked = Promise.all(Array.from({ length: 20 }, () => made.inject('/readyz')));
  // Each of them has its turn before this one has its answer.
  await made.inject('/healthz');
  resolve([]);
  for (const answer of await asked) expect(answer.statusCode).toBe(200);
  expect(looks).toBe(1);
});

test('errors are JSON; what is ours is logged, and its text goes nowhere else', async () => {
  const made = await server();
  const failing = (url: string, error: Error) =>
    made.get(url, { config }, async () => {
      throw error;
    });
  failing('/refused', new AppError('conflict', 'taken already'));
  failing('/busy', new AppError('busy', 'later'));
  failing('/broken', new Error('inner text'));
  const answer = async (url: string) => {
    const { statusCode, headers: told, json } = await made.inject({ url, headers });
    return [statusCode, json(), told['retry-after']];
  };
  expect(await answer('/nowhere')).toEqual([404, { message: 'there is nothing here' }, undefined]);
  expect(await answer('/refused')).toEqual([409, { message: 'taken already' }, undefined]);
  expect(await answer('/busy')).toEqual([503, { message: 'later' }, '1']);
  expect(logged).toEqual([]);
  const broken = await made.inject({ url: '/broken', headers: { ...headers, 'x-request-id': 'abc' } });
  expect([broken.statusCode, broken.json()]).toEqual([500, { message: 'internal error' }]);
  expect(JSON.parse(logged.join())).toMatchObject({ level: 50, requestId: 'abc', err: { message: 'inner text' } });
});

test.each([
  ['a refused connection', { code: 'ECONNREFUSED' }],
  ['a server that stops', { code: '57P01' }],
  ['a lock that was not to be had', { code: '55P03' }],
  ['a cause further down', { cause: Object.assign(new Error('x'), { code: '53300' }) }],
  ['a lost connection', { message: 'Connection terminated unexpectedly' }],
])('without the database an answer is 503 with Retry-After: %s', async (_, fields) => {
  const made = await server();
  made.get('/reads', { config }, async () => {
    throw Object.assign(new Error('inner text'), fields);
  });
  const { statusCode, headers: told, json } = await made.inject({ url: '/reads', headers });
  expect([statusCode, told['retry-after'], json()]).toEqual([
    503,
    '1',
    { message: 'the database is away or busy; nothing was changed' },
  ]);
});

describe('bodies', () => {
  const post = async (payload: string, type = 'application/json') => {
    const made = await server();
    made.post('/body', { config }, async () => ({}));
    const answer = await made.inject({
      method: 'POST',
      url: '/body',
      headers: { ...headers, 'content-type': type },
      payload,
    });
    return [answer.statusCode, answer.headers['content-type'], Object.keys(answer.json())];
  };
  test.each<[number, string, string, string?]>([
    [200, 'that are JSON are taken', '{"a":1}'],
    [400, 'that are malformed are refused', '{'],
    [400, 'that are empty are refused', ''],
    [400, 'that would change what objects are are refused', '{"__proto__":{"a":1}}'],
    [413, 'that are too large are refused', `"${'x'.repeat(1024 * 1024)}"`],
    [415, 'of another type are refused', '<a/>', 'application/xml'],
  ])('%i: %s', async (status, _, payload, type) => {
    const json = 'application/json; charset=utf-8';
    expect(await post(payload, type)).toEqual([status, json, status === 200 ? [] : ['message']]);
  });
});

test('a method that a path does not have is 405 with those that it has', async () => {
  const made = await server();
  made.get('/things/:id/parts', { config }, async () => ({}));
  made.put('/things/:id/parts', { config }, async () => ({}));
  made.get('/files/*', { config }, async () => ({}));
  const ask = async (method: 'POST' | 'DELETE', url: string) => {
    const answer = await made.inject({ method, url, headers });
    return [answer.statusCode, answer.headers.allow];
  };
  expect(await ask('DELETE', '/things/7/parts?a=/b')).toEqual([405, 'GET, HEAD, PUT']);
  expect(await ask('POST', '/files/a/b')).toEqual([405, 'GET, HEAD']);
  expect(await ask('POST', '/things/7')).toEqual([404, undefined]);
  expect(await ask('POST', '/things//parts')).toEqual([404, undefined]);
});

test('what has no route is refused as that, whatever is wrong with its body', async () => {
  const made = await server();
  made.get('/things', { config }, async () => ({}));
  const ask = async (method: string, url: string, type?: string) => {
    const sent = type === undefined ? {} : { payload: '{', headers: { ...headers, 'content-type': type } };
    const answer = await made.inject({ method: method as 'POST', url, headers, ...sent });
    return [answer.statusCode, answer.headers.allow, Object.keys(answer.json())];
  };
  // Of this method the framework asks for a type first.
  expect(await ask('QUERY', '/things')).toEqual([405, 'GET, HEAD', ['message']]);
  expect(await ask('POST', '/things', 'application/json')).toEqual([405, 'GET, HEAD', ['message']]);
  expect(await ask('POST', '/things', 'no type')).toEqual([405, 'GET, HEAD', ['message']]);
  expect(await ask('POST', '/nowhere', 'application/json')).toEqual([404, undefined, ['message']]);
});

describe('the name of a request', () => {
  test.each([
    ['whole', 'abc-1:2/3', 'abc-1:2/3'],
    ['without what is no visible character', 'a b\tc\u00e9\u00a0d', 'abcd'],
    ['cut to 128 characters', 'x'.repeat(2_000), 'x'.repeat(128)],
  ])('is echoed %s', async (_, given, told) => {
    const made = await server();
    for (const url of ['/healthz', '/nowhere', '/%zz']) {
      const answer = await made.inject({ url, headers: { ...headers, 'x-request-id': given } });
      expect([url, answer.headers['x-request-id']]).toEqual([url, told]);
    }
  });

  test('is made where none is given, another one each time', async () => {
    const made = await server();
    const names = [];
    for (const given of [{}, { 'x-request-id': '' }, { 'x-request-id': ' ' }])
      names.push((await made.inject({ url: '/healthz', headers: given })).headers['x-request-id']);
    for (const name of names) expect(name).toMatch(/^[0-9a-f-]{36}$/);
    expect(new Set(names).size).toBe(3);
  });
});

describe('what is no HTTP', () => {
  test.each([
    ['400 Bad Request', 'nonsense\r\n\r\n'],
    ['431 Request Header Fields Too Large', `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`],
  ])('is answered with %s as JSON and closed', async (status, text) => {
    const running = await listen(await server(), '127.0.0.1', 0);
    const socket = net.connect(Number(new URL(running.url).port), '127.0.0.1');
    socket.end(text);
    let answer = '';
    for await (const chunk of socket) answer += chunk;
    expect(answer).toMatch(new RegExp(`^HTTP/1.1 ${status}\\r\\n`));
    expect(answer).toMatch(/x-request-id: [0-9a-f-]{36}/);
    expect(Object.keys(JSON.parse(answer.split('\r\n\r\n')[1] ?? ''))).toEqual(['message']);
  });
});

test.each<[string, string, { scope?: RouteScope; isProbe?: boolean }, string]>([
  ['without a scope', '/route', {}, 'does not say in its config which scope it needs'],
  ['with a scope that there is not', '/route', { scope: 'nope' as RouteScope }, 'does not say in its config which'],
  ['open to everybody elsewhere than it may be', '/route', { scope: noKey }, 'must need a key'],
  ['open to everybody beside where it may be', '/healthz/more', { scope: noKey }, 'must need a key'],
  ['that is a probe with a key', '/route', { scope: anyKey, isProbe: true }, 'is no probe'],
])('a route %s is not registered', async (_, url, given, message) => {
  const made = await server();
  expect(() => made.get(url, { config: given }, async () => ({}))).toThrow(message);
  expect(() => made.register(async child => void child.get(url, { config: given }, async () => ({})))).not.toThrow();
  await expect(made.ready()).rejects.toThrow(message);
});

test('a stream learns of a stop from its server', async () => {
  const made = await server();
  made.get('/stream', { config }, async (request, reply) => {
    reply.hijack();
    reply.raw.write('a');
    request.server.stopping.addEventListener('abort', () => reply.raw.end('z'));
  });
  const running = await listen(made, '127.0.0.1', 0);
  const answer = await fetch(`${running.url}/stream`, { headers });
  const text = answer.text();
  await running.stop();
  expect(await text).toBe('az');
});

describe('a stop', () => {
  /** A server with a route that answers when it is told to. */
  async function slow(drainMs = 0) {
    const made = await server();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: finished, resolve: finish } = Promise.withResolvers<void>();
    made.get('/slow', { config }, async () => {
      begin();
      await finished;
      return { done: true };
    });
    const cut = vi.spyOn(made.server, 'closeAllConnections');
    return { running: await listen(made, '127.0.0.1', 0, { drainMs }), begun, finish, cut };
  }

  test('lets an answer under way finish', async () => {
    const { running, begun, finish } = await slow();
    const answer = fetch(`${running.url}/slow`, { headers });
    await begun;
    const stopped = running.stop();
    finish();
    expect(await (await answer).json()).toEqual({ done: true });
    await stopped;
    await expect(fetch(`${running.url}/healthz`)).rejects.toThrow();
  });

  test('says that it is not ready first, and goes on answering for a while, closing connections', async () => {
    const { running } = await slow(5_000);
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const ask = (path: string) =>
      new Promise<[number | undefined, string | undefined]>((resolve, reject) => {
        http
          .get(`${running.url}${path}`, { agent, headers }, answer => {
            answer.resume().on('end', () => resolve([answer.statusCode, answer.headers.connection]));
          })
          .on('error', reject);
      });
    expect(await ask('/readyz')).toEqual([200, 'keep-alive']);
    const stopped = running.stop();
    expect(await ask('/readyz')).toEqual([503, 'close']);
    expect(await ask('/nowhere')).toEqual([404, 'close']);
    await stopped;
    await expect(ask('/healthz')).rejects.toThrow();
    agent.destroy();
  });

  test('does not wait for connections that are kept alive and ask nothing', async () => {
    const { running, begun, finish, cut } = await slow();
    const agent = new http.Agent({ keepAlive: true });
    const answered = new Promise(resolve => {
      http.get(`${running.url}/slow`, { agent, headers }, answer => answer.resume().on('end', resolve));
    });
    await begun;
    const stopped = running.stop();
    finish();
    await answered;
    await stopped;
    expect(cut).not.toHaveBeenCalled();
    agent.destroy();
  });

  test('cuts what does not finish', async () => {
    const { running, begun, cut } = await slow();
    const answer = fetch(`${running.url}/slow`, { headers });
    answer.catch(() => {});
    await begun;
    await running.stop();
    await expect(answer).rejects.toThrow();
    expect(cut).toHaveBeenCalledOnce();
  });
});

test('a port that is taken is told in a line', async () => {
  const running = await listen(await server(), '127.0.0.1', 0);
  const port = Number(new URL(running.url).port);
  await expect(listen(await server(), '127.0.0.1', port)).rejects.toThrow(
    `port ${port}: it is taken; set HOST and PORT`,
  );
});
