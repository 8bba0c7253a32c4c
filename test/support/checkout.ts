// This checkout once more at another place, as a stranger has it after `npm ci --omit=dev`: sources, and packages without
// the development ones. For tests that need other owners or other directories above. Files are linked where possible.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** What every process of the service is given that a test starts: where programs are, and what Node compiled before (server.ts). */
export const programEnvironment: Readonly<Record<string, string>> = {
  PATH: process.env.PATH ?? '',
  ...(process.env.NODE_COMPILE_CACHE ? { NODE_COMPILE_CACHE: process.env.NODE_COMPILE_CACHE } : {}),
};

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

/**
 * @param to a directory that does not exist yet; everybody may enter it, if they may enter those above
 * @returns the Node to run it with, which also lies there
 */
export function copyCheckout(to: string): { node: string } {
  mkdirSync(to, { recursive: true });
  chmodSync(to, 0o755);
  for (const part of ['package.json', 'bin', 'src', 'config', 'drizzle', 'test/support'])
    linkTree(path.join(root, part), path.join(to, part));
  const lock: { packages: Record<string, { dev?: boolean }> } = JSON.parse(
    readFileSync(path.join(root, 'package-lock.json'), 'utf8'),
  );
  for (const [folder, about] of Object.entries(lock.packages)) {
    // Optional packages of other platforms are in the lock and not here.
    const wanted = folder !== '' && about.dev !== true && existsSync(path.join(root, folder));
    if (wanted) linkTree(path.join(root, folder), path.join(to, folder));
  }
  const node = path.join(to, 'node_modules/.bin/node');
  mkdirSync(path.dirname(node), { recursive: true });
  linkFile(process.execPath, node);
  return { node };
}

function linkTree(from: string, to: string): void {
  const entries = readdirOrNull(from);
  if (entries === null) {
    linkFile(from, to);
    return;
  }
  mkdirSync(to, { recursive: true });
  for (const entry of entries) {
    const [source, target] = [path.join(from, entry.name), path.join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else if (entry.isSymbolicLink()) symlinkSync(readlinkSync(source), target);
    else if (!existsSync(target)) linkFile(source, target);
  }
}

function readdirOrNull(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return null;
  }
}

function linkFile(from: string, to: string): void {
  mkdirSync(path.dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    // Another file system, or not ours to link.
    copyFileSync(from, to);
  }
}

/** The files that the repository holds: what git knows, or, in a copy without .git, what is there. */
export function filesOf(checkout: string): string[] {
  try {
    return execFileSync('git', ['-C', checkout, 'ls-files'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
      .trim()
      .split('\n');
  } catch {
    const skipped = ['node_modules', '.git', '.data', 'coverage'];
    const entries = readdirSync(checkout, { recursive: false, withFileTypes: true }).filter(
      e => !skipped.includes(e.name),
    );
    return entries
      .flatMap(e =>
        e.isDirectory() ? readdirSync(path.join(checkout, e.name), { recursive: true, withFileTypes: true }) : [e],
      )
      .filter(e => e.isFile())
      .map(e => path.relative(checkout, path.join(e.parentPath, e.name)));
  }
}
