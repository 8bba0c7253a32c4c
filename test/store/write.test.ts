// The one way to write: revisions without gaps and in commit order however many write at once, nothing left of what is
// undone, and events that are all counted.
import { setImmediate as breathe } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import { connect, createPool } from '../../src/store/client.ts';
import { undo, type Write, write } from '../../src/store/write.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { seeded } from '../support/random.ts';
import { expectWholeLog } from '../support/replay.ts';
import { tester } from '../support/world.ts';

const seed = 7_654_321;
const by = { actor: tester, origin: 'CONTROL', cause: 'test' } as const;
const start = new Date('2026-03-15T12:00:00.000Z');
const now = () => start;

describe('an audited write', () => {
  let database: TestDatabase;
  beforeEach(async () => {
    database = await freshDatabase();
    await database.pool.query('create table notes (writer int, n int, revision bigint)');
  });

  const event = (w: Write, id: string) =>
    w.event({ event: 'NODE.UPDATE', targetId: id, targetName: null, new: { hostname: id } });

  it('gives revisions without gaps and in commit order, with twenty writers at once of which some fail', () =>
    seeded(seed, async random => {
      const pool = createPool(database.url, { max: 20 });
      const seen: number[] = [];
      const watcher = await connect(database.url);
      watcher.on('notification', ({ payload }) => void seen.push(Number(payload)));
      await watcher.query('listen posture_sync_revision');
      const plans = Array.from({ length: 20 }, () =>
        Array.from({ length: 10 }, () => ({
          end: random.pick(['commits', 'commits', 'commits', 'throws', 'undoes', 'breaks']),
          events: random.below(4),
          bulk: random.below(4),
          pauses: random.below(5),
        })),
      );
      let committed = 0;
      const writer = async (number: number) => {
        for (const [n, plan] of (plans[number] ?? []).entries()) {
          const work = async (w: Write) => {
            await w.client.query('insert into notes values ($1, $2, $3)', [number, n, w.revision]);
            for (let i = 0; i < plan.events; i++) await event(w, `w${number}`);
            const told = await w.events(
              "select 'NODE.UPDATE' as event, $1 || g as target_id, null::text as target_name, null::jsonb as old, '{\"os\": 1}'::jsonb as new from generate_series(1, $2::int) g",
              [`w${number}-`, plan.bulk],
            );
            expect(told).toBe(plan.bulk);
            expect(w.eventCount()).toBe(plan.events + plan.bulk);
            for (let turn = 0; turn < plan.pauses; turn++) await breathe();
            if (plan.end === 'throws') throw new Error('thrown on purpose');
            if (plan.end === 'breaks') await w.client.query('select 1 / 0');
            if (plan.end === 'undoes') undo('undone');
            return 'done';
          };
          const outcome = await write(pool, now, by, work).catch((error: Error) => error.message);
          if (plan.end === 'commits') {
            expect(outcome).toMatchObject({ value: 'done', events: plan.events + plan.bulk });
            committed++;
          } else if (plan.end === 'undoes') {
            expect(outcome).toEqual({ value: 'undone', revision: 0, events: 0, headMs: 0 });
          } else expect(outcome).toMatch(/on purpose|division by zero/);
        }
      };
      await Promise.all(plans.map((_, number) => writer(number)));
      await pool.end();
      await expect.poll(() => seen.length).toBe(committed);
      await watcher.end();
      // Notifications come in the order of commits.
      expect(seen).toEqual(Array.from({ length: committed }, (_, i) => i + 1));
      const notes = await database.pool.query('select revision from notes order by revision');
      expect(notes.rows.map(row => row.revision)).toEqual(seen);
      await expectWholeLog(database.pool);
    }));

  it('that throws, breaks or is undone leaves no revision, no entry and no trace in the session', async () => {
    const client = await connect(database.url);
    for (const end of ['throws', 'breaks', 'undoes']) {
      const written = write(client, now, by, async w => {
        await event(w, 'a');
        await w.client.query('insert into notes values (1, 1, $1)', [w.revision]);
        if (end === 'throws') throw new Error('on purpose');
        if (end === 'breaks') await w.client.query('select from nowhere');
        return undo('undone');
      });
      if (end === 'undoes') expect(await written).toMatchObject({ value: 'undone' });
      else await expect(written).rejects.toThrow(/on purpose|nowhere/);
    }
    const left = await client.query(
      'select (select revision from head) as head, (select count(*)::int from revisions) as revisions, (select count(*)::int from audit_log) as entries, (select count(*)::int from notes) as notes',
    );
    expect(left.rows).toEqual([{ head: 0, revisions: 0, entries: 0, notes: 0 }]);
    expect((await write(client, now, by, w => event(w, 'b'))).revision).toBe(1);
    await client.end();
  });

  it('whose connection dies under way leaves nothing and costs the pool nothing', async () => {
    const died = write(database.pool, now, by, async w => {
      await event(w, 'a');
      const { rows } = await w.client.query('select pg_backend_pid() as pid');
      await database.pool.query('select pg_terminate_backend($1)', [rows[0].pid]);
      await event(w, 'b');
    });
    await expect(died).rejects.toThrow();
    expect((await write(database.pool, now, by, w => event(w, 'c'))).revision).toBe(1);
    expect((await database.pool.query('select target_id from audit_log')).rows).toEqual([{ target_id: 'c' }]);
  });

  it('is never earlier than the one before it, whatever the clock of its process says', async () => {
    await write(database.pool, now, by, w => event(w, 'a'));
    const early = () => new Date(start.getTime() - 60_000);
    await write(database.pool, early, by, async w => {
      expect(w.at).toEqual(start);
      await event(w, 'b');
    });
    const { rows } = await database.pool.query(
      'select target_id, event_time from audit_log order by event_time, revision',
    );
    expect(rows).toEqual([
      { target_id: 'a', event_time: start },
      { target_id: 'b', event_time: start },
    ]);
  });

  it('makes the month that it is written in', async () => {
    const later = () => new Date('2031-12-31T23:59:59.999Z');
    await write(database.pool, later, by, w => event(w, 'a'));
    const { rows } = await database.pool.query('select tableoid::regclass::text as part from audit_log');
    expect(rows).toEqual([{ part: 'audit_log_2031_12' }]);
  });

  it('tells who did it, from where and why, with its revision', async () => {
    await write(database.pool, now, { ...by, runId: 42 }, w => event(w, 'a'));
    const { rows } = await database.pool.query('select * from revisions');
    expect(rows).toEqual([{ revision: 1, at: start, actor: tester, cause: 'test', run_id: 42, events: 1 }]);
  });
});
