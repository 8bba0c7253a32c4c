// Custom attributes below HTTP: what may be set, what becomes of it in the store and in the audit log, and that it ends in time.
import { beforeEach, describe, expect, it } from 'vitest';
import { deleteAttribute, patchAttributes, readAttributes, setAttribute } from '../../src/operations/attributes.ts';
import { removeDevice } from '../../src/operations/devices.ts';
import { removeIntegration } from '../../src/operations/integrations.ts';
import { lossesOfRemoval } from '../../src/operations/losses.ts';
import { keep } from '../../src/sync/keeper.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

let world: World;
beforeEach(async () => {
  world = await createWorld();
  await world.devices({ id: 'a', hostname: 'ANNA' }, { id: 'b' }, { id: 'c' });
});

const request = () => ({ db: world.db, now: world.now, actor: tester });
const set = async (device: string, key: string, value: unknown, more: { expiry?: unknown; comment?: unknown } = {}) =>
  await setAttribute(request(), device, key, { value, ...more });
const drop = async (device: string, key: string) => await deleteAttribute(request(), device, key);
const patch = async (nodes: unknown, comment?: string) => await patchAttributes(request(), { nodes, comment });
const read = async (device: string) =>
  Object.fromEntries(Object.entries(await readAttributes(request(), device)).map(([name, { value }]) => [name, value]));
const inMs = (ms: number) => new Date(world.now().getTime() + ms).toISOString();
const keys = async () => (await world.db.query('select key, type, devices from attribute_keys order by folded')).rows;
const head = async (): Promise<number> => (await world.db.query('select revision from head')).rows[0].revision;
const told = async () =>
  (await world.events('NODE.')).flatMap(({ event, target, old, new: now, actionDetails, actor, origin }) =>
    target.property === 'ATTRIBUTES'
      ? [{ event, id: target.id, old, new: now, actionDetails, by: actor.id, origin }]
      : [],
  );
const keepOnce = async () => {
  const { log, now } = world.context;
  await keep({ pool: world.db, now, log, auditRetentionMs: 400 * 24 * hour });
};
/** The database holds what it must, and the log tells all of it. */
async function expectWhole(): Promise<void> {
  await world.verify();
  await expectWholeLog(world.db);
}

