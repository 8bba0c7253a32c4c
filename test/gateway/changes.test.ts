// Snapshot and changes over HTTP, from a real database: what a reader gets, from where it can go on, and what it is refused.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { removeDevice } from '../../src/operations/devices.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import { purgeLongGone } from '../../src/store/purge.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { askAndNotRead, type FedService, fillDatabase, openEvents, recordsOf, startFeeding } from '../support/feed.ts';
import '../support/registered.ts';
import { Relay } from '../support/relay.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const policy = '{"acls": [{"action": "accept", "src": ["*"], "dst": ["*:*"], "srcPosture": []}]}';

let world: World;
let console: FakeConsole;
const request = () => ({ db: world.db, now: world.now, actor: tester });
const revisionOf = async () => (await world.db.query('select revision from head')).rows[0].revision as number;
const asReader = (service: FedService, path: string, headers: Record<string, string> = {}) =>
  service.get(path, { authorization: `Bearer ${service.reader}`, ...headers });

beforeEach(async () => {
  world = await createWorld();
  console = await world.integration('hq');
  const values = { 'fake:isActive': true, 'fake:threats': 0, 'fake:lastSeen': '2026-03-01T00:00:00.000Z' };
  console.set(fakeAgent('1', 'SER-1', { values }));
  const about = { hostname: 'lt-1', user: 'anna@example.com', tags: ['tag:laptop'] };
  await world.devices({ id: 'a', ...about, serialNumbers: ['ser-1'] }, { id: 'b', serialNumbers: ['SER-2'] });
  await world.sync('hq');
});

describe('a snapshot', () => {
  it('tells everything line by line, from its revision to its end', async () => {
    const service = await startFeeding(world);
    await applyPolicy(request(), { text: policy, ifRevision: null });
    const response = await asReader(service, '/gateway/snapshot', { 'accept-encoding': 'gzip;q=0, br' });
    expect(Object.fromEntries(response.headers)).toMatchObject({
      'content-type': 'application/x-ndjson; charset=utf-8',
      'cache-control': 'no-store',
    });
    expect(response.headers.get('content-encoding')).toBeNull();
    const at = world.now().toISOString();
    const revision = await revisionOf();
    const serial = { id: 'a', hostname: 'lt-1', user: 'anna@example.com', tags: ['tag:laptop'] };
    const none = { hostname: null, user: null, tags: [] };
    expect(recordsOf(await response.text())).toEqual([
      { snapshot: { format: 2, revision, at } },
      { catalogue: expect.arrayContaining([{ name: 'fake:lastSeen', type: 'time', resolutionMs: 6 * hour }]) },
      { integrations: [{ id: 'phq', name: 'hq', provider: 'fake', sweptAt: at }] },
      { policy: { revision, hash: expect.stringMatching(/^[0-9a-f]{64}$/), text: policy } },
      { device: { ...serial, identifiers: ['serial:SER-1'] } },
      { device: { id: 'b', ...none, identifiers: ['serial:SER-2'] } },
      {
        attributes: {
          deviceId: 'a',
          source: 'fake',
          integrationId: 'phq',
          observedAt: at,
          frozenAt: null,
          withheld: {},
          values: { 'fake:isActive': true, 'fake:threats': 0, 'fake:lastSeen': '2026-03-01T00:00:00.000Z' },
        },
      },
      { end: { revision, at } },
    ]);
  });

  it('tells which values are frozen, and which are withheld from being lost, with their own times', async () => {
    console.set(fakeAgent('2', 'SER-2'));
    await world.sync('hq');
    const before = world.now().toISOString();
    console.unreadable.add('1');
    console.agents.delete('2');
    await world.db.query('update integrations set hold_floor = 0, hold_share = 0');
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held' });
    const service = await startFeeding(world);
    const records = recordsOf(await (await asReader(service, '/gateway/snapshot')).text());
    const said = records.flatMap(({ attributes }) => (attributes ? [attributes] : []));
    expect(said).toMatchObject([
      { deviceId: 'a', frozenAt: before, withheld: {} },
      { deviceId: 'b', withheld: { 'fake:threats': { integrationId: 'phq', confirmedAt: before } } },
    ]);
  });

  it('is compressed for who takes gzip', async () => {
    const service = await startFeeding(world);
    const response = await asReader(service, '/gateway/snapshot', { 'accept-encoding': 'br, gzip;q=0.5' });
    expect(response.headers.get('content-encoding')).toBe('gzip');
    expect(recordsOf(await response.text()).at(-1)).toEqual({
      end: { revision: await revisionOf(), at: world.now().toISOString() },
    });
  });

  it('that was cut has no end', async () => {
    const relay = await Relay.to(world.database.url);
    onTestFinished(() => relay.stop());
    const service = await startFeeding(world, { url: relay.url });
    await fillDatabase(world, 1, 40_000);
    const socket = await askAndNotRead(service, '/gateway/snapshot', '*/*');
    // It has begun, and waits for its reader.
    await expect.poll(() => service.streams.given()[0]).toBeGreaterThan(100_000);
    relay.fail('refuses');
    let text = '';
    socket.setEncoding('utf8').on('data', chunk => {
      text += chunk;
    });
    socket.resume();
    await new Promise(resolve => socket.once('close', resolve));
    expect(text).toContain('"snapshot"');
    expect(text).toContain('"many-1"');
    expect(text).not.toContain('"end"');
    // Nor does it look like an answer that is complete.
    expect(text.endsWith('0\r\n\r\n')).toBe(false);
    await expect.poll(service.snapshotsUnderWay).toBe(0);
  });

  it('is read by four at once, and by the next one when one of them is done or gone', async () => {
    const service = await startFeeding(world);
    await fillDatabase(world, 1, 40_000);
    const sockets = await Promise.all(
      Array.from({ length: 4 }, () => askAndNotRead(service, '/gateway/snapshot', '*/*')),
    );
    await expect.poll(service.snapshotsUnderWay).toBe(4);
    const refused = await asReader(service, '/gateway/snapshot');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    sockets[0]?.destroy();
    await expect.poll(service.snapshotsUnderWay).toBe(3);
    expect((await asReader(service, '/gateway/snapshot')).status).toBe(200);
  });
});

