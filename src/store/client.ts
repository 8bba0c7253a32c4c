// Connections to PostgreSQL, migrations, and the clock. The only place that knows how a session is set up.
import { fileURLToPath } from 'node:url';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import journal from '../../drizzle/meta/_journal.json' with { type: 'json' };
import { storeShippedPlaceholders } from './placeholders.ts';

export type Pool = pg.Pool;
/** Either a pool or one session: what plain reads need. */
export type Queryable = Pick<pg.ClientBase, 'query'>;
export type Client = pg.ClientBase;
/** A session of its own, as a run has it. */
export type Session = pg.Client;
/** Tells the time. Times that are compared come from the database's clock, so that several workers agree. */
export type Now = () => Date;

// Counts and revisions stay far below 2^53.
pg.types.setTypeParser(pg.types.builtins.INT8, Number);

const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url));

/** Any number: it keeps two processes that start at once from migrating both. */
const migrationLock = 7_305_118_254;

export interface ConnectOptions {
  /** Most connections at once. */
  max?: number;
  /** How the sessions name themselves in pg_stat_activity. */
  applicationName?: string;
  /** Waiting longer than this for a lock fails (55P03). 0: wait for ever. */
  lockTimeoutMs?: number;
  /** Connecting, or a query, that takes longer fails: for a session that must notice a frozen server. */
  answerWithinMs?: number;
}

function sessionConfig(url: string, options: ConnectOptions): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: options.applicationName ?? 'posture-sync',
    connectionTimeoutMillis: options.answerWithinMs ?? 10_000,
    idle_in_transaction_session_timeout: 60_000,
    ...(options.lockTimeoutMs ? { lock_timeout: options.lockTimeoutMs } : {}),
    ...(options.answerWithinMs ? { query_timeout: options.answerWithinMs } : {}),
    // The server's own settings must not change how times are written and read.
    options: '-c datestyle=ISO -c timezone=UTC',
    keepAlive: true,
  };
}

/** @param url postgres://user:password@host:port/database, session connections (LISTEN and run locks need them) */
export function createPool(url: string, options: ConnectOptions = {}): Pool {
  const pool = new pg.Pool({ ...sessionConfig(url, options), max: options.max ?? 8 });
  // An idle session that the server ends is replaced by the pool at the next query; it must not end the process.
  pool.on('error', () => {});
  // Nor must one that is lent out: its query fails, and that is how whoever borrowed it learns of it.
  pool.on('connect', client => client.on('error', () => {}));
  return pool;
}

/** One session of its own, connected: for run locks and LISTEN. The caller ends it. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<pg.Client> {
  const client = new pg.Client(sessionConfig(url, options) as pg.ClientConfig);
  // When it is lost the query under way fails, and 'end' tells; it must not end the process.
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** The typed reader for plain reads of the tables in schema.ts. */
export function reader(db: Pool | Client): NodePgDatabase {
  return drizzle(db as pg.Pool);
}

/** Brings the database to this version's tables. Safe to call from several processes at once, and again. */
export async function migrate(url: string): Promise<void> {
  const client = await connect(url, { applicationName: 'posture-sync migrate' });
  try {
    await client.query('select pg_advisory_lock($1)', [migrationLock]);
    await client.query('set client_min_messages = warning');
    await runMigrations(drizzle(client), { migrationsFolder });
    await client.query("select audit_log_ensure_month(now()), audit_log_ensure_month(now() + interval '1 month')");
    await storeShippedPlaceholders(client);
  } finally {
    await client.end();
  }
}

/** @returns whether the database has every migration of this version */
export async function isMigrated(db: Queryable): Promise<boolean> {
  const { rows } = await db.query("select to_regclass('drizzle.__drizzle_migrations') is not null as ok");
  if (!rows[0]?.ok) return false;
  const { rows: applied } = await db.query('select count(*)::int as n from drizzle.__drizzle_migrations');
  return applied[0].n >= journal.entries.length;
}

/** Read again after so long, for clocks drift apart. */
const clockKeptMs = 60_000;
/** The monotonic clock stands still while a machine sleeps: where the local clock went on without it, it is read at once. */
const clockLagMs = 1_000;

/**
 * The database's clock, advanced by this process's monotonic clock, so that no jump of the local clock shows. It is read again
 * once a minute, and when the machine has slept, behind the scenes.
 */
export async function databaseClock(db: Queryable): Promise<Now> {
  let base = 0;
  let readAt = 0;
  let readWallAt = 0;
  const read = async () => {
    const { rows } = await db.query('select clock_timestamp() as at');
    base = (rows[0].at as Date).getTime();
    readAt = performance.now();
    readWallAt = Date.now();
  };
  await read();
  return () => {
    const passed = performance.now() - readAt;
    const at = new Date(base + passed);
    if (passed > clockKeptMs || Math.abs(Date.now() - readWallAt - passed) > clockLagMs) {
      base += passed;
      readAt += passed;
      readWallAt = Date.now();
      // A database that does not answer is noticed by whoever needs its answer.
      read().catch(() => {});
    }
    return at;
  };
}

/** Does several things as one, or none of them where one fails. A session that cannot even be rolled back is not lent again. */
export async function inTransaction<T>(db: Pool, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await db.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const result = await work(client);
    await client.query('commit');
    return result;
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => {
      broken = lost;
    });
    throw error;
  } finally {
    client.release(broken);
  }
}
