// The way out against a real server: time, size, cut connections, redirects, repetition and abort.
import type http from 'node:http';
import zlib from 'node:zlib';
import { describe, expect, onTestFinished, test } from 'vitest';
import manifest from '../../package.json' with { type: 'json' };
import { createLog } from '../../src/log.ts';
import { createEgress } from '../../src/providers/http.ts';
import type { ProviderHttp } from '../../src/providers/provider.ts';
import { allOf, failureOf, openWay, secret, serve } from './support.ts';

const never = new AbortController().signal;

function get(way: ProviderHttp, signal: AbortSignal = never, path = '/x') {
  return way.request({ path, headers: { authorization: `ApiToken ${secret}` } }, signal);
}

const short = { limits: { requestsPerSecond: 25, atOnce: 2, pageTimeoutMs: 2_000 } };

describe('an answer', () => {
  test('of JSON is parsed, whatever its type is said to be', async () => {
    const server = await serve((_, response) =>
      response.writeHead(200, { 'content-type': 'text/plain' }).end('\uFEFF{"a":1}'),
    );
    expect(await get(openWay(server.url))).toMatchObject({ status: 200, json: { a: 1 }, excerpt: expect.any(String) });
  });

  test.each(['<html>{"a":1}</html>', 'plain', '', '{"a":', 'undefined'])(
    'of %j is no JSON, and no failure',
    async body => {
      const server = await serve((_, response) =>
        response.writeHead(200, { 'content-type': 'application/json' }).end(body),
      );
      expect(await get(openWay(server.url))).toMatchObject({
        status: 200,
        json: undefined,
        excerpt: expect.stringContaining(body),
      });
    },
  );

  test('is told by at most 500 characters', async () => {
    const server = await serve((_, response) => response.end('é'.repeat(5000)));
    expect((await get(openWay(server.url))).excerpt).toBe('é'.repeat(500));
  });

  test.each([
    ['gzip', zlib.gzipSync],
    ['br', zlib.brotliCompressSync],
    ['deflate', zlib.deflateSync],
    ['zstd', zlib.zstdCompressSync],
  ])('in %s is unpacked', async (encoding, pack) => {
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(pack(Buffer.from('{"a":1}')));
    });
    expect((await get(openWay(server.url))).json).toEqual({ a: 1 });
  });

  test.each([
    ['in JSON', JSON.stringify({ said: `ApiToken ${secret}` })],
    ['in text', `you sent ${secret}`],
    ['across the end of what is told of it', `${'x'.repeat(480)}${secret}`],
    ['in a large page', JSON.stringify({ pad: 'x'.repeat(500_000), said: secret })],
  ])('that echoes the token %s has it struck out', async (_, body) => {
    const server = await serve((_request, response) => response.writeHead(200, { 'x-rqid': secret }).end(body));
    const response = allOf(await get(openWay(server.url)));
    expect(response).not.toContain(secret.slice(0, 12));
    expect(response).toContain('[secret]');
  });
});

test('a request names us, and carries what the provider asked for', async () => {
  const seen: http.IncomingHttpHeaders[] = [];
  const server = await serve((request, response) => {
    seen.push(request.headers);
    response.end('{}');
  });
  await get(openWay(server.url), never, '/x?cursor=a%3D%3D&n=1,2');
  expect(server.requests).toEqual(['GET /x?cursor=a%3D%3D&n=1,2']);
  expect(seen[0]).toMatchObject({
    'user-agent': `posture-sync/${manifest.version}`,
    authorization: `ApiToken ${secret}`,
  });
});

test('connections are used again', async () => {
  const ports = new Set<number | undefined>();
  const server = await serve((request, response) => {
    ports.add(request.socket.remotePort);
    response.end('{}');
  });
  const way = openWay(server.url);
  for (let time = 0; time < 3; time += 1) await get(way);
  expect(ports.size).toBe(1);
});

test('a path cannot lead to another host', async () => {
  const server = await serve((_, response) => response.end('{}'));
  const way = openWay(server.url);
  await get(way, never, '//other.example/x');
  expect(server.requests).toEqual(['GET //other.example/x']);
  await expect(get(way, never, '@other.example/x')).rejects.toThrow('slash');
});

describe('a redirect', () => {
  test.each([301, 302, 303, 307, 308])('by %i is not followed, and tells where it led', async status => {
    const server = await serve((_, response) => {
      response.writeHead(status, { location: `https://elsewhere.example/login?t=${secret}` }).end();
    });
    const error = await failureOf(get(openWay(server.url)));
    expect(error).toMatchObject({
      kind: 'settings',
      status,
      message: expect.stringContaining('https://elsewhere.example/login'),
    });
    expect(allOf(error)).not.toContain(secret);
    expect(server.requests).toHaveLength(1);
  });
});

