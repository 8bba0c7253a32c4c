// Looking on: what is told of changes that were committed anywhere, to whom, and what a reader outlasts.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startLive } from '../../src/api/live-readers.ts';
import { createLog } from '../../src/log.ts';
import { createApiKey, revokeApiKey } from '../../src/operations/keys.ts';
import { changeSettings } from '../../src/operations/settings.ts';
import { liveTopics } from '../../src/store/live.ts';
import { closeRun, openRun } from '../../src/store/runs.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { type LiveEvent, openLive } from '../support/live.ts';
import '../support/registered.ts';
import { Relay } from '../support/relay.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const isHello = ({ name }: LiveEvent) => name === 'hello';
const about =
  (...topics: string[]) =>
  ({ name, data }: LiveEvent) =>
    name === 'change' && topics.every(topic => data.topics.includes(topic));
/** After a reconnect, which a machine that is slow may cause, all is told: then a test needs another try. */
const apart = { retry: 2 };
const isWhole = about(...liveTopics);

let world: World;
let api: TestApi;
const request = () => ({ db: world.db, now: world.now, actor: tester });
const revisionOf = async () => (await world.db.query('select revision from head')).rows[0].revision as number;
const progress = (runId: number, agents: number) => ({
  ...{ integrationId: 'phq', runId, phase: 'reading', agents, claimedTotal: 1_000 },
});
const tellProgress = (told: unknown) => world.db.query("select pg_notify('run_progress', $1)", [JSON.stringify(told)]);

beforeEach(async () => {
  world = await createWorld();
  await world.integration('hq');
  await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
  // Before the service, which then knows of everything that was done when it first listens.
  const { key } = await createApiKey(request(), { name: 'admin', scopes: ['all'], expiresInMs: null });
  api = await startApi({ database: world.database, now: world.now, key });
});

