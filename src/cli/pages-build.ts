// The admin pages as files: built from src/web into dist/web where they are absent or older than what they are built from. Where the
// builder is not installed, as in the image, what is there is served.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../errors.ts';

const checkout = fileURLToPath(new URL('../..', import.meta.url));
const within = (...names: string[]) => path.join(checkout, ...names);

/** Where they are, once they are built. */
export const builtPages = within('dist', 'web');
const sources = within('src', 'web');
const builder = within('node_modules', 'vite', 'bin', 'vite.js');

/** @returns whether they must be built, and can be */
export function pagesNeedBuild(): boolean {
  return existsSync(builder) && existsSync(sources) && !isCurrent();
}

/**
 * Builds the pages beside those that are served, and puts them in their place: who asks meanwhile gets the old ones.
 * @param stop ends it early: nothing of it is left then, and its reason is thrown
 * @throws AppError conflict when they cannot be built, with what the builder says
 */
export async function buildPages(stop: AbortSignal = new AbortController().signal): Promise<void> {
  stop.throwIfAborted();
  const fresh = `${builtPages}.${process.pid}`;
  const words = [builder, 'build', '--config', 'src/web/vite.config.ts', '--logLevel=warn', '--outDir', fresh];
  // As in production whatever the surroundings say: else React comes with its checks for development, and thrice as large.
  const building = spawn('env', ['NODE_ENV=production', process.execPath, ...words], {
    cwd: checkout,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const end = () => building.kill();
  stop.addEventListener('abort', end);
  let said = '';
  for (const stream of [building.stdout, building.stderr])
    stream.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
  const old = `${fresh}.old`;
  try {
    const [status] = await once(building, 'close');
    stop.throwIfAborted();
    if (status !== 0) throw new AppError('conflict', `the admin pages could not be built:\n${said.trim()}`);
    replace(fresh, old);
  } finally {
    stop.removeEventListener('abort', end);
    for (const left of [fresh, old]) rmSync(left, { recursive: true, force: true });
  }
}

/** @param old where those that are served are put away */
function replace(fresh: string, old: string): void {
  try {
    if (existsSync(builtPages)) renameSync(builtPages, old);
    renameSync(fresh, builtPages);
  } catch (error) {
    // Another process has just put its own there, made of the same sources.
    if (!isCurrent()) throw new AppError('conflict', `the admin pages could not be put in their place: ${error}`);
  }
}

/** The folders' own times tell of files that were taken away. */
function isCurrent(): boolean {
  const built = path.join(builtPages, 'index.html');
  if (!existsSync(built)) return false;
  const files = readdirSync(sources, { recursive: true, encoding: 'utf8' }).map(name => path.join(sources, name));
  // One that is gone meanwhile, or that an editor only hints at by a link to nowhere, is older than all.
  const changedMs = (file: string) => statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = Math.max(...[sources, within('package-lock.json'), ...files].map(changedMs));
  return statSync(built).mtimeMs >= newest;
}
