// Withheld values in company: with several integrations of a provider, beside what administrators do, and over time. Most
// of it was found by the model test in test/model.
import { beforeEach, describe, expect, it } from 'vitest';
import { bindAgent } from '../../src/operations/devices.ts';
import { acceptLosses } from '../../src/operations/integration-states.ts';
import { removeIntegration, updateIntegration } from '../../src/operations/integrations.ts';
import type { Agent } from '../../src/providers/provider.ts';
import { write } from '../../src/store/write.ts';
import type { SyncPoint } from '../../src/sync/context.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };
const late = { registeredAt: new Date('2026-02-01T00:00:00Z') };

describe('withheld values', () => {
  let world: World;
  let one: FakeConsole;
  beforeEach(async () => {
    world = await createWorld();
    one = await world.integration('one', { hold_floor: 0, hold_share: 0 });
  });

  const request = () => ({ db: world.db, now: world.now, actor: tester });

  /** Devices a to the given one, each with its agent in the first integration, swept. */
  async function fleet(last: string): Promise<void> {
    for (let code = 97; code <= last.charCodeAt(0); code++) {
      const id = String.fromCharCode(code);
      await world.devices({ id, serialNumbers: [serialOf(id)] });
      one.set(agentOf(id));
    }
    await world.sync('one');
  }
  const serialOf = (device: string) => `SER-${device}`;
  const agentOf = (device: string, change: Partial<Agent> = {}) => fakeAgent(device, serialOf(device), change);
  const values = ({ isActive, threats, state }: { isActive?: boolean; threats?: number; state?: string }) => ({
    values: Object.fromEntries(
      Object.entries({ 'fake:isActive': isActive, 'fake:threats': threats, 'fake:state': state }).flatMap(([k, v]) =>
        v === undefined ? [] : [[k, v]],
      ),
    ),
  });

  it('name the integration that they come from, and go when it is removed', async () => {
    await fleet('a');
    const two = await world.integration('two');
    // The second integration's agent speaks now, and says less; the page after it does not come.
    two.pageSize = 1;
    two.set(agentOf('a', { ...late, ...values({ threats: 3 }) }), agentOf('b'));
    two.fail = { page: 1, kind: 'unavailable' };
    expect(await world.sync('two')).toMatchObject({ outcome: 'partial', attributes: { removed: 0, withheld: 2 } });
    expect(await world.values('a')).toEqual({ ...healthy, threats: 3 });
    expect((await world.explain('a')).attributes).toMatchObject({
      'fake:threats': { integration: 'two', withheld: false },
      'fake:state': { integration: 'one', withheld: true },
    });
    await removeIntegration(request(), 'one', false);
    expect(await world.values('a')).toEqual({ threats: 3 });
    await world.verify();
  });

  it('that one integration holds are not released by the sweep of another', async () => {
    await fleet('c');
    const two = await world.integration('two');
    two.set(agentOf('a', { registeredAt: null, ...values({ threats: 1 }) }));
    await world.sync('two');
    for (const id of ['a', 'b', 'c']) one.set(agentOf(id, values({ threats: 0, state: 'na' })));
    expect(await world.sync('one')).toMatchObject({ outcome: 'held', attributes: { removed: 0, withheld: 3 } });
    // Another value of the same device is withheld for a moment on behalf of the second integration.
    two.set(agentOf('a', { ...late, ...values({ threats: 1 }) }), agentOf('z'));
    two.pageSize = 1;
    two.fail = { page: 1, kind: 'unavailable' };
    expect(await world.sync('two')).toMatchObject({ outcome: 'partial', attributes: { removed: 0, withheld: 1 } });
    two.fail = null;
    expect(await world.sync('two')).toMatchObject({ outcome: 'succeeded', attributes: { removed: 1, withheld: 0 } });
    expect(await world.values('a')).toEqual({ isActive: true, threats: 1 });
    expect(await world.row('one')).toMatchObject({ heldDevices: 3 });
    await world.verify();
  });

  it('keep each its own age, so that none expires before its time', async () => {
    await world.db.query("update integrations set expire_after_ms = $1 where name = 'one'", [72 * hour]);
    await fleet('a');
    one.set(agentOf('a', values({ threats: 0, state: 'na' })));
    expect(await world.sync('one')).toMatchObject({ outcome: 'held', attributes: { withheld: 1 } });
    world.pass(50 * hour);
    expect(await world.sync('one')).toMatchObject({ outcome: 'held' });
    one.set(agentOf('a', values({ threats: 0 })));
    expect(await world.sync('one')).toMatchObject({ outcome: 'held', attributes: { withheld: 2 } });
    world.pass(23 * hour);
    expect(await world.sync('one')).toMatchObject({ outcome: 'held', attributes: { removed: 1, withheld: 1 } });
    expect(await world.values('a')).toEqual({ threats: 0, state: 'na' });
    await world.verify();
  });

  it('are as old as the agent that still says them, where another one speaks for the device', async () => {
    await fleet('a');
    world.pass(3 * hour);
    one.set(agentOf('a', { hostname: 'renamed' }));
    one.set(fakeAgent('b', serialOf('a'), { ...late, ...values({ threats: 0, state: 'na' }) }));
    expect(await world.sync('one')).toMatchObject({ outcome: 'held', attributes: { withheld: 1 } });
    expect((await world.explain('a')).attributes['fake:isActive']).toMatchObject({
      withheld: true,
      confirmedAt: world.now().toISOString(),
    });
    await world.verify();
  });

  it('that an agent said again by an administrator’s doing do not come back when it falls silent', async () => {
    await fleet('a');
    one.agents.delete('a');
    one.set(agentOf('b', values({ isActive: false, threats: 5 })), agentOf('c'));
    expect(await world.sync('one')).toMatchObject({ outcome: 'held', attributes: { withheld: 3 } });
    await bindAgent(request(), 'a', 'b');
    expect(await world.values('a')).toEqual({ isActive: false, threats: 5, state: 'na' });
    // The old evidence of the other agent must not stand in for what this one no longer says.
    one.set(agentOf('b', values({ isActive: false })));
    expect(await world.sync('one')).toMatchObject({ outcome: 'held' });
    expect(await world.values('a')).toEqual({ isActive: false, threats: 5, state: 'na' });
    await world.verify();
  });

  it.each([
    ['its serial is changed', () => world.devices({ id: 'a', serialNumbers: ['OTHER-1'] })],
    ['its agent is bound to another device', () => bindAgent(request(), 'b', 'a')],
  ])('leave the device when %s', async (_, change) => {
    await fleet('b');
    one.agents.delete('a');
    expect(await world.sync('one')).toMatchObject({ outcome: 'held', attributes: { withheld: 3 } });
    expect(await world.values('a')).toEqual(healthy);
    await change();
    expect(await world.values('a')).toEqual({});
    expect((await world.events('NODE.DELETE.ATTRIBUTES')).map(entry => entry.target.id)).toEqual(['a']);
    await world.verify();
  });

  it('stay when the device gets a second serial', async () => {
    await fleet('a');
    one.agents.delete('a');
    one.set(agentOf('z'));
    await world.sync('one');
    await world.devices({ id: 'a', serialNumbers: [serialOf('a'), 'SECOND-1'] });
    expect(await world.values('a')).toEqual(healthy);
    await world.verify();
  });

  it('that expired do not come back when evidence lives longer again', async () => {
    await fleet('a');
    one.set(agentOf('a', values({ threats: 0 })));
    await world.sync('one');
    world.pass(30 * hour);
    one.fail = { page: 0, kind: 'unavailable' };
    await world.sync('one');
    const lifetime = async (hours: number) =>
      await updateIntegration(
        { ...request(), keys: [{ id: 'test', key: Buffer.alloc(32) }], allowedHosts: ['fake.test'] },
        'one',
        { expireAfterMs: hours * hour },
      );
    expect(await world.values('a')).toEqual(healthy);
    await lifetime(24);
    expect(await world.values('a')).toEqual({});
    await lifetime(72);
    // What the agent said last counts again; what it said no more was over.
    expect(await world.values('a')).toEqual({ threats: 0 });
    await world.verify();
  });
});