describe('changes', () => {
  it('come as events, in the order of their revisions, each once', async () => {
    const service = await startFeeding(world);
    const after = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes('"end"'));
    await removeDevice(request(), 'b');
    await events.until(text => text.includes(`id: ${after + 1}\n`));
    await world.devices({ id: 'c' });
    await events.until(text => text.includes(`id: ${after + 2}\n`));
    await applyPolicy(request(), { text: policy, ifRevision: null });
    await events.until(text => text.includes(`id: ${after + 3}\n`));
    const at = world.now().toISOString();
    const [catalogue, integrations, ...records] = events.records();
    expect([catalogue, integrations]).toEqual([
      { catalogue: expect.arrayContaining([{ name: 'fake:threats', type: 'number' }]) },
      { integrations: [{ id: 'phq', name: 'hq', provider: 'fake', sweptAt: at }] },
    ]);
    expect(records).toEqual([
      { end: { after, revision: after, at } },
      { removed: { id: 'b' } },
      { end: { after, revision: after + 1, at } },
      { device: { id: 'c', hostname: null, user: null, tags: [], identifiers: [] } },
      { end: { after: after + 1, revision: after + 2, at } },
      { policy: { revision: after + 3, hash: expect.any(String), text: policy } },
      { end: { after: after + 2, revision: after + 3, at } },
    ]);
    // All of it was read once, for whoever follows.
    expect(service.feed.figures()).toMatchObject({ batches: 3, ownReads: 0 });
  });

  it('tell of a sweep that found nothing new, though no revision does', async () => {
    const service = await startFeeding(world);
    const after = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes('"end"'));
    await world.sync('hq');
    const sweptAt = world.now().toISOString();
    await events.until(text => text.includes(`"sweptAt":"${sweptAt}"`) && text.endsWith('\n\n'));
    expect(await revisionOf()).toBe(after);
    expect(events.records().at(-1)).toMatchObject({ end: { after, revision: after } });
  });

  it('go on from the last event that came, whatever was asked for at first', async () => {
    const service = await startFeeding(world);
    const after = await revisionOf();
    const first = await openEvents(service, after);
    await first.until(text => text.includes('"end"'));
    await world.devices({ id: 'c' });
    await first.until(text => text.includes(`id: ${after + 1}\n`));
    first.close();
    await world.devices({ id: 'd' });
    const again = await openEvents(service, after, { 'last-event-id': String(after + 1) });
    await again.until(text => text.includes(`id: ${after + 2}\n`));
    const told = again.records().flatMap(({ device }) => (device ? [device.id] : []));
    expect(told).toEqual(['d']);
    expect(service.feed.figures().ownReads, 'it was kept for it').toBe(0);
  });

  it('that are not kept in memory any more are read for the reader that lacks them', async () => {
    const after = await revisionOf();
    await world.devices({ id: 'c' });
    await removeDevice(request(), 'b');
    const service = await startFeeding(world, { limits: { keptOfBatch: 1_000, heldOfOwn: 500 } });
    const revision = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes(`id: ${revision}\n`));
    const records = events.records().slice(2);
    expect(records).toMatchObject([{ removed: { id: 'b' } }, { device: { id: 'c' } }, { end: { after, revision } }]);
    // More at once than is kept of one batch.
    const many = await fillDatabase(world, 1, 2_500);
    await events.until(text => text.includes(`id: ${many}\n`));
    const ids = events.records().flatMap(({ device }) => (device?.id.startsWith('many-') ? [device.id] : []));
    expect([ids.length, new Set(ids).size]).toEqual([2_500, 2_500]);
    await expect.poll(() => service.feed.figures()).toMatchObject({ batches: 0, ownReads: 2, keptCharacters: 0 });
  });

  it('are dropped from memory beyond a limit, and after nobody followed for a while', async () => {
    const service = await startFeeding(world, { limits: { kept: 1_000, lingerMs: 0 } });
    const after = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes('"end"'));
    for (let n = 1; n <= 15; n++) {
      await world.devices({ id: `c${n}`, hostname: 'x'.repeat(100) });
      await events.until(text => text.includes(`id: ${after + n}\n`));
    }
    expect(service.feed.figures()).toMatchObject({ batches: 15 });
    expect(service.feed.figures().keptCharacters).toBeGreaterThan(0);
    expect(service.feed.figures().keptCharacters).toBeLessThanOrEqual(1_000);
    events.close();
    await expect.poll(() => service.feed.figures().keptCharacters).toBe(0);
  });

  it('are polled: at once where there are some, else when one comes, or the time is up', async () => {
    const service = await startFeeding(world);
    const after = await revisionOf();
    const poll = async (path: string) => recordsOf(await (await asReader(service, path)).text()).slice(1);
    const integrations = { integrations: [expect.objectContaining({ id: 'phq' })] };
    expect(await poll(`/gateway/changes?after=${after}&wait=0`)).toEqual([
      integrations,
      { end: { after, revision: after, at: expect.any(String) } },
    ]);
    const waits = () => expect.poll(() => service.feed.figures().readers).toBe(1);
    const waiting = poll(`/gateway/changes?after=${after}&wait=60`);
    await waits();
    await world.devices({ id: 'c' });
    expect(await waiting).toMatchObject([
      { device: { id: 'c' } },
      integrations,
      { end: { after, revision: after + 1 } },
    ]);
    const isBehind = await poll(`/gateway/changes?after=${after}&wait=60`);
    expect(isBehind).toMatchObject([{ device: { id: 'c' } }, integrations, { end: { after, revision: after + 1 } }]);
    // Ages are worth an answer too.
    const forAges = poll(`/gateway/changes?after=${after + 1}&wait=60`);
    await waits();
    await world.sync('hq');
    expect(await forAges).toMatchObject([
      { integrations: [{ sweptAt: world.now().toISOString() }] },
      { end: { revision: after + 1 } },
    ]);
  });
});

