// Attributes for evaluators over HTTP, from a view that follows a real database: what they get, how soon, and what happens when
// the database is away.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { addDevices } from '../../src/gateway/devices.ts';
import { type Follower, startFollowing } from '../../src/gateway/follow.ts';
import { createLog } from '../../src/log.ts';
import { removeDevice } from '../../src/operations/devices.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { fakeAgent, fakeAttributes } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { startService, type TestService } from '../support/http.ts';
import { Relay } from '../support/relay.ts';
import { createWorld, tester, type World } from '../support/world.ts';

/** Of which a test reads what it expects. */
// biome-ignore lint/suspicious/noExplicitAny: what is not there reads as undefined, and fails the test
type Answer = any;

const viewMaxAgeMs = 15 * 60_000;

describe('attributes of devices', () => {
  let world: World;
  let relay: Relay;
  let follower: Follower;
  let service: TestService;
  let key: string;
  let ageMs: number | null;
  const lines: string[] = [];

  beforeEach(async () => {
    world = await createWorld();
    relay = await Relay.to(world.database.url);
    lines.length = 0;
    ageMs = null;
    const catalogue = createCatalogue(fakeAttributes, null);
    const log = createLog('info', { write: line => void lines.push(line) });
    follower = startFollowing({ databaseUrl: relay.url, catalogue, moving: ['fake:lastSeen'], log });
    // The age is what a test says, where it says one: nobody waits a quarter of an hour.
    const seen = { known: () => follower.known(), ageMs: () => ageMs ?? follower.ageMs() };
    const parts = { follower: seen, catalogue, viewMaxAgeMs, now: world.now };
    service = await startService({ database: world.database, routes: server => addDevices(server, parts) });
    onTestFinished(async () => {
      await follower.stop();
      await relay.stop();
    });
    key = await service.key('evaluator', ['gateway:decide']);
    const console = await world.integration('hq');
    const values = { 'fake:isActive': true, 'fake:threats': 0, 'fake:lastSeen': '2026-03-01T00:00:00.000Z' };
    console.set(fakeAgent('1', 'SER-1', { values }));
    await world.devices({
      id: 'a',
      hostname: 'lt-1',
      user: 'anna@example.com',
      tags: ['tag:laptop'],
      serialNumbers: ['ser-1'],
      addresses: ['::ffff:10.0.0.7'],
      certificateFingerprints: ['A1'.repeat(32)],
    });
    await world.devices({ id: 'b', serialNumbers: ['SER-2'] });
    await world.sync('hq');
  });

  const revisionOf = async () => (await world.db.query('select revision from head')).rows[0].revision as number;
  /** Waits until the view is as new as the database. */
  const caughtUp = async () => {
    const revision = await revisionOf();
    await expect.poll(() => follower.known()?.revision).toBe(revision);
  };
  const ask = async (path: string) => {
    const response = await service.as(key, path);
    return { status: response.status, body: (await response.json()) as Answer };
  };
  const post = async (body: unknown) => {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const response = await fetch(`${service.url}/gateway/devices`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    });
    return { status: response.status, body: (await response.json()) as Answer };
  };

  it('are told with type, integration, time and age, and with the revision and the age of the view', async () => {
    await caughtUp();
    const confirmedAt = world.now().toISOString();
    world.pass(90_000);
    const { status, body } = await ask('/gateway/devices/a');
    const of = { integration: 'hq', confirmedAt, ageMs: 90_000 };
    expect([status, body]).toEqual([
      200,
      {
        revision: await revisionOf(),
        viewAgeMs: expect.any(Number),
        device: {
          id: 'a',
          hostname: 'lt-1',
          user: 'anna@example.com',
          tags: ['tag:laptop'],
          serialNumbers: ['SER-1'],
          addresses: ['10.0.0.7'],
          certificateFingerprints: ['a1'.repeat(32)],
          attributes: {
            'fake:isActive': { value: true, type: 'boolean', ...of },
            'fake:lastSeen': { value: '2026-03-01T00:00:00.000Z', type: 'time', ...of },
            'fake:threats': { value: 0, type: 'number', ...of },
          },
        },
      },
    ]);
  });

  it('are told of a device whose id is as long as ids may be', async () => {
    const id = `${'é'.repeat(127)}/`;
    await world.devices({ id });
    await caughtUp();
    expect((await ask(`/gateway/devices/${encodeURIComponent(id)}`)).body.device?.id).toBe(id);
  });

  it('are told of a device by serial number, however it is written, and of many at once', async () => {
    await caughtUp();
    expect((await ask('/gateway/devices?serial=%20ser-1')).body.device.id).toBe('a');
    expect(await ask('/gateway/devices?serial=SER-9')).toMatchObject({ status: 404 });
    expect(await ask('/gateway/devices/nobody')).toMatchObject({
      status: 404,
      body: { message: 'there is no such device' },
    });
    const { status, body } = await post({ ids: ['b', 'x'], serials: ['ser-1', 'SER-2', 'ser-9'] });
    expect(status).toBe(200);
    expect(body.devices.map((device: { id: string }) => device.id)).toEqual(['b', 'a']);
    expect(body.unknown).toEqual({ ids: ['x'], serials: ['ser-9'] });
  });

  it.each([
    ['no serial number', '/gateway/devices'],
    ['two of them', '/gateway/devices?serial=a&serial=b'],
  ])('are refused for %s', async (_, path) => {
    await caughtUp();
    expect(await ask(path)).toMatchObject({ status: 400 });
  });

  it.each([
    ['nothing asked for', {}, 'ids or serials are needed'],
    ['no list', { ids: 'a' }, 'ids: expected a list'],
    ['an id that is no text', { ids: [7] }, 'ids.0: '],
    ['no object', [], 'the body: '],
    [
      'more than a thousand',
      { ids: Array.from({ length: 600 }, String), serials: Array.from({ length: 600 }, String) },
      'at most 1000',
    ],
  ])('are refused for %s, with what is wrong', async (_, body, message) => {
    await caughtUp();
    expect(await post(body)).toEqual({ status: 400, body: { message: expect.stringContaining(message) } });
  });

  it('need the scope gateway:decide', async () => {
    const other = await service.key('other', ['devices:core:read']);
    expect((await service.as(other, '/gateway/devices/a')).status).toBe(403);
    expect((await service.get('/gateway/devices/a')).status).toBe(401);
  });

  it('follow what was committed anywhere, and forget a device that was removed', async () => {
    await caughtUp();
    await removeDevice({ db: world.db, now: world.now, actor: tester }, 'a');
    await expect.poll(async () => (await ask('/gateway/devices/a')).status).toBe(404);
    expect((await ask('/gateway/devices/b')).status).toBe(200);
  });

  it('take the time of a sweep that found nothing new, though no revision tells of it', async () => {
    await caughtUp();
    const before = await revisionOf();
    world.pass(60_000);
    await world.sync('hq');
    const confirmedAt = world.now().toISOString();
    const told = async () => (await ask('/gateway/devices/a')).body.device.attributes['fake:threats'].confirmedAt;
    await expect.poll(told).toBe(confirmedAt);
    expect(await revisionOf()).toBe(before);
  });

  it('go on while the database is away, and are current again when it is back', async () => {
    await caughtUp();
    relay.fail('refuses');
    await expect.poll(() => lines.join()).toContain('the view stays as it is');
    expect((await ask('/gateway/devices/a')).status).toBe(200);
    await world.devices({ id: 'c' });
    expect((await ask('/gateway/devices/c')).status).toBe(404);
    relay.heal();
    await expect.poll(async () => (await ask('/gateway/devices/c')).status).toBe(200);
    await expect.poll(() => follower.ageMs()).toBeLessThan(5_000);
  });

  it('are current again after the database hung', async () => {
    const catalogue = createCatalogue(fakeAttributes, null);
    const log = createLog('info', { write: line => void lines.push(line) });
    const patient = startFollowing({ databaseUrl: relay.url, catalogue, moving: [], log, changesWithinMs: 300 });
    onTestFinished(() => patient.stop());
    await expect.poll(() => patient.known()?.view.size).toBe(2);
    relay.fail('hangs');
    await world.devices({ id: 'c' });
    await expect.poll(() => lines.join()).toContain('the view stays as it is');
    expect(patient.known()?.view.size).toBe(2);
    relay.heal();
    await expect.poll(() => patient.known()?.view.size).toBe(3);
  });

  it('are told no more when the view is older than VIEW_MAX_AGE', async () => {
    await caughtUp();
    ageMs = viewMaxAgeMs;
    expect((await ask('/gateway/devices/a')).body.viewAgeMs).toBe(viewMaxAgeMs);
    ageMs = viewMaxAgeMs + 1_000;
    expect(await ask('/gateway/devices/a')).toEqual({
      status: 503,
      body: { message: 'view_stale: the database was last read 901 s ago' },
    });
    expect((await post({ ids: ['a'] })).status).toBe(503);
  });

  it('are not told before everything was read, and that is tried until it succeeds', async () => {
    relay.fail('refuses');
    const catalogue = createCatalogue(fakeAttributes, null);
    const log = createLog('info', { write: line => void lines.push(line) });
    const late = startFollowing({ databaseUrl: relay.url, catalogue, moving: [], log });
    onTestFinished(() => late.stop());
    await expect.poll(() => lines.join()).toContain('cannot be loaded yet');
    expect([late.known(), late.ageMs()]).toEqual([null, Number.POSITIVE_INFINITY]);
    relay.heal();
    await expect.poll(() => late.known()?.view.size).toBe(2);
  });
});