describe('repetition', () => {
  /** Answers these statuses in turn, the last for ever. */
  async function statuses(list: number[], headers: http.OutgoingHttpHeaders = {}) {
    let turn = 0;
    return await serve((_, response) => {
      response.writeHead(list[Math.min(turn, list.length - 1)] ?? 200, headers).end('{}');
      turn += 1;
    });
  }

  test.each([408, 429, 500, 502, 503, 504])('of a %i goes on until it succeeds', async status => {
    const server = await statuses([status, status, 200]);
    expect((await get(openWay(server.url))).status).toBe(200);
    expect(server.requests).toHaveLength(3);
  });

  test('ends after four attempts, with the last answer', async () => {
    const server = await statuses([503]);
    expect((await get(openWay(server.url))).status).toBe(503);
    expect(server.requests).toHaveLength(4);
  });

  test.each([400, 403, 404, 409])('of a %i does not happen', async status => {
    const server = await statuses([status]);
    expect((await get(openWay(server.url))).status).toBe(status);
    expect(server.requests).toHaveLength(1);
  });

  test('of a 401 happens once', async () => {
    const server = await statuses([401]);
    expect((await get(openWay(server.url))).status).toBe(401);
    expect(server.requests).toHaveLength(2);
  });

  test('of a 401 that was a moment’s weakness succeeds', async () => {
    const server = await statuses([401, 200]);
    expect((await get(openWay(server.url))).status).toBe(200);
  });

  test('of a 401 comes 5 seconds later', async () => {
    const server = await statuses([401]);
    const { host } = new URL(server.url);
    const stop = new AbortController();
    const waits: number[] = [];
    // Ends the wait as soon as it is told how long it will be.
    const write = (line: string) => {
      waits.push(JSON.parse(line).waitMs);
      stop.abort(new Error('stopped'));
    };
    const egress = createEgress({ allowedHosts: [host], log: createLog('debug', { write }) });
    onTestFinished(() => egress.close());
    const limits = { requestsPerSecond: 25, atOnce: 2, pageTimeoutMs: 10_000 };
    const way = egress.open({ baseUrl: server.url, credential: secret, limits });
    await expect(get(way, stop.signal)).rejects.toThrow('stopped');
    expect([waits, server.requests.length]).toEqual([[5_000], 1]);
  });

  test('does not wait for longer than the cap, but hands the answer back', async () => {
    const server = await statuses([429], { 'retry-after': '3600' });
    expect(await get(openWay(server.url))).toMatchObject({ status: 429, headers: { 'retry-after': '3600' } });
    expect(server.requests).toHaveLength(1);
  });

  test('comes at once where Retry-After is 0 or past', async () => {
    for (const header of ['0', 'Thu, 01 Jan 2026 00:00:00 GMT']) {
      const server = await statuses([429, 200], { 'retry-after': header });
      expect((await get(openWay(server.url))).status).toBe(200);
    }
  });

  test('is for reads: what is posted is sent once', async () => {
    const server = await statuses([503]);
    const request = { method: 'POST' as const, path: '/x', headers: {}, json: { a: 1 } };
    expect((await openWay(server.url).request(request, never)).status).toBe(503);
    expect(server.requests).toEqual(['POST /x']);
  });
});

describe('each attempt', () => {
  test.each([
    [
      [503, 429, 200],
      ['unavailable', 'throttled', 'ok'],
    ],
    [
      [401, 200],
      ['auth', 'ok'],
    ],
    [[403], ['permission']],
    [[400], ['rejected']],
    [[404], ['unavailable']],
    [[302], ['settings']],
    [[204], ['ok']],
  ])('is told by what came of it: %j', async (statuses, outcomes) => {
    const told: string[] = [];
    const waiting = [...statuses];
    const server = await serve((_, response) => void response.writeHead(waiting.shift() ?? 500).end());
    const way = openWay(server.url, { onAttempt: outcome => void told.push(outcome) });
    await get(way).catch(() => {});
    expect(told).toEqual(outcomes);
  });

  test('without an answer is told too', async () => {
    const told: string[] = [];
    const server = await serve(request => void request.socket.destroy());
    const way = openWay(server.url, { onAttempt: outcome => void told.push(outcome), retries: { attempts: 2 } });
    await get(way).catch(() => {});
    expect(told).toEqual(['unavailable', 'unavailable']);
  });
});

