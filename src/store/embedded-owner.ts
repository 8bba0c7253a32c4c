// As whom the embedded PostgreSQL runs: as ourselves, or, since it refuses to run as root, as another user who may not be
// able to enter what root can. And what of the operating system that takes to ask.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { promisify } from 'node:util';
import { AppError } from '../errors.ts';

/** A user to run PostgreSQL as; null means ourselves. PostgreSQL refuses to run as root. */
export type Owner = { uid: number; gid: number; name: string } | null;

export const run = promisify(execFile);

/** Children get this and nothing else: no PG* variable, no locale and no time zone of the caller changes the cluster. */
export const childEnvironment = { PATH: '/usr/local/bin:/usr/bin:/bin', LC_ALL: 'C', TZ: 'UTC' };

export async function chooseOwner(data: string | null): Promise<Owner> {
  if (process.geteuid?.() !== 0) return null;
  if (data !== null) {
    const { uid, gid } = await stat(data);
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

/** Asked of a real process, because modes alone do not tell (access lists, mounts, security modules). */
export async function canEnter(directory: string, owner: NonNullable<Owner>): Promise<boolean> {
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

/** The system's error code, for example ENOENT, or '' */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

/** The error's text, with what the program wrote. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return 'stderr' in error && typeof error.stderr === 'string' && error.stderr.trim() !== ''
    ? error.stderr.trim()
    : error.message;
}