describe('whoever asks', () => {
  it.each([
    ['an older revision than is remembered', () => 1],
    ['a revision that is not there yet', () => 1_000_000],
  ])('for %s is sent to the snapshot, by events and by poll', async (_, after) => {
    await removeDevice(request(), 'b');
    world.pass(31 * 24 * hour);
    await purgeLongGone(world.db, world.now());
    const service = await startFeeding(world);
    for (const accept of ['text/event-stream', 'application/x-ndjson']) {
      const response = await asReader(service, `/gateway/changes?after=${after()}`, { accept });
      expect(response.status).toBe(410);
      expect(await response.json()).toEqual({ message: expect.stringContaining('GET /gateway/snapshot') });
    }
  });

  it.each([
    ['without a revision', ''],
    ['with one that is no number', '?after=x'],
    ['with a negative one', '?after=-1'],
    ['with two of them', '?after=1&after=2'],
    ['to wait for longer than a minute', '?after=1&wait=61'],
    ['to wait for no number', '?after=1&wait=x'],
  ])('%s is refused', async (_, query) => {
    const service = await startFeeding(world);
    const response = await asReader(service, `/gateway/changes${query}`);
    expect(response.status).toBe(400);
    expect(await response.json()).toEqual({ message: expect.any(String) });
  });

  it('needs the scope gateway:stream, and a GET', async () => {
    const service = await startFeeding(world);
    const other = await service.key('other', ['gateway:decide']);
    for (const path of ['/gateway/snapshot', '/gateway/changes?after=1']) {
      expect((await service.get(path)).status).toBe(401);
      expect((await service.as(other, path)).status).toBe(403);
      const head = await fetch(`${service.url}${path}`, {
        method: 'HEAD',
        headers: { authorization: `Bearer ${service.reader}` },
      });
      expect(head.status).toBe(405);
    }
  });

  it('beyond a thousand who follow, or what the limit is, is told to come again', async () => {
    const service = await startFeeding(world, { limits: { readers: 1 } });
    const after = await revisionOf();
    const events = await openEvents(service, after);
    await events.until(text => text.includes('"end"'));
    const refused = await asReader(service, `/gateway/changes?after=${after}`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
    events.close();
    const poll = async () => (await asReader(service, `/gateway/changes?after=${after}&wait=0`)).status;
    await expect.poll(poll).toBe(200);
  });
});
