// What may be done with webhooks, without anything being sent.

import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it, test } from 'vitest';
import * as webhooks from '../../src/operations/webhooks.ts';
import { eventCatalogue } from '../../src/posture/events.ts';
import { noticeKinds, noticeRules, testNotice } from '../../src/posture/notices.ts';
import { root } from '../support/checkout.ts';
import { keys, tellFlips } from '../support/receiver.ts';
import { createWorld, tester, type World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
});

const request = () => ({ db: world.db, now: world.now, actor: tester, keys, allowedHosts: ['hooks.internal:8080'] });
const url = 'https://hooks.example.com/posture';
const create = (input: Partial<webhooks.NewWebhook> = {}) =>
  webhooks.createWebhook(request(), { name: 'w', url, ...input });

describe('what is given', () => {
  it.each([
    ['a private address', 'https://10.0.0.1/in', 'is not a public address'],
    ['the name of this machine', 'https://localhost/in', 'is not a public address'],
    ['http', 'http://hooks.example.com/in', 'http is refused'],
    ['a password', 'https://a:b@hooks.example.com', 'must not hold a user name or password'],
    ['another scheme', 'ftp://hooks.example.com', 'must begin with https://'],
    ['nothing in it', ' ', 'must begin with https://, for example'],
    ['no scheme', 'hooks.example.com/a', 'must begin with https://, for example'],
    ['no host', 'https://', 'expected for example'],
    ['no end', `${url}/${'x'.repeat(2_000)}`, '2000 characters at most'],
  ])('a URL with %s is refused, naming the field', async (_, given, problem) => {
    const wanted = { code: 'invalid', message: expect.stringMatching(new RegExp(`^url: .*${problem}`)) };
    await expect(create({ url: given })).rejects.toMatchObject(wanted);
    await create();
    await expect(webhooks.updateWebhook(request(), 'w', { url: given })).rejects.toMatchObject(wanted);
  });

  it('a URL keeps its path and query, and a host that is allowed may be private and http', async () => {
    expect((await create({ url: 'https://hooks.example.com/a/b?c=d%20e#f' })).view.url).toBe(
      'https://hooks.example.com/a/b?c=d%20e',
    );
    expect((await create({ name: 'x', url: 'http://hooks.internal:8080' })).view.url).toBe(
      'http://hooks.internal:8080/',
    );
  });

  it.each<[string, Partial<webhooks.NewWebhook>, string]>([
    [
      'a kind that there is not',
      { notices: ['device.posture_fail'] },
      'notices: there is no "device.posture_fail"; did you mean',
    ],
    ['the test', { notices: [testNotice] }, 'notices: there is no "webhook.test"'],
    ['no kind', { notices: [] }, 'notices: at least one of'],
    ['a bad name', { name: '-' }, 'name: '],
  ])('%s is refused, naming the field', async (_, input, problem) => {
    await expect(create(input)).rejects.toMatchObject({ code: 'invalid', message: expect.stringContaining(problem) });
    expect(await webhooks.viewWebhooks(request())).toEqual([]);
  });

  it('a name that is taken is a conflict, an unknown one not found, with the nearest', async () => {
    await create({ name: 'pager' });
    await create({ name: 'siem' });
    await expect(create({ name: 'pager' })).rejects.toMatchObject({ code: 'conflict' });
    await expect(webhooks.updateWebhook(request(), 'siem', { name: 'pager' })).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(webhooks.viewWebhook(request(), 'pagre')).rejects.toMatchObject({
      code: 'not_found',
      message: 'there is no webhook "pagre"; did you mean "pager"?',
    });
  });
});

it('each leaves one event, and no secret anywhere', async () => {
  const { secret, view } = await create({ notices: ['device.posture_failed'] });
  const { changed } = await webhooks.updateWebhook(request(), view.id, { name: 'v', notices: [...noticeKinds] });
  expect(changed).toEqual(['name', 'notices']);
  expect((await webhooks.updateWebhook(request(), 'v', { url })).changed).toEqual([]);
  const { secret: second } = await webhooks.rotateWebhookSecret(request(), 'v', { atOnce: false });
  await webhooks.testWebhook(request(), 'v');
  expect([await webhooks.disableWebhook(request(), 'v'), await webhooks.disableWebhook(request(), 'v')]).toEqual([
    true,
    false,
  ]);
  await expect(webhooks.testWebhook(request(), 'v')).rejects.toMatchObject({ code: 'conflict' });
  expect([await webhooks.enableWebhook(request(), 'v'), await webhooks.enableWebhook(request(), 'v')]).toEqual([
    true,
    false,
  ]);
  const shown = await webhooks.viewWebhooks(request());
  await tellFlips(world, 'd1 failing');
  expect(await webhooks.removeWebhook(request(), 'v')).toEqual({ webhook: 'v', waiting: 2 });
  const events = await world.events('WEBHOOK_ENDPOINT');
  expect(
    events.map(({ event, actor, target }) => [event.replace('WEBHOOK_ENDPOINT.', ''), actor.id, target.id]),
  ).toEqual(
    ['CREATE', 'UPDATE', 'UPDATE.SECRET', 'TEST', 'DISABLE', 'ENABLE', 'DELETE'].map(e => [e, 'test', view.id]),
  );
  expect(new Set(events.map(({ eventGroupID }) => eventGroupID)).size).toBe(7);
  const { rows } = await world.db.query('select * from webhook_deliveries');
  expect(rows).toEqual([]);
  for (const planted of [secret, second])
    expect(JSON.stringify([events, shown])).not.toContain(planted.slice('whsec_'.length));
});

it('a secret is sealed in its row, and opens with the keys alone', async () => {
  const { secret } = await create();
  const { rows } = await world.db.query('select id, secret, secret_key_id from webhooks');
  expect(rows[0].secret.toString('latin1')).not.toContain(secret);
  const row = {
    ...rows[0],
    secretKeyId: rows[0].secret_key_id,
    oldSecret: null,
    oldSecretKeyId: null,
    oldSecretEndsAt: null,
  };
  expect(await webhooks.openSigningSecrets(keys)(row, world.now())).toEqual([secret]);
  const others = [{ id: 'k1', key: Buffer.alloc(32, 8) }] as const;
  await expect(webhooks.openSigningSecrets(others)(row, world.now())).rejects.toThrow('it is another key');
});

test('each kind of notice comes of an event that there is, and is in the document', () => {
  const document = readFileSync(path.join(root, 'docs/webhooks.md'), 'utf8');
  for (const { kind, event } of noticeRules) {
    expect(eventCatalogue).toHaveProperty([event]);
    expect(document).toContain(`| \`${kind}\` |`);
  }
});
