// What the tables know of custom attributes: their keys, and the times that stand beside their values.
import { integer, pgTable, text } from 'drizzle-orm/pg-core';
import { key } from './columns.ts';

/** When each value was stated last and when it ends, by name; RFC 3339 in UTC with milliseconds. */
export type StatedTimes = Readonly<Record<string, { at: string; expiresAt?: string }>>;

/** The custom attributes that any device has. The first value of a key gives it its spelling and its type. */
export const attributeKeys = pgTable('attribute_keys', {
  /** Without capitals: no two keys differ by these alone. */
  folded: key('folded').primaryKey(),
  key: key('key').notNull(),
  type: text('type').notNull().$type<'boolean' | 'number' | 'string'>(),
  /** That have a value of it; at none the key is free again. */
  devices: integer('devices').notNull(),
});
