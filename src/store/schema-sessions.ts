// The tables of who is signed in to the pages, for drizzle-kit and drizzle-orm like schema.ts.
import { index, jsonb, pgTable, text } from 'drizzle-orm/pg-core';
import type { Actor } from '../posture/events.ts';
import type { Role, SessionKind } from '../posture/sign-in.ts';
import { bytes, key, time } from './columns.ts';

export const sessions = pgTable(
  'sessions',
  {
    id: key('id').primaryKey(),
    /** SHA-256 of what the cookie carries. */
    hash: bytes('hash').notNull().unique(),
    kind: text('kind').$type<SessionKind>().notNull(),
    /** Who it is in the audit log. */
    actor: jsonb('actor').$type<Actor>().notNull(),
    /** Of a session made by an API key: it holds as long as that does, and has its scopes. */
    keyId: key('key_id'),
    /** Ties it to that very key: HMAC by what the cookie carries. */
    keyProof: bytes('key_proof'),
    /** Of all others. */
    role: text('role').$type<Role>(),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  t => [index('sessions_expires').on(t.expiresAt)],
);

/** Links that sign in once; one that was used is no more. */
export const signInLinks = pgTable('sign_in_links', {
  id: key('id').primaryKey(),
  /** SHA-256 of its code. */
  hash: bytes('hash').notNull().unique(),
  role: text('role').$type<Role>().notNull(),
  createdAt: time('created_at').notNull(),
  /** Who made it: whoever uses it is named after them. */
  createdBy: text('created_by').notNull(),
  expiresAt: time('expires_at').notNull(),
});
