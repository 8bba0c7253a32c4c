// Tables that were filled a moment ago have no statistics, and the planner takes strange ways then: what is read by look-ups must read
// what it gives, and not a table for each device.
import { beforeEach, describe, expect, it } from 'vitest';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { devicePage } from '../../src/store/device-list.ts';
import { devicePortions } from '../../src/store/device-portions.ts';
import { readPortions } from '../../src/store/feed.ts';
import { freshenStatistics } from '../../src/store/statistics.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const tables = ['devices', 'device_identifiers', 'agents', 'device_attributes'];
const many = 5_000;

describe('of tables without statistics', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await freshDatabase();
    const { pool } = database;
    for (const table of tables) await pool.query(`alter table ${table} set (autovacuum_enabled = off)`);
    await pool.query(
      `insert into devices (id, tags, created_at, updated_at, revision) select 'd' || n, '{}', now(), now(), n / 1000 + 1 from generate_series(1, $1) n`,
      [many],
    );
    await pool.query(
      `insert into device_identifiers (device_id, identifier, source, raw) select 'd' || n, 'serial:' || s || n, 'reported', s || n
       from generate_series(1, $1) n, unnest('{A,B}'::text[]) s`,
      [many],
    );
    await pool.query('update head set revision = $1', [many / 1_000 + 1]);
  });

  /** Rows of a table that a piece of work reads, by whichever way. */
  const rowsRead = async (work: () => Promise<void>, table = 'device_identifiers'): Promise<number> => {
    const read = async () => {
      const { rows } = await database.pool.query(
        `select seq_tup_read + (select sum(idx_tup_read) from pg_stat_user_indexes where relname = $1) as n
         from pg_stat_user_tables where relname = $1`,
        [table],
      );
      return Number(rows[0].n);
    };
    const before = await read();
    await work();
    return (await read()) - before;
  };

  it('what changed is read by look-ups: as many rows as there are of it', async () => {
    const client = await database.pool.connect();
    const found = new Map<string, readonly string[]>();
    const read = await rowsRead(async () => {
      for await (const portion of readPortions(client, 1, []))
        if ('devices' in portion) for (const { id, identifiers } of portion.devices) found.set(id, identifiers);
      await client.query('select pg_stat_force_next_flush()');
    });
    client.release();
    expect(found.get('d4000')).toEqual(['serial:A4000', 'serial:B4000']);
    expect(found.size).toBeGreaterThan(3_000);
    expect(read).toBeGreaterThan(found.size);
    expect(read).toBeLessThan(4 * many);
  });

  it('devices that are judged once have their values looked up, portion by portion', async () => {
    await database.pool.query(
      `insert into device_attributes (device_id, source, values, revision, changed_at)
       select 'd' || n, 'fake', jsonb_build_object('fake:n', n), 1, now() from generate_series(1, $1) n`,
      [many],
    );
    const client = await database.pool.connect();
    const catalogue = createCatalogue([], null);
    const found: string[] = [];
    const read = await rowsRead(async () => {
      for await (const devices of devicePortions(client, catalogue, { from: null, withAddresses: true }))
        for (const { id, value } of devices) if (value(catalogue.key('fake:n')) === Number(id.slice(1))) found.push(id);
      await client.query('select pg_stat_force_next_flush()');
    }, 'device_attributes');
    client.release();
    expect(found).toHaveLength(many);
    expect(read).toBeGreaterThanOrEqual(many);
    expect(read).toBeLessThan(2 * many);
  });

  it('no query for what changed is compiled, as dear as one may look that must read a small table whole', async () => {
    const client = await database.pool.connect();
    await client.query('set jit = on');
    const settings: unknown[] = [];
    for await (const _ of readPortions(client, 1, [])) settings.push(...(await client.query('show jit')).rows);
    expect(new Set(settings.map(row => JSON.stringify(row)))).toEqual(new Set(['{"jit":"off"}']));
    expect((await client.query('show jit')).rows).toEqual([{ jit: 'on' }]);
    client.release(true);
  });

  it('a page of devices with why none has an agent reads theirs', async () => {
    const client = await database.pool.connect();
    const read = await rowsRead(async () => {
      const page = await devicePage(client, null, 1_000);
      expect(page.map(({ reason }) => reason)).toEqual(new Array(1_000).fill('no_agent'));
      await client.query('select pg_stat_force_next_flush()');
    });
    client.release();
    expect(read).toBeGreaterThan(0);
    expect(read).toBeLessThan(20 * 1_000);
  });

  it('statistics are made where there are none, and not again where they still hold', async () => {
    const made = async () =>
      (
        await database.pool.query(
          'select relname, analyze_count::int as n from pg_stat_user_tables where relname = any($1) order by 1',
          [tables],
        )
      ).rows.flatMap(({ relname, n }) => (n > 0 ? [`${relname} ${n}`] : []));
    await freshenStatistics(database.pool);
    await freshenStatistics(database.pool);
    expect(await made()).toEqual(['device_identifiers 1', 'devices 1']);
  });
});