describe('a custom attribute', () => {
  it('is set, set anew and deleted, with an event each that has the actor and the comment', async () => {
    await set('a', 'custom:tier', 'gold', { comment: 'ticket 4711' });
    await set('a', 'custom:score', 5);
    await set('a', 'custom:score', -6);
    expect(await read('a')).toEqual({ 'custom:score': -6, 'custom:tier': 'gold' });
    expect([await drop('a', 'custom:tier'), await drop('a', 'custom:score')]).toEqual([true, true]);
    expect(await read('a')).toEqual({});
    const by = { id: 'a', by: 'test', origin: 'CONFIG_API', actionDetails: undefined };
    expect(await told()).toEqual([
      {
        ...by,
        event: 'NODE.CREATE.ATTRIBUTES',
        old: undefined,
        new: { 'custom:tier': 'gold' },
        actionDetails: 'ticket 4711',
      },
      { ...by, event: 'NODE.UPDATE.ATTRIBUTES', old: undefined, new: { 'custom:score': 5 } },
      { ...by, event: 'NODE.UPDATE.ATTRIBUTES', old: { 'custom:score': 5 }, new: { 'custom:score': -6 } },
      { ...by, event: 'NODE.UPDATE.ATTRIBUTES', old: { 'custom:tier': 'gold' }, new: undefined },
      { ...by, event: 'NODE.DELETE.ATTRIBUTES', old: { 'custom:score': -6 }, new: undefined },
    ]);
    await expectWhole();
  });

  it('that is set to what it is gets younger, and is no event', async () => {
    await set('a', 'custom:ok', true);
    world.pass(hour);
    const again = await set('a', 'custom:ok', true);
    expect([again.confirmedAt, (await told()).length]).toEqual([world.now(), 1]);
    await expectWhole();
  });

  it('that is not there is deleted without a trace', async () => {
    await set('a', 'custom:tier', 'gold');
    const before = await head();
    expect([await drop('a', 'custom:other'), await drop('b', 'custom:tier'), await drop('a', 'custom:TIER')]).toEqual([
      false,
      false,
      false,
    ]);
    expect([await head(), await read('a')]).toEqual([before, { 'custom:tier': 'gold' }]);
  });

  it.each([
    ['a', 'sentinelOne:infected', true, {}, /^key: .*custom:/],
    ['a', 'custom:a-b', true, {}, /^key: .*letters, digits/],
    ['a', 'custom:x', 1.5, {}, /^value: .*whole number/],
    ['a', 'custom:x', 1, { expiry: 'soon' }, /^expiry: .*RFC 3339/],
    ['a', 'custom:x', 1, { expiry: '2020-01-01T00:00:00Z' }, /^expiry: .*must lie ahead/],
    ['a', 'custom:x', 1, { comment: 'x'.repeat(201) }, /^comment: .*200/],
    ['a', 'custom:Tier', 'gold', {}, /custom:Tier of a: custom:tier is in use/],
    ['a', 'custom:tier', 5, {}, /custom:tier of a: it is a text since its first value, and 5 is a number/],
    ['none', 'custom:x', 1, {}, /there is no device "none"/],
  ])('is refused and leaves no trace: case %#, %s %s', async (device, key, value, more, message) => {
    await set('b', 'custom:tier', 'gold');
    const before = await head();
    await expect(set(device, key, value, more)).rejects.toThrow(message);
    expect(await head()).toBe(before);
    await expectWhole();
  });

  it('keeps its type and spelling over all devices, until none has it', async () => {
    await set('a', 'custom:tier', 'gold');
    await set('b', 'custom:tier', 'iron');
    expect(await keys()).toEqual([{ key: 'custom:tier', type: 'string', devices: 2 }]);
    await drop('a', 'custom:tier');
    await expect(set('c', 'custom:TIER', 1)).rejects.toThrow('custom:tier is in use');
    await drop('b', 'custom:tier');
    await set('c', 'custom:TIER', 1);
    expect(await keys()).toEqual([{ key: 'custom:TIER', type: 'number', devices: 1 }]);
    await expectWhole();
  });

  it('stands beside what agents say, and syncs and removed integrations leave it alone', async () => {
    const console = await world.integration('hq', { hold_floor: 100 });
    await world.devices({ id: 'd', serialNumbers: ['SER-D'] });
    await set('d', 'custom:tier', 'gold');
    console.set(fakeAgent('1', 'SER-D', { values: { 'fake:threats': 3 } }));
    await world.sync('hq');
    expect(await read('d')).toMatchObject({ 'custom:tier': 'gold', 'fake:threats': 3 });
    await removeIntegration(request(), 'hq', false);
    expect(await read('d')).toEqual({ 'custom:tier': 'gold' });
    await expectWhole();
  });

  it('goes with its device, with an event, and a device of the same id begins without', async () => {
    await set('a', 'custom:tier', 'gold');
    expect(await lossesOfRemoval(world.db, 'a')).toEqual({ devices: 1, attributes: 1 });
    await removeDevice(request(), 'a');
    expect((await told()).at(-1)).toMatchObject({ event: 'NODE.DELETE.ATTRIBUTES', old: { 'custom:tier': 'gold' } });
    expect(await keys()).toEqual([]);
    await world.devices({ id: 'a' });
    expect(await read('a')).toEqual({});
    await set('a', 'custom:tier', 5);
    expect((await told()).at(-1)).toMatchObject({ event: 'NODE.CREATE.ATTRIBUTES' });
    await expectWhole();
  });
});

