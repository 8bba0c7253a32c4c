// What the page of a device asks: how it stands in each posture right now, with what was expected and found, and what was done with it.
import { beforeEach, describe, expect, it } from 'vitest';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { inForce, openKeeper } from '../support/standings.ts';
import { createWorld, minute, type World } from '../support/world.ts';

let world: World;
let api: TestApi;
const get = async (path: string) => (await api.call('GET', `/api/v2/device/${path}`)).body;

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  await world.devices({ id: 'a', hostname: 'ANNA-LT', serialNumbers: ['SER-1'] }, { id: 'b' });
  console.set(fakeAgent('1', 'SER-1', { values: { 'fake:threats': 2, 'fake:isActive': true } }));
  await world.sync('hq');
  api = await startApi({ database: world.database, now: world.now });
});

describe('the postures of a device', () => {
  it('say what each condition that is not true expects, and what was found, from where and how old', async () => {
    await inForce(world, {
      'posture:clean': { conditions: ['fake:threats == 0', "fake:mode IN ['on', 'auto']"], resolution: 'Remove them.' },
      'posture:active': ['fake:isActive'],
    });
    await (await openKeeper(world)).judge();
    world.pass(5 * minute);
    const { postures, ...rest } = await get('a/postures');
    expect(rest).toMatchObject({ isPolicyReadable: true, policyRevision: expect.any(Number) });
    expect(postures).toMatchObject([
      {
        ...{ posture: 'posture:clean', state: 'failing', resolution: 'Remove them.', isForDevice: true },
        since: expect.any(String),
        reasons: [
          {
            ...{ condition: 'fake:threats == 0', operator: '==', expected: 0, found: 2, unknown: null },
            ...{ integration: 'hq', ageMs: expect.any(Number), confirmedAt: expect.any(String) },
          },
          { condition: "fake:mode IN ['on', 'auto']", expected: ['on', 'auto'], found: null, unknown: 'unset' },
        ],
      },
      { posture: 'posture:active', state: 'passing', reasons: [] },
    ]);
    const unknown = (await get('b/postures')).postures.map(({ state }: { state: string }) => state);
    expect(unknown).toEqual(['unknown', 'unknown']);
  });

  it('say of what passes how old the oldest of what providers say is, and whether that counts as fresh', async () => {
    await inForce(world, {
      'posture:active': ['fake:isActive'],
      'posture:ours': ["custom:room == 'B2'"],
      'posture:both': ['posture:active', 'posture:ours'],
    });
    await api.call('POST', '/api/v2/device/a/attributes/custom:room', { value: 'B2' });
    const restsOn = async () => {
      const { postures, freshWithinMs } = await get('a/postures');
      expect(freshWithinMs).toBe(45 * minute);
      return postures.map((posture: { state: string; restsOn: unknown }) => [posture.state, posture.restsOn]);
    };
    const confirmedAt = expect.any(String);
    const told = (isFresh: boolean) => [
      ['passing', { confirmedAt, isFresh }],
      // What administrators state themselves grows no older.
      ['passing', null],
      ['passing', { confirmedAt, isFresh }],
    ];
    expect(await restsOn()).toEqual(told(true));
    world.pass(44 * minute);
    expect(await restsOn()).toEqual(told(true));
    world.pass(2 * minute);
    expect(await restsOn()).toEqual(told(false));
  });

  it('are none where no policy is in force, and there is no such device where there is none', async () => {
    expect(await get('a/postures')).toMatchObject({ postures: [], policyRevision: null, isPolicyReadable: true });
    expect((await api.call('GET', '/api/v2/device/nope/postures')).status).toBe(404);
  });
});

describe('the events of a device', () => {
  it('come newest first and page by page, of this device alone, also when it is gone', async () => {
    world.pass(minute);
    await api.call('POST', '/api/v2/device/a/attributes/custom:room', { value: 'B2', comment: 'moved' });
    await api.call('POST', '/api/v2/device/b/attributes/custom:room', { value: 'B3' });
    const { events, nextCursor } = await get('a/events');
    const codes = events.map(({ event }: { event: string }) => event);
    expect([codes, nextCursor]).toEqual([['NODE.CREATE.ATTRIBUTES', 'NODE.CREATE.ATTRIBUTES', 'NODE.CREATE'], null]);
    expect(events[0]).toMatchObject({ target: { id: 'a' }, actionDetails: 'moved', new: { 'custom:room': 'B2' } });
    const first = await get('a/events?limit=2');
    const rest = await get(`a/events?limit=2&cursor=${first.nextCursor}`);
    expect([...first.events, ...rest.events]).toEqual(events);
    world.pass(minute);
    await api.call('DELETE', '/api/v2/device/a');
    expect((await get('a/events')).events.map(({ event }: { event: string }) => event)).toContain('NODE.DELETE');
    expect((await api.call('GET', '/api/v2/device/nope/events')).status).toBe(404);
    const key = await api.keyFor('devices:core:read');
    expect((await api.call('GET', '/api/v2/device/b/events', undefined, { key })).status).toBe(403);
  });
});
