// The table of what workers are asked to do, for drizzle-kit and drizzle-orm like schema.ts.
import { sql } from 'drizzle-orm';
import { bigint, index, integer, jsonb, pgTable, text, uniqueIndex } from 'drizzle-orm/pg-core';
import { bytes, key, time } from './columns.ts';
import type { StoredError } from './schema.ts';

/** What workers are asked to do besides their schedule, since whoever asks neither calls out nor opens secrets. */
export const requests = pgTable(
  'requests',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    kind: text('kind').notNull().$type<RequestKind>(),
    /** Of a refetch the device's id; of a test or a preview the integration's, or `new`, a dot, and what keeps it apart from others. */
    target: key('target').notNull(),
    /** Of an actor, or the part of the service that asked by itself. */
    requestedBy: text('requested_by').notNull(),
    requestedAt: time('requested_at').notNull(),
    /** Settings that are stored nowhere else, without secrets; gone when it ends. */
    input: jsonb('input').$type<unknown>(),
    /** What is secret of these, sealed with the target as associated data; gone when it ends. */
    secret: bytes('secret'),
    secretKeyId: text('secret_key_id'),
    /** Key of the advisory lock of the worker that took it; when nobody holds that any more, it may be taken again. */
    claim: bigint('claim', { mode: 'number' }),
    startedAt: time('started_at'),
    /** How often it was taken. */
    attempts: integer('attempts').notNull().default(0),
    finishedAt: time('finished_at'),
    result: jsonb('result').$type<unknown>(),
    /** Set where nothing came of it. */
    error: jsonb('error').$type<StoredError>(),
    /** Devices that lost a value by it, by integration: the limits of sweeps count them. */
    losses: jsonb('losses').$type<Record<string, number>>(),
  },
  t => [
    uniqueIndex('requests_open').on(t.kind, t.target).where(sql`finished_at is null`),
    index('requests_target').on(t.target, t.requestedAt),
    index('requests_losses').on(t.requestedAt).where(sql`losses is not null`),
  ],
);

export type RequestKind = 'refetch' | 'test' | 'preview';
