// The way in: process -> configuration -> command. Wiring only.
import { userInfo } from 'node:os';
import { fileURLToPath } from 'node:url';
import { runProgram } from './cli/program.ts';
import { Stop, type Surroundings } from './cli/surroundings.ts';
import { shortenDrizzleImports } from './store/drizzle-imports.ts';

/** What does not end by itself after a stop signal is ended. */
const stopWithinMs = 9_500;

const stopping = new AbortController();
const stop = (exitStatus: number) => {
  if (stopping.signal.aborted) return;
  stopping.abort(new Stop(exitStatus));
  setTimeout(() => process.exit(exitStatus), stopWithinMs).unref();
};
process.on('SIGINT', () => stop(130));
process.on('SIGTERM', () => stop(143));
process.on('SIGHUP', () => stop(129));
// A worker ends with the process that started it, whatever ended that.
process.on('disconnect', () => stop(0));
// Whoever reads has had enough: `posture-sync audit | head`.
process.stdout.on('error', error => stop('code' in error && error.code === 'EPIPE' ? 0 : 1));
process.stderr.on('error', () => {});

const surroundings: Surroundings = {
  config: async () => (await import('./config.ts')).readConfig(),
  configurationDocuments: async () => (await import('./config.ts')).configurationDocuments(),
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  user: userName(),
  stop: stopping.signal,
  program: fileURLToPath(import.meta.url),
  tellParent: message => process.send?.(message),
};

shortenDrizzleImports();
const exitStatus = await runProgram(process.argv.slice(2), surroundings);
// Pipes are written to in the background: the last lines must be out before the process ends.
for (const stream of [process.stdout, process.stderr]) {
  if (stream.writable) await new Promise(resolve => stream.write('', resolve));
}
process.exit(exitStatus);

/** In a container the user may have a number and no name. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
