// Starts one real PostgreSQL for the whole test run, in a folder that is removed after it, with a migrated template database that
// test files clone; stops and removes it at the end. TEST_POSTGRES_URL names another server to use, as a superuser.
import { existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate } from '../../src/store/client.ts';
import { joinEmbeddedServer } from '../../src/store/embedded.ts';
import { isAlive } from '../../src/store/embedded-owner.ts';
import { dataFolder } from './data-folder.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Connection string of the server's maintenance database, as superuser. */
    postgresUrl: string;
    /** Name of the migrated database that tests clone. */
    template: string;
    /** Why the template could not be migrated, or ''. */
    migrationFailure: string;
  }
}

const prefix = 'posture-sync-test-';

/** Vitest calls it once before all files; what it returns is called after them. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const { TEST_POSTGRES_URL } = process.env;
  if (TEST_POSTGRES_URL) {
    await provideTemplate(project, TEST_POSTGRES_URL);
    return async () => {};
  }
  await removeLeftovers();
  const directory = await mkdtemp(path.join(dataFolder, `${prefix}${process.pid}-`));
  // As root another user runs the server, and has to get there.
  await chmod(directory, 0o755);
  // What Node compiled is kept for the next process: the service starts in half the time.
  process.env.NODE_COMPILE_CACHE = path.join(directory, 'compiled');
  // Programs may be copied there, and those in memory may not be allowed to run.
  const shared = path.join(tmpdir(), `${path.basename(directory)}-shared`);
  const server = await joinEmbeddedServer({
    dataDir: directory,
    fsync: false,
    places: [shared],
  });
  // In `shared` if the folder is root's alone.
  const home = await realpath(path.join(directory, 'postgres'));
  const stop = async () => {
    await server.leave();
    await rm(home, { recursive: true, force: true });
    await rm(directory, { recursive: true, force: true });
    await rm(shared, { recursive: true, force: true });
  };
  try {
    await provideTemplate(project, server.url);
    return stop;
  } catch (error) {
    await stop();
    throw error;
  }
}

/** @param serverUrl of any database of the server, as superuser */
async function provideTemplate(project: TestProject, serverUrl: string): Promise<void> {
  const template = 'posture_template';
  const url = new URL(serverUrl);
  url.pathname = '/postgres';
  project.provide('postgresUrl', url.href);
  project.provide('template', template);
  project.provide('migrationFailure', '');
  await onDatabase(url.href, `create database ${template}`);
  // A broken migration fails the tests that use a database, and no others.
  await migrate(url.href.replace(/postgres$/, template)).catch(error => {
    project.provide('migrationFailure', error instanceof Error ? `${error.message}\n${error.cause}` : String(error));
  });
  // Nobody may connect to it from now on: a session there would make cloning fail.
  await onDatabase(url.href, `alter database ${template} allow_connections false`);
}

async function onDatabase(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

/** Ends the servers of test runs that were killed; the name of their directory holds the run's process. */
async function removeLeftovers(): Promise<void> {
  for (const folder of new Set([tmpdir(), dataFolder])) {
    for (const name of await readdir(folder)) {
      const run = name.startsWith(prefix) ? Number.parseInt(name.slice(prefix.length), 10) : Number.NaN;
      if (Number.isNaN(run) || isAlive(run)) continue;
      const directory = path.join(folder, name);
      if (existsSync(path.join(directory, 'postgres'))) {
        // Joined and left alone, a server stops.
        const server = await joinEmbeddedServer({ dataDir: directory, fsync: false }).catch(() => null);
        await server?.leave();
      }
      await rm(directory, { recursive: true, force: true }).catch(() => {});
    }
  }
}
