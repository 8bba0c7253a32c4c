// A PostgreSQL of a test's own, that can be killed and comes back by itself.
import { chmod, mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import path from 'node:path';
import { expect } from 'vitest';
import { createPool, migrate } from '../../src/store/client.ts';
import { joinEmbeddedServer } from '../../src/store/embedded.ts';
import { isAlive } from '../../src/store/embedded-owner.ts';
import { dataFolder } from './data-folder.ts';
import type { TestDatabase } from './database.ts';

export interface OwnServer {
  database: TestDatabase;
  /** By kill -9; resolves when it is gone. */
  kill(): Promise<void>;
  /** Resolves when it answers again. */
  untilBack(): Promise<void>;
  stop(): Promise<void>;
}

/** @returns it with a migrated database */
export async function startOwnServer(): Promise<OwnServer> {
  const directory = await mkdtemp(path.join(dataFolder, 'posture-sync-killed-'));
  // As root another user runs the server, and has to get there.
  await chmod(directory, 0o755);
  const server = await joinEmbeddedServer({ dataDir: directory });
  const home = await realpath(path.join(directory, 'postgres'));
  await migrate(server.url);
  const pool = createPool(server.url);
  const asks = () =>
    pool.query('select 1').then(
      () => true,
      () => false,
    );
  return {
    database: { url: server.url, pool, drop: () => pool.end() },
    async kill() {
      const pid = Number((await readFile(path.join(home, 'data/postmaster.pid'), 'utf8')).split('\n')[0]);
      expect(pid).toBeGreaterThan(1);
      process.kill(pid, 'SIGKILL');
      await expect.poll(() => isAlive(pid)).toBe(false);
    },
    untilBack: () => expect.poll(asks).toBe(true),
    async stop() {
      await pool.end();
      await server.leave();
      await rm(home, { recursive: true, force: true });
      await rm(directory, { recursive: true, force: true });
    },
  };
}
