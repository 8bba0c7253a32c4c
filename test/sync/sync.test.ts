// The main job: agents become attributes of devices, run after run, on a real database.
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeAgent } from '../support/fake-provider.ts';
import { createWorld, hour, minute, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };

describe('a sync', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });

  it('writes the attributes of matched devices and counts the others by reason', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: [' c02x-1 '] }, { id: 'b', serialNumbers: ['B-1234'] }, { id: 'c' });
    console.set(
      fakeAgent('1', 'C02X-1'),
      fakeAgent('2', 'ZZZZ9'),
      fakeAgent('3', null),
      fakeAgent('4', 'Default string'),
    );
    const result = await world.sync('one');
    expect(result).toMatchObject({
      integration: 'one',
      outcome: 'succeeded',
      complete: true,
      pages: 2,
      agents: 4,
      matched: 1,
      unmatched: { no_device: 1, no_serial: 1, placeholder_serial: 1 },
      attributes: { set: 3, changed: 0, removed: 0, withheld: 0 },
      events: 1,
      error: null,
    });
    expect(await world.values('a')).toEqual(healthy);
    expect(await world.values('b')).toEqual({});
    await world.verify();
  });

  it('writes nothing the second time', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] });
    console.set(fakeAgent('1', 'AAAA1'));
    await world.sync('one');
    const before = await world.db.query('select revision from head');
    const result = await world.sync('one');
    expect(result).toMatchObject({ outcome: 'succeeded', events: 0, attributes: { set: 0, changed: 0, removed: 0 } });
    expect((await world.db.query('select revision from head')).rows).toEqual(before.rows);
    await world.verify();
  });

  it('changes what changed, with one event that holds old and new of just that', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', hostname: 'laptop', serialNumbers: ['AAAA1'] });
    console.set(fakeAgent('1', 'AAAA1'));
    await world.sync('one');
    console.set(fakeAgent('1', 'AAAA1', { values: { 'fake:isActive': true, 'fake:threats': 2 } }));
    const result = await world.sync('one');
    expect(result.attributes).toEqual({ set: 0, changed: 1, removed: 1, withheld: 0 });
    const events = await world.events('NODE.UPDATE.ATTRIBUTES');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      target: { id: 'a', name: 'laptop', type: 'NODE', property: 'ATTRIBUTES' },
      action: 'UPDATE',
      actor: { type: 'AUTOMATED_WORKER' },
      old: { 'fake:threats': 0, 'fake:state': 'na' },
      new: { 'fake:threats': 2 },
    });
    expect(await world.values('a')).toEqual({ isActive: true, threats: 2 });
    await world.verify();
  });

  it('takes the values away when a complete sweep lacks the agent and it is not there when asked for by id', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] }, { id: 'b', serialNumbers: ['BBBB1'] });
    console.set(fakeAgent('1', 'AAAA1'), fakeAgent('2', 'BBBB1'));
    await world.sync('one');
    console.agents.delete('1');
    const result = await world.sync('one');
    expect(console.queries.at(-1)).toEqual({ kind: 'some', ids: ['1'], serials: [] });
    expect(result).toMatchObject({ outcome: 'succeeded', attributes: { removed: 3 }, unmatched: { gone: 1 } });
    expect(await world.values('a')).toEqual({});
    expect((await world.explain('a')).match).toMatchObject({ state: 'unmatched', reason: 'gone' });
    await world.verify();
  });

  it('keeps an agent that no sweep shows while it is there when asked for by id', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] }, { id: 'b', serialNumbers: ['BBBB1'] });
    console.set(fakeAgent('1', 'AAAA1'), fakeAgent('2', 'BBBB1'));
    await world.sync('one');
    console.hidden.add('1');
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded', attributes: { removed: 0 } });
    expect(await world.values('a')).toEqual(healthy);
    await world.verify();
  });

  it('holds losses beyond the limit, and releases them when the agents come back', async () => {
    const console = await world.integration('one');
    for (let i = 0; i < 20; i++) {
      await world.devices({ id: `d${i}`, serialNumbers: [`SER-${i}`] });
      console.set(fakeAgent(`1${i}`, `SER-${i}`));
    }
    await world.sync('one');
    const gone = ['10', '11', '12', '13', '14'].map(id => console.agents.get(id) ?? fakeAgent(id, null));
    for (const agent of gone) console.agents.delete(agent.id);
    const held = await world.sync('one');
    expect(held).toMatchObject({ outcome: 'held', complete: true, attributes: { removed: 0, withheld: 15 } });
    expect(await world.values('d0')).toEqual(healthy);
    expect((await world.explain('d0')).attributes['fake:state']).toMatchObject({ withheld: true });
    expect(await world.row('one')).toMatchObject({ heldDevices: 5 });
    expect(await world.events('TAILNET.HOLD')).toHaveLength(1);
    await world.verify();
    expect(await world.sync('one')).toMatchObject({ outcome: 'held' });
    expect(await world.events('TAILNET.HOLD')).toHaveLength(1);
    console.set(...gone);
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded', attributes: { removed: 0, withheld: 0 } });
    expect(await world.row('one')).toMatchObject({ heldSince: null });
    expect(await world.events('TAILNET.RELEASE')).toHaveLength(1);
    await world.verify();
  });

  it('holds everything when the fleet becomes empty', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] });
    console.set(fakeAgent('1', 'AAAA1'));
    await world.sync('one');
    console.agents.clear();
    expect(await world.sync('one')).toMatchObject({ outcome: 'held' });
    expect(await world.values('a')).toEqual(healthy);
    await world.verify();
  });

  it('merges what an incomplete sweep saw, and removes nothing', async () => {
    const console = await world.integration('one');
    for (const n of [1, 2, 3, 4, 5]) {
      await world.devices({ id: `d${n}`, serialNumbers: [`SER-${n}`] });
      console.set(fakeAgent(`${n}`, `SER-${n}`));
    }
    await world.sync('one');
    console.agents.delete('5');
    console.set(fakeAgent('1', 'SER-1', { values: { 'fake:threats': 7 } }));
    console.fail = { page: 1, kind: 'unavailable' };
    const result = await world.sync('one');
    expect(result).toMatchObject({
      outcome: 'partial',
      complete: false,
      attributes: { changed: 1, removed: 0, withheld: 2 },
      error: { kind: 'unavailable' },
    });
    expect(await world.values('d1')).toEqual({ ...healthy, threats: 7 });
    expect(await world.values('d5')).toEqual(healthy);
    await world.verify();
    console.fail = null;
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded' });
    expect(await world.values('d1')).toEqual({ threats: 7 });
    expect(await world.values('d5')).toEqual({});
    await world.verify();
  });

  it('planned only tells the first thousand changes and how many there are', async () => {
    const console = await world.integration('one');
    console.pageSize = 600;
    const ids = Array.from({ length: 1_001 }, (_, i) => `${1_000 + i}`);
    await world.devices(...ids.map(id => ({ id: `d${id}`, serialNumbers: [`SER-${id}`] })));
    console.set(...ids.map(id => fakeAgent(id, `SER-${id}`)));
    const planned = await world.sync('one', { dryRun: true });
    expect(planned).toMatchObject({ dryRun: true, changesTotal: 1_001 });
    expect(planned.changes).toHaveLength(1_000);
    expect(await world.values('d1000')).toEqual({});
  });

  it('lets values expire only after a sync was tried behind the deadline, and brings all back with the next sweep', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['AAAA1'] });
    console.set(fakeAgent('1', 'AAAA1'));
    await world.sync('one');
    world.pass(100 * hour);
    await world.verify();
    expect(await world.values('a')).toEqual(healthy);
    console.fail = { page: 0, kind: 'unavailable' };
    expect(await world.sync('one')).toMatchObject({ outcome: 'failed' });
    expect(await world.values('a')).toEqual({});
    expect((await world.explain('a')).match).toMatchObject({ reason: 'expired' });
    await world.verify();
    console.fail = null;
    world.pass(15 * minute);
    expect(await world.sync('one')).toMatchObject({ outcome: 'succeeded', attributes: { set: 3 } });
    expect(await world.values('a')).toEqual(healthy);
    await world.verify();
  });
});
