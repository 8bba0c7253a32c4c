// Custom attributes where it is decided: in the view, in answers about devices, and in standings. That a value has expired needs
// nobody to say so.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { createDecider } from '../../src/gateway/decisions.ts';
import { addDevices } from '../../src/gateway/devices.ts';
import { type Follower, startFollowing } from '../../src/gateway/follow.ts';
import { createLog } from '../../src/log.ts';
import { deleteAttribute, setAttribute } from '../../src/operations/attributes.ts';
import { policyCatalogue } from '../../src/operations/policies.ts';
import { keep } from '../../src/sync/keeper.ts';
import { startService } from '../support/http.ts';
import '../support/registered.ts';
import { expectRight, inForce, openKeeper, storedStates } from '../support/standings.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

let world: World;
const request = () => ({ db: world.db, now: world.now, actor: tester });
const set = async (value: unknown, expiry?: string) =>
  await setAttribute(request(), 'a', 'custom:ok', { value, expiry });
const inMs = (ms: number) => new Date(world.now().getTime() + ms).toISOString();
const postures = {
  'posture:ok': ['custom:ok == true'],
  'posture:without': ['custom:ok NOT SET'],
  'posture:recent': ["custom:ok == true WITHIN '10m'"],
};

beforeEach(async () => {
  world = await createWorld();
  await world.devices({ id: 'a' }, { id: 'b' });
  await inForce(world, postures);
});

describe('a decision', () => {
  const log = createLog('silent', { write: () => {} });
  const catalogue = policyCatalogue();
  let follower: Follower;
  const decide = (posture: string) => {
    const decider = createDecider({ follower, catalogue, viewMaxAgeMs: 15 * minute, now: world.now, log });
    const asked = {
      identities: [{ kind: 'id', value: 'a' }],
      by: { postures: [posture] },
      route: 'test',
      callerId: null,
    } as const;
    return decider.decide(asked);
  };
  const followed = async () => {
    const { rows } = await world.db.query('select revision from head');
    await expect.poll(() => follower.known()?.revision).toBe(rows[0].revision);
  };

  beforeEach(() => {
    follower = startFollowing({ databaseUrl: world.database.url, catalogue, moving: [], log });
    onTestFinished(() => follower.stop());
  });

  it('by a value that expires stands until then, and not a moment longer, though nobody removed it', async () => {
    const ends = inMs(hour);
    await set(true, ends);
    await followed();
    const by = { attribute: 'custom:ok', integration: null, confirmedAt: world.now().getTime() };
    expect(decide('posture:ok')).toMatchObject({ allowed: true, validUntil: Date.parse(ends), grounds: [by] });
    expect(decide('posture:without')).toMatchObject({ allowed: false, validUntil: Date.parse(ends) });
    world.pass(hour - 1);
    expect(decide('posture:ok').allowed).toBe(true);
    world.pass(1);
    const refused = decide('posture:ok');
    expect(refused).toMatchObject({ allowed: false, outcome: 'posture', validUntil: null });
    expect(refused.refusals[0]?.reasons).toMatchObject([
      { attribute: 'custom:ok', found: null, unknown: 'unset', confirmedAt: null },
    ]);
    expect(decide('posture:without')).toMatchObject({ allowed: true, validUntil: null, grounds: [] });
    expect((await world.db.query("select from device_attributes where values ? 'custom:ok'")).rowCount).toBe(1);
  });

  it('by a value without expiry stands until it is deleted or set anew', async () => {
    await set(true);
    await followed();
    expect(decide('posture:ok')).toMatchObject({ allowed: true, validUntil: null });
    await set(false, inMs(hour));
    await followed();
    expect(decide('posture:ok').refusals[0]).toMatchObject({ holds: false, reasons: [{ found: false }] });
    await deleteAttribute(request(), 'a', 'custom:ok');
    await followed();
    expect(decide('posture:without').allowed).toBe(true);
  });

  it('may ask for a value that was set lately, and setting it again renews that', async () => {
    await set(true);
    world.pass(10 * minute + 1);
    await followed();
    expect(decide('posture:recent').refusals[0]?.reasons).toMatchObject([{ unknown: 'too_old' }]);
    await set(true);
    await followed();
    expect(decide('posture:recent')).toMatchObject({
      allowed: true,
      validUntil: world.now().getTime() + 10 * minute + 1,
    });
  });

  it('by a key whose type has become another one is unknown, under a policy that stays in force', async () => {
    await set('true');
    await followed();
    expect(decide('posture:ok').refusals[0]).toMatchObject({ holds: null, reasons: [{ unknown: 'mistyped' }] });
  });

  it('and what evaluators read of a device tells the expiry, and leaves out what has expired', async () => {
    const parts = { follower, catalogue, viewMaxAgeMs: 15 * minute, now: world.now };
    const service = await startService({ database: world.database, routes: server => addDevices(server, parts) });
    const key = await service.key('evaluator', ['gateway:decide']);
    // The key is of the clock on the wall, and the log does not go back.
    world.pass(Date.now() + minute - world.now().getTime());
    const ends = inMs(hour);
    const at = inMs(0);
    await set(true, ends);
    await followed();
    const read = async () => {
      const { device } = (await (await service.as(key, '/gateway/devices/a')).json()) as {
        device: { attributes: object };
      };
      return device.attributes;
    };
    expect(await read()).toEqual({
      'custom:ok': { value: true, type: 'boolean', integration: null, confirmedAt: at, ageMs: 0, expiresAt: ends },
    });
    world.pass(hour);
    expect(await read()).toEqual({});
  });
});

describe('a standing', () => {
  it('flips when a value expires, with an event, whether it was removed or not', async () => {
    const keeper = await openKeeper(world);
    await set(true, inMs(hour));
    await keeper.judge();
    expect(await storedStates(world)).toMatchObject({ 'a ok': 'passing', 'a without': 'failing', 'b ok': 'unknown' });
    world.pass(hour);
    await keeper.judge();
    expect(await storedStates(world)).toMatchObject({ 'a ok': 'unknown', 'a without': 'passing' });
    await expectRight(world);
    const flips = (await world.events('NODE.UPDATE.POSTURE_STANDING')).length;
    await keep({ pool: world.db, now: world.now, log: world.context.log, auditRetentionMs: 400 * 24 * hour });
    await keeper.judge();
    await expectRight(world);
    expect((await world.events('NODE.UPDATE.POSTURE_STANDING')).length).toBe(flips);
  });

  it('flips when a value is set and deleted', async () => {
    const keeper = await openKeeper(world);
    await keeper.judge();
    await set(true);
    await keeper.judge();
    expect(await storedStates(world)).toMatchObject({
      'a ok': 'passing',
      'a recent': 'passing',
      'a without': 'failing',
    });
    world.pass(10 * minute + 1);
    await keeper.judge();
    expect(await storedStates(world)).toMatchObject({ 'a ok': 'passing', 'a recent': 'unknown' });
    await deleteAttribute(request(), 'a', 'custom:ok');
    await keeper.judge();
    expect(await storedStates(world)).toMatchObject({ 'a ok': 'unknown', 'a without': 'passing' });
    await expectRight(world);
  });
});
