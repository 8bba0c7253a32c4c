// Sweeps that are cut short, at every page and by every kind of fault: nothing is removed, what was seen counts, and the
// next complete sweep puts all right.
import { beforeAll, describe, expect, it } from 'vitest';
import { type ProviderErrorKind, providerErrorKinds } from '../../src/errors.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, type World } from '../support/world.ts';

const healthy = { isActive: true, threats: 0, state: 'na' };
const kinds = Object.keys(providerErrorKinds) as ProviderErrorKind[];
/** Thirteen agents on pages of four, of which each round takes one away; 'some' is the question for the absent after the last page. */
const cuts = [0, 1, 2, 'some'] as const;
const pageSize = 4;
const ids = Array.from({ length: 13 }, (_, i) => `${i + 1}`.padStart(2, '0'));

describe('a sweep that is cut', () => {
  let world: World;
  beforeAll(async () => {
    world = await createWorld();
  });

  async function fleet(name: string): Promise<FakeConsole> {
    const console = await world.integration(name, { hold_floor: 100 });
    console.pageSize = pageSize;
    await world.devices(...ids.map(id => ({ id: `${name}-${id}`, serialNumbers: [`${name}-SER-${id}`] })));
    for (const id of ids) console.set(fakeAgent(id, `${name}-SER-${id}`));
    await world.sync(name);
    return console;
  }

  async function valuesOf(name: string): Promise<Record<string, unknown>> {
    const { rows } = await world.db.query(
      "select right(device_id, 2) as id, values from device_attributes where starts_with(device_id, $1) and values <> '{}'",
      [`${name}-`],
    );
    return Object.fromEntries(rows.map(row => [row.id, row.values]));
  }

  it.each(kinds)('by a fault of kind %s removes nothing, merges what was seen, and heals', async kind => {
    const console = await fleet(kind);
    for (const [round, cut] of cuts.entries()) {
      // On each page one agent with a new value, and with one that is no longer known; and an agent that is gone.
      const changed = ['01', '05', '09'];
      const values = {
        'fake:threats': round + 1,
        [round % 2 ? 'fake:isActive' : 'fake:state']: round % 2 ? true : 'na',
      };
      for (const id of changed) console.set(fakeAgent(id, `${kind}-SER-${id}`, { values }));
      const gone = `${13 - round}`;
      console.agents.delete(gone);
      console.fail = { page: cut, kind };
      const before = await valuesOf(kind);
      const result = await world.sync(kind);
      const outcome = cut === 0 ? 'failed' : 'partial';
      expect(result).toMatchObject({ outcome, complete: false, attributes: { removed: 0 }, error: { kind } });
      const seen = changed.slice(0, cut === 'some' ? 3 : cut);
      const merged = seen.map(id => [id, { ...(before[id] as object), ...values }]);
      expect(await valuesOf(kind), `after a cut at ${cut}`).toEqual({ ...before, ...Object.fromEntries(merged) });
      console.fail = null;
      const healed = await world.sync(kind);
      expect(healed).toMatchObject({ outcome: 'succeeded', complete: true, attributes: { withheld: 0 } });
      const { [gone]: _, ...left } = before;
      expect(await valuesOf(kind)).toEqual({ ...left, ...Object.fromEntries(changed.map(id => [id, values])) });
    }
    await world.verify();
    await expectWholeLog(world.db);
  });

  it('does not count as complete when the provider gave fewer agents than it counts', async () => {
    const console = await fleet('short');
    console.agents.delete('13');
    console.totalOff = 1;
    expect(await world.sync('short')).toMatchObject({
      outcome: 'partial',
      complete: false,
      attributes: { removed: 0 },
      error: { kind: 'unavailable' },
    });
    expect(console.queries.at(-1)).toEqual({ kind: 'all' });
    expect(await world.values('short-13')).toEqual(healthy);
    console.totalOff = 0;
    expect(await world.sync('short')).toMatchObject({ outcome: 'succeeded', attributes: { removed: 3 } });
    expect(await world.values('short-13')).toEqual({});
  });

  it('counts rows that come twice once, and is no more complete by them', async () => {
    const console = await fleet('twice');
    console.repeated = new Set(ids);
    expect(await world.sync('twice')).toMatchObject({ outcome: 'succeeded', agents: 13, events: 0 });
    console.hidden.add('13');
    console.totalOff = 1;
    expect(await world.sync('twice')).toMatchObject({ outcome: 'partial', complete: false, agents: 12 });
    expect(await world.values('twice-13')).toEqual(healthy);
  });

  it('writes nothing when the question for the absent is answered with the agents', async () => {
    const console = await fleet('hidden');
    console.hidden = new Set(['02', '05', '07']);
    expect(await world.sync('hidden')).toMatchObject({ outcome: 'succeeded', events: 0, attributes: { removed: 0 } });
    // Three absent, two at once.
    expect(console.queries.slice(-2)).toEqual([
      { kind: 'some', ids: ['02', '05'], serials: [] },
      { kind: 'some', ids: ['07'], serials: [] },
    ]);
    await world.verify();
  });

  it('on its very first run still writes what it saw', async () => {
    const console = await world.integration('first');
    await world.devices({ id: 'first-1', serialNumbers: ['FIRST-1'] }, { id: 'first-4', serialNumbers: ['FIRST-4'] });
    for (const n of [1, 2, 3, 4]) console.set(fakeAgent(`${n}`, `FIRST-${n}`));
    console.fail = { page: 1, kind: 'unavailable' };
    expect(await world.sync('first')).toMatchObject({ outcome: 'partial', attributes: { set: 3 } });
    expect(await world.values('first-1')).toEqual(healthy);
    expect(await world.values('first-4')).toEqual({});
    expect((await world.row('first')).sweptAt).toBeNull();
    await world.verify();
  });
});
