// What Tailscale's own Go client sends, and with it Terraform's provider, sent again to the running service in its order: create,
// read, update, replace, destroy. fixtures/go-client.ndjson was recorded by test/tools/go-client, where that client understood every
// answer; fixtures/tailscale-pairs.ndjson has each request with its answer, also of the operations that the client does not have.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { startApi } from '../support/api.ts';
import { basic } from '../support/http.ts';
import { createWorld } from '../support/world.ts';

interface Step {
  step: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body?: string;
  status: number;
}

const recorded: Step[] = readFileSync(new URL('fixtures/go-client.ndjson', import.meta.url), 'utf8')
  .trimEnd()
  .split('\n')
  .map(line => JSON.parse(line));
const device = 'nDEVICE11CNTRL';
const json = { 'content-type': 'application/json' };
const whole = 'start=2026-02-28T16:00:00-08:00&end=2026-03-02T00:00:00Z';

/** As in Tailscale's own description of its API, by the step that they come after. */
const byHand: Readonly<Record<string, readonly Step[]>> = {
  'devices: get none': [
    {
      ...{
        step: 'attributes: change a batch',
        method: 'PATCH',
        path: '/api/v2/tailnet/-/device-attributes',
        status: 200,
      },
      headers: json,
      body: `{"nodes": {"${device}": {"custom:flag": {"value": true, "expiry": "2027-09-19T15:00:00Z"}, "custom:score": null}}, "comment": "bulk posture attribute update"}`,
    },
    {
      ...{ step: 'attributes: get after the batch', method: 'GET', headers: {}, status: 200 },
      path: `/api/v2/device/${device}/attributes`,
    },
  ],
  'policy: set a struct and get it': [
    {
      ...{ step: 'policy: get with details', method: 'GET', headers: {}, status: 200 },
      path: '/api/v2/tailnet/-/acl?details=true',
    },
    {
      ...{
        step: 'policy: run tests',
        method: 'POST',
        path: '/api/v2/tailnet/-/acl/validate',
        headers: json,
        status: 200,
      },
      body: '[{"src": "anna@example.com", "srcPostureAttrs": {"sentinelOne:infected": false}, "accept": ["wiki:443"], "deny": ["wiki:22"]}]',
    },
    {
      ...{ step: 'policy: run tests that fail', method: 'POST', path: '/api/v2/tailnet/-/acl/validate', status: 200 },
      headers: json,
      body: '[{"src": "anna@example.com", "srcPostureAttrs": {"sentinelOne:infected": true}, "accept": ["wiki:443"]}]',
    },
    {
      ...{ step: 'policy: preview', method: 'POST', headers: json, status: 200 },
      path: '/api/v2/tailnet/-/acl/preview?type=ipport&previewFor=10.0.0.1:80',
      body: '{"acls": [{"action": "accept", "users": ["*"], "ports": ["*:*"]}]}',
    },
    {
      ...{ step: 'policy: set what cannot be read', method: 'POST', path: '/api/v2/tailnet/-/acl', status: 400 },
      headers: { 'content-type': 'application/hujson' },
      body: '{"acls": [',
    },
  ],
  'devices: delete what is gone': [
    {
      ...{ step: 'audit log: list', method: 'GET', headers: {}, status: 200 },
      path: `/api/v2/tailnet/-/logging/configuration?${whole}&actor=~adm&target=nDEVICE&event=NODE.CREATE.ATTRIBUTES&event=NODE.DELETE.ATTRIBUTES`,
    },
    {
      ...{ step: 'audit log: list what nothing here has', method: 'GET', headers: {}, status: 200 },
      path: `/api/v2/tailnet/example.com/logging/configuration?${whole}&event=USER.CREATE`,
    },
    {
      ...{ step: 'audit log: list without an end', method: 'GET', headers: {}, status: 400 },
      path: '/api/v2/tailnet/-/logging/configuration?start=2026-03-01T00:00:00Z',
    },
  ],
};

/** Where what the service gave is found: later requests hold it. */
const learns: Readonly<Record<string, (answer: Response, text: string) => [name: string, value: string]>> = {
  'integrations: create': (_, text) => ['integration', JSON.parse(text).id],
  'integrations: replace, create': (_, text) => ['other', JSON.parse(text).id],
  'policy: get as written': answer => ['etag', (answer.headers.get('etag') ?? '').replaceAll('"', '')],
  'webhooks: create': (_, text) => ['webhook', JSON.parse(text).endpointId],
};

/** @returns each request with its answer, without what is another one at each time */
async function replay(authorization: (key: string) => string): Promise<unknown[]> {
  const world = await createWorld();
  const api = await startApi({ database: world.database, now: world.now });
  await world.devices({
    ...{ id: device, hostname: 'ANNA-LT', user: 'anna@example.com', os: 'macOS', tags: ['laptop', 'vip'] },
    ...{ serialNumbers: ['SER-1'], addresses: ['10.1.2.3'] },
  });
  const values = new Map([['device', device]]);
  const unnamed = (text: string) => text.replace(/\{(\w+)\}/g, (found, name) => values.get(name) ?? found);
  const named = (text: string) => {
    const all = [...values].filter(([name]) => name !== 'device');
    return all
      .reduce((told, [name, value]) => told.replaceAll(value, `{${name}}`), text)
      .replace(/whsec_[\w+/=]+/g, 'whsec_{secret}')
      .replace(/key:[\w-]+/g, 'key:{key}');
  };
  const pairs: unknown[] = [];
  for (const { step, method, path, headers, body, status } of recorded.flatMap(each => [
    each,
    ...(byHand[each.step] ?? []),
  ])) {
    const sent = Object.entries({ ...headers, authorization: authorization(api.key) });
    const answer = await fetch(`${api.service.url}${unnamed(path)}`, {
      method,
      headers: sent.map(([name, value]): [string, string] => [name, unnamed(value)]),
      ...(body === undefined ? {} : { body: unnamed(body) }),
    });
    const text = await answer.text();
    expect([step, answer.status, text]).toEqual([step, status, expect.any(String)]);
    const learnt = learns[step]?.(answer, text);
    if (learnt !== undefined) values.set(...learnt);
    const type = answer.headers.get('content-type');
    const etag = answer.headers.get('etag');
    const isJson = type?.startsWith('application/json') === true;
    pairs.push({
      step,
      request: { method, path, headers, ...(body === undefined ? {} : { body }) },
      answer: {
        ...{ status, type, ...(etag === null ? {} : { etag: named(etag) }) },
        body: isJson ? JSON.parse(named(text)) : named(text),
      },
    });
  }
  return pairs;
}

describe('what clients of Tailscale send', () => {
  it.each([
    ['Basic', basic],
    ['Bearer', (key: string) => `Bearer ${key}`],
  ])('is answered as they expect, each request as it is written down, by %s', async (_, authorization) => {
    const pairs = await replay(authorization);
    const lines = pairs.map(pair => `${JSON.stringify(pair)}\n`).join('');
    await expect(lines).toMatchFileSnapshot('fixtures/tailscale-pairs.ndjson');
  });
});
