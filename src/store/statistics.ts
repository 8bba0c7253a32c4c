// What the planner knows of the large tables. Autovacuum looks once a minute; until then a table that was just filled counts as one where
// hundreds of rows are of each device, and what should be a look-up reads it whole.
import type { Queryable } from './client.ts';

/** Smaller ones are read in no time. */
const fewPages = 20;

/** Brings them up to date for tables that have more than doubled since. Nothing depends on it but speed, so a failure is none. */
export async function freshenStatistics(db: Queryable): Promise<void> {
  try {
    const { rows } = await db.query(
      `select relname as name from pg_class
       where oid = any('{devices, device_identifiers, agents, device_attributes}'::regclass[])
         and pg_relation_size(oid) / current_setting('block_size')::int > 2 * greatest(relpages, $1)`,
      [fewPages],
    );
    for (const { name } of rows) await db.query(`analyze ${name}`);
  } catch {
    // Autovacuum does it too.
  }
}