describe('an acceptance', () => {
  let world: World;
  let console: FakeConsole;
  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('one', { hold_floor: 0, hold_share: 0 });
    console.pageSize = 100;
  });

  async function fleet(devices: number): Promise<void> {
    const numbers = Array.from({ length: devices }, (_, i) => 10 + i);
    await world.devices(...numbers.map(n => ({ id: `d${n}`, serialNumbers: [`SER-${n}`] })));
    console.set(...numbers.map(n => fakeAgent(`${n}`, `SER-${n}`)));
    await world.sync('one');
  }
  const accept = () => acceptLosses({ db: world.db, now: world.now, actor: tester }, 'one');

  it('of losses does not make an empty answer true: the absent are asked for by id', async () => {
    await fleet(3);
    console.agents.delete('10');
    expect(await world.sync('one')).toMatchObject({ outcome: 'held' });
    await world.db.query('update integrations set hold_floor = 9');
    expect(await accept()).toBe(1);
    for (const id of ['11', '12']) console.hidden.add(id);
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded', unmatched: { gone: 1 } });
    expect(await world.values('d11')).toEqual(healthy);
    await world.verify();
  });

  it('ends with the hold that it was given for', async () => {
    await fleet(3);
    const gone = console.agents.get('10') ?? fakeAgent('10', 'SER-10');
    console.agents.delete('10');
    await world.sync('one');
    await accept();
    console.set(gone);
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded' });
    expect(await world.row('one')).toMatchObject({ acceptedLosses: null, acceptedUntil: null });
    console.agents.delete('11');
    expect(await world.sync('one')).toMatchObject({ outcome: 'held' });
    expect(await world.values('d11')).toEqual(healthy);
  });

  it.each([
    [1, 1],
    [5, 5],
    [9, 9],
    [10, 11],
    [19, 20],
    [20, 22],
    [105, 115],
  ])('of %i devices shown admits %i: a tenth more at most, never fewer than were shown', async (shown, admitted) => {
    await world.db.query('update integrations set held_since = $1, held_devices = $2', [world.now(), shown]);
    expect(await accept()).toBe(admitted);
    expect(await world.row('one')).toMatchObject({ acceptedLosses: admitted });
  });
});

