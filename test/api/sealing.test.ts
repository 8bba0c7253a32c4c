// Administration by a process that was given no keys: it stores secrets that it cannot read.
import { randomBytes } from 'node:crypto';
import { beforeEach, describe, expect, it } from 'vitest';
import { openSettings, theIntegration } from '../../src/operations/integrations.ts';
import { openSigningSecrets } from '../../src/operations/webhooks.ts';
import { sealingKeyOf } from '../../src/store/sealed-boxes.ts';
import { publishSealingKey } from '../../src/store/sealing.ts';
import type { SecretKeys } from '../../src/store/secrets.ts';
import { webhookById } from '../../src/store/webhooks.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { createWorld, type World } from '../support/world.ts';

const integrations = '/api/v2/tailnet/-/posture/integrations';
const webhooks = '/api/v2/tailnet/-/webhooks';
const [old, young] = [
  { id: 'old', key: randomBytes(32) },
  { id: 'young', key: randomBytes(32) },
];
const given = { provider: 'sentinelone', cloudId: 'example.sentinelone.net', clientSecret: 'planted-token-of-hq' };
const hook = { endpointUrl: 'https://hooks.example.com/posture' };

describe('a process without keys', () => {
  let world: World;
  let api: TestApi;
  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now, keys: null });
  });

  const single = (id: string) => `/api/v2/posture/integrations/${id}`;
  const publish = async ([first]: SecretKeys) =>
    publishSealingKey(world.db, await sealingKeyOf(first), world.now(), 'worker');
  const tokenBy = async (...keys: SecretKeys) =>
    (await openSettings(keys)(await theIntegration(world.db, 'sentinelone'))).token;

  it('takes secrets that workers open, also when their keys were changed', async () => {
    await publish([old]);
    const { status, body } = await api.call('POST', integrations, given);
    expect([status, body.clientSecret]).toEqual([200, undefined]);
    expect(await tokenBy(old)).toBe(given.clientSecret);
    await publish([young, old]);
    // What was sealed before opens as long as its key is there.
    expect(await tokenBy(young, old)).toBe(given.clientSecret);
    const changed = await api.call('PATCH', single(body.id), { clientSecret: 'another-token-of-hq' });
    expect(changed.status).toBe(200);
    expect(await tokenBy(young)).toBe('another-token-of-hq');
    const elsewhere = { cloudId: 'other.sentinelone.net', clientSecret: 'a-third-token-of-hq' };
    expect((await api.call('PATCH', single(body.id), elsewhere)).status).toBe(200);
    expect(await tokenBy(young)).toBe('a-third-token-of-hq');
    expect(api.lines.join('')).not.toMatch(/token-of-hq/);
  });

  it('still lets no stored secret go to another host', async () => {
    await publish([old]);
    const { body } = await api.call('POST', integrations, given);
    const moved = await api.call('PATCH', single(body.id), { cloudId: 'other.sentinelone.net' });
    expect([moved.status, moved.body.message]).toEqual([400, expect.stringContaining('it is another host')]);
  });

  it('makes secrets of webhooks, shows them once, and cannot read them', async () => {
    await publish([old]);
    const created = (await api.call('POST', webhooks, hook)).body;
    const rotated = (await api.call('POST', `/api/v2/webhooks/${created.endpointId}/rotate`)).body;
    const row = await webhookById(world.db, created.endpointId);
    expect([row?.secretKeyId, row?.oldSecretKeyId]).toEqual(['box:old', 'box:old']);
    expect(row && (await openSigningSecrets([old])(row, world.now()))).toEqual([rotated.secret, created.secret]);
  });

  it('says what to do before any worker ran, does the rest, and checks what it is given first', async () => {
    const refusals = [await api.call('POST', integrations, given), await api.call('POST', webhooks, hook)];
    for (const { status, headers, body } of refusals) {
      expect([status, headers.get('retry-after') === null]).toEqual([503, false]);
      expect(body.message).toContain('no worker has published the key to seal it with: start one with SECRET_KEYS');
    }
    const wrong = await api.call('POST', integrations, { ...given, cloudId: 'http://10.0.0.1' });
    expect(wrong.status).toBe(400);
    await publish([old]);
    const { id } = (await api.call('POST', integrations, given)).body;
    await world.db.query('delete from sealing_key');
    // No secret is in it.
    expect((await api.call('PATCH', single(id), { name: 'hq', expireAfter: '5d' })).body.name).toBe('hq');
    expect((await api.call('PATCH', single(id), { clientSecret: 'another-token-of-hq' })).status).toBe(503);
    expect((await world.events('TAILNET.UPDATE.POSTURE')).length).toBe(1);
  });
});

it('a process that was given a public key seals to that one, whatever is published', async () => {
  const world = await createWorld();
  const api = await startApi({ database: world.database, now: world.now, keys: await sealingKeyOf(young) });
  await publishSealingKey(world.db, await sealingKeyOf(old), world.now(), 'worker');
  expect((await api.call('POST', integrations, given)).status).toBe(200);
  expect((await openSettings([young])(await theIntegration(world.db, 'sentinelone'))).token).toBe(given.clientSecret);
});
