// Commands run inside the test's process: the same program as on the command line, with streams that are kept and a
// configuration made of given variables. A console of the simulator and a database of its own belong to it.
import { PassThrough, Readable, Writable } from 'node:stream';
import type { Command } from 'commander';
import { createProgram, runProgram } from '../../src/cli/program.ts';
import type { Surroundings } from '../../src/cli/surroundings.ts';
import { configurationDocuments, readConfig } from '../../src/config.ts';
import { createSimulator, type Simulator, type SimulatorOptions } from '../../src/simulator/simulator.ts';
import { newSecretKey } from '../../src/store/secrets.ts';
import { freshDatabase, type TestDatabase } from './database.ts';

export interface CommandResult {
  status: number;
  stdout: string;
  stderr: string;
  /** The lines of standard output, each parsed. */
  json(): Record<string, unknown>[];
}

export interface RunOptions {
  stdin?: string | Readable;
  stop?: AbortSignal;
  /** Called with each text that comes on standard error. */
  remarked?(text: string): void;
  /** Beside those of the installation. */
  environment?: Record<string, string>;
}

/** Runs one command as `posture-sync WORDS...` would, with just that environment. */
export async function runCommand(
  words: readonly string[],
  environment: Record<string, string>,
  options: RunOptions = {},
): Promise<CommandResult> {
  const kept = { stdout: '', stderr: '' };
  const keep = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _encoding, done) {
        kept[name] += String(chunk);
        if (name === 'stderr') options.remarked?.(String(chunk));
        done();
      },
    });
  const surroundings: Surroundings = {
    config: async () => readConfig({ ...environment, ...options.environment }),
    configurationDocuments: async () => configurationDocuments(),
    stdin: options.stdin instanceof Readable ? options.stdin : Readable.from(options.stdin ? [options.stdin] : []),
    stdout: keep('stdout'),
    stderr: keep('stderr'),
    user: 'anna',
    stop: options.stop ?? new AbortController().signal,
    program: '',
    tellParent: () => {},
  };
  const status = await runProgram(words, surroundings);
  return {
    status,
    ...kept,
    json: () =>
      kept.stdout
        .split('\n')
        .filter(line => line !== '')
        .map(line => JSON.parse(line)),
  };
}

export interface Installation {
  database: TestDatabase;
  simulator: Simulator;
  /** What the commands of this installation see. */
  environment: Record<string, string>;
  run(words: readonly string[], options?: RunOptions): Promise<CommandResult>;
  /** Adds the integration `hq` on the simulator; fails when that does not work. */
  addHq(...words: string[]): Promise<void>;
  close(): Promise<void>;
}

/** A database, a console, and commands that know both. */
export async function createInstallation(options: SimulatorOptions = {}): Promise<Installation> {
  const database = await freshDatabase();
  const simulator = await createSimulator({ agents: 40, seed: 7, requestsPerSecond: null, ...options });
  const environment = {
    DATABASE_URL: database.url,
    SECRET_KEYS: newSecretKey('k1'),
    PROVIDER_ALLOWED_HOSTS: new URL(simulator.url).host,
  };
  const run: Installation['run'] = (words, given) => runCommand(words, environment, given);
  return {
    database,
    simulator,
    environment,
    run,
    async addHq(...words) {
      const add = ['integration', 'add', '--name', 'hq', '--provider', 'sentinelone', '--url', simulator.url, ...words];
      const { status, stderr } = await run(add, { stdin: `${simulator.token}\n` });
      if (status !== 0) throw new Error(stderr);
    },
    close: () => simulator.close(),
  };
}

/** Every command by its words, as in `device add`. Only to be looked at: none of them can be run. */
export async function everyCommand(): Promise<[name: string, command: Command][]> {
  const leaves = (command: Command, words: string[]): [string, Command][] =>
    command.commands.length === 0
      ? [[words.join(' '), command]]
      : command.commands.flatMap(child => leaves(child, [...words, child.name()]));
  return leaves(await createProgram({} as Surroundings), []);
}

/** A terminal to type into: what is written to it arrives as if typed. */
export function fakeTerminal(): PassThrough & { isTTY: boolean; setRawMode(raw: boolean): unknown; raw: boolean[] } {
  const raw: boolean[] = [];
  return Object.assign(new PassThrough(), { isTTY: true, raw, setRawMode: (on: boolean) => raw.push(on) });
}
