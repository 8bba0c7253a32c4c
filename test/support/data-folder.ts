// Where the data of the tests' PostgreSQL servers goes: to memory where there is enough, because a database has 300 files, and the
// tests make some thousands of databases. To make one takes 15 ms there, and on a virtual machine's disk up to 400 ms.
import { accessSync, constants, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const memory = '/dev/shm';
/** The log of PostgreSQL alone may take 2 GB. */
const neededBytes = 4 * 2 ** 30;

/** A folder that exists and in which anybody may make one of their own. */
export const dataFolder = hasRoom(memory) ? memory : tmpdir();

function hasRoom(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    const { bavail, bsize } = statfsSync(folder);
    return bavail * bsize >= neededBytes;
  } catch {
    return false;
  }
}
