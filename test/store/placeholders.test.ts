// The shipped list of placeholder serials follows the version, and what follows from it is derived.
import { beforeEach, describe, expect, it } from 'vitest';
import { isMigrated, migrate } from '../../src/store/client.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { createWorld, type World } from '../support/world.ts';

describe('the shipped placeholder serials', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
  });

  it('take their values away from devices when a new version lists a serial, and give them back when it no longer does', async () => {
    const console = await world.integration('one');
    await world.devices({ id: 'a', serialNumbers: ['SYSTEM SERIAL NUMBER'] });
    console.set(fakeAgent('1', 'System Serial Number'));
    await world.sync('one');
    expect(await world.values('a')).toEqual({});
    // As an older version left it, whose list lacked this one and had another.
    await world.db.query("delete from placeholder_serials where value = 'SYSTEMSERIALNUMBER'");
    await world.db.query(
      "insert into placeholder_serials values ('ABCD-1', 'ABCD-1', 'shipped'), ('OURS-1', 'OURS-1', 'administrator')",
    );
    await migrate(world.database.url);
    await world.verify();
    const { rows } = await world.db.query(
      "select value from placeholder_serials where value in ('SYSTEMSERIALNUMBER', 'ABCD-1', 'OURS-1') order by 1",
    );
    expect(rows.map(row => row.value)).toEqual(['OURS-1', 'SYSTEMSERIALNUMBER']);
    expect((await world.explain('a')).match.reason).toBe('placeholder_serial');
  });

  it('are stored once: migrating again writes nothing', async () => {
    const before = await world.db.query('select revision from head');
    await migrate(world.database.url);
    expect((await world.db.query('select revision from head')).rows).toEqual(before.rows);
  });

  it('a database without the newest migration counts as not migrated', async () => {
    expect(await isMigrated(world.db)).toBe(true);
    await world.db.query(
      'delete from drizzle.__drizzle_migrations where id = (select max(id) from drizzle.__drizzle_migrations)',
    );
    expect(await isMigrated(world.db)).toBe(false);
  });
});
