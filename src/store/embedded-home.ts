// Where the embedded PostgreSQL lives: the directory that holds its data, its address and its log. Made without a lock: a
// cluster is initialised in a directory of its own and put in place by one rename (or one symbolic link), so whoever comes
// second, or is killed half way, harms nobody.
import { createHash, randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import path from 'node:path';
import { AppError } from '../errors.ts';
import {
  canEnter,
  childEnvironment,
  chooseOwner,
  codeOf,
  identity,
  messageOf,
  type Owner,
  run,
} from './embedded-owner.ts';
import { exists, putInPlace, reachablePrograms, removeLeftovers, sharedPlace } from './embedded-programs.ts';

export interface Cluster {
  /** Holds `data`, `server.json` and `server.log`. */
  home: string;
  /** PostgreSQL's own data directory. */
  data: string;
  postgres: string;
  owner: Owner;
}

/** What `server.json` keeps: how to reach the server, and the port to prefer at the next start. */
export interface ServerFile {
  user: string;
  password: string;
  port: number | null;
  url: string | null;
}

export const superuser = 'posture_sync';

interface Request {
  /** DATA_DIR; created if absent. */
  dataDir: string;
  /** Told, in one line each, what a human should know (data or binaries put elsewhere). */
  notice: (line: string) => void;
  /** Instead of the usual ones. */
  places?: readonly string[];
}

/**
 * Finds the cluster that belongs to a data directory, or makes it (about a second).
 * @throws AppError when this machine cannot run it, with what to do
 */
export async function openCluster(request: Request): Promise<Cluster> {
  try {
    return await findOrMakeCluster(request);
  } catch (error) {
    if (!['EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'ENOTDIR', 'EEXIST'].includes(codeOf(error))) throw error;
    throw new AppError('invalid', `DATA_DIR ${request.dataDir} cannot be used: ${messageOf(error)}`);
  }
}

async function findOrMakeCluster(request: Request): Promise<Cluster> {
  await mkdir(request.dataDir, { recursive: true });
  const root = await realpath(request.dataDir);
  const existing = await findHome(root);
  const owner = await chooseOwner(existing === null ? null : path.join(existing, 'data'));
  const moved: string[] = [];
  const native = await reachablePrograms(owner, request.places, moved);
  const home = existing ?? (await makeHome({ root, owner, native, request, moved }));
  if (moved.length > 0)
    request.notice(
      `PostgreSQL runs as user ${owner?.name}, who cannot enter all of this installation: ${moved.join(', ')}.`,
    );
  const data = path.join(home, 'data');
  if (owner !== null && !(await canEnter(data, owner)))
    throw new AppError(
      'invalid',
      `PostgreSQL runs as user ${owner.name}, who cannot enter ${data}. Allow it to pass the directories above (chmod o+x), or set DATABASE_URL.`,
    );
  await readServerFile(home);
  return { home, data, postgres: path.join(native, 'bin', 'postgres'), owner };
}

/** @throws AppError when the file belongs to another user */
export async function readServerFile(home: string): Promise<ServerFile> {
  try {
    return JSON.parse(await readFile(path.join(home, 'server.json'), 'utf8'));
  } catch (error) {
    if (codeOf(error) !== 'EACCES') throw error;
    throw new AppError(
      'invalid',
      `${home} belongs to another user. Run as that user, or set DATA_DIR to a directory of your own.`,
    );
  }
}

/** Replaces the file in one step, readable by us alone. */
export async function writeServerFile(home: string, content: ServerFile): Promise<void> {
  const temporary = path.join(home, `server.json.${randomBytes(6).toString('hex')}`);
  await writeFile(temporary, `${JSON.stringify(content, null, 2)}\n`, { mode: 0o600 });
  await leaveToHomeOwner(home, temporary);
  await rename(temporary, path.join(home, 'server.json'));
}

/** What root writes into another user's home stays readable for that user. */
export async function leaveToHomeOwner(home: string, file: string): Promise<void> {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = await stat(home);
  await chown(file, uid, gid);
}

async function findHome(root: string): Promise<string | null> {
  const link = path.join(root, 'postgres');
  const found = await lstat(link).catch(() => null);
  if (found === null) return null;
  const home = await realpath(link).catch(() => null);
  if (home === null || !(await exists(path.join(home, 'data'))))
    throw new AppError(
      'invalid',
      `The database that ${link} names is gone. Put it back, or remove ${link} to start with an empty one.`,
    );
  return home;
}

interface Making {
  root: string;
  owner: Owner;
  native: string;
  request: Request;
  moved: string[];
}

async function makeHome({ root, owner, native, request, moved }: Making): Promise<string> {
  await removeLeftovers(root, 'postgres.new-');
  const here = await newHome(path.join(root, `postgres.new-${process.pid}-`), owner);
  if (owner === null || (await canEnter(path.join(here, 'data'), owner))) {
    await initialise(here, owner, native);
    const home = path.join(root, 'postgres');
    await putInPlace(() => rename(here, home), here);
    return realpath(home);
  }
  await rm(here, { recursive: true });
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const place = await sharedPlace(request.places);
  await removeLeftovers(place, `${name}-new-`);
  const made = await newHome(path.join(place, `${name}-new-${process.pid}-`), owner);
  await initialise(made, owner, native);
  await writeFile(path.join(made, 'belongs-to'), `${root}\n`);
  const away = path.join(place, `${name}-${randomBytes(4).toString('hex')}`);
  await rename(made, away);
  const first = await putInPlace(() => symlink(away, path.join(root, 'postgres')), away);
  if (first) moved.push(`the database is kept in ${away}`);
  return realpath(path.join(root, 'postgres'));
}

async function newHome(prefix: string, owner: Owner): Promise<string> {
  const home = await mkdtemp(prefix);
  if (owner !== null) await chmod(home, 0o755);
  const data = path.join(home, 'data');
  await mkdir(data, { mode: 0o700 });
  if (owner !== null) await chown(data, owner.uid, owner.gid);
  return home;
}

async function initialise(home: string, owner: Owner, native: string): Promise<void> {
  const data = path.join(home, 'data');
  const password = randomBytes(24).toString('base64url');
  // Within the directory that becomes the data, so that the owner can read it and nobody else; initdb wants it empty.
  const passwordFile = path.join(home, 'password');
  await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
  if (owner !== null) await chown(passwordFile, owner.uid, owner.gid);
  // The builtin locale gives the same order and case on every machine, whatever locales it has.
  const locale = ['--encoding=UTF8', '--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const access = ['--auth=scram-sha-256', `--username=${superuser}`, `--pwfile=${passwordFile}`];
  try {
    await run(path.join(native, 'bin', 'initdb'), [`--pgdata=${data}`, ...locale, ...access], {
      cwd: '/',
      env: childEnvironment,
      ...identity(owner),
    });
  } catch (error) {
    await rm(home, { recursive: true, force: true });
    throw new AppError(
      'invalid',
      `The embedded PostgreSQL could not make its database in ${home}: ${messageOf(error)}`,
    );
  }
  await rm(passwordFile);
  await writeServerFile(home, { user: superuser, password, port: null, url: null });
}
