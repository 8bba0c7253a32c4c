// The list of a tailnet's devices against a server that answers as Tailscale's does, and as it should not.
import type http from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createLog } from '../../src/log.ts';
import { createEgress } from '../../src/providers/http.ts';
import { readTailnet, readTailnetDevice } from '../../src/providers/tailnet.ts';
import { allOf, failureOf, secret, serve } from './support.ts';

type Answer = (response: http.ServerResponse, asked: number) => void;

const json = (status: number, value: unknown, headers: http.OutgoingHttpHeaders = {}): Answer => {
  return response => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
  };
};

async function read(answer: Answer, maxBodyBytes?: number) {
  const asked: http.IncomingMessage[] = [];
  const server = await serve((request, response) => answer(response, asked.push(request)));
  const egress = createEgress({
    allowedHosts: [new URL(server.url).host],
    log: createLog('silent'),
    unauthorizedRepeatMs: 0,
    retries: { baseMs: 0, capMs: 5_000 },
    ...(maxBodyBytes ? { maxBodyBytes } : {}),
  });
  onTestFinished(() => egress.close());
  const list = readTailnet({ egress, url: `${server.url}/api/v2/`, key: secret }, new AbortController().signal);
  return { list, asked };
}

test('the whole list is asked for at once, with the key as bearer token', async () => {
  const { list, asked } = await read(json(200, { devices: [{ id: '1' }, 7] }));
  expect(await list).toEqual([{ id: '1' }, 7]);
  expect(asked.map(({ method, url, headers }) => [method, url, headers.authorization])).toEqual([
    ['GET', '/api/v2/tailnet/-/devices?fields=all', `Bearer ${secret}`],
  ]);
});

test('one that is asked too often comes later, and not before Retry-After says so', async () => {
  const many = json(429, { message: 'slow down' }, { 'retry-after': '1' });
  const { list, asked } = await read((response, n) => (n === 1 ? many : json(200, { devices: [] }))(response, n));
  expect(await list).toEqual([]);
  expect(asked).toHaveLength(2);
});

describe('a list is not there', () => {
  test.each([
    ['with a key that is refused', json(401, { message: 'API token invalid' }), 'auth', 'API token invalid'],
    ['with a key that may not', json(403, { message: 'no' }), 'permission', 'may not read devices'],
    ['at another address', json(404, { message: 'not found' }), 'settings', 'is the URL right'],
    ['where it is asked too often', json(429, {}), 'throttled', 'fewer requests'],
    ['where the server is down', json(502, { message: 'bad gateway' }), 'unavailable', 'bad gateway'],
    ['where a web site answers', r => r.writeHead(200).end('<html>hello</html>'), 'settings', 'no Tailscale API'],
    ['where it redirects', r => r.writeHead(302, { location: 'https://x.test/' }).end(), 'settings', 'redirects'],
    ['without devices', json(200, { hosts: [] }), 'malformed', 'no list'],
    ['where it is no list', json(200, { devices: {} }), 'malformed', 'no list'],
    ['in a list by itself', json(200, []), 'malformed', 'no list'],
    [
      'where the answer is cut',
      r => void r.writeHead(200, { 'content-length': 99 }).write('{"devices":['),
      'unavailable',
      '',
    ],
  ] as [string, Answer, string, string][])('%s', async (name, answer, kind, told) => {
    const { list } = await read((response, n) => {
      answer(response, n);
      if (name.endsWith('cut')) setImmediate(() => response.destroy());
    });
    const error = await failureOf(list);
    expect([error.kind, error.message]).toEqual([kind, expect.stringContaining(told)]);
    expect(allOf(error)).not.toContain(secret);
  });

  test('whose server sends the key back does not get it into the error', async () => {
    const { list } = await read(json(403, { message: `you sent ${secret}` }));
    expect(allOf(await failureOf(list))).not.toContain(secret);
  });
});

describe('a device', () => {
  const whole = {
    addresses: ['100.87.74.78', 'fd7a:115c:a1e0:ac82:4843:ca90:697d:c36e'],
    id: '92960230385',
    nodeId: 'n292kg92CNTRL',
    user: 'amelie@example.com',
    name: 'pangolin.tailfe8c.ts.net',
    hostname: 'pangolin',
    os: 'linux',
    created: '',
    authorized: true,
    isExternal: false,
    tags: ['tag:server'],
    postureIdentity: { serialNumbers: ['CP74LFQJXM', 'BOARD-1'] },
  };

  test('has its stable id, and what it is known by', () => {
    expect(readTailnetDevice(whole)).toEqual({
      device: {
        id: 'n292kg92CNTRL',
        ...{ hostname: 'pangolin', os: 'linux', user: 'amelie@example.com', tags: ['tag:server'] },
        addresses: whole.addresses,
        serialNumbers: ['CP74LFQJXM', 'BOARD-1'],
      },
    });
  });

  test.each([
    ['that does not tell its identity', { postureIdentity: { disabled: true } }],
    ['that says both', { postureIdentity: { disabled: true, serialNumbers: [] } }],
    ['of which it is not known', { postureIdentity: undefined }],
    ['of which it is null', { postureIdentity: null }],
  ])('%s keeps the serial numbers that it has', (_, more) => {
    expect(readTailnetDevice({ ...whole, ...more })).not.toHaveProperty('device.serialNumbers');
  });

  test.each([
    ['told to have none', { postureIdentity: { serialNumbers: [] } }, { serialNumbers: [] }],
    ['without tags any more', { tags: undefined }, { tags: [] }],
    ['with empty texts', { user: '', os: '' }, { user: null, os: null }],
    ['with the older id alone', { nodeId: '' }, { id: '92960230385' }],
  ])('%s is imported so', (_, more, wanted) => {
    expect(readTailnetDevice({ ...whole, ...more })).toMatchObject({ device: wanted });
  });

  test('of another tailnet, shared into this one, is none of ours', () => {
    expect(readTailnetDevice({ ...whole, isExternal: true })).toBeNull();
  });

  test.each([
    [7, 'the entry'],
    [null, 'the entry'],
    [{ hostname: 'x' }, 'nodeId'],
    [{ ...whole, hostname: 7 }, 'hostname'],
    [{ ...whole, postureIdentity: { serialNumbers: 'X' } }, 'postureIdentity.serialNumbers'],
    [{ ...whole, tags: [1] }, 'tags.0'],
  ])('that is %j is told by what is wrong', (entry, told) => {
    expect(readTailnetDevice(entry)).toEqual({ message: expect.stringContaining(told) });
  });
});