describe('a connection', () => {
  test('by TLS to an allowed host that speaks plain http fails with a hint at http://', async () => {
    const server = await serve((_, response) => response.end('{}'));
    const host = `127.0.0.1:${server.port}`;
    // As an administrator may type it: without a scheme, https is assumed.
    const egress = createEgress({ allowedHosts: [host], log: createLog('silent'), retries: { baseMs: 0 } });
    onTestFinished(() => egress.close());
    const limits = { requestsPerSecond: 25, atOnce: 2, pageTimeoutMs: 10_000 };
    const error = await failureOf(get(egress.open({ baseUrl: host, credential: secret, limits })));
    expect(error).toMatchObject({ kind: 'unavailable', code: expect.stringMatching(/^(EPROTO|ERR_SSL_)/) });
    expect(error.message).toContain('write http:// in the URL');
    expect(server.requests).toEqual([]);
  });

  test('that is cut before the answer is tried again, and then unavailable', async () => {
    const server = await serve(request => request.socket.destroy());
    const error = await failureOf(get(openWay(server.url)));
    expect(error).toMatchObject({ kind: 'unavailable', status: null, timedOut: false });
    expect(allOf(error)).not.toContain(secret);
    expect(server.requests).toHaveLength(4);
  });

  test.each([
    ['with its length told', { 'content-length': '1000' }],
    ['in chunks', {}],
    ['in gzip', { 'content-encoding': 'gzip' }],
  ])('that is cut in the middle of a body %s never passes for a whole answer', async (_, headers) => {
    const whole = zlib.gzipSync(Buffer.from(JSON.stringify({ a: 'x'.repeat(5000) })));
    const server = await serve((_request, response) => {
      response.writeHead(200, headers);
      response.write('content-encoding' in headers ? whole.subarray(0, 20) : '{"a":1}', () => response.destroy());
    });
    expect(await failureOf(get(openWay(server.url)))).toMatchObject({
      kind: 'unavailable',
      message: expect.stringContaining('in the middle of an answer'),
    });
    expect(server.requests).toHaveLength(4);
  });

  test('that is cut once does no harm', async () => {
    let turn = 0;
    const server = await serve((request, response) => {
      turn += 1;
      if (turn === 1) request.socket.destroy();
      else response.end('{}');
    });
    expect((await get(openWay(server.url))).status).toBe(200);
  });

  test('that nobody takes is unavailable', async () => {
    const error = await failureOf(get(openWay('http://127.0.0.1:1')));
    expect(error).toMatchObject({ kind: 'unavailable', code: 'ECONNREFUSED' });
  });
});

describe('time', () => {
  test('is up when no answer comes: told as such, and not asked again', async () => {
    const server = await serve(() => {});
    const error = await failureOf(get(openWay(server.url, short)));
    expect(error).toMatchObject({ kind: 'unavailable', timedOut: true });
    expect(allOf(error)).not.toContain(secret);
    expect(server.requests).toHaveLength(1);
  });

  test('is up also while a body trickles in', async () => {
    const server = await serve((_, response) => {
      const timer = setInterval(() => response.write(' '), 5);
      response.once('close', () => clearInterval(timer));
    });
    expect(await failureOf(get(openWay(server.url, short)))).toMatchObject({ kind: 'unavailable', timedOut: true });
  });

  test('may be shorter for one request', async () => {
    const server = await serve(() => {});
    const request = { path: '/x', headers: {}, timeoutMs: 200 };
    expect(await failureOf(openWay(server.url).request(request, never))).toMatchObject({ timedOut: true });
  });
});

describe('size', () => {
  test('is counted after unpacking, and a bomb is put down before it bursts', async () => {
    const piece = Buffer.alloc(1024 * 1024, 0x20);
    let packed = 0;
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': 'gzip' });
      const gzip = zlib.createGzip();
      gzip.on('data', data => {
        packed += data.length;
      });
      gzip.pipe(response);
      let left = 2000;
      const more = () => {
        while (left > 0 && !response.destroyed) {
          left -= 1;
          if (!gzip.write(piece)) return void gzip.once('drain', more);
        }
        gzip.end();
      };
      more();
    });
    const before = process.memoryUsage().rss;
    const error = await failureOf(get(openWay(server.url, { maxBodyBytes: 4 * 1024 * 1024 })));
    expect(error).toMatchObject({ kind: 'malformed', message: expect.stringContaining('larger than') });
    expect(server.requests).toHaveLength(1);
    // All of it would be 2 GB; what was packed before the connection ended is far from that.
    expect(process.memoryUsage().rss - before).toBeLessThan(300 * 1024 * 1024);
    expect(packed).toBeLessThan(2 * 1024 * 1024);
  });

  test('of a plain body is bounded too', async () => {
    const server = await serve((_, response) => response.end(Buffer.alloc(100_000)));
    expect(await failureOf(get(openWay(server.url, { maxBodyBytes: 99_999 })))).toMatchObject({ kind: 'malformed' });
    expect((await get(openWay(server.url, { maxBodyBytes: 100_000 }))).status).toBe(200);
  });

  test.each(['gzip', 'br', 'zstd'])('apart, a body that is no %s at all is malformed', async encoding => {
    const server = await serve((_, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end('this was never packed, not at all');
    });
    expect(await failureOf(get(openWay(server.url)))).toMatchObject({ kind: 'malformed' });
  });
});

