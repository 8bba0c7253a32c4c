// The database, clock, keys and log that a command works with. Where no DATABASE_URL is set, the embedded server is
// joined, or started, and left again, whatever way the command ends.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Config } from '../config.ts';
import { AppError } from '../errors.ts';
import { createLog, type Log } from '../log.ts';
import type { Request } from '../operations/devices.ts';
import { commandLineUser } from '../posture/events.ts';
import { createPool, databaseClock, isMigrated, migrate, type Now, type Pool } from '../store/client.ts';
import { joinEmbeddedServer } from '../store/embedded.ts';
import { embeddedSecretKey, type SecretKeys } from '../store/secrets.ts';
import { demoHosts } from './demo-state.ts';
import { remark } from './output.ts';
import type { Surroundings } from './surroundings.ts';

export interface Session {
  config: Config;
  db: Pool;
  url: string;
  now: Now;
  log: Log;
  /** Who asks, for operations. */
  request: Request;
  keys: SecretKeys;
  /** Those keys, or the ones that SECRET_KEYS has although they are not needed; null where there are none. */
  keysGiven: SecretKeys | null;
  /** PROVIDER_ALLOWED_HOSTS, and next to a demo its simulated console. */
  allowedHosts: readonly string[];
}

export interface SessionOptions {
  /** False only for what needs no keys; then `keys` must not be touched. */
  needsKeys?: boolean;
  /** Brings a server of one's own up to date too; an embedded one always is. */
  migrates?: boolean;
  /** True for work that looks at the stop signal itself; other work is left where it is. */
  endsItself?: boolean;
  /** Logs what LOG_LEVEL says; other commands keep to warnings, since their answer is what people wait for. */
  isService?: boolean;
}

/** Opens a session, does the work, closes the session. @throws Stop when the command was stopped; AppError */
export async function withSession<T>(
  to: Surroundings,
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const config = await to.config();
  const log = createLog(options.isService || config.logLevel !== 'info' ? config.logLevel : 'warn', to.stderr);
  const keys = options.needsKeys ? await secretKeys(config) : null;
  const place = await openDatabase(to, config, log);
  let pool: Pool | null = null;
  try {
    if (place.isEmbedded || options.migrates)
      await unlessStopped(
        to,
        reachable(place, () => migrate(place.url)),
      );
    pool = createPool(place.url, { max: 8, lockTimeoutMs: 60_000 });
    const db = pool;
    if (!place.isEmbedded && !options.migrates)
      await unlessStopped(
        to,
        reachable(place, () => checkMigrated(db)),
      );
    const now = await databaseClock(db);
    const session: Session = {
      config,
      db,
      url: place.url,
      now,
      log,
      request: { db, now, actor: commandLineUser(to.user) },
      get keys() {
        if (keys === null) throw new Error('this command asked for no keys');
        return keys;
      },
      keysGiven: keys ?? config.secretKeys,
      allowedHosts: [...config.providerAllowedHosts, ...(place.isEmbedded ? await demoHosts(config.dataDir) : [])],
    };
    return await (options.endsItself ? work(session) : unlessStopped(to, work(session)));
  } finally {
    // A query that was left under way keeps its connection: the process is about to end, so it is not waited for.
    if (pool) await Promise.race([pool.end(), sleep(to.stop.aborted ? 500 : 5_000, undefined, { ref: false })]);
    await place.leave();
  }
}

interface Place {
  url: string;
  isEmbedded: boolean;
  leave(): Promise<void>;
}

async function openDatabase(to: Surroundings, config: Config, log: Log): Promise<Place> {
  if (config.databaseUrl !== null) return { url: config.databaseUrl, isEmbedded: false, leave: async () => {} };
  const server = await joinEmbeddedServer({ dataDir: config.dataDir, log, notice: line => remark(to, line) });
  return { url: server.url, isEmbedded: true, leave: () => server.leave() };
}

async function secretKeys(config: Config): Promise<SecretKeys> {
  if (config.secretKeys !== null) return config.secretKeys;
  if (config.databaseUrl !== null) {
    throw new AppError(
      'invalid',
      'SECRET_KEYS is not set: tokens in the database are sealed with it. Make a key with: echo "k1:$(openssl rand -base64 32)", keep it, and set SECRET_KEYS to it',
    );
  }
  const [id = '', base64 = ''] = (await embeddedSecretKey(config.dataDir)).split(':');
  return [{ id, key: Buffer.from(base64, 'base64') }];
}

/** A database that cannot be reached is the administrator's, and told in one line without the password. */
async function reachable<T>(place: Place, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
    if (place.isEmbedded || !/^(E[A-Z]+|28\w{3}|3D000|57P03|53300)$/.test(code)) throw error;
    const { host, pathname } = new URL(place.url);
    throw new AppError(
      'busy',
      `the database ${host}${pathname} of DATABASE_URL cannot be used: ${reasons[code] ?? code}`,
    );
  }
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'the host is not known',
  ETIMEDOUT: 'it does not answer',
  '28P01': 'user or password is wrong',
  '28000': 'the user may not connect',
  '3D000': 'the database does not exist',
  '57P03': 'it is starting up or shutting down',
  '53300': 'it has too many connections',
};

async function checkMigrated(db: Pool): Promise<void> {
  if (!(await isMigrated(db)))
    throw new AppError('conflict', "the database does not have this version's tables yet: run `posture-sync migrate`");
}

/** Waits for the work, or until the command is stopped. @throws Stop */
export async function unlessStopped<T>(to: Surroundings, work: Promise<T>): Promise<T> {
  const stopped = Promise.withResolvers<never>();
  const stop = () => stopped.reject(to.stop.reason);
  if (to.stop.aborted) stop();
  to.stop.addEventListener('abort', stop, { once: true });
  try {
    return await Promise.race([work, stopped.promise]);
  } finally {
    to.stop.removeEventListener('abort', stop);
    // Its failure after a stop concerns nobody any more.
    work.catch(() => {});
  }
}
