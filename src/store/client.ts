// Connections to PostgreSQL, migrations, and the clock. The only place that knows how a session is set up.
import { fileURLToPath } from 'node:url';
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres';
import { migrate as runMigrations } from 'drizzle-orm/node-postgres/migrator';
import pg from 'pg';
import { shippedPlaceholders } from '../posture/serials.ts';

export type Pool = pg.Pool;
/** Either a pool or one session: what plain reads need. */
export type Queryable = Pick<pg.ClientBase, 'query'>;
export type Client = pg.ClientBase;
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
}

function sessionConfig(url: string, options: ConnectOptions): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: options.applicationName ?? 'posture-sync',
    connectionTimeoutMillis: 10_000,
    idle_in_transaction_session_timeout: 60_000,
    ...(options.lockTimeoutMs ? { lock_timeout: options.lockTimeoutMs } : {}),
    keepAlive: true,
  };
}

/** @param url postgres://user:password@host:port/database, session connections (LISTEN and run locks need them) */
export function createPool(url: string, options: ConnectOptions = {}): Pool {
  const pool = new pg.Pool({ ...sessionConfig(url, options), max: options.max ?? 8 });
  // An idle session that the server ends is replaced by the pool at the next query; it must not end the process.
  pool.on('error', () => {});
  return pool;
}

/** One session of its own, connected: for run locks and LISTEN. The caller ends it. */
export async function connect(url: string, options: ConnectOptions = {}): Promise<pg.Client> {
  const client = new pg.Client(sessionConfig(url, options) as pg.ClientConfig);
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

/** The shipped list in config/ is a fact of this version; an administrator's own entries are left alone. */
async function storeShippedPlaceholders(client: Client): Promise<void> {
  await client.query(
    `with shipped as (select * from unnest($1::text[], $2::text[]) as s(value, raw)),
       gone as (delete from placeholder_serials p where source = 'shipped' and not exists (select from shipped s where s.value = p.value collate "C"))
     insert into placeholder_serials (value, raw, source) select value, raw, 'shipped' from shipped on conflict (value) do nothing`,
    [shippedPlaceholders.map(p => p.value), shippedPlaceholders.map(p => p.raw)],
  );
}

/** @returns whether the database has every migration of this version */
export async function isMigrated(db: Queryable): Promise<boolean> {
  const { rows } = await db.query(
    "select to_regclass('placeholder_serials') is not null and to_regprocedure('is_placeholder(text)') is not null as ok",
  );
  return rows[0]?.ok === true;
}

/** The database's clock, read once and advanced by this process's monotonic clock: no jump of the local clock shows. */
export async function databaseClock(db: Queryable): Promise<Now> {
  const { rows } = await db.query('select clock_timestamp() as at');
  const base = (rows[0].at as Date).getTime();
  const started = performance.now();
  return () => new Date(base + (performance.now() - started));
}
