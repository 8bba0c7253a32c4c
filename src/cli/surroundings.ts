// What a command gets from the process it runs in. main.ts makes one; tests make others.
import type { Readable, Writable } from 'node:stream';
import { CommanderError } from 'commander';
import type { Config } from '../config.ts';

/** A document that is made from code: path in the repository, and text. */
export type GeneratedDocument = readonly [path: string, text: string];

export interface Surroundings {
  /** Reads it on first use, so that help needs none. @throws AppError for a wrong variable */
  config(): Promise<Config>;
  /** Those that are made of the configuration's own facts. */
  configurationDocuments(): Promise<readonly GeneratedDocument[]>;
  stdin: Readable & { isTTY?: boolean; setRawMode?(raw: boolean): unknown };
  stdout: Writable & { isTTY?: boolean };
  stderr: Writable & { isTTY?: boolean; columns?: number };
  /** The operating system's user, for the audit log. */
  user: string;
  /** Aborted by the first stop signal, or when nobody reads what is written any more. Its reason is a Stop. */
  stop: AbortSignal;
  /** The file that the process was started with, to start a worker with. */
  program: string;
  /** Says something to the process that started this one, if that listens. */
  tellParent(message: string): void;
}

/** The reason of a stop: the status to exit with, without a word. */
export class Stop extends Error {
  readonly exitStatus: number;
  constructor(exitStatus: number) {
    super('stopped');
    this.name = 'Stop';
    this.exitStatus = exitStatus;
  }
}

/** Ends the command as wrongly used: one line, exit status 2. */
export function wrongUse(message: string): never {
  throw new CommanderError(2, 'posture-sync.wrongUse', message);
}

/** Ends the command as failed after it has said all there is to say: exit status 1. */
export class Failed extends Error {}
