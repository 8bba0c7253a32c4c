// Keys as operations: what making and revoking one stores and tells, and what is refused.
import { beforeEach, expect, test } from 'vitest';
import { readAudit } from '../../src/operations/audit.ts';
import { createApiKey, type NewApiKey, revokeApiKey, viewApiKeys } from '../../src/operations/keys.ts';
import { apiKeyHash } from '../../src/posture/api-keys.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { tester } from '../support/world.ts';

let database: TestDatabase;
let at: Date;
const request = () => ({ db: database.pool, now: () => at, actor: tester });
const nginx: NewApiKey = { name: 'nginx', scopes: ['gateway:decide'], expiresInMs: null };
const revision = async () => (await database.pool.query('select revision from head')).rows[0].revision;

beforeEach(async () => {
  database = await freshDatabase();
  at = new Date('2026-03-01T00:00:00.000Z');
});

async function events() {
  const found = [];
  for await (const entry of readAudit(database.pool, {})) found.push(entry);
  return found;
}

test('a key is made by one audited write that tells all but the key', async () => {
  const input = { name: 'terraform', scopes: ['policy_file', 'feature_settings'], expiresInMs: 90 * 86_400_000 };
  const { key, view } = await createApiKey(request(), input);
  const expiresAt = new Date('2026-05-30T00:00:00.000Z');
  expect(view).toEqual({
    id: key.slice(6, 18),
    name: 'terraform',
    prefix: key.slice(0, 18),
    scopes: ['policy_file', 'feature_settings'],
    state: 'active',
    createdAt: at,
    createdBy: 'test',
    createdByName: 'test',
    expiresAt,
    revokedAt: null,
    lastUsedAt: null,
  });
  expect(await viewApiKeys(request())).toEqual([view]);
  expect(await events()).toEqual([
    {
      eventTime: at.toISOString(),
      type: 'CONFIG',
      eventGroupID: '1',
      origin: 'CONFIG_API',
      actor: tester,
      target: { id: view.id, name: 'terraform', type: 'API_KEY' },
      action: 'CREATE',
      new: { name: 'terraform', scopes: input.scopes, expiresAt: expiresAt.toISOString() },
      event: 'API_KEY.CREATE',
    },
  ]);
});

test('of a key only its SHA-256 is stored', async () => {
  const { key, view } = await createApiKey(request(), nginx);
  const { rows } = await database.pool.query('select hash, api_keys::text as text from api_keys');
  expect(rows[0].hash).toEqual(apiKeyHash(key));
  const log = await database.pool.query('select audit_log::text as text from audit_log');
  for (const { text } of [...rows, ...log.rows]) {
    expect(text).not.toContain(key.slice(19));
    expect(text).toContain(view.id);
  }
});

test('a key is revoked by its id, its prefix, its name or itself, once, with an event', async () => {
  for (const of of ['id', 'prefix', 'name', 'key'] as const) {
    at = new Date(at.getTime() + 1);
    const { key, view } = await createApiKey(request(), nginx);
    const before = await revision();
    const named = of === 'key' ? key : view[of];
    const revoked = await revokeApiKey(request(), named);
    expect(revoked).toEqual({ view: { ...view, state: 'revoked', revokedAt: at }, isChanged: true });
    expect(await revokeApiKey(request(), named)).toEqual({ ...revoked, isChanged: false });
    expect(await revision()).toBe(before + 1);
    expect((await events()).at(-1)).toMatchObject({
      event: 'API_KEY.REVOKE',
      target: { id: view.id, name: 'nginx' },
      old: { name: 'nginx', scopes: ['gateway:decide'], expiresAt: null },
    });
  }
});

test('a name is free again once its key was revoked, and means the one that holds', async () => {
  const first = await createApiKey(request(), nginx);
  await expect(createApiKey(request(), nginx)).rejects.toThrow('there is an API key "nginx" already');
  await revokeApiKey(request(), 'nginx');
  const second = await createApiKey(request(), nginx);
  expect((await revokeApiKey(request(), 'nginx')).view.id).toBe(second.view.id);
  expect((await viewApiKeys(request())).map(({ id, state }) => [id, state])).toEqual(
    expect.arrayContaining([
      [first.view.id, 'revoked'],
      [second.view.id, 'revoked'],
    ]),
  );
});

test('a key that expires is shown as expired from that moment on', async () => {
  await createApiKey(request(), { ...nginx, expiresInMs: 60_000 });
  const stateAfter = async (ms: number) => {
    at = new Date(at.getTime() + ms);
    return (await viewApiKeys(request()))[0]?.state;
  };
  expect([await stateAfter(59_999), await stateAfter(1)]).toEqual(['active', 'expired']);
});

test.each<[string, Partial<NewApiKey>, string]>([
  ['no name', { name: '' }, 'name: up to 99 letters'],
  ['a name that steers a terminal', { name: 'a\u001b[2J' }, 'name: up to 99 letters'],
  ['no scope', { scopes: [] }, 'at least one of all, all:read'],
  ['an unknown scope', { scopes: ['gateway:deside'] }, 'there is no "gateway:deside"; did you mean "gateway:decide"?'],
  ['a life that is too short', { expiresInMs: 59_999 }, 'expires: from 1m to 3650d'],
  ['a life without end', { expiresInMs: Number.POSITIVE_INFINITY }, 'expires: from 1m to 3650d'],
])('%s is refused, and nothing written', async (_, change, message) => {
  await expect(createApiKey(request(), { ...nginx, ...change })).rejects.toThrow(message);
  expect([await revision(), await viewApiKeys(request())]).toEqual([0, []]);
});

test('a key that is not there is told with the nearest name, and a whole key is not repeated', async () => {
  const { key } = await createApiKey(request(), nginx);
  await expect(revokeApiKey(request(), 'nginz')).rejects.toThrow('there is no API key "nginz"; did you mean "nginx"?');
  const other = `pskey-zzzzzzzzzzzz-${key.slice(19)}`;
  await expect(revokeApiKey(request(), other)).rejects.toThrow(/^there is no API key "pskey-zzzzzzzzzzzz"$/);
});

test('two that make a key of the same name at once: one does, the other is refused', async () => {
  const both = await Promise.allSettled([createApiKey(request(), nginx), createApiKey(request(), nginx)]);
  expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(await viewApiKeys(request())).toHaveLength(1);
});