describe('an expiry', () => {
  it('is told, and what is set anew has only the one that it is set with', async () => {
    const ends = inMs(hour);
    expect((await set('a', 'custom:ok', true, { expiry: ends })).expiresAt?.toISOString()).toBe(ends);
    const { attributes } = await world.explain('a');
    expect(attributes['custom:ok']).toMatchObject({ value: true, type: 'boolean', integration: null, expiresAt: ends });
    expect((await set('a', 'custom:ok', true, { expiry: '0001-01-01T00:00:00Z' })).expiresAt).toBeNull();
    expect((await told()).map(entry => [entry.old, entry.new])).toEqual([
      [undefined, { 'custom:ok': true, expiries: { 'custom:ok': ends } }],
      [{ 'custom:ok': true, expiries: { 'custom:ok': ends } }, { 'custom:ok': true }],
    ]);
    await expectWhole();
  });

  it('counts at once, and the next look of the keeper removes the value with an event', async () => {
    await set('a', 'custom:ok', true, { expiry: inMs(10 * minute) });
    await set('a', 'custom:tier', 'gold', { expiry: inMs(20 * minute) });
    await set('b', 'custom:ok', false);
    world.pass(10 * minute - 1);
    await keepOnce();
    expect(await read('a')).toEqual({ 'custom:ok': true, 'custom:tier': 'gold' });
    world.pass(1);
    expect(await read('a')).toEqual({ 'custom:tier': 'gold' });
    await keepOnce();
    const revision = await head();
    await keepOnce();
    expect(await head()).toBe(revision);
    expect((await told()).at(-1)).toMatchObject({
      event: 'NODE.UPDATE.ATTRIBUTES',
      id: 'a',
      old: { 'custom:ok': true, expiries: { 'custom:ok': '2026-03-01T00:10:00.000Z' } },
      by: 'posture-sync',
      origin: 'CONTROL',
      actionDetails: 'expired',
    });
    world.pass(hour);
    await keepOnce();
    expect((await told()).at(-1)).toMatchObject({ event: 'NODE.DELETE.ATTRIBUTES', old: { 'custom:tier': 'gold' } });
    expect(await keys()).toEqual([{ key: 'custom:ok', type: 'boolean', devices: 1 }]);
    await expectWhole();
  });
});

