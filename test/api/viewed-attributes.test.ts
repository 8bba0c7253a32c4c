// Attributes of a device come from the view that decisions are made from, and clients still read what they have written.
import fastify from 'fastify';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { type ChangesHere, watchChanges } from '../../src/api/changes-here.ts';
import type { Viewed } from '../../src/api/common.ts';
import { startFollowing } from '../../src/gateway/follow.ts';
import { viewedBy } from '../../src/gateway/viewed-attributes.ts';
import { createLog } from '../../src/log.ts';
import { setAttribute } from '../../src/operations/attributes.ts';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

const at = '/api/v2/device/a/attributes';

describe('the attributes of a device', () => {
  let world: World;
  let viewed: Viewed;
  let asked: number;
  let console: FakeConsole;
  const counted: Viewed = {
    attributesOf(device) {
      asked++;
      return viewed.attributesOf(device);
    },
    ageMs: () => viewed.ageMs(),
  };
  const start = (): Promise<TestApi> => startApi({ database: world.database, now: world.now, viewed: counted });
  /** Until the view has all that there is. */
  const caughtUp = async () => {
    const since = performance.now();
    await expect.poll(() => viewed.ageMs() < performance.now() - since).toBe(true);
  };

  beforeEach(async () => {
    asked = 0;
    world = await createWorld();
    console = await world.integration('hq');
    console.set(
      fakeAgent('1', 'SER-1', { values: { 'fake:isActive': true, 'fake:lastSeen': world.now().toISOString() } }),
    );
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    await world.sync('hq');
    // As the registry has it, which was made before the fake provider was known.
    const catalogue = createCatalogue([], null);
    const log = createLog('silent', { write() {} });
    const follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: ['fake:lastSeen'], log });
    onTestFinished(() => follower.stop());
    viewed = viewedBy({ follower, catalogue, now: world.now });
    await expect.poll(() => viewed.attributesOf('a')).not.toBeNull();
  });

  it('are the same from the view as from the database', async () => {
    const api = await start();
    const request = { db: world.db, now: world.now, actor: tester };
    const expiry = new Date(world.now().getTime() + hour).toISOString();
    await setAttribute(request, 'a', 'custom:tier', { value: 'gold', expiry });
    await caughtUp();
    const both = async () => {
      viewed.ageMs = () => Number.POSITIVE_INFINITY;
      const stored = await api.call('GET', at);
      // It has all that there is, however long ago it looked.
      viewed.ageMs = () => 0;
      return [(await api.call('GET', at)).body, stored.body];
    };
    const [read, stored] = await both();
    expect(asked).toBe(1);
    expect(Object.keys(read.attributes)).toEqual(['custom:tier', 'fake:isActive', 'fake:lastSeen']);
    expect(read).toEqual(stored);
    world.pass(hour);
    const [later, storedLater] = await both();
    expect(asked).toBe(2);
    expect(Object.keys(later.attributes)).toEqual(['fake:isActive', 'fake:lastSeen']);
    expect(later).toEqual(storedLater);
  });

  it('are read back at once by whoever set them, every time', async () => {
    const api = await start();
    for (let n = 0; n < 40; n++) {
      await api.call('POST', `${at}/custom:n`, { value: n });
      expect((await api.call('GET', at)).body.attributes['custom:n']).toBe(n);
      if (n % 10 === 0) await caughtUp();
    }
    // Once it is known to be newer it is the view's again.
    const fromView = async () => {
      asked = 0;
      expect((await api.call('GET', at)).body.attributes['custom:n']).toBe(39);
      return asked;
    };
    await expect.poll(fromView).toBe(1);
  });

  it.each(['posture/integrations/phq/runs', 'posture/integrations/phq/runs/2', 'device/a/refetch/1'])(
    'are those that a worker wrote for whoever read at %s that it has ended',
    async path => {
      const api = await start();
      const [before, since] = [viewed.attributesOf('a'), performance.now()];
      viewed = { attributesOf: () => before, ageMs: () => Math.min(1_900, performance.now() - since) };
      console.set(fakeAgent('1', 'SER-1', { values: { 'fake:isActive': false } }));
      await world.sync('hq');
      expect((await api.call('GET', at)).body.attributes['fake:isActive']).toBe(true);
      await world.db.query(
        `insert into requests (kind, target, requested_by, requested_at, finished_at, result) values ('refetch', 'a', 'somebody', $1, $1, '[]')`,
        [world.now()],
      );
      expect((await api.call('GET', `/api/v2/${path}`)).status).toBe(200);
      expect((await api.call('GET', at)).body.attributes['fake:isActive']).toBe(false);
    },
  );

  it('are read from the database where the view is old or knows no such device', async () => {
    const api = await start();
    const { ageMs } = viewed;
    viewed.ageMs = () => 10_000;
    expect((await api.call('GET', at)).body.attributes['fake:isActive']).toBe(true);
    expect(asked).toBe(0);
    viewed.ageMs = ageMs;
    viewed.attributesOf = () => null;
    await expect.poll(async () => ((await api.call('GET', at)).status === 200 ? asked : 0)).toBeGreaterThan(0);
    expect((await api.call('GET', '/api/v2/device/none/attributes')).status).toBe(404);
  });
});

describe('the last change through a process', () => {
  it('is under way until its answer is out, and what was refused before it came there is none', async () => {
    const server = fastify();
    onTestFinished(() => server.close());
    let end = () => {};
    server.addHook('onRequest', async ({ headers }) => {
      if (headers.refuse) throw new Error('refused');
    });
    let changes: ChangesHere = { agoMs: () => 0, tell() {} };
    server.register(async scope => {
      changes = watchChanges(scope);
      scope.get('/', async () => 'read');
      scope.post('/', () => new Promise(resolve => (end = () => resolve('changed'))));
    });
    await server.inject({ method: 'POST', url: '/', headers: { refuse: 'yes' } });
    await server.inject('/');
    expect(changes.agoMs()).toBe(Number.POSITIVE_INFINITY);
    const changing = server.inject({ method: 'POST', url: '/' });
    await expect.poll(() => changes.agoMs()).toBe(0);
    end();
    await changing;
    expect(changes.agoMs()).toBeGreaterThan(0);
    expect(changes.agoMs()).toBeLessThan(60_000);
  });
});
