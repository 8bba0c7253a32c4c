// The table of the key that secrets are sealed to, for drizzle-kit and drizzle-orm like schema.ts.
import { sql } from 'drizzle-orm';
import { boolean, check, pgTable, text } from 'drizzle-orm/pg-core';
import { bytes, time } from './columns.ts';

/** One row, or none before a worker ran: what processes without SECRET_KEYS seal secrets to. */
export const sealingKey = pgTable(
  'sealing_key',
  {
    singleton: boolean('singleton').primaryKey().default(true),
    /** The id in SECRET_KEYS that it was made from. */
    keyId: text('key_id').notNull(),
    /** X25519. */
    publicKey: bytes('public_key').notNull(),
    publishedAt: time('published_at').notNull(),
    publishedBy: text('published_by').notNull(),
  },
  t => [check('sealing_key_one_row', sql`${t.singleton}`)],
);
