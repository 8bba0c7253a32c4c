// The limit for losses: how many devices may lose values, by whatever cause, before a human is asked; how a hold is
// accepted, and how it ends by itself.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { acceptLosses } from '../../src/operations/integration-states.ts';
import { noAgents, showIntegration } from '../../src/operations/integration-view.ts';
import type { Agent } from '../../src/providers/provider.ts';
import { runSync } from '../../src/sync/run.ts';
import { testContext } from '../support/context.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('the limit', () => {
  let world: World;
  let name: string;
  let console: FakeConsole;
  let count = 0;
  beforeAll(async () => {
    world = await createWorld();
  });
  beforeEach(() => {
    name = `n${count++}`;
  });

  const two = (n: number) => `${n}`.padStart(2, '0');
  const agent = (n: number, change: Partial<Agent> = {}) => fakeAgent(two(n), `${name}-SER-${two(n)}`, change);
  const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const accept = () => acceptLosses({ db: world.db, now: world.now, actor: tester }, name);
  const actions = async () =>
    (await world.events('TAILNET.')).filter(entry => entry.target.id === `p${name}`).map(entry => entry.action);

  /** Devices with an agent each, numbered from 1, and a first sync. */
  async function fleet(devices: number, columns: Record<string, unknown> = {}): Promise<void> {
    console = await world.integration(name, columns);
    console.pageSize = 100;
    const all = range(1, devices);
    await world.devices(...all.map(n => ({ id: `${name}-${n}`, serialNumbers: [`${name}-SER-${two(n)}`] })));
    console.set(...all.map(n => agent(n)));
    await world.sync(name);
  }

  async function devicesWithValues(): Promise<number> {
    const { rows } = await world.db.query(
      "select count(*)::int as n from device_attributes where starts_with(device_id, $1) and values <> '{}'",
      [`${name}-`],
    );
    return rows[0].n;
  }

  it.each([
    { devices: 20, hold_floor: 2, hold_share: 0.2, most: 4 },
    { devices: 4, hold_floor: 2, hold_share: 0.2, most: 2 },
    { devices: 20, hold_floor: 7, hold_share: 0.2, most: 7 },
    { devices: 10, hold_floor: 0, hold_share: 0.25, most: 2 },
    { devices: 5, hold_floor: 0, hold_share: 0, most: 0 },
  ])(
    'of max($hold_floor, $hold_share) of $devices devices lets $most lose values, and holds one more',
    async ({ most, devices, ...columns }) => {
      await fleet(devices, columns);
      for (const n of range(1, most + 1)) console.agents.delete(two(n));
      expect(await world.sync(name)).toMatchObject({
        outcome: 'held',
        complete: true,
        attributes: { removed: 0, withheld: 3 * (most + 1) },
      });
      expect(await world.row(name)).toMatchObject({ heldDevices: most + 1, heldSince: world.now(), error: null });
      expect(await devicesWithValues()).toBe(devices);
      console.set(agent(1));
      expect(await world.sync(name)).toMatchObject({
        outcome: 'succeeded',
        attributes: { removed: 3 * most, withheld: 0 },
      });
      expect(await devicesWithValues()).toBe(devices - most);
      expect(await actions()).toEqual(['HOLD', 'RELEASE']);
      expect(await world.row(name)).toMatchObject({ heldDevices: null, heldSince: null });
      await world.verify();
    },
  );

  it.each<[string, (n: number) => void, number]>([
    ['absence', n => void console.agents.delete(two(n)), 3],
    ['decommissioning', n => void console.set(agent(n, { decommissioned: true })), 3],
    ['vanished serials', n => void console.set(agent(n, { identifiers: [] })), 3],
    [
      'serials of no device',
      n => void console.set(agent(n, { identifiers: [{ kind: 'serial', value: `X-${n}` }] })),
      3,
    ],
    [
      'one value that is no longer known',
      n => void console.set(agent(n, { values: { 'fake:isActive': true, 'fake:threats': 0 } })),
      1,
    ],
  ])('counts losses by %s', async (_, lose, values) => {
    await fleet(20);
    for (const n of range(1, 5)) lose(n);
    // What the sweep saw of others counts all the same.
    console.set(agent(20, { values: { 'fake:isActive': true, 'fake:threats': 9, 'fake:state': 'na' } }));
    expect(await world.sync(name)).toMatchObject({
      outcome: 'held',
      attributes: { changed: 1, removed: 0, withheld: 5 * values },
    });
    for (const n of [1, 5]) expect(await world.values(`${name}-${n}`)).toEqual(healthy);
    expect(await world.values(`${name}-20`)).toEqual({ ...healthy, threats: 9 });
    console.set(agent(5));
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 4 * values } });
    await world.verify();
  });

  it('does not count a device whose values another agent supplies', async () => {
    await fleet(20);
    for (const n of range(1, 10)) {
      console.agents.delete(two(n));
      console.set({ ...agent(n), id: `9${two(n)}` });
    }
    expect(await world.sync(name)).toMatchObject({
      outcome: 'succeeded',
      attributes: { removed: 0 },
      unmatched: { gone: 10 },
    });
    expect(await devicesWithValues()).toBe(20);
    await world.verify();
  });

  it('counts a device once, however often it lost something that is still withheld', async () => {
    await fleet(4, { hold_floor: 1, hold_share: 0 });
    console.set(agent(1, { values: { 'fake:isActive': true, 'fake:state': 'na' } }));
    console.totalOff = 1;
    expect(await world.sync(name)).toMatchObject({ outcome: 'partial', attributes: { withheld: 1 } });
    console.totalOff = 0;
    console.set(agent(1, { values: { 'fake:isActive': true } }));
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 2, withheld: 0 } });
    expect(await world.values(`${name}-1`)).toEqual({ isActive: true });
    await world.verify();
  });

  it('counts the losses of the last 24 hours', async () => {
    await fleet(20);
    for (const n of range(1, 3)) console.agents.delete(two(n));
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 9 } });
    world.pass(23 * hour);
    console.agents.delete(two(4));
    console.agents.delete(two(5));
    expect(await world.sync(name)).toMatchObject({ outcome: 'held', attributes: { removed: 0, withheld: 6 } });
    world.pass(hour);
    // The three are too long ago by now: two are within the limit.
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 6, withheld: 0 } });
    expect(await actions()).toEqual(['HOLD', 'RELEASE']);
  });

  it('does not count losses that were accepted', async () => {
    await fleet(20);
    for (const n of range(1, 5)) console.agents.delete(two(n));
    await world.sync(name);
    expect(await accept()).toBe(5);
    expect(await world.row(name)).toMatchObject({ acceptedLosses: 5, nextSyncAt: world.now() });
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 15, withheld: 0 } });
    expect(await world.row(name)).toMatchObject({ acceptedLosses: null, acceptedUntil: null, heldDevices: null });
    for (const n of range(6, 8)) console.agents.delete(two(n));
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 9 } });
    console.agents.delete(two(9));
    expect(await world.sync(name)).toMatchObject({ outcome: 'held' });
    expect(await actions()).toEqual(['HOLD', 'ACCEPT', 'RELEASE', 'HOLD']);
    await world.verify();
  });

  it.each([
    [5, 5, 'succeeded'],
    [5, 6, 'held'],
    [10, 11, 'succeeded'],
    [10, 12, 'held'],
  ] as const)('accepted when %i losses were shown, at %i is %s', async (shown, losses, outcome) => {
    await fleet(20);
    for (const n of range(1, shown)) console.agents.delete(two(n));
    await world.sync(name);
    await accept();
    for (const n of range(shown + 1, losses)) console.agents.delete(two(n));
    expect(await world.sync(name)).toMatchObject({ outcome });
    expect(await devicesWithValues()).toBe(outcome === 'held' ? 20 : 20 - losses);
  });

  it('holds again when the acceptance has expired', async () => {
    await fleet(20);
    for (const n of range(1, 5)) console.agents.delete(two(n));
    await world.sync(name);
    await accept();
    world.pass(24 * hour);
    expect(await world.sync(name)).toMatchObject({ outcome: 'held' });
    expect(await devicesWithValues()).toBe(20);
    await accept();
    world.pass(24 * hour - 2 * minute);
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded' });
    expect(await devicesWithValues()).toBe(15);
  });

  it('refuses an acceptance of nothing', async () => {
    await fleet(2);
    await expect(accept()).rejects.toThrow('nothing is held');
  });

  it('ends its hold by itself when enough agents come back, and applies the rest', async () => {
    await fleet(20);
    for (const n of range(1, 6)) console.agents.delete(two(n));
    await world.sync(name);
    console.set(agent(6));
    expect(await world.sync(name)).toMatchObject({ outcome: 'held' });
    expect(await world.row(name)).toMatchObject({ heldDevices: 5 });
    console.set(agent(5));
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 12 } });
    expect(await devicesWithValues()).toBe(16);
  });

  it('stays held over restarts, sweeps that fail and sweeps that are cut, with one event', async () => {
    await fleet(20);
    for (const n of range(1, 5)) console.agents.delete(two(n));
    await world.sync(name);
    const since = (await world.row(name)).heldSince;
    console.fail = { page: 0, kind: 'unavailable' };
    expect(await world.sync(name)).toMatchObject({ outcome: 'failed', attributes: { removed: 0 } });
    console.pageSize = 5;
    console.fail = { page: 1, kind: 'unavailable' };
    expect(await world.sync(name)).toMatchObject({ outcome: 'partial', attributes: { removed: 0 } });
    console.fail = null;
    world.pass(minute);
    const restarted = testContext(world.database.url, () => console, world.now);
    const again = await runSync(restarted, `p${name}`, { signal: new AbortController().signal });
    expect(again).toMatchObject({ outcome: 'held', attributes: { withheld: 15 } });
    expect((await actions()).filter(action => action === 'HOLD')).toHaveLength(1);
    expect((await world.row(name)).heldSince).toEqual(since);
    expect(await devicesWithValues()).toBe(20);
    await world.verify();
  });

  it('lets withheld values expire at their own age, which ends the hold', async () => {
    await fleet(20);
    const confirmed = world.now().getTime();
    for (const n of range(1, 5)) console.agents.delete(two(n));
    await world.sync(name);
    for (const hours of [24, 48]) {
      world.pass(confirmed + hours * hour - world.now().getTime());
      expect(await world.sync(name)).toMatchObject({ outcome: 'held' });
    }
    world.pass(confirmed + 72 * hour - world.now().getTime() - 2 * minute);
    expect(await world.sync(name)).toMatchObject({ outcome: 'held', attributes: { removed: 0 } });
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 15, withheld: 0 } });
    expect(await devicesWithValues()).toBe(15);
    expect(await world.values(`${name}-20`)).toEqual(healthy);
    expect(await actions()).toEqual(['HOLD', 'RELEASE']);
    await world.verify();
  });

  it('holds whatever the limits are when the fleet becomes empty, until it is accepted', async () => {
    await fleet(3, { hold_floor: 1_000, hold_share: 1 });
    const agents = [...console.agents.values()];
    console.agents.clear();
    expect(await world.sync(name)).toMatchObject({ outcome: 'held', attributes: { removed: 0 } });
    expect(await world.row(name)).toMatchObject({ heldDevices: 3 });
    const held = await showIntegration(world.db, world.now, name);
    expect([held.held?.examples, held.warnings]).toEqual([[], [noAgents]]);
    expect(await world.sync(name)).toMatchObject({ outcome: 'held' });
    console.set(...agents);
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', events: 1 });
    expect((await showIntegration(world.db, world.now, name)).warnings).toEqual([]);
    console.agents.clear();
    expect(await world.sync(name)).toMatchObject({ outcome: 'held' });
    await accept();
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 9 } });
    expect(await devicesWithValues()).toBe(0);
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', events: 0 });
    expect(await actions()).toEqual(['HOLD', 'RELEASE', 'HOLD', 'ACCEPT', 'RELEASE']);
    await world.verify();
  });

  it('does not hold a fleet that was empty from the start', async () => {
    await fleet(0);
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', agents: 0 });
  });

  it("is the integration's own: another one of the same provider does not fill it", async () => {
    await fleet(10);
    for (const n of range(1, 2)) console.agents.delete(two(n));
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded' });
    name = `${name}-b`;
    await fleet(10);
    for (const n of range(1, 2)) console.agents.delete(two(n));
    expect(await world.sync(name)).toMatchObject({ outcome: 'succeeded', attributes: { removed: 6 } });
  });

  it('leaves a log that tells everything', async () => {
    await world.verify();
    await expectWholeLog(world.db);
  });
});
