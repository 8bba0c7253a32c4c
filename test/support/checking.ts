// Steps of tests about tests and previews of integrations: workers that do nothing else, and all that a database holds.
import { onTestFinished } from 'vitest';
import { createPool } from '../../src/store/client.ts';
import { type ChecksContext, createChecksDesk } from '../../src/sync/checks-desk.ts';
import { startServing } from '../../src/sync/serving.ts';
import type { World } from './world.ts';

/** Starts a worker that does tests and previews; it ends with the test. */
export function startChecker(world: World, context: Partial<ChecksContext> = {}): { stop(): Promise<void> } {
  const pool = createPool(world.database.url, { max: 4 });
  const parts = { ...world.context, pool, ...context };
  const serving = startServing(parts, signal => [
    createChecksDesk(parts, 'test', signal),
    createChecksDesk(parts, 'preview', signal),
  ]);
  let stopped: Promise<void> | undefined;
  const stop = async () => {
    stopped ??= serving.stop().then(() => pool.end());
    await stopped;
  };
  onTestFinished(stop);
  return { stop };
}

/** Every row of every table as text, but those of the tables that are left out. */
export async function everyRow(world: World, except: readonly string[] = []): Promise<string[]> {
  const { rows: tables } = await world.db.query(
    "select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace order by 1",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    if (except.includes(name)) continue;
    const { rows } = await world.db.query(`select t::text as text from ${name} t order by 1`);
    texts.push(...rows.map(row => `${name}: ${row.text}`));
  }
  return texts;
}
