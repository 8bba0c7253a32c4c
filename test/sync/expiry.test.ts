// Expiry: values that no sweep confirms lose their worth after a while, each by its own age, never because of the clock
// alone, and all come back.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { derive, startDerivation } from '../../src/store/derive.ts';
import { touchExpired, updateIntegration } from '../../src/store/integrations.ts';
import { write } from '../../src/store/write.ts';
import { keep } from '../../src/sync/keeper.ts';
import { type FakeConsole, fakeAgent, fakeProvider } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, hour, minute, tester, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('expiry', () => {
  let world: World;
  let name: string;
  let console: FakeConsole;
  let count = 0;
  /** Start of the last complete sweep. */
  let swept: number;
  beforeAll(async () => {
    world = await createWorld();
    const other = fakeProvider(settings => world.consoles.get(settings.console) ?? fail(), 'other');
    const { providerOf } = world.context;
    world.context.providerOf = id => (id === 'other' ? other : providerOf(id));
  });
  beforeEach(() => {
    name = `n${count++}`;
  });

  const fail = (): never => {
    throw new Error('there is no such console');
  };
  const agent = (n: number, values?: Record<string, string | number | boolean>) =>
    fakeAgent(`${n}`, `${name}-SER-${n}`, values ? { values } : {});
  const keeper = () => keep({ ...world.context, pool: world.db, auditRetentionMs: 10_000 * 24 * hour });
  const head = async () => (await world.db.query('select revision from head')).rows[0].revision;
  /** Turns the clock to so long after the last complete sweep; a sync then starts a minute later. */
  const passUntil = (ms: number) => world.pass(swept + ms - world.now().getTime());
  const warnings = async () =>
    (await world.events('TAILNET.WARN'))
      .filter(entry => entry.target.id === `p${name}`)
      .map(entry => entry.new as { expires: string; within: string });

  async function fleet(devices: number, columns: Record<string, unknown> = {}): Promise<void> {
    console = await world.integration(name, columns);
    const all = Array.from({ length: devices }, (_, i) => i + 1);
    await world.devices(...all.map(n => ({ id: `${name}-${n}`, serialNumbers: [`${name}-SER-${n}`] })));
    console.set(...all.map(n => agent(n)));
    await sweep();
  }

  /** As the operation does it, which knows real providers only. */
  async function setExpiry(expireAfterMs: number | null): Promise<void> {
    await write(world.db, world.now, { actor: tester, origin: 'CONFIG_API', cause: 'test' }, async w => {
      await startDerivation(w.client);
      await touchExpired(w.client, `p${name}`);
      await updateIntegration(w.client, `p${name}`, { expireAfterMs });
      await touchExpired(w.client, `p${name}`);
      await derive(w);
    });
  }

  async function sweep() {
    const result = await world.sync(name);
    if (result.complete) swept = world.now().getTime();
    return result;
  }

  it('comes 72 hours after the last sweep that confirmed a value, not a millisecond earlier', async () => {
    await fleet(2);
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(72 * hour - minute - 1);
    expect(await sweep()).toMatchObject({ outcome: 'failed', attributes: { removed: 0 } });
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    passUntil(72 * hour - minute);
    expect(await sweep()).toMatchObject({ outcome: 'failed', attributes: { removed: 6 }, events: 2 });
    for (const n of [1, 2]) {
      expect(await world.values(`${name}-${n}`)).toEqual({});
      expect((await world.explain(`${name}-${n}`)).match).toMatchObject({ state: 'unmatched', reason: 'expired' });
    }
    await world.verify();
  });

  it('does not come by the clock alone: no sync was tried since the deadline', async () => {
    await fleet(1);
    passUntil(1_000 * hour);
    await keeper();
    await world.devices({ id: `${name}-new` });
    await world.verify();
    expect(await world.values(`${name}-1`)).toEqual(healthy);
  });

  it('never comes when it is off', async () => {
    await fleet(1, { expire_after_ms: null });
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(10_000 * hour);
    expect(await sweep()).toMatchObject({ attributes: { removed: 0 } });
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    expect(await warnings()).toEqual([]);
  });

  it('goes by the setting at once, as of the last sync that was tried', async () => {
    await fleet(1);
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(10 * hour);
    await setExpiry(9 * hour);
    // The last sync that was tried lies before the new deadline.
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    expect(await sweep()).toMatchObject({ attributes: { removed: 3 } });
    await setExpiry(90 * hour);
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    passUntil(80 * hour);
    expect(await sweep()).toMatchObject({ attributes: { removed: 0 } });
    await setExpiry(72 * hour);
    expect(await world.values(`${name}-1`)).toEqual({});
    await setExpiry(null);
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    await world.verify();
  });

  it('is not counted in the limit, nor held', async () => {
    await fleet(10, { hold_floor: 0, hold_share: 0 });
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(80 * hour);
    expect(await sweep()).toMatchObject({ outcome: 'failed', attributes: { removed: 30, withheld: 0 } });
    expect(await world.row(name)).toMatchObject({ heldSince: null });
  });

  it('can be foretold in an outage: values stay as they are, with the time that they were last confirmed', async () => {
    await fleet(2);
    const asOf = async () => {
      const { attributes, agents } = await world.explain(`${name}-1`);
      const times = [...Object.values(attributes), ...agents].map(({ confirmedAt }) => confirmedAt);
      expect(times).toHaveLength(4);
      expect(new Set(times).size).toBe(1);
      return times[0];
    };
    const confirmed = world.now().toISOString();
    expect(await asOf()).toBe(confirmed);
    for (const [hours, kind] of [
      [1, 'unavailable'],
      [24, 'throttled'],
      [48, 'malformed'],
      [71, 'unavailable'],
    ] as const) {
      console.fail = { page: 0, kind };
      passUntil(hours * hour);
      expect(await sweep()).toMatchObject({ outcome: 'failed', attributes: { set: 0, changed: 0, removed: 0 } });
      expect(await world.values(`${name}-1`)).toEqual(healthy);
      expect(await asOf()).toBe(confirmed);
    }
    console.fail = null;
    await sweep();
    expect(await asOf()).toBe(world.now().toISOString());
  });

  it('after an outage is undone by the next sweep for all, though no agent changed', async () => {
    await fleet(5);
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(80 * hour);
    await sweep();
    console.fail = null;
    expect(await sweep()).toMatchObject({ outcome: 'succeeded', attributes: { set: 15 }, events: 5 });
    expect(await world.values(`${name}-5`)).toEqual(healthy);
    await world.verify();
  });

  it('after an outage is undone only for what a cut sweep saw', async () => {
    await fleet(5);
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(80 * hour);
    await sweep();
    console.fail = { page: 1, kind: 'unavailable' };
    expect(await sweep()).toMatchObject({ outcome: 'partial', attributes: { set: 9 } });
    expect(await world.values(`${name}-3`)).toEqual(healthy);
    expect(await world.values(`${name}-4`)).toEqual({});
    await world.verify();
  });

  it('does not come for what cut sweeps go on seeing, and comes for what they do not', async () => {
    await fleet(5);
    console.fail = { page: 1, kind: 'unavailable' };
    for (let hours = 5; hours <= 75; hours += 5) {
      passUntil(hours * hour);
      await world.sync(name);
    }
    expect(await world.values(`${name}-3`)).toEqual(healthy);
    expect(await world.values(`${name}-4`)).toEqual({});
    await world.verify();
  });

  it('comes for agents that cannot be read alone, though sweeps succeed', async () => {
    await fleet(3);
    console.unreadable.add('1');
    const frozen = swept;
    for (const hours of [1, 40, 71]) {
      world.pass(frozen + hours * hour - world.now().getTime());
      expect(await sweep()).toMatchObject({ outcome: 'succeeded', skipped: 1, attributes: { removed: 0 } });
    }
    world.pass(frozen + 72 * hour - world.now().getTime());
    expect(await sweep()).toMatchObject({ outcome: 'succeeded', attributes: { removed: 3 } });
    expect(await world.values(`${name}-1`)).toEqual({});
    expect(await world.values(`${name}-2`)).toEqual(healthy);
    console.unreadable.clear();
    expect(await sweep()).toMatchObject({ attributes: { set: 3 } });
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    await world.verify();
  });

  it('while paused by hand is done by the keeper, once', async () => {
    await fleet(2);
    await world.db.query("update integrations set pause_reason = 'administrator' where name = $1", [name]);
    passUntil(72 * hour - 1);
    await keeper();
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    passUntil(72 * hour);
    await keeper();
    expect(await world.values(`${name}-1`)).toEqual({});
    const revision = await head();
    world.pass(minute);
    await keeper();
    expect(await head()).toBe(revision);
    await world.verify();
  });

  it('of withheld values while paused by hand is done by the keeper, once', async () => {
    await fleet(3, { hold_floor: 0, hold_share: 0 });
    console.agents.delete('1');
    expect(await sweep()).toMatchObject({ outcome: 'held' });
    await world.db.query("update integrations set pause_reason = 'administrator' where name = $1", [name]);
    passUntil(72 * hour + minute);
    await keeper();
    expect(await world.values(`${name}-1`)).toEqual({});
    const revision = await head();
    world.pass(minute);
    await keeper();
    expect(await head()).toBe(revision);
    await world.verify();
  });

  it('gives way to another integration of the same provider that still knows the device', async () => {
    await fleet(1);
    const second = await world.integration(`${name}-b`);
    second.set(fakeAgent('0', `${name}-SER-1`, { values: { 'fake:threats': 5 } }));
    await world.sync(`${name}-b`);
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(71 * hour);
    await world.sync(`${name}-b`);
    passUntil(72 * hour);
    await sweep();
    expect(await world.values(`${name}-1`)).toEqual({ threats: 5 });
    console.fail = null;
    await sweep();
    expect(await world.values(`${name}-1`)).toEqual(healthy);
    await world.verify();
  });

  it('takes the values of one provider and leaves those of another', async () => {
    await fleet(1);
    const other = await world.integration(`${name}-o`, { provider: 'other' });
    other.set(fakeAgent('1', `${name}-SER-1`, { values: { 'fake:other': true } }));
    await world.sync(`${name}-o`);
    const { rows } = await world.db.query('select source from device_attributes where device_id = $1 order by 1', [
      `${name}-1`,
    ]);
    expect(rows).toEqual([{ source: 'fake' }, { source: 'other' }]);
    console.fail = { page: 0, kind: 'unavailable' };
    passUntil(71 * hour);
    await world.sync(`${name}-o`);
    passUntil(72 * hour);
    await sweep();
    expect(await world.values(`${name}-1`)).toEqual({ other: true });
    await world.verify();
  });

  it('is warned of 48, 24 and 12 hours before, once each, and anew after the next sweep', async () => {
    await fleet(1);
    const within = async () => (await warnings()).map(warning => warning.within);
    passUntil(24 * hour - 1);
    await keeper();
    expect(await within()).toEqual([]);
    for (const hours of [24, 30, 48, 60, 71]) {
      passUntil(hours * hour);
      await keeper();
      await keeper();
    }
    expect(await within()).toEqual(['48 hours', '24 hours', '12 hours']);
    await sweep();
    passUntil(48 * hour);
    await keeper();
    expect(await within()).toEqual(['48 hours', '24 hours', '12 hours', '24 hours']);
  });

  it('is warned of anew also after a sweep whose losses are held', async () => {
    await fleet(3, { hold_floor: 0, hold_share: 0 });
    passUntil(61 * hour);
    await keeper();
    console.agents.delete('1');
    expect(await sweep()).toMatchObject({ outcome: 'held' });
    passUntil(61 * hour);
    await keeper();
    expect(await warnings()).toHaveLength(2);
  });

  it('leaves a log that tells everything', async () => {
    await world.verify();
    await expectWholeLog(world.db);
  });
});

