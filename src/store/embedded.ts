// The PostgreSQL server that posture-sync brings along, shared by all commands on one DATA_DIR: whoever comes joins it or
// starts it, the last to leave stops it, one left behind by a kill -9 is adopted by the next comer. Membership is a shared
// advisory lock in a session of the server itself, so it ends with its process, and there is no lock file to go stale.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { link, open, readFile, readlink, realpath, rename, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import {
  type Cluster,
  leaveToHomeOwner,
  openCluster,
  readServerFile,
  type ServerFile,
  superuser,
  writeServerFile,
} from './embedded-home.ts';
import { childEnvironment, codeOf, commandLine, identity, isAlive } from './embedded-owner.ts';

export interface EmbeddedServer {
  /** Connection string of the database to use. It stays valid when the server is restarted. */
  url: string;
  /** Ends the membership; the last one stops the server and waits until it is gone. Close your pools before. */
  leave(): Promise<void>;
}

export interface EmbeddedOptions {
  /** DATA_DIR. */
  dataDir: string;
  log?: Log;
  /** Told in one line each what a human should know, for example where the data went. */
  notice?: (line: string) => void;
  /** False only where data may be lost, as in tests. */
  fsync?: boolean;
  /** For root only: where to keep what PostgreSQL's user must reach and cannot reach in DATA_DIR or below node_modules. */
  places?: readonly string[];
}

/** Every member holds it shared, in the database `postgres`; who gets it alone is the last. ("psyn" in ASCII) */
const memberLock = 0x7073796e;
export const memberName = 'posture-sync member';
const databaseName = 'posture_sync';

/** A server that cannot be reached or started for so long is an error. After a kill -9, 2 to 3 s are normal. */
const patienceMs = 15_000;
/** A server that is alive and recovers, or writes its last checkpoint, may take longer. */
const recoveryMs = 300_000;
const stopMs = 20_000;

/**
 * Joins the server of a data directory, starting it, and making it, where needed.
 * @throws AppError when it cannot run here or does not start within 15 s; the message says what to do
 */
export async function joinEmbeddedServer(options: EmbeddedOptions): Promise<EmbeddedServer> {
  const cluster = await openCluster({ notice: () => {}, ...options });
  const keeper = new Keeper(cluster, options);
  await keeper.join();
  const { password, port } = await keeper.address();
  return { url: urlOf(password, port, databaseName), leave: () => keeper.leave() };
}

/** Holds one membership, and renews it (and the server) when the session breaks: the server may have been killed. */
class Keeper {
  readonly #cluster: Cluster;
  readonly #options: EmbeddedOptions;
  #session: pg.Client | null = null;
  #port = 0;
  #leaving = false;
  #renewal: Promise<void> = Promise.resolve();

  constructor(cluster: Cluster, options: EmbeddedOptions) {
    this.#cluster = cluster;
    this.#options = options;
  }