describe('a batch', () => {
  it('sets and deletes over many devices in one event group with its comment', async () => {
    await set('a', 'custom:tier', 'gold');
    const before = await head();
    const ends = inMs(hour);
    const nodes = {
      a: { 'custom:tier': null, 'custom:score': { value: 7, expiry: ends } },
      b: { 'custom:tier': { value: 'iron' }, 'custom:none': null },
      c: { 'custom:none': null },
    };
    expect(await patch(nodes, 'monthly review')).toEqual({ changed: 2 });
    expect([await read('a'), await read('b'), await read('c')]).toEqual([
      { 'custom:score': 7 },
      { 'custom:tier': 'iron' },
      {},
    ]);
    expect(await head()).toBe(before + 1);
    const entries = (await world.events()).filter(entry => entry.eventGroupID === String(before + 1));
    expect(entries.map(({ target, actionDetails }) => [target.id, actionDetails])).toEqual([
      ['a', 'monthly review'],
      ['b', 'monthly review'],
    ]);
    expect(await patch({ c: { 'custom:none': null } })).toEqual({ changed: 0 });
    expect(await head()).toBe(before + 1);
    await expectWhole();
  });

  it.each([
    [5, /an object with nodes/],
    [{ nodes: [] }, /^nodes: /],
    [{ nodes: {}, node: {} }, /^node: only nodes and comment/],
    [{ nodes: { a: null } }, /^nodes\.a: /],
    [{ nodes: { a: { 'custom:x': 5 } } }, /^nodes\.a\.custom:x: /],
    [{ nodes: { a: { 'custom:x': { expiry: null } } } }, /^nodes\.a\.custom:x\.value: /],
    [{ nodes: { a: { 'custom:x': { value: 1, ends: 2 } } } }, /^nodes\.a\.custom:x\.ends: only value and expiry/],
    [{ nodes: { a: { 'custom:x': { value: 1, expiry: 2 } } } }, /^nodes\.a\.custom:x\.expiry: /],
    [{ nodes: { a: { 'node:os': { value: 'x' } } } }, /^nodes\.a\.node:os: only attributes that begin with custom:/],
    [
      { nodes: { b: { 'custom:x': { value: 'a b' } }, a: { 'custom:y': { value: 1.5 } } } },
      /nodes\.b\.custom:x\.value: .*; nodes\.a\.custom:y\.value: /,
    ],
    [
      { nodes: { a: { 'custom:x': { value: 1 } }, b: { 'custom:x': { value: '1' } } } },
      /custom:x of b: it is a number/,
    ],
    [{ nodes: { a: { 'custom:x': { value: 1 }, 'custom:X': { value: 1 } } } }, /custom:X of a: custom:x is in use/],
    [{ nodes: { no: {} } }, /there is no device "no"/],
    [{ nodes: { a: { 'custom:x': { value: 1 } }, no: { 'custom:x': null } } }, /there is no device "no"/],
    [{ nodes: Object.fromEntries(Array.from({ length: 10_001 }, (_, n) => [`d${n}`, {}])) }, /at most 10000 devices/],
    [
      { nodes: { a: Object.fromEntries(Array.from({ length: 1_001 }, (_, n) => [`custom:k${n}`, { value: n }])) } },
      /at most 1000 custom attributes/,
    ],
  ])('of which a part is wrong is refused as a whole: case %#', async (body, message) => {
    const before = await head();
    await expect(patchAttributes(request(), body)).rejects.toThrow(message);
    expect([await head(), await read('a'), await keys()]).toEqual([before, {}, []]);
  });

  it('may be of thousands of devices, and those expire together', async () => {
    const ids = Array.from({ length: 5_000 }, (_, n) => `d${n}`);
    await world.devices(...ids.map(id => ({ id })));
    const before = await head();
    const entry = { 'custom:campaign': { value: 7, expiry: inMs(hour) }, 'custom:tier': { value: 'gold' } };
    expect(await patch(Object.fromEntries(ids.map(id => [id, entry])))).toEqual({ changed: 5_000 });
    expect(await head()).toBe(before + 1);
    world.pass(hour);
    await keepOnce();
    expect(await read('d4999')).toEqual({ 'custom:tier': 'gold' });
    expect(await keys()).toEqual([{ key: 'custom:tier', type: 'string', devices: 5_000 }]);
    await expectWhole();
  });
});

it('what is wrong with custom attributes is found by verify', async () => {
  await set('a', 'custom:tier', 'gold', { expiry: inMs(hour) });
  await world.verify();
  for (const spoil of [
    `update device_attributes set values = '{"custom:tier": 5}'`,
    `update device_attributes set values = '{"custom:Tier": "gold"}', stated = '{"custom:Tier": {"at": "2026-03-01T00:00:00Z"}}', expires_at = null`,
    `update device_attributes set expires_at = null`,
    `update device_attributes set stated = null, expires_at = null`,
    'update attribute_keys set devices = 2',
    'delete from attribute_keys',
  ]) {
    const client = await world.db.connect();
    await client.query('create table kept as select * from device_attributes');
    await client.query('create table kept_keys as select * from attribute_keys');
    await client.query(spoil);
    await expect(world.verify()).rejects.toThrow('custom attributes');
    await client.query('truncate device_attributes, attribute_keys');
    await client.query('insert into device_attributes select * from kept');
    await client.query('insert into attribute_keys select * from kept_keys');
    await client.query('drop table kept, kept_keys');
    client.release();
  }
  await world.verify();
});
