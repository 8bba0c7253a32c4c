// The catalogue of attributes: what may be named in conditions and filters, with what occurs.
import { beforeEach, describe, expect, it } from 'vitest';
import { attributeFigures } from '../../src/store/attribute-figures.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
let api: TestApi;

interface Entry {
  name: string;
  devices: number;
  values: unknown[];
}

const catalogue = async () => (await api.call('GET', '/api/v2/tailnet/-/attributes')).body;
const entry = async (name: string) => (await catalogue()).attributes.find((each: Entry) => each.name === name);

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  for (const [id, [threats, state]] of Object.entries({ a: [0, 'na'], b: [2, 'na'], c: [0, 'hunter2'] } as const)) {
    await world.devices({ id, serialNumbers: [`SER-${id}`] });
    const lastSeen = '2026-02-28T00:00:00.000Z';
    const values = { 'fake:threats': threats, 'fake:state': state, 'fake:lastSeen': lastSeen };
    console.set(fakeAgent(id, `SER-${id}`, { values }));
  }
  await world.sync('hq');
  api = await startApi({ database: world.database, now: world.now });
  for (const [device, tier] of Object.entries({ a: 'gold', b: 'gold', c: 'silver' }))
    await api.call('POST', `/api/v2/device/${device}/attributes/custom:tier`, { value: tier });
});

describe('the catalogue of attributes', () => {
  it('has every attribute that a condition may name, with its meaning, its type and the operators that go with it', async () => {
    const { attributes, devices, isExact } = await catalogue();
    expect([devices, isExact]).toEqual([3, true]);
    expect(new Set(attributes.map(({ origin }: { origin: string }) => origin))).toEqual(
      new Set(['provider', 'builtin', 'custom']),
    );
    expect(await entry('sentinelOne:operationalState')).toMatchObject({
      ...{ namespace: 'sentinelOne', origin: 'provider', provider: 'sentinelone', type: 'string', isFamily: false },
      ...{ known: expect.arrayContaining(['na', 'fully_disabled']), devices: 0, values: [] },
      operators: ['==', '!=', 'IN', 'NOT IN', 'IS SET', 'NOT SET', 'WITHIN'],
    });
    expect(await entry('node:os')).toMatchObject({ origin: 'builtin', provider: null, known: expect.any(Array) });
    expect(await entry('fake:lastSeen')).toMatchObject({ type: 'time', resolutionMs: 21_600_000 });
  });

  it('tells which values occur and on how many devices, those of most devices first', async () => {
    expect(await entry('fake:threats')).toMatchObject({
      devices: 3,
      values: [
        { value: 0, devices: 2 },
        { value: 2, devices: 1 },
      ],
    });
    expect(await entry('custom:tier')).toMatchObject({
      ...{ origin: 'custom', type: 'string', about: null, devices: 3 },
      values: [
        { value: 'gold', devices: 2 },
        { value: 'silver', devices: 1 },
      ],
    });
  });

  it('gives out no times, and no text of a provider that one device alone has', async () => {
    expect(await entry('fake:lastSeen')).toMatchObject({ devices: 3, values: [] });
    expect(await entry('fake:state')).toMatchObject({ devices: 3, values: [{ value: 'na', devices: 2 }] });
  });

  it('forgets a custom attribute that no device has any more', async () => {
    for (const device of ['a', 'b', 'c']) await api.call('DELETE', `/api/v2/device/${device}/attributes/custom:tier`);
    expect(await entry('custom:tier')).toBeUndefined();
  });

  it('of a large inventory reads a part, and reckons what the whole has', async () => {
    await world.db.query(
      `insert into device_attributes (device_id, source, values, revision, changed_at)
       select 'd' || n, 'fake', jsonb_build_object('fake:threats', n % 4), 1, now() from generate_series(1, 60000) n`,
    );
    await world.db.query('analyze device_attributes');
    const { byName, isExact } = await attributeFigures(world.db, [], 20);
    const { devices = 0, values = [] } = byName.get('fake:threats') ?? {};
    expect(isExact).toBe(false);
    expect(Math.abs(devices - 60_000)).toBeLessThan(3_000);
    expect(values.map(({ value }) => value).sort()).toEqual([0, 1, 2, 3]);
  });

  it('needs the scope for attributes', async () => {
    const key = await api.keyFor('policy_file:read');
    expect((await api.call('GET', '/api/v2/tailnet/-/attributes', undefined, { key })).status).toBe(403);
  });
});
