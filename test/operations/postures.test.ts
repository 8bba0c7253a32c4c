// What is told of postures: exact counts, causes, devices, and how current all that is.
import { beforeEach, describe, expect, it } from 'vitest';
import { removeDevice } from '../../src/operations/devices.ts';
import { devicesByState, listPostures, viewPosture, viewStanding } from '../../src/operations/postures.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { inForce, openKeeper, type TestKeeper } from '../support/standings.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

let world: World;
let console: FakeConsole;
let keeper: TestKeeper;
const policy = {
  'posture:clean': { conditions: ['fake:threats == 0'], description: 'Nothing found.', resolution: 'Ask Anna.' },
  'posture:seen': ["fake:lastSeen WITHIN '24h'", 'posture:clean'],
};

beforeEach(async () => {
  world = await createWorld();
  console = await world.integration('hq');
  for (const id of ['a', 'b', 'c', 'd']) await world.devices({ id, serialNumbers: [`SER-${id}`] });
  const seen = (hours: number) => ({ 'fake:lastSeen': new Date(world.now().getTime() - hours * hour).toISOString() });
  report('a', { 'fake:threats': 0, ...seen(1) });
  report('b', { 'fake:threats': 2, ...seen(30) });
  report('c', { 'fake:threats': 2, ...seen(40) });
  await world.sync('hq');
  await inForce(world, policy);
  keeper = await openKeeper(world);
  await keeper.judge();
});

function report(id: string, values: Record<string, boolean | number | string>): void {
  console.set(fakeAgent(id, `SER-${id}`, { values }));
}

const asked = () => ({ db: world.db, now: world.now });
const show = (name: string, causes = 20) => viewPosture(asked(), name, { causes, examples: 5 });
const revision = async () => (await world.db.query('select revision from head')).rows[0].revision;
const counts = async () =>
  (await listPostures(asked())).postures.map(({ posture, passing, failing, unknown, devices }) => [
    posture,
    passing,
    failing,
    unknown,
    devices,
  ]);

describe('the list of postures', () => {
  it('counts each device once in each posture', async () => {
    expect(await counts()).toEqual([
      ['posture:clean', 1, 2, 1, 4],
      ['posture:seen', 1, 2, 1, 4],
    ]);
    expect((await listPostures(asked())).asOf).toEqual({
      revision: await revision(),
      policyRevision: await revision(),
      at: world.now(),
      hasWorker: true,
      isCurrent: true,
      waiting: 0,
    });
  });

  it('says how many devices are still to be judged, whatever the reason', async () => {
    const waiting = async () => {
      const { asOf } = await listPostures(asked());
      expect(asOf.isCurrent).toBe(asOf.waiting === 0);
      return asOf.waiting;
    };
    report('a', { 'fake:threats': 1 });
    await world.sync('hq');
    expect(await waiting(), 'a value changed').toBe(1);
    await world.devices({ id: 'e' });
    expect(await waiting(), 'a device came').toBe(2);
    await removeDevice({ ...asked(), actor: tester }, 'd');
    expect(await waiting(), 'a device went').toBe(3);
    await keeper.judge();
    expect(await waiting()).toBe(0);
    report('a', { 'fake:threats': 0, 'fake:lastSeen': world.now().toISOString() });
    await world.sync('hq');
    await keeper.judge();
    world.pass(25 * hour);
    expect(await waiting(), 'time passed').toBe(1);
    await keeper.judge();
    expect(await waiting()).toBe(0);
    await inForce(world, { 'posture:other': ['fake:isActive'] });
    expect([await waiting(), await counts()], 'another policy').toEqual([4, [['posture:other', 0, 0, 0, 4]]]);
    await keeper.judge();
    expect([await waiting(), await counts()]).toEqual([0, [['posture:other', 0, 0, 4, 4]]]);
  });

  it('says so where nothing was judged, and where no policy is in force', async () => {
    const other = await createWorld();
    const there = { db: other.db, now: other.now };
    await expect(listPostures(there)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('posture-sync policy apply config/policy.hujson'),
    });
    await other.devices({ id: 'a' }, { id: 'b' });
    await inForce(other, policy);
    expect(await listPostures(there)).toMatchObject({
      postures: [{ passing: 0, failing: 0, unknown: 0, devices: 2 }, {}],
      asOf: { revision: null, at: null, isCurrent: false, waiting: 2 },
    });
  });
});

describe('a posture', () => {
  it('is shown with what it says and what keeps devices from it, most devices first', async () => {
    expect(await show('clean')).toMatchObject({
      posture: 'posture:clean',
      description: 'Nothing found.',
      resolution: 'Ask Anna.',
      tags: [],
      conditions: ['fake:threats == 0'],
      passing: 1,
      causes: [
        {
          posture: 'posture:clean',
          condition: 'fake:threats == 0',
          attribute: 'fake:threats',
          found: 2,
          unknown: null,
          devices: 2,
          examples: ['b', 'c'],
        },
        { condition: 'fake:threats == 0', found: null, unknown: 'unset', devices: 1, examples: ['d'] },
      ],
      causesTotal: 2,
    });
  });

  it('tells a time that is too old as one cause, and conditions of postures that it names', async () => {
    const { causes } = await show('posture:seen');
    expect(
      causes.map(({ posture, condition, found, unknown, devices }) => [posture, condition, found, unknown, devices]),
    ).toEqual([
      ['posture:seen', "fake:lastSeen WITHIN '24h'", null, null, 2],
      ['posture:clean', 'fake:threats == 0', 2, null, 2],
      ['posture:seen', "fake:lastSeen WITHIN '24h'", null, 'unset', 1],
      ['posture:clean', 'fake:threats == 0', null, 'unset', 1],
    ]);
  });

  it('lists as many causes as are wanted, and says how many there are', async () => {
    expect(await show('clean', 1)).toMatchObject({ causes: [{ devices: 2 }], causesTotal: 2 });
  });

  it('that the policy does not have is refused, naming those that it has', async () => {
    await expect(show('nope')).rejects.toThrow('has no posture:nope; it has posture:clean, posture:seen');
  });
});

describe('devices', () => {
  it('in a state are listed with since when and why', async () => {
    const listed = [];
    for await (const standing of devicesByState(asked(), 'clean', { state: 'failing', condition: null }))
      listed.push(standing);
    expect(listed).toMatchObject([
      { device: 'b', hostname: null, state: 'failing', since: world.now(), reasons: [{ found: 2 }] },
      { device: 'c' },
    ]);
  });

  it('are told of with the name that the integration has now', async () => {
    await world.db.query("update integrations set name = 'headquarters'");
    expect((await viewStanding(asked(), 'clean', 'b')).reasons).toMatchObject([{ integration: 'headquarters' }]);
  });

  it('are told of alone', async () => {
    expect(await viewStanding(asked(), 'seen', 'a')).toMatchObject({
      state: 'passing',
      reasons: [],
      validUntil: expect.any(Date),
      asOf: { isCurrent: true },
    });
    await world.devices({ id: 'e' });
    await expect(viewStanding(asked(), 'seen', 'e')).rejects.toThrow('e has not been judged by posture:seen yet');
    await expect(viewStanding(asked(), 'seen', 'f')).rejects.toThrow('there is no device f');
  });
});
