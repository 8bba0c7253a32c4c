// Keys in memory: what is made or revoked anywhere holds or ends everywhere, also over an outage of the database; expiry by
// the database's clock; the time of the last use.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { createKeyRing, type KeyRing } from '../../src/http/key-ring.ts';
import { createLog } from '../../src/log.ts';
import { createApiKey, revokeApiKey, viewApiKeys } from '../../src/operations/keys.ts';
import { newApiKey } from '../../src/posture/api-keys.ts';
import { databaseClock, type Now } from '../../src/store/client.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { startService } from '../support/http.ts';
import { Relay } from '../support/relay.ts';
import { tester } from '../support/world.ts';

const open: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  vi.restoreAllMocks();
  for (const each of open.splice(0)) await each.stop();
});

let logged: string[] = [];
async function ring(database: TestDatabase, options: { url?: string; now?: Now } = {}): Promise<KeyRing> {
  logged = [];
  const log = createLog('info', { write: line => void logged.push(JSON.parse(line).msg) });
  const { pool: db, url } = database;
  const made = await createKeyRing({ db, url, now: await databaseClock(db), log, bootstrapKey: null, ...options });
  open.push(made);
  return made;
}

const request = ({ pool }: TestDatabase) => ({ db: pool, now: () => new Date(), actor: tester });
const make = async (database: TestDatabase, name = 'nginx', expiresInMs: number | null = null) =>
  (await createApiKey(request(database), { name, scopes: ['all'], expiresInMs })).key;
/** Rounds of which the quickest counts: a machine that is busy otherwise may take longer for some, ours would for each. */
const rounds = [1, 2, 3, 4, 5];
const second = 1_000;

/** @returns how long it took until it was so, in ms */
async function tookMs(look: () => unknown, expected: unknown): Promise<number> {
  const begun = performance.now();
  await expect.poll(look).toEqual(expected);
  return performance.now() - begun;
}

test('a key made or revoked in one process holds, or holds no more, in all of them within a second', async () => {
  const database = await freshDatabase();
  const rings = [await ring(database), await ring(database)];
  const refusals = (key: string) => rings.map(each => each.identify(key).refusal);
  const took: { made: number; revoked: number }[] = [];
  for (const _ of rounds) {
    const key = await make(database);
    const made = await tookMs(() => refusals(key), [null, null]);
    await revokeApiKey(request(database), key);
    took.push({ made, revoked: await tookMs(() => refusals(key), ['revoked', 'revoked']) });
  }
  expect(Math.min(...took.map(({ made }) => made))).toBeLessThan(second);
  expect(Math.min(...took.map(({ revoked }) => revoked))).toBeLessThan(second);
});

test('a doorbell that is not heard costs half a second: the head is looked at, too', async () => {
  const database = await freshDatabase();
  const it = await ring(database);
  const took: number[] = [];
  for (const n of rounds) {
    // Nothing but the row tells of this one, as when a notification was lost.
    const { id, key } = newApiKey();
    await database.pool.query(
      "insert into api_keys (id, name, hash, scopes, created_at, created_by) values ($1, $3, sha256($2), '{all}', now(), 'x')",
      [id, Buffer.from(key), `x${n}`],
    );
    await database.pool.query('update head set revision = revision + 1');
    took.push(await tookMs(() => it.identify(key).refusal, null));
  }
  expect(Math.min(...took)).toBeLessThan(second);
});

test('a request costs no query', async () => {
  const it = await startService();
  const key = await it.key('nginx', ['all']);
  const query = vi.spyOn(it.database.pool, 'query');
  const connect = vi.spyOn(it.database.pool, 'connect');
  for (let n = 0; n < 20; n++) expect((await it.as(key)).status).toBe(200);
  expect([query.mock.calls, connect.mock.calls]).toEqual([[], []]);
});

test('a key expires by the clock of the database, without any refresh', async () => {
  const database = await freshDatabase();
  let at = new Date();
  const it = await ring(database, { now: () => at });
  const key = (
    await createApiKey({ ...request(database), now: () => at }, { name: 'x', scopes: ['all'], expiresInMs: 60_000 })
  ).key;
  await expect.poll(() => it.identify(key).refusal).toBeNull();
  const begun = at.getTime();
  at = new Date(begun + 59_999);
  expect(it.identify(key).refusal).toBeNull();
  at = new Date(begun + 60_000);
  expect(it.identify(key).refusal).toBe('expired');
});

