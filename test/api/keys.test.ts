// API keys over HTTP: by Tailscale's paths and names, shown once, with no scope that their maker lacks.
import { expect, it } from 'vitest';
import { scopes } from '../../src/posture/scopes.ts';
import { startApi } from '../support/api.ts';

const keys = '/api/v2/tailnet/-/keys';

it('are made, told without the key itself, and revoked, as clients of Tailscale do', async () => {
  const api = await startApi();
  const made = await api.call('POST', keys, {
    description: 'nginx',
    scopes: ['gateway:decide'],
    expirySeconds: 3_600,
    keyType: 'api',
  });
  const { key, ...view } = made.body;
  expect(key).toMatch(/^pskey-[0-9A-Za-z]{12}-[0-9A-Za-z]{43}$/);
  expect(view).toEqual({
    ...{
      id: key.slice(6, 18),
      keyType: 'api',
      description: 'nginx',
      scopes: ['gateway:decide'],
      prefix: key.slice(0, 18),
    },
    ...{ created: expect.any(String), expires: expect.any(String), revoked: null, invalid: false, state: 'active' },
    ...{ createdBy: expect.stringMatching(/^key:/), createdByName: 'admin', lastUsedAt: null },
  });
  expect(Date.parse(view.expires) - Date.parse(view.created)).toBe(3_600_000);
  expect((await api.call('GET', `${keys}/${view.id}`)).body).toEqual(view);
  const listed = (await api.call('GET', keys)).body;
  expect(listed).toEqual({
    keys: [expect.objectContaining({ description: 'admin', expires: null }), view],
    nextCursor: null,
  });
  await expect.poll(async () => (await api.service.as(key)).status).toBe(200);
  expect((await api.call('DELETE', `${keys}/${view.id}`)).status).toBe(200);
  await expect.poll(async () => (await api.service.as(key)).status).toBe(401);
  expect((await api.call('GET', `${keys}/${view.id}`)).body).toMatchObject({
    state: 'revoked',
    invalid: true,
    revoked: expect.any(String),
  });
  // Again it changes nothing, and is no fault.
  expect((await api.call('DELETE', `${keys}/${view.id}`)).status).toBe(200);
  for (const method of ['GET', 'DELETE'])
    expect((await api.call(method, `${keys}/nginx`)).body).toEqual({ message: 'there is no API key "nginx"' });
  const events = await api.service.events('API_KEY');
  expect(events.map(({ event, target }) => [event, target.name]).slice(-2)).toEqual([
    ['API_KEY.CREATE', 'nginx'],
    ['API_KEY.REVOKE', 'nginx'],
  ]);
});

it('are given no scope that their maker lacks, and nobody makes any without the scope for that', async () => {
  const api = await startApi();
  const maker = await api.keyFor('api_access_tokens', 'devices:core');
  const make = (given: string[], key = maker) =>
    api.call('POST', keys, { description: given.join('.').replaceAll(':', '.'), scopes: given }, { key });
  expect((await make(['devices:core:read', 'api_access_tokens:read'])).status).toBe(200);
  for (const given of [['all'], ['all:read'], ['devices:core', 'policy_file:read']]) {
    const refused = await make(given);
    expect([given, refused.status, refused.body.message]).toEqual([
      given,
      403,
      `the key lacks the scope "${given.at(-1)}"`,
    ]);
  }
  for (const given of [[], ['nope']]) expect([given, (await make(given)).status]).toEqual([given, 400]);
  const reader = await api.keyFor('all:read');
  expect((await make(['devices:core:read'], reader)).status).toBe(403);
  expect((await api.call('GET', keys, undefined, { key: reader })).status).toBe(200);
  const { body } = await api.call('GET', `${keys}/scopes`, undefined, { key: maker });
  expect(body.scopes.map(({ scope }: { scope: string }) => scope)).toEqual(scopes);
  expect(
    body.scopes.filter(({ mayGive }: { mayGive: boolean }) => mayGive).map(({ scope }: { scope: string }) => scope),
  ).toEqual([...['devices:core', 'devices:core:read', 'api_access_tokens', 'api_access_tokens:read']]);
  expect(body.scopes).toContainEqual({
    ...{ scope: 'devices:core', about: 'Manages devices, their serial numbers and their agents.' },
    ...{ includes: ['devices:core:read'], mayGive: true },
  });
});

it('come in pages to whoever asks for some', async () => {
  const api = await startApi();
  for (const description of ['b', 'c', 'd']) await api.call('POST', keys, { description, scopes: ['all'] });
  const seen: string[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const { body } = await api.call('GET', `${keys}?limit=3${cursor === '' ? '' : `&cursor=${cursor}`}`);
    seen.push(...body.keys.map((key: { description: string }) => key.description));
    cursor = body.nextCursor;
  }
  expect(seen).toEqual(['admin', 'b', 'c', 'd']);
  expect((await api.call('GET', `${keys}?cursor=nope`)).status).toBe(400);
  const { body } = await api.call('GET', keys);
  await api.call('DELETE', `${keys}/${body.keys[1].id}`);
  const active = (await api.call('GET', `${keys}?state=active&limit=2`)).body;
  expect(active.keys.map((key: { description: string }) => key.description)).toEqual(['admin', 'c']);
  expect(active.nextCursor).toEqual(expect.any(String));
});