describe('who looks on', () => {
  it('is greeted with the revision, and no proxy keeps back, packs or stores what comes', async () => {
    const live = await openLive(api.service.url, api.key);
    expect([live.status, live.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(live.headers.get('cache-control')).toBe('no-cache, no-transform');
    expect(live.headers.get('x-accel-buffering')).toBe('no');
    const revision = await revisionOf();
    expect(await live.until(isHello)).toEqual({ name: 'hello', id: String(revision), data: { revision } });
    expect(live.text()).toMatch(/^retry: \d+$/m);
    expect(live.events()).toHaveLength(1);
  });

  it('is told the topics and the revision of each change, whoever made it', apart, async () => {
    const live = await openLive(api.service.url, api.key);
    await live.until(isHello);
    await world.devices({ id: 'b', serialNumbers: ['SER-2'] });
    const { id, data } = await live.until(about('devices', 'audit'));
    expect([id, data]).toEqual([
      String(await revisionOf()),
      { revision: await revisionOf(), topics: expect.any(Array) },
    ]);
    expect(data.topics).not.toContain('settings');
    const from = live.events().length;
    await changeSettings(request(), { allowMultipleIntegrations: true }, { confirm: null, isConfirmRequired: false });
    expect((await live.until(about('settings', 'audit'), from)).data.topics).not.toContain('devices');
  });

  it('is told of devices alone, and not of the policy, when devices are judged', apart, async () => {
    const live = await openLive(api.service.url, api.key);
    await live.until(isHello);
    // Told a statement, whether it changes rows or not.
    await world.db.query('delete from standings');
    expect((await live.until(({ name }) => name === 'change')).data.topics).toEqual(['devices']);
  });

  it('is told nothing of topics that a write looked at in vain', apart, async () => {
    const live = await openLive(api.service.url, api.key);
    await live.until(isHello);
    await world.devices({ id: 'b', serialNumbers: ['SER-2'] });
    const { data } = await live.until(about('devices'));
    for (const topic of ['webhooks', 'keys', 'settings', 'runs']) expect(data.topics).not.toContain(topic);
  });

  it('is told also of what moves no revision: runs, health of integrations, deliveries and uses of keys', async () => {
    const before = await revisionOf();
    const live = await openLive(api.service.url, api.key);
    await live.until(isHello);
    const client = await world.db.connect();
    const run = { id: await openRun(client, 'phq', 'w', world.now()), integrationId: 'phq' };
    await live.until(about('runs'));
    let from = live.events().length;
    await closeRun(client, run, { outcome: 'succeeded', durationMs: 5 }, {});
    client.release();
    await live.until(about('runs'), from);
    from = live.events().length;
    await world.db.query("update integrations set next_sync_at = next_sync_at + interval '1 minute' where id = 'phq'");
    await live.until(about('integrations'), from);
    await world.db.query(
      "insert into webhook_deliveries (webhook_id, revision, n, event_time, kind, subject, next_attempt_at) values ('w', 1, 1, $1, 'k', 's', $1)",
      [world.now()],
    );
    await live.until(about('webhooks'), from);
    await api.service.keys.flush();
    await live.until(about('keys'), from);
    expect(await revisionOf()).toBe(before);
  });

  it('is told how far syncs are, of each the last word, and is not told what is none', async () => {
    const live = await openLive(api.service.url, api.key);
    await live.until(isHello);
    await tellProgress(progress(7, 100));
    expect((await live.until(({ name }) => name === 'run')).data).toEqual(progress(7, 100));
    await world.db.query("select pg_notify('run_progress', 'oops')");
    await tellProgress({ integrationId: 'phq' });
    for (const agents of [200, 300, 400]) await tellProgress(progress(7, agents));
    await live.until(({ name, data }) => name === 'run' && data.agents === 400);
    expect(live.events().filter(({ name }) => name === 'run').length).toBeLessThan(4);
  });

  it('gets many changes together, and those of two readers are the same', async () => {
    const [one, two] = [await openLive(api.service.url, api.key), await openLive(api.service.url, api.key)];
    await Promise.all([one.until(isHello), two.until(isHello)]);
    for (let n = 0; n < 20; n++) await world.devices({ id: `many-${n}`, serialNumbers: [] });
    const last = await revisionOf();
    const told = ({ name, data }: LiveEvent) => name === 'change' && data.revision === last;
    await Promise.all([one.until(told), two.until(told)]);
    for (const { events } of [one, two])
      expect(events().filter(({ name }) => name === 'change').length).toBeLessThan(20);
  });

  it('that comes back after a gap is told to read everything anew, at once', async () => {
    const [first, witness] = [await openLive(api.service.url, api.key), await openLive(api.service.url, api.key)];
    const { id } = await first.until(isHello);
    first.close();
    await first.ended;
    await world.devices({ id: 'b', serialNumbers: [] });
    await witness.until(about('devices'));
    const again = await openLive(api.service.url, api.key, { 'last-event-id': id });
    expect((await again.until(isWhole)).data).toEqual({ revision: await revisionOf(), topics: [...liveTopics] });
    expect(
      again
        .events()
        .slice(0, 2)
        .map(({ name }) => name),
    ).toEqual(['hello', 'change']);
  });

  it('is told of nothing that the key may not read, and of nothing at all gets no stream', async () => {
    const key = await api.keyFor('devices:core:read');
    const live = await openLive(api.service.url, key, { 'last-event-id': '1' });
    expect((await live.until(({ name }) => name === 'change')).data.topics).toEqual(['devices']);
    const from = live.events().length;
    await tellProgress(progress(7, 100));
    await changeSettings(request(), { allowMultipleIntegrations: true }, { confirm: null, isConfirmRequired: false });
    await world.devices({ id: 'b', serialNumbers: [] });
    expect((await live.until(({ name }) => name === 'change', from)).data.topics).toEqual(['devices']);
    expect(live.events().filter(({ name }) => name === 'run')).toEqual([]);
    const keeper = await api.keyFor('api_access_tokens:read');
    const keys = await openLive(api.service.url, keeper, { 'last-event-id': '1' });
    expect((await keys.until(({ name }) => name === 'change')).data.topics).toEqual(['keys']);
    const decider = await api.keyFor('gateway:decide');
    expect((await api.call('GET', '/api/v2/tailnet/-/live', undefined, { key: decider })).status).toBe(403);
  });
});

describe('a stream', () => {
  it('ends when its key is revoked', async () => {
    const key = await api.keyFor('all:read');
    const live = await openLive(api.service.url, key);
    await live.until(isHello);
    await revokeApiKey(request(), 'key-1');
    await live.ended;
    const again = await api.call('GET', '/api/v2/tailnet/-/live', undefined, { key });
    expect(again.status).toBe(401);
  });

  it('ends at once when the service stops', async () => {
    const live = await openLive(api.service.url, api.key);
    await live.until(isHello);
    const stopping = api.service.running.stop();
    await live.ended;
    await stopping;
  });

  it('says that the database is away, and when it is back has everything read anew', async () => {
    const relay = await Relay.to(world.database.url);
    onTestFinished(() => relay.stop());
    const { service, key } = await startApi({
      database: world.database,
      now: world.now,
      key: api.key,
      liveUrl: relay.url,
    });
    const live = await openLive(service.url, key);
    await live.until(isHello);
    relay.fail('refuses');
    await live.until(({ name }) => name === 'away');
    const refused = await service.as(key, '/api/v2/tailnet/-/live');
    expect([refused.status, await refused.json()]).toEqual([503, { message: 'the database is away' }]);
    await world.devices({ id: 'b', serialNumbers: [] });
    relay.heal();
    expect((await live.until(isWhole)).data.revision).toBe(await revisionOf());
  });
});

describe('what is kept for readers', () => {
  const start = () => {
    const log = createLog('silent', { write: () => {} });
    const live = startLive({ databaseUrl: world.database.url, log, limits: { readers: 3, perCaller: 2 } });
    onTestFinished(() => live.stop());
    return live;
  };

  it('does not grow for one that takes nothing', async () => {
    const live = start();
    await expect.poll(live.isReachable).toBe(true);
    const reader = live.reader('k', AbortSignal.timeout(60_000));
    for (let n = 0; n < 50; n++) {
      await world.devices({ id: `many-${n}`, serialNumbers: [] });
      await tellProgress(progress(7, n));
    }
    await tellProgress(progress(8, 0));
    const runs: unknown[] = [];
    const topics = new Set<string>();
    while (!runs.includes(8)) {
      await reader.moved(10_000);
      const news = reader.take();
      for (const topic of news.topics) topics.add(topic);
      expect(news.runs.length).toBeLessThan(2);
      runs.push(...news.runs.map(({ runId }) => runId));
    }
    expect(topics.has('devices')).toBe(true);
    expect([...reader.take().topics, ...reader.take().runs]).toEqual([]);
  });

  it('is for so many readers at most, and so many of one key', async () => {
    const live = start();
    const { signal } = new AbortController();
    const readers = [live.reader('k', signal), live.reader('k', signal)];
    expect(() => live.reader('k', signal)).toThrow('too many look on');
    live.reader('l', signal);
    expect(() => live.reader('m', signal)).toThrow('too many look on');
    readers[0]?.leave();
    live.reader('m', signal);
    expect(live.readers()).toBe(3);
  });
});