describe('an abort', () => {
  const reason = new Error('stopped');

  test('before the request sends nothing', async () => {
    const server = await serve((_, response) => response.end('{}'));
    await expect(get(openWay(server.url), AbortSignal.abort(reason))).rejects.toBe(reason);
    expect(server.requests).toEqual([]);
  });

  test('ends waiting for an answer', async () => {
    const stop = new AbortController();
    const server = await serve(() => stop.abort(reason));
    await expect(get(openWay(server.url), stop.signal)).rejects.toBe(reason);
  });

  test('ends reading a body', async () => {
    const stop = new AbortController();
    const server = await serve((_, response) => {
      response.writeHead(200);
      response.write('{', () => stop.abort(reason));
    });
    await expect(get(openWay(server.url), stop.signal)).rejects.toBe(reason);
  });

  test('ends the pause before a repetition', async () => {
    const stop = new AbortController();
    const server = await serve((_, response) => {
      response.once('close', () => setImmediate(() => stop.abort(reason)));
      response.writeHead(503, { 'retry-after': '4' }).end();
    });
    await expect(get(openWay(server.url), stop.signal)).rejects.toBe(reason);
    expect(server.requests).toHaveLength(1);
  });

  test('ends waiting for a turn, and the turn of others comes all the same', async () => {
    const stop = new AbortController();
    const answers: http.ServerResponse[] = [];
    const server = await serve((_, response) => void answers.push(response));
    const way = openWay(server.url, { limits: { requestsPerSecond: 25, atOnce: 1, pageTimeoutMs: 10_000 } });
    const first = get(way);
    await expect.poll(() => answers.length).toBe(1);
    const second = get(way, stop.signal);
    const third = get(way);
    stop.abort(reason);
    await expect(second).rejects.toBe(reason);
    answers[0]?.end('{}');
    await expect.poll(() => answers.length).toBe(2);
    answers[1]?.end('{}');
    expect((await first).status).toBe(200);
    expect((await third).status).toBe(200);
    expect(server.requests).toHaveLength(2);
  });
});

describe('opening', () => {
  const egress = createEgress({ allowedHosts: ['localhost:9000'], log: createLog('silent') });
  const limits = { requestsPerSecond: 25, atOnce: 2, pageTimeoutMs: 1000 };

  test('faster than the provider bears is for allowed hosts', () => {
    const open = (baseUrl: string, requestsPerSecond: number) =>
      egress.open({ baseUrl, credential: secret, limits, requestsPerSecond });
    expect(() => open('https://a.example', 26)).toThrow('at most 25');
    expect(open('https://a.example', 25)).toBeDefined();
    expect(open('http://localhost:9000', 1000)).toBeDefined();
  });

  test('cleans the URL and refuses what it refuses', () => {
    expect(() => egress.open({ baseUrl: 'http://a.example', credential: secret, limits })).toThrow('https://');
    expect(egress.open({ baseUrl: 'a.example/dashboard', credential: secret, limits })).toBeDefined();
  });

  test('with a token that no header can carry is the administrator’s to mend', async () => {
    const server = await serve((_, response) => response.end('{}'));
    const request = { path: '/x', headers: { authorization: `ApiToken ${secret}\n` } };
    const error = await failureOf(openWay(server.url).request(request, never));
    expect(error).toMatchObject({ kind: 'settings' });
    expect(allOf(error)).not.toContain(secret);
  });
});

test('nothing of the token is logged', async () => {
  const lines: string[] = [];
  const log = createLog('trace', { write: line => void lines.push(line) });
  const server = await serve((_, response) => response.writeHead(503, { 'x-echo': secret }).end(secret));
  await get(openWay(server.url, { log }));
  expect(lines).toHaveLength(3);
  expect(lines.join('')).not.toContain(secret);
});
