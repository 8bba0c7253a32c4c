// Webhooks over HTTP: managed by Tailscale's paths and field names; that they are sent is shown in test/sync/notices.test.ts.
import { beforeEach, describe, expect, it } from 'vitest';
import { readAudit } from '../../src/operations/audit.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { createWorld, type World } from '../support/world.ts';

const all = '/api/v2/tailnet/-/webhooks';
const single = (id: string) => `/api/v2/webhooks/${id}`;
const hook = { endpointUrl: 'https://hooks.example.com/posture', subscriptions: ['integration.paused'] };

describe('webhooks', () => {
  let world: World;
  let api: TestApi;

  beforeEach(async () => {
    world = await createWorld();
    api = await startApi({ database: world.database, now: world.now });
  });

  it('are created with a secret that is shown once, read, changed, given another secret, and deleted', async () => {
    const created = await api.call('POST', all, hook);
    expect(created.status).toBe(200);
    const { secret, endpointId, ...rest } = created.body;
    expect(secret).toMatch(/^whsec_/);
    const at = world.now().toISOString();
    expect(rest).toMatchObject({ providerType: '', creatorLoginName: '', created: at, lastModified: at });
    expect(rest).toMatchObject({ ...hook, name: 'hooks.example.com', state: 'active', waiting: 0 });
    const read = await api.call('GET', single(endpointId));
    expect(read.body).toEqual({ endpointId, ...rest });
    expect((await api.call('GET', all)).body).toEqual({ webhooks: [read.body] });
    world.pass(60_000);
    const changed = await api.call('PATCH', single(endpointId), { subscriptions: ['integration.held'], name: 'pager' });
    expect(changed.body).toMatchObject({ ...hook, subscriptions: ['integration.held'], name: 'pager' });
    expect(changed.body).toMatchObject({ created: at, lastModified: world.now().toISOString() });
    const rotated = await api.call('POST', `${single(endpointId)}/rotate`);
    expect(rotated.body.secret).toMatch(/^whsec_/);
    expect(rotated.body.secret).not.toBe(secret);
    expect(rotated.body.oldSecretEnds).toBe(new Date(world.now().getTime() + 86_400_000).toISOString());
    const removed = await api.call('DELETE', single(endpointId));
    expect([removed.status, removed.body]).toEqual([200, '']);
    expect((await api.call('GET', single(endpointId))).status).toBe(404);
    const told: string[] = [];
    for await (const entry of readAudit(world.db, {})) {
      expect(JSON.stringify(entry)).not.toContain('whsec_');
      if (entry.event.startsWith('WEBHOOK')) told.push(`${entry.event} ${entry.actor.displayName}`);
    }
    expect(told.map(line => line.replace('WEBHOOK_ENDPOINT.', ''))).toEqual([
      ...['CREATE admin', 'UPDATE admin', 'UPDATE.SECRET admin', 'DELETE admin'],
    ]);
  });

  it('have names of their own without being given one, as clients of Tailscale cannot give any', async () => {
    const made = await Promise.all(
      [1, 2, 3].map(async n => api.call('POST', all, { ...hook, endpointUrl: `${hook.endpointUrl}/${n}` })),
    );
    expect(made.map(({ body }) => body.name).sort()).toEqual([
      'hooks.example.com',
      'hooks.example.com-2',
      'hooks.example.com-3',
    ]);
  });

  it('are disabled and enabled, and a test waits in the delivery log until a worker sends it', async () => {
    const { endpointId } = (await api.call('POST', all, hook)).body;
    expect((await api.call('POST', `${single(endpointId)}/disable`)).body.state).toBe('disabled');
    expect((await api.call('POST', `${single(endpointId)}/test`)).status).toBe(409);
    expect((await api.call('POST', `${single(endpointId)}/enable`)).body.state).toBe('active');
    const tested = await api.call('POST', `${single(endpointId)}/test`);
    expect([tested.status, tested.body.delivery]).toMatchObject([202, { notice: 'webhook.test', state: 'waiting' }]);
    const { deliveries } = (await api.call('GET', `${single(endpointId)}/deliveries?limit=5`)).body;
    expect(deliveries).toEqual([tested.body.delivery]);
  });

  it('have a delivery log that comes in pages, newest first', async () => {
    const { endpointId } = (await api.call('POST', all, hook)).body;
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.unshift((await api.call('POST', `${single(endpointId)}/test`)).body.delivery.id);
    const pages: string[][] = [];
    for (let cursor = ''; ; ) {
      const { body } = await api.call('GET', `${single(endpointId)}/deliveries?limit=2${cursor}`);
      pages.push(body.deliveries.map(({ id }: { id: string }) => id));
      if (body.nextCursor === null) break;
      cursor = `&cursor=${body.nextCursor}`;
    }
    expect(pages).toEqual([made.slice(0, 2), made.slice(2, 4), made.slice(4)]);
  });

  it.each<[string, object, string]>([
    ['a private address', { endpointUrl: 'https://10.0.0.1/' }, 'endpointUrl: 10.0.0.1 is not a public address'],
    ['no scheme', { endpointUrl: 'hello' }, 'endpointUrl: it must begin with https://'],
    ['a host and no scheme', { endpointUrl: 'hooks.example.com/posture' }, 'endpointUrl: it must begin with https://'],
    ['another scheme', { endpointUrl: 'ftp://hooks.example.com' }, 'endpointUrl: it must begin with https://'],
    ['no host', { endpointUrl: 'http://' }, 'endpointUrl: expected for example https://'],
    ['a space in its host', { endpointUrl: 'https://x y' }, 'endpointUrl: expected for example https://'],
    ['an unknown notice', { subscriptions: ['nodeCreated'] }, 'subscriptions: there is no "nodeCreated"'],
    ['a wrong name', { name: '-' }, 'name: '],
    ['a form for a chat', { providerType: 'slack' }, 'providerType: notices have one form'],
    ['no address', { endpointUrl: undefined }, 'endpointUrl: it is missing'],
  ])('with %s are refused by the field', async (_, wrong, message) => {
    const { status, body } = await api.call('POST', all, { ...hook, ...wrong });
    expect([status, body.message]).toEqual([400, expect.stringContaining(message)]);
    expect((await api.call('GET', all)).body.webhooks).toEqual([]);
  });

  it('are told all that is wrong at once; a host of a single label is taken', async () => {
    const { body } = await api.call('POST', all, { endpointUrl: 'hello', subscriptions: ['nodeCreated'], name: '-' });
    expect(body.fields).toEqual({
      endpointUrl: expect.stringContaining('it must begin with https://'),
      subscriptions: expect.stringContaining('nodeCreated'),
      name: expect.stringContaining('beginning with a letter'),
    });
    const taken = await api.call('POST', all, { ...hook, endpointUrl: 'https://hooks/posture' });
    expect([taken.status, taken.body.endpointUrl]).toEqual([200, 'https://hooks/posture']);
  });
});
