// The table of the import on schedule, for drizzle-kit and drizzle-orm like schema.ts.
import { sql } from 'drizzle-orm';
import { boolean, check, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import { time } from './columns.ts';
import type { StoredError } from './schema.ts';

/** One row while devices are imported from a tailnet on schedule. It is also the queue: who moves `attempted_at` has the turn. */
export const tailnetImport = pgTable(
  'tailnet_import',
  {
    singleton: boolean('singleton').primaryKey().default(true),
    /** From where; another place begins anew. */
    url: text('url').notNull(),
    since: time('since').notNull(),
    attemptedAt: time('attempted_at').notNull(),
    succeededAt: time('succeeded_at'),
    failingSince: time('failing_since'),
    error: jsonb('error').$type<StoredError>(),
    /** Of the last one that succeeded. */
    result: jsonb('result').$type<TailnetImportResult>(),
  },
  t => [check('tailnet_import_one_row', sql`${t.singleton}`)],
);

export interface TailnetImportResult {
  created: number;
  changed: number;
  unchanged: number;
  /** The first of them. */
  rejected: { line: number; message: string }[];
  rejectedTotal: number;
}