describe('while the database is away', () => {
  test.each<['refuses' | 'hangs']>([['refuses'], ['hangs']])(
    'the ring goes on with what it knows, says so once, and is current again at once afterwards: it %s',
    async how => {
      const database = await freshDatabase();
      const relay = await Relay.to(database.url);
      open.push(relay);
      const it = await ring(database, { url: relay.url });
      const [stays, goes] = [await make(database, 'stays'), await make(database, 'goes')];
      await expect.poll(() => [it.identify(stays).refusal, it.identify(goes).refusal]).toEqual([null, null]);
      const before = logged.length;
      relay.fail(how);
      const away = ['the database is away: API keys are taken as last known'];
      await expect.poll(() => logged.slice(before)).toEqual(away);
      await revokeApiKey(request(database), 'goes');
      const late = await make(database, 'late');
      expect([stays, goes, late].map(key => it.identify(key).refusal)).toEqual([null, null, 'unknown']);
      expect(logged.slice(before)).toEqual(away);
      relay.heal();
      await expect
        .poll(() => [stays, goes, late].map(key => it.identify(key).refusal))
        .toEqual([null, 'revoked', null]);
      await expect.poll(() => logged.at(-1)).toBe('API keys are current again');
    },
  );

  test('no ring begins', async () => {
    const database = await freshDatabase();
    await expect(ring(database, { url: 'postgres://x@127.0.0.1:1/x' })).rejects.toThrow('ECONNREFUSED');
  });
});

describe('the last use', () => {
  const lastUsed = async (database: TestDatabase) =>
    (await viewApiKeys(request(database))).map(({ lastUsedAt }) => lastUsedAt);

  test('is stored together with others, without an audited write, and never goes back', async () => {
    const database = await freshDatabase();
    let at = new Date('2026-03-01T00:00:00.000Z');
    const it = await ring(database, { now: () => at });
    const [key, other] = [await make(database), await make(database, 'other')];
    await expect.poll(() => [it.identify(key).refusal, it.identify(other).refusal]).toEqual([null, null]);
    await it.flush();
    const used = at;
    const revision = async () => (await database.pool.query('select revision from head')).rows[0].revision;
    const before = await revision();
    const query = vi.spyOn(database.pool, 'query');
    for (let n = 0; n < 100; n++) it.identify(n % 2 ? key : other);
    await it.flush();
    await it.flush();
    expect(query).toHaveBeenCalledTimes(1);
    query.mockRestore();
    expect(await lastUsed(database)).toEqual([used, used]);
    expect(await revision()).toBe(before);
    at = new Date(used.getTime() - 1);
    it.identify(key);
    await it.flush();
    expect(await lastUsed(database)).toEqual([used, used]);
  });

  test('of a key that is refused does not move', async () => {
    const database = await freshDatabase();
    const it = await ring(database);
    const key = await make(database);
    await revokeApiKey(request(database), key);
    await expect.poll(() => it.identify(key).refusal).toBe('revoked');
    await it.flush();
    const query = vi.spyOn(database.pool, 'query');
    it.identify(key);
    it.identify(`${key.slice(0, -1)}x`);
    await it.flush();
    expect(query).not.toHaveBeenCalled();
  });

  // A stop waits for 2 s: a machine that stalls for as long needs another try.
  test('is stored at a stop, and after a failure the next time', { retry: 2 }, async () => {
    const database = await freshDatabase();
    const it = await ring(database);
    const key = await make(database);
    await expect.poll(() => it.identify(key).refusal).toBeNull();
    await database.pool.query('alter table api_keys rename to away');
    await it.flush();
    await database.pool.query('alter table away rename to api_keys');
    expect(await lastUsed(database)).toEqual([null]);
    await open.pop()?.stop();
    expect(await lastUsed(database)).toEqual([expect.any(Date)]);
  });
});
