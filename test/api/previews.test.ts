// Previews over HTTP: what a sweep would do, as the settings are and as they would be. Nothing is written by any.
import { beforeEach, describe, expect, it } from 'vitest';
import type { SyncPoint } from '../../src/sync/context.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { everyRow, startChecker } from '../support/checking.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, hour, minute, type World } from '../support/world.ts';

const of = (end: string) => `/api/v2/posture/integrations/phq${end}`;
const values = (threats?: number) => ({
  'fake:isActive': true,
  ...(threats === undefined ? {} : { 'fake:threats': threats }),
});

describe('a preview', () => {
  let world: World;
  let console: FakeConsole;
  let api: TestApi;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    const ids = ['a', 'b', 'c', 'd'];
    await world.devices(...ids.map(id => ({ id, hostname: `host-${id}`, serialNumbers: [`SER-${id}`] })));
    for (const id of ['a', 'b', 'c']) console.set(fakeAgent(id, `SER-${id}`, { values: values(0) }));
    await world.sync('hq');
    world.pass(minute);
    api = await startApi({ database: world.database, now: world.now });
  });

  /** c loses a value, b gets another one, d gains some. */
  function change() {
    console.set(fakeAgent('c', 'SER-c', { values: values() }));
    console.set(fakeAgent('b', 'SER-b', { values: values(7) }), fakeAgent('d', 'SER-d', { values: values(0) }));
  }

  const plan = [
    { device: 'c', hostname: 'host-c', old: { 'fake:threats': 0 }, new: null },
    { device: 'b', hostname: 'host-b', old: { 'fake:threats': 0 }, new: { 'fake:threats': 7 } },
    { device: 'd', hostname: 'host-d', old: null, new: values(0) },
  ];

  it('tells who would gain, change and lose, as the command line does, and writes nothing', async () => {
    startChecker(world);
    change();
    const before = await everyRow(world, ['requests']);
    const { status, body } = await api.call('GET', of('/preview'));
    expect([status, body.state, body.error]).toEqual([200, 'done', null]);
    expect(body.result).toMatchObject({ outcome: 'succeeded', complete: true, agents: 4, matched: 4, changesTotal: 3 });
    expect(body.result).toMatchObject({ effects: { loses: 1, changes: 1, gains: 1 }, changes: plan });
    expect(await everyRow(world, ['requests'])).toEqual(before);
    const { dryRun, events, durationMs, ...told } = await world.sync('hq', { dryRun: true });
    expect({ ...body.result, durationMs: 0 }).toEqual({ ...told, durationMs: 0 });
    const short = await api.call('GET', of(`/preview/${body.id}?limit=1`));
    expect(short.body).toEqual({ ...body, result: { ...body.result, changes: plan.slice(0, 1) } });
    await world.sync('hq');
    expect(await world.values('b')).toMatchObject({ threats: 7 });
  });

  it('of a fleet tells those that lose something first, a thousand at most, and how many there are', async () => {
    const ids = Array.from({ length: 1_200 }, (_, i) => `many-${String(i).padStart(4, '0')}`);
    await world.devices(...ids.map(id => ({ id, serialNumbers: [`SER-${id}`] })));
    console.pageSize = 500;
    for (const id of ids) console.set(fakeAgent(id, `SER-${id}`));
    change();
    startChecker(world);
    const { body } = await api.call('GET', of('/preview?limit=1000'));
    expect(body.result).toMatchObject({ changesTotal: 1_203, effects: { loses: 1, changes: 1, gains: 1_201 } });
    expect(body.result.changes).toHaveLength(1_000);
    expect(body.result.changes.slice(0, 2)).toEqual(plan.slice(0, 2));
    expect((await api.call('GET', of(`/preview/${body.id}`))).body.result.changes).toHaveLength(100);
  });

  it('of other limits tells what these would withhold', async () => {
    console.agents.clear();
    console.set(fakeAgent('a', 'SER-a', { values: values(0) }));
    startChecker(world);
    const ask = async (body: unknown) => (await api.call('POST', of('/preview'), body)).body.result;
    // A share of nothing and a floor of nothing: every loss is withheld.
    const strict = await ask({ holdFloor: 0, holdShare: 0 });
    expect(strict).toMatchObject({ outcome: 'held', changesTotal: 0, effects: { loses: 0 }, withheld: { devices: 2 } });
    expect(strict.withheld.examples.map(({ device }: { device: string }) => device)).toEqual(['b', 'c']);
    const lax = await ask({ holdShare: 1 });
    expect(lax).toMatchObject({ outcome: 'succeeded', effects: { loses: 2 }, withheld: { devices: 0, examples: [] } });
    expect(await world.row('hq')).toMatchObject({ holdFloor: 2, holdShare: 0.2, heldSince: null });
  });

  it('of a shorter lifetime tells what would expire', async () => {
    console.fail = { page: 0, kind: 'unavailable' };
    world.pass(2 * hour);
    startChecker(world);
    const ask = async (body: unknown) => (await api.call('POST', of('/preview'), body)).body.result;
    const error = { kind: 'unavailable', message: 'scripted unavailable' };
    expect(await ask({ expireAfter: '1h' })).toMatchObject({ outcome: 'failed', error, effects: { loses: 3 } });
    expect(await ask({ expireAfter: '3h' })).toMatchObject({ outcome: 'failed', error, changesTotal: 0 });
    expect((await world.row('hq')).expireAfterMs).toBe(72 * hour);
    await world.verify();
  });

  it('of another console tells what is there, and that it would be held', async () => {
    const other = await world.integration('other');
    other.set(fakeAgent('d', 'SER-d', { values: values(0) }));
    startChecker(world);
    const { body } = await api.call('POST', of('/preview'), { settings: { console: 'other' } });
    expect(body.result).toMatchObject({
      outcome: 'held',
      agents: 1,
      effects: { loses: 0, gains: 1 },
      withheld: { devices: 3 },
    });
    expect((await world.row('hq')).settings).toMatchObject({ console: 'hq' });
    await world.verify();
  });

  it('of an emptied console tells that nothing would change, and whom that keeps from losing', async () => {
    console.agents.clear();
    startChecker(world);
    const { body } = await api.call('GET', of('/preview'));
    expect(body.result).toMatchObject({
      outcome: 'held',
      agents: 0,
      changesTotal: 0,
      withheld: { devices: 3, examples: [] },
    });
  });

  it('is refused while it is paused, unless the settings would end the pause', async () => {
    startChecker(world);
    await world.db.query("update integrations set pause_reason = 'auth', paused_until = '2026-04-01T00:00:00Z'");
    const sentence = '"hq" is paused until 2026-04-01T00:00:00.000Z (its credentials were refused): resume it first';
    for (const [method, body] of [
      ['GET', undefined],
      ['POST', { holdFloor: 3 }],
    ] as const) {
      const refused = await api.call(method, of('/preview'), body);
      expect([refused.status, refused.body.message]).toEqual([409, expect.stringContaining(sentence)]);
    }
    const { body } = await api.call('POST', of('/preview'), { settings: { token: 'another-secret' } });
    expect(body).toMatchObject({ state: 'done', result: { outcome: 'succeeded' } });
    expect((await world.row('hq')).pauseReason).toBe('auth');
  });

  it('waits for its turn behind a sync, and is told of with 202 where it takes longer', async () => {
    const halted = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    const reached = async (point: SyncPoint) => {
      if (point !== 'claimed') return;
      halted.resolve();
      await goOn.promise;
    };
    const swept = world.sync('hq', { reached });
    await halted.promise;
    startChecker(world);
    const asked = await api.call('GET', of('/preview?wait=0.05&limit=2'));
    expect([asked.status, asked.body.result]).toEqual([202, null]);
    const where = asked.headers.get('location') ?? '';
    expect(where).toBe(of(`/preview/${asked.body.id}?limit=2`));
    const again = api.call('GET', of('/preview?wait=25'));
    goOn.resolve();
    await swept;
    expect((await again).body).toMatchObject({ id: asked.body.id, state: 'done', result: { changesTotal: 0 } });
    expect((await api.call('GET', where)).body.state).toBe('done');
  });

  it('needs the scope for attributes too, since it tells how devices are', async () => {
    const key = await api.keyFor('feature_settings');
    for (const end of ['/preview', '/preview/1']) {
      const refused = await api.call('GET', of(end), undefined, { key });
      expect([refused.status, refused.body.message]).toEqual([
        403,
        expect.stringContaining('devices:posture_attributes:read'),
      ]);
    }
  });
});
