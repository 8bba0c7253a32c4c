// Identity collection switched off and on: off, nothing is matched and all values of providers go, also under a run that is
// on; on, everything is matched again at once, from what is known.
import { beforeEach, describe, expect, it } from 'vitest';
import { devicesFromAgents } from '../../src/operations/device-import.ts';
import { bindAgent } from '../../src/operations/devices.ts';
import { acceptLosses } from '../../src/operations/integration-states.ts';
import { showIntegration } from '../../src/operations/integration-view.ts';
import { askForRefetches } from '../../src/operations/refetch.ts';
import { type Confirmation, changeSettings, lossesOfSwitchingOff } from '../../src/operations/settings.ts';
import { evidenceWouldTurn, moveTimes } from '../../src/store/sweep.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { answered, askByHand, startWorkers } from '../support/refetching.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const off = 'identity_collection_off';

let world: World;
let console: FakeConsole;
const fleet = ['a', 'b', 'c', 'd', 'e'];

/** Five agents and their devices, synced. */
beforeEach(async () => {
  world = await createWorld();
  console = await world.integration('hq');
  await world.devices(...fleet.map(id => ({ id, serialNumbers: [`SER-${id}`] })));
  console.set(...fleet.map((id, i) => fakeAgent(`${i + 1}`, `SER-${id}`)));
  await world.sync('hq');
});

const request = () => ({ db: world.db, now: world.now, actor: tester });
const turn = (isOn: boolean, confirmation: Partial<Confirmation> = {}) =>
  changeSettings(
    request(),
    { postureIdentityCollectionOn: isOn },
    { confirm: null, isConfirmRequired: false, ...confirmation },
  );
const withValues = async () => {
  const all = await Promise.all(fleet.map(async id => [id, await world.values(id)] as const));
  return all.filter(([, values]) => Object.keys(values).length > 0).map(([id]) => id);
};
const agentReasons = async () =>
  (await world.db.query('select distinct reason, device_id is null as free from agents')).rows;