describe('a time that moves at every check-in', () => {
  let world: World;
  let console: FakeConsole;
  beforeAll(async () => {
    world = await createWorld();
    console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] });
    check(0);
    await world.sync('one');
  });

  const day = new Date('2026-02-01T00:00:00.000Z').getTime();
  function check(hours: number, threats = 0): void {
    const values = { 'fake:threats': threats, 'fake:lastSeen': new Date(day + hours * hour).toISOString() };
    console.set(fakeAgent('1', 'AAAA1', { values }));
  }
  const stored = async () => {
    const { rows } = await world.db.query(
      "select values ->> 'fake:lastSeen' as seen, revision, xmin::text as written from device_attributes where device_id = 'a'",
    );
    return rows[0];
  };
  const seenAt = (hours: number) => new Date(day + hours * hour).toISOString();

  it('is not rewritten while it is newer by less than half its resolution', async () => {
    const before = await stored();
    for (const hours of [0.1, 1, 2.9]) {
      check(hours);
      expect(await world.sync('one')).toMatchObject({ events: 0, attributes: { set: 0, changed: 0 } });
    }
    expect(await stored()).toEqual(before);
  });

  it('is rewritten when it is newer by its resolution, without an event', async () => {
    const before = await stored();
    check(6);
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded', events: 0, attributes: { changed: 0 } });
    expect((await stored()).seen).toBe(seenAt(6));
    // Readers of the change feed get it all the same.
    expect((await stored()).revision).toBe(before.revision + 1);
  });

  it('is written along with another change of its row, and the event tells that change alone', async () => {
    check(6.5, 3);
    expect(await world.sync('one')).toMatchObject({ events: 1, attributes: { set: 0, changed: 1, removed: 0 } });
    expect((await stored()).seen).toBe(seenAt(6.5));
    expect((await world.events('NODE.UPDATE.ATTRIBUTES')).at(-1)).toMatchObject({
      old: { 'fake:threats': 0 },
      new: { 'fake:threats': 3 },
    });
  });

  it('makes an event when it vanishes, and when it comes', async () => {
    console.set(fakeAgent('1', 'AAAA1', { values: { 'fake:threats': 3 } }));
    expect(await world.sync('one')).toMatchObject({ events: 1, attributes: { removed: 1 } });
    expect((await world.events('NODE.UPDATE.ATTRIBUTES')).at(-1)).toMatchObject({
      old: { 'fake:lastSeen': seenAt(6.5) },
    });
    check(7, 3);
    expect(await world.sync('one')).toMatchObject({ events: 1, attributes: { set: 1 } });
    await world.verify();
    await expectWholeLog(world.db);
  });
});