describe('evidence that lives shortly', () => {
  it('does not expire while cut sweeps go on seeing its agent', async () => {
    const world = await createWorld();
    const console = await world.integration('one', { expire_after_ms: hour });
    console.pageSize = 1;
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] }, { id: 'b', serialNumbers: ['BBBB1'] });
    console.set(fakeAgent('1', 'AAAA1'), fakeAgent('2', 'BBBB1'));
    await world.sync('one');
    console.fail = { page: 1, kind: 'unavailable' };
    for (let i = 0; i < 8; i++) {
      world.pass(14 * minute);
      expect(await world.sync('one')).toMatchObject({ outcome: 'partial' });
      expect(await world.values('a')).toEqual(healthy);
    }
    expect(await world.values('b')).toEqual({});
    await world.verify();
  });

  it('is judged anew when its lifetime is changed in the moment in which a sync finds nothing to do', async () => {
    const world = await createWorld();
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] });
    console.set(fakeAgent('1', 'AAAA1'));
    await world.sync('one');
    world.pass(3 * hour);
    console.fail = { page: 0, kind: 'unavailable' };
    const isWaiting =
      "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and query like '%update integrations%'";
    let change: Promise<unknown> = Promise.resolve();
    // The change holds the row while the sync finds that nothing expires, and commits before the sync gets the row.
    const reached = async (point: SyncPoint) => {
      if (point !== 'before head') return;
      const changed = Promise.withResolvers<void>();
      const by = { actor: tester, origin: 'CONFIG_API', cause: 'test' } as const;
      change = write(world.db, world.now, by, async w => {
        await w.client.query('update integrations set expire_after_ms = $1', [hour]);
        changed.resolve();
        for (let n = 0; n === 0; ) n = (await world.db.query(isWaiting)).rows[0].n;
      });
      await changed.promise;
    };
    await world.sync('one', { reached });
    await change;
    expect(await world.values('a')).toEqual({});
    await world.verify();
  });
});