describe('identity collection switched off', () => {
  it('takes the providers’ values from all devices, each with its event, and matches nothing', async () => {
    const { losses } = await turn(false);
    expect(losses).toEqual({ devices: 5, attributes: 15 });
    expect(await withValues()).toEqual([]);
    expect(await agentReasons()).toEqual([{ reason: off, free: true }]);
    const deleted = await world.events('NODE.DELETE.ATTRIBUTES');
    expect(deleted.map(({ target }) => target.id).sort()).toEqual(fleet);
    expect(deleted[0]?.old).toEqual({ 'fake:isActive': true, 'fake:threats': 0, 'fake:state': 'na' });
    const [told] = await world.events('TAILNET.DISABLE');
    expect(told).toMatchObject({
      new: { postureIdentityCollectionOn: false, devices: 5, attributes: 15 },
      eventGroupID: deleted[0]?.eventGroupID,
    });
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('tells why on devices, on agents and on the integration, and keeps the serial numbers of devices', async () => {
    await turn(false);
    const { device, match, agents } = await world.explain('a');
    expect(device?.serialNumbers).toEqual(['SER-a']);
    expect(match).toMatchObject({
      state: 'unmatched',
      reason: off,
      explanation: expect.stringContaining('settings set'),
    });
    expect(agents).toMatchObject([{ id: '1', chosen: false, reason: off }]);
    const view = await showIntegration(world.db, world.now, 'hq');
    expect(view.warnings).toEqual([expect.stringContaining('identity collection is switched off')]);
    expect(view.status).toEqual({ providerHostCount: 5, matchedCount: 0, possibleMatchedCount: 5 });
  });

  it('lets sweeps go on storing agents, unmatched, of which none is held or counts as a loss', async () => {
    await turn(false);
    console.set(fakeAgent('1', 'SER-a', { values: { 'fake:threats': 7 } }), fakeAgent('6', 'SER-new'));
    console.agents.delete('2');
    const result = await world.sync('hq');
    expect(result).toMatchObject({ outcome: 'succeeded', matched: 0, unmatched: { [off]: 5, gone: 1 }, events: 0 });
    await world.devices({ id: 'new', serialNumbers: ['SER-new'] });
    expect(await withValues()).toEqual([]);
    expect((await world.explain('new')).match.reason).toBe(off);
    await world.verify();
    // Nothing but what the provider said meanwhile keeps device b from its values.
    await turn(true);
    expect(await world.values('a')).toEqual({ threats: 7 });
    expect(await world.values('new')).toMatchObject({ threats: 0 });
    expect(await withValues()).toEqual(['a', 'c', 'd', 'e']);
    expect((await world.explain('b')).match.reason).toBe('gone');
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('switched on again matches at once, without a sweep', async () => {
    await turn(false);
    const asked = console.queries.length;
    expect(await turn(true)).toMatchObject({ changed: ['postureIdentityCollectionOn'] });
    expect(console.queries.length).toBe(asked);
    expect(await withValues()).toEqual(fleet);
    expect(await agentReasons()).toEqual([{ reason: null, free: false }]);
    expect(await world.events('NODE.CREATE.ATTRIBUTES')).toHaveLength(10);
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('keeps what was bound by hand, also meanwhile, and matches by it again', async () => {
    console.set(fakeAgent('7', null));
    await world.devices({ id: 'f', serialNumbers: [] });
    await world.sync('hq');
    await bindAgent(request(), 'f', '7');
    await turn(false);
    expect(await world.values('f')).toEqual({});
    expect((await world.explain('f')).agents).toMatchObject([{ id: '7', bound: true, reason: off }]);
    await bindAgent(request(), 'e', '7');
    expect(await world.values('e')).toEqual({});
    await world.verify();
    await turn(true);
    expect((await world.explain('f')).match.reason).toBe('no_serial');
    expect((await world.explain('e')).agents.map(({ id }) => id).sort()).toEqual(['5', '7']);
    await world.verify();
  });

  it('ends what is withheld and its hold, and what was accepted of it', async () => {
    for (const id of ['1', '2', '3', '4']) console.agents.delete(id);
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held' });
    await acceptLosses(request(), 'hq');
    expect(await turn(false)).toMatchObject({ losses: { devices: 5 } });
    expect(await world.row('hq')).toMatchObject({ heldSince: null, heldDevices: null, acceptedLosses: null });
    expect(await world.events('TAILNET.RELEASE')).toHaveLength(1);
    await world.verify();
    await turn(true);
    expect(await withValues()).toEqual(['e']);
    expect(await world.sync('hq')).toMatchObject({ outcome: 'succeeded', events: 0 });
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('ends what is withheld of an agent that is not on the device any more', async () => {
    await world.db.query('update integrations set hold_floor = 0, hold_share = 0');
    console.set(fakeAgent('1', 'SER-elsewhere'));
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held', attributes: { withheld: 3 } });
    expect(await world.values('a')).toMatchObject({ threats: 0 });
    expect(await turn(false)).toMatchObject({ losses: { devices: 5, attributes: 15 } });
    expect(await withValues()).toEqual([]);
    await world.verify();
    await turn(true);
    expect(await withValues()).toEqual(['b', 'c', 'd', 'e']);
    await world.verify();
  });

  it('lets evidence grow old meanwhile: what expired has no values when it is on again', async () => {
    console.unreadable.add('1');
    await world.sync('hq');
    await turn(false);
    world.pass(80 * hour);
    await world.sync('hq');
    await turn(true);
    expect(await withValues()).toEqual(['b', 'c', 'd', 'e']);
    expect((await world.explain('a')).match.reason).toBe('expired');
    await world.verify();
  });

  it('lets nobody be asked for fresh values, and makes no devices of agents', async () => {
    await turn(false);
    expect(await askForRefetches(request(), ['a'], hour)).toEqual([]);
    await expect(devicesFromAgents(request())).rejects.toMatchObject({ code: 'conflict' });
    await turn(true);
    expect(await askForRefetches(request(), ['a'], hour)).toEqual(['a']);
  });
});

describe('under a run that is on', () => {
  const points: SyncPoint[] = ['claimed', 'page staged', 'before head', 'before commit', 'after commit'];
  const at = (point: SyncPoint, act: () => Promise<unknown>) => {
    let isDone = false;
    return {
      async reached(reached: SyncPoint) {
        if (reached !== point || isDone) return;
        isDone = true;
        await act();
      },
    };
  };
  /** Before the commit the run has the head: whoever turns the switch waits for it. */
  const turnAt = (point: SyncPoint, isOn: boolean) => {
    let turned: Promise<unknown> = Promise.resolve();
    const options = at(point, async () => {
      turned = turn(isOn);
      if (point !== 'before commit') await turned;
    });
    return { options, turned: () => turned };
  };
  const renew = () =>
    console.set(
      ...fleet.map((id, i) =>
        fakeAgent(`${i + 1}`, `SER-${id}`, {
          values: { 'fake:threats': 9, 'fake:isActive': true, 'fake:state': 'na' },
        }),
      ),
    );

  it.each(points)('at "%s" it is switched off, and the run brings nothing back', async point => {
    renew();
    const { options, turned } = turnAt(point, false);
    expect(await world.sync('hq', options)).toMatchObject({ outcome: 'succeeded', complete: true });
    await turned();
    expect(await withValues()).toEqual([]);
    expect(await agentReasons()).toEqual([{ reason: off, free: true }]);
    await world.verify();
    await turn(true);
    expect(await world.values('a')).toMatchObject({ threats: 9 });
    await world.verify();
    await expectWholeLog(world.db);
  });

  it.each(points)('at "%s" it is switched on, and all that the run saw is there', async point => {
    await turn(false);
    renew();
    const { options, turned } = turnAt(point, true);
    expect(await world.sync('hq', options)).toMatchObject({ outcome: 'succeeded', complete: true });
    await turned();
    for (const id of fleet) expect(await world.values(id)).toMatchObject({ threats: 9 });
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('a refetch that asked before it was switched off brings nothing back, and still stores what it read', async () => {
    renew();
    let isDone = false;
    startWorkers(world, 1, {
      async reachedInRefetch(point) {
        if (point !== 'read' || isDone) return;
        isDone = true;
        await turn(false);
      },
    });
    world.pass(minute);
    expect(await answered(world, await askByHand(world, 'a'))).toMatchObject({
      state: 'done',
      integrations: [{ agents: 1, old: null, new: null }],
    });
    expect([isDone, await withValues()]).toEqual([true, []]);
    await world.verify();
    await turn(true);
    expect(await world.values('a')).toMatchObject({ threats: 9 });
    await world.verify();
  });

  it('a run that found nothing to merge does not move times past agents that were matched since', async () => {
    await turn(false);
    const later = new Date(world.now().getTime() + 100 * hour);
    const { turns, ...seen } = await evidenceWouldTurn(world.db, 'phq', null, later);
    expect(turns).toBe(false);
    await turn(true);
    expect(await moveTimes(world.db, 'phq', seen, null, later)).toBe(false);
    await world.verify();
  });
});

describe('what is asked before it is switched off', () => {
  const required = { isConfirmRequired: true };

  it('is the number of devices that lose values: anything else is refused, and names it', async () => {
    expect(await lossesOfSwitchingOff(world.db)).toEqual({ devices: 5, attributes: 15 });
    for (const confirm of [null, 0, 4, 6])
      await expect(turn(false, { ...required, confirm })).rejects.toMatchObject({
        code: 'conflict',
        message: expect.stringMatching(/5 devices lose 15 values.*confirm 5$/),
      });
    expect(await withValues()).toEqual(fleet);
    expect(await world.events('TAILNET.DISABLE')).toEqual([]);
    expect(await turn(false, { ...required, confirm: 5 })).toMatchObject({ losses: { devices: 5 } });
    expect(await lossesOfSwitchingOff(world.db)).toEqual({ devices: 0, attributes: 0 });
  });

  it('is nothing where no device loses anything, where it is off already, or to switch it on', async () => {
    const empty = await createWorld();
    const changes = { postureIdentityCollectionOn: false };
    const of = { db: empty.db, now: empty.now, actor: tester };
    const asked = { confirm: null, isConfirmRequired: true };
    expect(await changeSettings(of, changes, asked)).toMatchObject({ changed: ['postureIdentityCollectionOn'] });
    expect(await changeSettings(of, changes, asked)).toMatchObject({ changed: [] });
    expect(await changeSettings(of, { postureIdentityCollectionOn: true }, asked)).toMatchObject({
      losses: { devices: 0 },
    });
  });

  it('need not be given by clients that cannot, but is looked at where it is', async () => {
    await expect(turn(false, { confirm: 4 })).rejects.toMatchObject({ code: 'conflict' });
    expect(await turn(false)).toMatchObject({ losses: { devices: 5 } });
  });
});
