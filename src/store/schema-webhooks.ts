// The tables of webhooks, for drizzle-kit and drizzle-orm like schema.ts.
import { sql } from 'drizzle-orm';
import { bigint, index, integer, pgTable, primaryKey, text } from 'drizzle-orm/pg-core';
import { bytes, key, time } from './columns.ts';

/** Who is sent notices. */
export const webhooks = pgTable('webhooks', {
  id: key('id').primaryKey(),
  name: text('name').notNull().unique(),
  url: text('url').notNull(),
  /** Kinds of notices that it gets. */
  kinds: text('kinds').array().notNull(),
  /** What notices are signed with, sealed; the id is the associated data. */
  secret: bytes('secret').notNull(),
  secretKeyId: text('secret_key_id').notNull(),
  /** The secret before, which signs too until its end. */
  oldSecret: bytes('old_secret'),
  oldSecretKeyId: text('old_secret_key_id'),
  oldSecretEndsAt: time('old_secret_ends_at'),
  createdAt: time('created_at').notNull(),
  /** When its address, name, kinds or secret were changed last; null: never. */
  modifiedAt: time('modified_at'),
  disabledAt: time('disabled_at'),
  disabledReason: text('disabled_reason').$type<DisabledReason>(),
  // How its receiver does: all of it is null, or 0, after a notice was taken.
  failingSince: time('failing_since'),
  failures: integer('failures').notNull().default(0),
  /** Nothing is sent to it before. */
  nextAttemptAt: time('next_attempt_at'),
  error: text('error'),
});

export type DisabledReason = 'administrator' | 'failing' | 'gone';

const isWaiting = sql`delivered_at is null and given_up_at is null`;

/** Notices to be sent, and the log of those that were. What a notice says stands in the audit entry that it tells of. */
export const webhookDeliveries = pgTable(
  'webhook_deliveries',
  {
    webhookId: key('webhook_id').notNull(),
    // Of the audit entry.
    revision: bigint('revision', { mode: 'number' }).notNull(),
    n: integer('n').notNull(),
    eventTime: time('event_time').notNull(),
    kind: text('kind').notNull(),
    /** Whom it is about, as in `NODE:lt-0042`: notices of one subject go out one after the other. */
    subject: key('subject').notNull(),
    attempts: integer('attempts').notNull().default(0),
    /** While the receiver takes nothing at all that alone says when one of them is tried. */
    nextAttemptAt: time('next_attempt_at').notNull(),
    firstAttemptAt: time('first_attempt_at'),
    attemptedAt: time('attempted_at'),
    /** HTTP status of the last answer, if one came. */
    status: integer('status'),
    error: text('error'),
    deliveredAt: time('delivered_at'),
    givenUpAt: time('given_up_at'),
  },
  t => [
    primaryKey({ columns: [t.webhookId, t.revision, t.n] }),
    index('webhook_deliveries_waiting').on(t.webhookId, t.revision, t.n).where(isWaiting),
    index('webhook_deliveries_subject').on(t.webhookId, t.subject, t.revision, t.n).where(isWaiting),
    index('webhook_deliveries_delivered').on(t.deliveredAt).where(sql`delivered_at is not null`),
  ],
);
