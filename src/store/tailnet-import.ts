// The row of the import on schedule: whose turn it is, and how the last ones went. None of it is audited: what an import changes is.
import { getTableColumns } from 'drizzle-orm';
import { type Pool, type Queryable, reader } from './client.ts';
import type { StoredError } from './schema.ts';
import { type TailnetImportResult, tailnetImport } from './schema-imports.ts';

export type TailnetImport = Omit<typeof tailnetImport.$inferSelect, 'singleton'>;

/** @returns how it goes; null while nothing is imported on schedule */
export async function readTailnetImport(db: Pool): Promise<TailnetImport | null> {
  const { singleton: _, ...columns } = getTableColumns(tailnetImport);
  const [found] = await reader(db).select(columns).from(tailnetImport);
  return found ?? null;
}

/**
 * Takes the turn, where it is due: the last was tried an interval ago, or elsewhere. Of workers that come at once one gets it.
 * @returns whether this one did
 */
export async function takeTurn(db: Queryable, url: string, at: Date, intervalMs: number): Promise<boolean> {
  const { rowCount } = await db.query(
    `insert into tailnet_import as t (url, since, attempted_at) values ($1, $2, $2)
     on conflict (singleton) do update set url = $1, attempted_at = $2,
       since = case when t.url = $1 then t.since else $2 end,
       succeeded_at = case when t.url = $1 then t.succeeded_at end,
       failing_since = case when t.url = $1 then t.failing_since end,
       error = case when t.url = $1 then t.error end,
       result = case when t.url = $1 then t.result end
     where t.url <> $1 or t.attempted_at <= $2::timestamptz - $3 * interval '1 millisecond'`,
    [url, at, intervalMs],
  );
  return rowCount === 1;
}

/** @returns since when it had failed, or null */
export async function storeImported(
  db: Queryable,
  url: string,
  at: Date,
  result: TailnetImportResult,
): Promise<Date | null> {
  const { rows } = await db.query(
    `update tailnet_import t set succeeded_at = $2, failing_since = null, error = null, result = $3
     from (select failing_since from tailnet_import) before where t.url = $1 returning before.failing_since`,
    [url, at, JSON.stringify(result)],
  );
  return rows[0]?.failing_since ?? null;
}

/** @returns whether it began to fail by this */
export async function storeImportFailed(db: Queryable, url: string, at: Date, error: StoredError): Promise<boolean> {
  const { rows } = await db.query(
    `update tailnet_import t set failing_since = coalesce(t.failing_since, $2), error = $3
     from (select failing_since from tailnet_import) before where t.url = $1 returning before.failing_since`,
    [url, at, JSON.stringify(error)],
  );
  return rows[0] !== undefined && rows[0].failing_since === null;
}

/** Nothing is imported on schedule any more. */
export async function forgetTailnetImport(db: Queryable): Promise<void> {
  await db.query('delete from tailnet_import');
}
