// The audit log is append-only by the database itself, its months come when they are needed and go as wholes.
import type pg from 'pg';
import { beforeEach, describe, expect, it } from 'vitest';
import { auditEntries, dropAuditMonths, prepareAuditMonths } from '../../src/store/audit.ts';
import { connect } from '../../src/store/client.ts';
import { write } from '../../src/store/write.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { tester } from '../support/world.ts';

const by = { actor: tester, origin: 'CONTROL', cause: 'test' } as const;

describe('the audit log', () => {
  let database: TestDatabase;
  let db: pg.Pool;
  beforeEach(async () => {
    database = await freshDatabase();
    db = database.pool;
  });

  const entryAt = (time: string, id = 'a') =>
    write(
      db,
      () => new Date(time),
      by,
      w => w.event({ event: 'NODE.UPDATE', targetId: id, targetName: id, new: { os: 'x' } }),
    );
  const months = async () => {
    const { rows } = await db.query(
      "select c.relname from pg_inherits h join pg_class c on c.oid = h.inhrelid where h.inhparent = 'audit_log'::regclass order by 1",
    );
    return rows.map(row => row.relname);
  };
  const count = async () => (await db.query('select count(*)::int as n from audit_log')).rows[0].n;

  const changes = [
    "update TABLE set details = 'forged'",
    'delete from TABLE',
    "delete from TABLE where target_id = 'a'",
    'truncate TABLE',
    'truncate TABLE cascade',
    "insert into TABLE select * from TABLE on conflict (event_time, revision, n) do update set details = 'forged'",
    "merge into TABLE l using (select 1) s on true when matched then update set details = 'forged'",
    'merge into TABLE l using (select 1) s on true when matched then delete',
    "with w as (update TABLE set details = 'forged' returning 1) select * from w",
  ];

  it('refuses every change of what is written, on the whole and on each month, also to its owner', async () => {
    await entryAt('2026-03-15T00:00:00Z');
    await entryAt('2026-04-15T00:00:00Z');
    const owner = await connect(database.url);
    // An owner who is no superuser, as in most installations.
    await owner.query('create role keeper login; grant all on schema public to keeper');
    for (const table of ['audit_log', ...(await months())]) await owner.query(`alter table ${table} owner to keeper`);
    await owner.query('grant keeper to current_user');
    const before = (await db.query('select * from audit_log order by revision')).rows;
    for (const role of ['none', 'keeper']) {
      await owner.query(`set role ${role}`);
      for (const table of ['audit_log', 'audit_log_2026_03', 'audit_log_2026_04']) {
        for (const change of changes) {
          const statement = change.replaceAll('TABLE', table);
          await expect(owner.query(statement), `${statement} as ${role}`).rejects.toMatchObject({
            code: '42501',
            message: expect.stringMatching(/^the audit log is append-only: (UPDATE|DELETE|TRUNCATE) refused$/),
          });
        }
      }
    }
    await owner.query('reset role');
    expect((await db.query('select * from audit_log order by revision')).rows).toEqual(before);
    await owner.query('drop owned by keeper cascade');
    await owner.end();
    await db.query('drop role keeper');
  });

  it('cannot hold out against those who may switch triggers off: a superuser, and the owner by ALTER TABLE', async () => {
    await entryAt('2026-03-15T00:00:00Z');
    await entryAt('2026-03-16T00:00:00Z');
    // Said plainly, so that nobody trusts it for more than it is: keep such roles away, and export the log.
    const client = await connect(database.url);
    await client.query('set session_replication_role = replica');
    expect((await client.query("delete from audit_log where event_time < '2026-03-16'")).rowCount).toBe(1);
    await client.query('set session_replication_role = origin');
    await client.query('alter table audit_log_2026_03 disable trigger user');
    expect((await client.query('delete from audit_log')).rowCount).toBe(1);
    await client.end();
  });

  it('of a month made later refuses changes just as well', async () => {
    await prepareAuditMonths(db, new Date('2030-01-31T00:00:00Z'));
    expect(await months()).toEqual(expect.arrayContaining(['audit_log_2030_01', 'audit_log_2030_02']));
    await entryAt('2030-02-01T00:00:00Z');
    await expect(db.query('truncate audit_log_2030_02')).rejects.toThrow('append-only');
    await expect(db.query('delete from audit_log_2030_02')).rejects.toThrow('append-only');
  });

  it('takes an entry at the first and the last instant of a month, in UTC whatever the session thinks', async () => {
    const client = await connect(database.url);
    await client.query("set timezone = 'Pacific/Auckland'");
    await prepareAuditMonths(client, new Date('2026-06-30T23:59:59.999Z'));
    await client.end();
    await entryAt('2026-06-30T23:59:59.999Z');
    await entryAt('2026-07-01T00:00:00.000Z');
    const { rows } = await db.query('select tableoid::regclass::text as month from audit_log order by revision');
    expect(rows.map(row => row.month)).toEqual(['audit_log_2026_06', 'audit_log_2026_07']);
  });

  it('gets each month once, when ten sessions ask for it at once', async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(database.url)));
    const at = new Date('2029-05-05T05:05:05Z');
    await Promise.all(clients.map(client => prepareAuditMonths(client, at)));
    await Promise.all(clients.map(client => client.end()));
    expect((await months()).filter(name => name.includes('2029'))).toEqual(['audit_log_2029_05', 'audit_log_2029_06']);
  });

  it('gets the month while others write to it', async () => {
    const at = (n: number) => `2029-0${1 + (n % 3)}-10T00:00:00Z`;
    await Promise.all(Array.from({ length: 12 }, (_, n) => entryAt(at(n), `w${n}`)));
    expect(await count()).toBe(12);
  });

  it('drops whole months after their retention, and nothing of a month that is not over', async () => {
    const times = ['2026-01-31T23:59:59.999Z', '2026-02-01T00:00:00Z', '2026-02-28T12:00:00Z', '2026-03-01T00:00:00Z'];
    for (const time of times) await entryAt(time);
    expect(await dropAuditMonths(db, new Date('2026-01-31T23:59:59.999Z'))).toEqual([]);
    expect(await dropAuditMonths(db, new Date('2026-02-01T00:00:00Z'))).toEqual(['audit_log_2026_01']);
    expect(await count()).toBe(3);
    expect(await dropAuditMonths(db, new Date('2026-02-28T23:59:59.999Z'))).toEqual([]);
    expect(await dropAuditMonths(db, new Date('2026-03-31T00:00:00Z'))).toEqual(['audit_log_2026_02']);
    expect((await db.query('select event_time from audit_log')).rows).toEqual([
      { event_time: new Date(times[3] ?? '') },
    ]);
  });

  it('is dropped from by several workers at once without a failure', async () => {
    const clients = await Promise.all(Array.from({ length: 6 }, () => connect(database.url)));
    // Whether two meet in the middle of a drop is chance: without the lock, one of ten rounds failed.
    for (let round = 0; round < 25; round++) {
      for (const month of ['01', '02', '03', '04']) await entryAt(`${2027 + round}-${month}-15T00:00:00Z`);
      await Promise.all(clients.map(client => dropAuditMonths(client, new Date(`${2027 + round}-05-01T00:00:00Z`))));
      expect(await count()).toBe(0);
    }
    await Promise.all(clients.map(client => client.end()));
  });

  it('is read in its own order, page by page, without a gap and without an entry twice', async () => {
    const client = await connect(database.url);
    for (const [from, to] of [
      [1, 1500],
      [1501, 2400],
    ]) {
      await write(
        client,
        () => new Date('2026-03-15T00:00:00Z'),
        by,
        w =>
          w.events(
            "select 'NODE.UPDATE' as event, 'd' || g as target_id, null::text as target_name, null::jsonb as old, '{}'::jsonb as new from generate_series($1::int, $2::int) g order by g",
            [from, to],
          ),
      );
    }
    await client.end();
    const ids: string[] = [];
    for await (const entry of auditEntries(db, {})) ids.push(entry.target.id);
    expect(ids).toEqual(Array.from({ length: 2400 }, (_, i) => `d${i + 1}`));
  });

  it('is read by time, target and event', async () => {
    await entryAt('2026-03-15T00:00:00Z', 'Laptop-1');
    await entryAt('2026-03-16T00:00:00Z', 'laptop-2');
    await entryAt('2026-03-17T00:00:00Z', 'server');
    const read = async (filter: Parameters<typeof auditEntries>[1]) => {
      const ids: string[] = [];
      for await (const entry of auditEntries(db, filter)) ids.push(entry.target.id);
      return ids;
    };
    expect(await read({ since: new Date('2026-03-16T00:00:00Z') })).toEqual(['laptop-2', 'server']);
    expect(await read({ until: new Date('2026-03-16T00:00:00Z') })).toEqual(['Laptop-1', 'laptop-2']);
    expect(await read({ targets: ['LAPTOP'] })).toEqual(['Laptop-1', 'laptop-2']);
    expect(await read({ targets: ['%'] })).toEqual([]);
    expect(await read({ events: ['NODE'] })).toHaveLength(3);
    expect(await read({ events: ['NODE.UPD'] })).toEqual([]);
    expect(await read({ events: ['TAILNET', 'NODE.UPDATE'] })).toHaveLength(3);
  });
});
