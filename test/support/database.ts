// A migrated database of its own for a test or a file, cloned from the template in some 20 ms. When a file is done, all
// of its databases are dropped, and the file fails if connections to one were left open.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import pg from 'pg';
import { afterAll, inject } from 'vitest';
import { createPool } from '../../src/store/client.ts';

export interface TestDatabase {
  url: string;
  pool: pg.Pool;
  /**
   * Ends the pool and drops the database. Calling it is optional.
   * @param graceMs how long sessions whose clients are gone may take to go, too: a busy server needs its time
   * @throws if others still are connected then
   */
  drop(graceMs?: number): Promise<void>;
}

const open = new Set<TestDatabase>();

/** Several at once: each drop waits for a checkpoint, which they share then. */
const atOnce = pLimit(8);

afterAll(async () => {
  const dropped = await Promise.allSettled([...open].map(database => atOnce(() => database.drop())));
  const failure = dropped.find(({ status }) => status === 'rejected');
  if (failure?.status === 'rejected') throw failure.reason;
});

/**
 * @param of the name of another one, without sessions, which this one is to be a copy of
 * @returns an empty, migrated database and a pool on it
 */
export async function freshDatabase(of = inject('template')): Promise<TestDatabase> {
  const failure = inject('migrationFailure');
  if (failure !== '') throw new Error(`the migrations fail: ${failure}`);
  const name = `test_${randomBytes(6).toString('hex')}`;
  // Copying files is faster than writing the log for a template as small as ours.
  await onServer(client => client.query(`create database ${name} template ${of} strategy file_copy`));
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  const pool = createPool(url.href);
  // A file may have a hundred of them, and the server has a hundred connections for all.
  pool.options.idleTimeoutMillis = 1_000;
  const database: TestDatabase = {
    url: url.href,
    pool,
    drop: async (graceMs = 60_000) => {
      if (!open.delete(database)) return;
      if (!pool.ended) await pool.end();
      await onServer(async client => {
        const left = await openSessions(client, name, graceMs);
        await client.query(`drop database ${name} with (force)`);
        if (left.length > 0) throw new Error(`connections were left open: ${left.join('; ')}`);
      });
    },
  };
  open.add(database);
  return database;
}

/** Sessions on a database, after giving those that just ended so long to go. */
async function openSessions(client: pg.Client, name: string, graceMs: number): Promise<string[]> {
  const begun = performance.now();
  for (;;) {
    const { rows } = await client.query<{ about: string }>(
      `select concat_ws(' ', nullif(application_name, ''), state, left(query, 80)) as about
       from pg_stat_activity where datname = $1 and backend_type = 'client backend'`,
      [name],
    );
    if (rows.length === 0 || performance.now() - begun >= graceMs) return rows.map(row => row.about);
    await sleep(20);
  }
}

async function onServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
