// The change feed: a copy that takes what changed has what the database has, whoever writes and however many at once. The model
// test holds such a copy too, against everything that happens there.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { importDevices } from '../../src/operations/device-import.ts';
import { removeDevice, setSerials } from '../../src/operations/devices.ts';
import { purgeLongGone } from '../../src/store/purge.ts';
import { write } from '../../src/store/write.ts';
import { root } from '../support/checkout.ts';
import { Copy } from '../support/copy.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { Random } from '../support/random.ts';
import '../support/registered.ts';
import { createWorld, hour, tester, type World } from '../support/world.ts';

describe('the change feed', () => {
  let world: World;
  let copy: Copy;
  beforeEach(async () => {
    world = await createWorld();
    copy = new Copy(world.database, ['fake:lastSeen']);
    await copy.load();
  });

  const request = () => ({ db: world.db, now: world.now, actor: tester });

  it('brings devices, values and their ages, also of agents that could not be read and of values that are withheld', async () => {
    const console = await world.integration('hq', { hold_floor: 0, hold_share: 0 });
    for (const id of ['a', 'b', 'c']) {
      await world.devices({ id, serialNumbers: [`SER-${id}`] });
      console.set(fakeAgent(id, `SER-${id}`));
    }
    await world.sync('hq');
    await copy.follow();
    const first = world.now().toISOString();
    expect(copy.valuesOf('a')).toMatchObject({ 'fake:threats': { value: 0, confirmedAt: first } });
    // Nothing differs: ages move all the same, and no revision is used.
    const before = copy.revision;
    await world.sync('hq');
    await copy.follow();
    const second = world.now().toISOString();
    expect([copy.revision, copy.valuesOf('a')['fake:threats']]).toEqual([before, { value: 0, confirmedAt: second }]);
    // One cannot be read, one is gone and withheld: they stay as old as they are while the third is confirmed again.
    console.unreadable.add('a');
    console.agents.delete('b');
    expect(await world.sync('hq')).toMatchObject({ outcome: 'held' });
    await copy.follow();
    await copy.compare();
    const at = (device: string) => copy.valuesOf(device)['fake:threats']?.confirmedAt;
    expect([at('a'), at('b'), at('c')]).toEqual([second, second, world.now().toISOString()]);
  });

  it('tells which devices are no more, and brings those that come back', async () => {
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] }, { id: 'b', serialNumbers: ['SER-2'] });
    await copy.follow();
    await removeDevice(request(), 'a');
    await copy.follow();
    expect([...copy.devices.keys()]).toEqual(['b']);
    await world.devices({ id: 'a', serialNumbers: ['SER-3'] });
    await copy.follow();
    await copy.compare();
    expect(copy.devices.get('a')?.identifiers).toEqual(['serial:SER-3']);
  });

  it('brings the devices whose serials match no more, or again, because of another device', async () => {
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    await copy.follow();
    await world.devices({ id: 'b', serialNumbers: ['SER-1'] });
    await copy.follow();
    expect([...copy.devices.values()].map(device => device.identifiers)).toEqual([[], []]);
    await setSerials(request(), 'b', ['SER-9']);
    await copy.follow();
    await copy.compare();
    expect(copy.devices.get('a')?.identifiers).toEqual(['serial:SER-1']);
  });

  it('sends a copy that is too old, or of another database, to read everything anew', async () => {
    await world.devices({ id: 'a' }, { id: 'b' });
    await copy.follow();
    const old = new Copy(world.database, []);
    await old.load();
    await removeDevice(request(), 'a');
    expect(await copy.follow()).toBe(false);
    world.pass(31 * 24 * hour);
    await purgeLongGone(world.db, world.now());
    expect(await old.follow(), 'it missed a removal that is forgotten').toBe(true);
    expect([...old.devices.keys()]).toEqual(['b']);
    expect(await copy.follow(), 'it knew of the removal').toBe(false);
    copy.revision += 1_000;
    expect(await copy.follow(), 'a revision that is not there yet').toBe(true);
  });

  it('forgets beside a writer without each waiting for the other', async () => {
    const console = await world.integration('hq');
    console.set(fakeAgent('1', 'SER-1'));
    await world.devices({ id: 'a', serialNumbers: ['SER-1'] });
    await world.sync('hq');
    await removeDevice(request(), 'a');
    world.pass(31 * 24 * hour);
    const by = { actor: tester, origin: 'CONTROL', cause: 'test' } as const;
    let purging = Promise.resolve();
    await write(world.db, world.now, by, async ({ client }) => {
      purging = purgeLongGone(world.db, world.now());
      const waits =
        "select count(*)::int as n from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
      await expect.poll(async () => (await world.db.query(waits)).rows[0].n).toBe(1);
      await client.query("update device_attributes set changed_at = changed_at where values = '{}'");
    });
    await purging;
    const left = await world.db.query(
      'select (select count(*) from device_attributes)::int as n, forgotten_revision as f from head',
    );
    expect(left.rows).toEqual([{ n: 0, f: expect.any(Number) }]);
    expect(left.rows[0].f).toBeGreaterThan(0);
  });

  it.each([1, 2, 3])('misses nothing while eight write at once and it follows without rest (seed %i)', async seed => {
    const random = new Random(seed);
    let isWriting = true;
    const writer = async () => {
      for (let i = 0; i < 8; i++) {
        const id = `d${random.below(12)}`;
        if (random.below(5) === 0) await removeDevice(request(), id).catch(() => {});
        else {
          const record = { id, hostname: `h${i}`, serialNumbers: [`SER-${random.below(8)}`, `OWN-${id}`] };
          await importDevices(request(), [{ line: 1, record }]);
        }
      }
    };
    const follow = async () => {
      while (isWriting) await copy.follow();
    };
    const following = follow();
    await Promise.all(Array.from({ length: 8 }, writer));
    isWriting = false;
    await following;
    await copy.follow();
    await copy.compare();
    expect(copy.seen).toEqual([...copy.seen].sort((a, b) => a - b));
    expect(new Set(copy.seen).size, 'it went in steps').toBeGreaterThan(2);
  });

  it('has the ages of values that were there before ages stood with them', async () => {
    const console = await world.integration('hq', { hold_floor: 0, hold_share: 0 });
    for (const id of ['a', 'b', 'c']) {
      await world.devices({ id, serialNumbers: [`SER-${id}`] });
      console.set(fakeAgent(id, `SER-${id}`));
    }
    await world.sync('hq');
    console.unreadable.add('a');
    console.agents.delete('b');
    await world.sync('hq');
    await copy.follow();
    await world.db.query('update device_attributes set observed_at = null, frozen_at = null, withheld = null');
    await expect(world.verify()).rejects.toThrow('attributes that are not what agents say');
    const migration = readFileSync(path.join(root, 'drizzle/0004_change_feed_and_policies.sql'), 'utf8');
    const statements = migration.split('--> statement-breakpoint').filter(text => /^UPDATE/m.test(text));
    expect(statements).toHaveLength(2);
    for (const statement of statements) await world.db.query(statement);
    await world.verify();
    await copy.compare();
  });
});