  async join(): Promise<void> {
    const { session, port } = await becomeMember(this.#cluster, this.#options.fsync ?? true);
    if (this.#port !== 0 && port !== this.#port)
      this.#options.log?.error({ port }, 'embedded database moved to another port, restart this process');
    this.#port = port;
    this.#session = session;
    session.once('end', () => {
      this.#session = null;
      if (!this.#leaving) this.#renewal = this.#renew();
    });
  }

  async address(): Promise<{ password: string; port: number }> {
    return { password: (await readServerFile(this.#cluster.home)).password, port: this.#port };
  }

  async #renew(): Promise<void> {
    this.#options.log?.warn('embedded database went away, starting it again');
    for (let failures = 0; !this.#leaving && this.#session === null; failures++) {
      try {
        await this.join();
      } catch (error) {
        if (failures === 0) this.#options.log?.error({ err: error }, 'embedded database does not start, trying on');
        await sleep(5_000, undefined, { ref: false });
      }
    }
  }

  async leave(): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    await this.#renewal;
    let session = this.#session;
    for (let tries = 0; session !== null && tries < 3; tries++) {
      try {
        return await this.#give(session);
      } catch {
        // The session broke: most likely another member, who found itself alone, is stopping the server right now.
        session = await this.#again();
      }
    }
  }

  /** Gives up the membership held by a session, and stops the server if nobody else holds one. */
  async #give(session: pg.Client): Promise<void> {
    try {
      // First give up one's own share: of two who leave at once, at least one then finds itself alone.
      await session.query('select pg_advisory_unlock_shared($1)', [memberLock]);
      const { rows } = await session.query('select pg_try_advisory_lock($1) as last', [memberLock]);
      // Still holding the lock: who comes now waits for it, is cut off, and starts the server anew.
      if (rows[0]?.last === true) await stopServer(this.#cluster, this.#options.log);
    } finally {
      await session.end().catch(() => {});
    }
  }

  /** @returns another session on the server if it still runs; none is started for this */
  async #again(): Promise<pg.Client | null> {
    for (let tries = 0; tries < 50; tries++) {
      const server = await runningServer(this.#cluster);
      if (server === null) return null;
      try {
        return await connectMember(this.#cluster, server.port);
      } catch {
        await sleep(100);
      }
    }
    return null;
  }
}

function urlOf(password: string, port: number, database: string): string {
  return `postgres://${superuser}:${password}@127.0.0.1:${port}/${database}`;
}

async function becomeMember(cluster: Cluster, fsync: boolean): Promise<{ session: pg.Client; port: number }> {
  const begun = performance.now();
  let hopeless = begun + patienceMs;
  let failure: unknown;
  while (performance.now() < Math.min(hopeless, begun + recoveryMs)) {
    try {
      const server = (await runningServer(cluster)) ?? (await startServer(cluster, fsync));
      if (server.port === 0) throw new Error('it is just starting');
      const session = await connectMember(cluster, server.port);
      return { session, port: server.port };
    } catch (error) {
      if (error instanceof AppError || codeOf(error) === '28P01') throw error;
      failure = error;
      // "starting up" or "shutting down": alive, so it is worth waiting.
      if (codeOf(error) === '57P03') hopeless = performance.now() + patienceMs;
    }
    await sleep(100);
  }
  throw new AppError(
    'busy',
    `The embedded PostgreSQL in ${cluster.home} did not start: ${failure instanceof Error ? failure.message : String(failure)}. Its log: ${path.join(cluster.home, 'server.log')}`,
  );
}

async function connectMember(cluster: Cluster, port: number): Promise<pg.Client> {
  const { password } = await readServerFile(cluster.home);
  const session = new pg.Client({
    connectionString: urlOf(password, port, 'postgres'),
    application_name: memberName,
    keepAlive: true,
    connectionTimeoutMillis: patienceMs,
  });
  session.on('error', () => {
    // A broken session is noticed by its end.
  });
  try {
    await session.connect();
    await session.query('select pg_advisory_lock_shared($1)', [memberLock]);
    const { rowCount } = await session.query('select from pg_database where datname = $1', [databaseName]);
    if (rowCount === 0) await session.query(`create database ${databaseName}`).catch(ignoreExisting);
    return session;
  } catch (error) {
    await session.end().catch(() => {});
    throw error;
  }
}

/** Another member made it in the same moment: told as duplicate_database or as a unique violation of its catalogue. */
function ignoreExisting(error: unknown): void {
  if (!['42P04', '23505'].includes(codeOf(error))) throw error;
}

interface RunningServer {
  pid: number;
  port: number;
  ready: boolean;
}

/** The server that runs on this data directory, going by its own postmaster.pid; null if there is none. */
async function runningServer(cluster: Cluster): Promise<RunningServer | null> {
  const file = path.join(cluster.data, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(error => {
    if (codeOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return null;
  if (!(await worksIn(pid, cluster.data))) {
    await removeStale(file, text);
    return null;
  }
  const port = Number(lines[3]);
  // The file is written line by line: a server that is just starting has no port yet.
  return { pid, port: port > 0 ? port : 0, ready: lines[7]?.trim() === 'ready' };
}

/**
 * Whether that process is a server on this directory: it works there, and was started with that path. After a crash its
 * number may belong to something else, and PostgreSQL would refuse to start for ever.
 */
async function worksIn(pid: number, data: string): Promise<boolean> {
  try {
    if (process.platform === 'linux') return (await readlink(`/proc/${pid}/cwd`)) === (await realpath(data));
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    // Not ours to look at: root in a container lacks the right to. Its command line is for everybody.
  }
  return (await commandLine(pid)).includes(data);
}

/** Takes the file away only if it still is the one that was judged: another comer may have started a server since. */
async function removeStale(file: string, judged: string): Promise<void> {
  const aside = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    await rename(file, aside);
    if ((await readFile(aside, 'utf8')) !== judged) await link(aside, file);
    await rm(aside);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT' && codeOf(error) !== 'EEXIST') throw error;
  }
}

async function startServer(cluster: Cluster, fsync: boolean): Promise<RunningServer> {
  const known = await readServerFile(cluster.home);
  // The same port as before if possible: other members' connection strings then stay true.
  const port = known.port !== null && (await isFree(known.port)) ? known.port : await freePort();
  const logFile = path.join(cluster.home, 'server.log');
  const logged = await stat(logFile).then(
    s => s.size,
    () => 0,
  );
  const log = await open(logFile, logged > 10_000_000 ? 'w' : 'a', 0o600);
  await leaveToHomeOwner(cluster.home, logFile);
  // Its own session: Ctrl-C in one terminal must not take it from the others.
  const child = spawn(cluster.postgres, ['-D', cluster.data, ...settings(port, fsync)], {
    cwd: cluster.data,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: childEnvironment,
    ...identity(cluster.owner),
  });
  let ended: string | null = null;
  child.once('error', error => {
    ended = error.message;
  });
  child.once('exit', (code, signal) => {
    ended = `it ended with ${signal ?? code}`;
  });
  child.unref();
  await log.close();
  for (const begun = performance.now(); performance.now() < begun + recoveryMs; await sleep(20)) {
    if (ended !== null) throw new Error(`${ended}: ${await lastLine(logFile)}`);
    const server = await runningServer(cluster);
    if (server?.pid === child.pid && server?.ready) {
      await writeServerFile(cluster.home, addressed(known, server.port));
      return server;
    }
  }
  throw new Error('it did not become ready');
}

function addressed(known: ServerFile, port: number): ServerFile {
  return { ...known, port, url: urlOf(known.password, port, databaseName) };
}

async function lastLine(file: string): Promise<string> {
  const text = await readFile(file, 'utf8').catch(() => '');
  const fatal = text.split('\n').findLast(line => /FATAL|PANIC/.test(line));
  return fatal ?? text.trim().split('\n').at(-1) ?? '';
}

/** Given at every start instead of written to a file once, so that a newer posture-sync brings its own. */
function settings(port: number, fsync: boolean): string[] {
  const all: Record<string, string | number> = {
    listen_addresses: '127.0.0.1',
    port,
    unix_socket_directories: '',
    max_connections: 100,
    shared_buffers: '256MB',
    effective_cache_size: '1GB',
    work_mem: '16MB',
    maintenance_work_mem: '128MB',
    max_wal_size: '2GB',
    // A merge writes faster than the disk takes it.
    wal_buffers: '32MB',
    checkpoint_timeout: '15min',
    // This build has pglz alone, and compressing a page with it takes longer than writing it.
    wal_compression: 'off',
    // No standby and no archive: less to write.
    wal_level: 'minimal',
    max_wal_senders: 0,
    random_page_cost: 1.1,
    jit: 'off',
    // A killed client's query, and the locks it holds, end soon.
    client_connection_check_interval: '1s',
    timezone: 'UTC',
    log_timezone: 'UTC',
    log_checkpoints: 'off',
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off', synchronous_commit: 'off' }),
  };
  return Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
}

async function stopServer(cluster: Cluster, log: Log | undefined): Promise<void> {
  const server = await runningServer(cluster);
  if (server === null) return;
  // SIGINT is PostgreSQL's fast shutdown; SIGQUIT its immediate one, after which the next start recovers from the log.
  for (const [signal, waitMs] of [
    ['SIGINT', stopMs],
    ['SIGQUIT', 5_000],
  ] as const) {
    try {
      process.kill(server.pid, signal);
    } catch (error) {
      if (codeOf(error) === 'ESRCH') return;
      throw error;
    }
    for (const begun = performance.now(); performance.now() < begun + waitMs; await sleep(10))
      if (!isAlive(server.pid)) return;
  }
  log?.error({ pid: server.pid }, 'embedded database did not stop');
}

async function isFree(port: number): Promise<boolean> {
  return listenOnce(port).then(
    () => true,
    () => false,
  );
}

/** Free at this moment; should another take it before PostgreSQL does, the start fails and is tried again. */
async function freePort(): Promise<number> {
  return listenOnce(0);
}

function listenOnce(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
