// All tables but those of the other schema files, for drizzle-kit (migrations) and drizzle-orm (plain reads). What drizzle cannot say
// (the partitioned audit_log, triggers, functions) stands in a custom migration in drizzle/. Bulk tables have no foreign keys: a
// check a row costs seconds in a sweep of a million agents, and `verify` proves the same.
import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
} from 'drizzle-orm/pg-core';
import type { Actor } from '../posture/events.ts';
import type { StandingReason, StandingState } from '../posture/standings.ts';
import { bytes, key, time } from './columns.ts';
import type { StatedTimes } from './schema-custom.ts';

const count = (name: string) => integer(name).notNull().default(0);

/** One row: the number of the last audited write. Taking it is the first statement of each such write. */
export const head = pgTable('head', {
  singleton: boolean('singleton').primaryKey().default(true),
  revision: bigint('revision', { mode: 'number' }).notNull(),
  at: time('at').notNull(),
  /** What was removed up to here may have been forgotten since: who knows less has to read everything anew. */
  forgottenRevision: bigint('forgotten_revision', { mode: 'number' }).notNull().default(0),
});

export const revisions = pgTable(
  'revisions',
  {
    revision: bigint('revision', { mode: 'number' }).primaryKey(),
    at: time('at').notNull(),
    actor: jsonb('actor').notNull(),
    cause: text('cause').notNull(),
    runId: bigint('run_id', { mode: 'number' }),
    events: integer('events').notNull(),
  },
  t => [
    index('revisions_told').on(t.at, t.revision).where(sql`events > 0`),
    index('revisions_actor').on(sql`(actor ->> 'id')`, t.at, t.revision).where(sql`events > 0`),
  ],
);

export const integrations = pgTable('integrations', {
  id: key('id').primaryKey(),
  name: text('name').notNull().unique(),
  provider: text('provider').notNull(),
  /** The provider's settings without its secrets. */
  settings: jsonb('settings').notNull().$type<Record<string, unknown>>(),
  /** The provider's secret settings as JSON, sealed; the id is the associated data. */
  secret: bytes('secret').notNull(),
  secretKeyId: text('secret_key_id').notNull(),
  /** Counts changes of settings: a merge stops when its run began with others. */
  settingsVersion: integer('settings_version').notNull().default(1),
  configUpdatedAt: time('config_updated_at').notNull(),
  createdAt: time('created_at').notNull(),
  // The queue.
  nextSyncAt: time('next_sync_at').notNull(),
  pauseReason: text('pause_reason').$type<'auth' | 'permission' | 'administrator' | 'unsupported'>(),
  /** Tried again then; null with a pause reason: not before it is resumed. */
  pausedUntil: time('paused_until'),
  /** Due because agents went missing elsewhere: such a run hurries nobody, or two would hurry each other for ever. */
  hurried: boolean('hurried').notNull().default(false),
  // Health.
  attemptedAt: time('attempted_at'),
  succeededAt: time('succeeded_at'),
  failingSince: time('failing_since'),
  /** When it was told that failures have lasted for an hour. */
  escalatedAt: time('escalated_at'),
  error: jsonb('error').$type<StoredError>(),
  // Evidence.
  /** Start of the last complete sweep: every agent that is not frozen was confirmed then. */
  sweptAt: time('swept_at'),
  /** Evidence is judged as of this time: the last sync tried. It moves only together with what it makes expire. */
  judgedAt: time('judged_at'),
  /** Null: never. */
  expireAfterMs: bigint('expire_after_ms', { mode: 'number' }),
  /** Smallest threshold in hours (48, 24, 12) that was warned of since the last complete sweep. */
  evidenceWarned: integer('evidence_warned'),
  // The limit for losses.
  holdFloor: integer('hold_floor').notNull(),
  holdShare: doublePrecision('hold_share').notNull(),
  /** Devices whose losses are withheld, and since when. */
  heldDevices: integer('held_devices'),
  heldSince: time('held_since'),
  acceptedLosses: integer('accepted_losses'),
  acceptedUntil: time('accepted_until'),
  // What the credentials see.
  scope: jsonb('scope').$type<string[]>(),
  tokenExpiresAt: time('token_expires_at'),
  /** Smallest threshold in days (30, 7, 1) that was warned of for this token. */
  tokenWarned: integer('token_warned'),
});

export interface StoredError {
  kind: string;
  message: string;
  status: number | null;
  code: string | null;
  requestId: string | null;
}

export const syncRuns = pgTable(
  'sync_runs',
  {
    id: bigint('id', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    integrationId: key('integration_id').notNull(),
    worker: text('worker').notNull(),
    startedAt: time('started_at').notNull(),
    progressAt: time('progress_at').notNull(),
    finishedAt: time('finished_at'),
    outcome: text('outcome').$type<SyncOutcome>(),
    complete: boolean('complete').notNull().default(false),
    /** What it is at; null once it ended. */
    phase: text('phase').$type<RunPhase>(),
    pages: count('pages'),
    agents: count('agents'),
    /** How many agents the provider says there are. */
    claimedTotal: integer('claimed_total'),
    skipped: count('skipped'),
    matched: count('matched'),
    unmatched: jsonb('unmatched').notNull().$type<Record<string, number>>().default({}),
    /** Provider fields without a usable value, by field name. */
    unset: jsonb('unset').notNull().$type<Record<string, number>>().default({}),
    attributesSet: count('attributes_set'),
    attributesChanged: count('attributes_changed'),
    attributesRemoved: count('attributes_removed'),
    attributesWithheld: count('attributes_withheld'),
    /** Devices that lost a value in this run, and whether an administrator had accepted it: the limit counts the others. */
    lostDevices: count('lost_devices'),
    lossesAccepted: boolean('losses_accepted').notNull().default(false),
    events: count('events'),
    revision: bigint('revision', { mode: 'number' }),
    error: jsonb('error').$type<StoredError>(),
    durationMs: integer('duration_ms'),
    /** How long the run held the head, and so every other audited write. */
    headMs: integer('head_ms'),
  },
  t => [index('sync_runs_integration').on(t.integrationId, t.id)],
);

/** Reading pages, asking again for those that were absent, writing. */
export type RunPhase = 'reading' | 'confirming' | 'merging';

export type SyncOutcome = 'succeeded' | 'partial' | 'held' | 'failed' | 'abandoned';

export const devices = pgTable(
  'devices',
  {
    id: key('id').primaryKey(),
    hostname: text('hostname'),
    userName: text('user_name'),
    os: text('os'),
    tags: text('tags').array().notNull().default([]),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
    /** Of the last change of this row or of the device's identifiers, also of whether they match. */
    revision: bigint('revision', { mode: 'number' }).notNull().default(0),
    /** What a search goes through, in lower case once and not at each search; by the locale of the database: "C" knows ASCII alone. */
    search: text('search').generatedAlwaysAs(
      sql`lower((id || chr(10) || coalesce(hostname, '') || chr(10) || coalesce(user_name, '')) collate "default")`,
    ),
  },
  t => [
    index('devices_created').on(t.createdAt, t.id),
    index('devices_revision').on(t.revision),
    index('devices_user').on(sql`(lower(coalesce(user_name, '') collate "default") collate "C")`, t.id),
    index('devices_name').on(sql`(lower(coalesce(nullif(hostname, ''), id) collate "default") collate "C")`, t.id),
  ],
);

/** Devices that are no more, kept for a while for readers of the change feed. */
export const removedDevices = pgTable('removed_devices', {
  id: key('id').primaryKey(),
  revision: bigint('revision', { mode: 'number' }).notNull(),
  removedAt: time('removed_at').notNull(),
});

export const deviceIdentifiers = pgTable(
  'device_identifiers',
  {
    deviceId: key('device_id')
      .notNull()
      .references(() => devices.id, { onDelete: 'cascade' }),
    /** `kind:canonical value`, as in `serial:C02XK1ZZJG5J`; of kind serial, address or certificate_fingerprint. */
    identifier: key('identifier').notNull(),
    source: text('source').notNull().$type<'reported' | 'manual'>(),
    raw: text('raw').notNull(),
    /** Why it matches nothing, or null. Derived; at most one row of an identifier has null. */
    problem: text('problem'),
  },
  t => [
    primaryKey({ columns: [t.deviceId, t.identifier, t.source] }),
    index('device_identifiers_identifier').on(t.identifier),
    uniqueIndex('device_identifiers_matching').on(t.identifier).where(sql`problem is null`),
    uniqueIndex('device_identifiers_manual').on(t.identifier).where(sql`source = 'manual'`),
    index('device_identifiers_shared').on(t.identifier).where(sql`problem = 'serial_on_several_devices'`),
  ],
);

export const placeholderSerials = pgTable('placeholder_serials', {
  value: key('value').primaryKey(),
  raw: text('raw').notNull(),
  source: text('source').notNull().$type<'shipped' | 'administrator'>(),
});

export const agents = pgTable(
  'agents',
  {
    integrationId: key('integration_id').notNull(),
    agentId: key('agent_id').notNull(),
    hostname: text('hostname'),
    /** Canonical, `kind:value`. */
    identifiers: text('identifiers').array().notNull(),
    /** The serials as the provider has them. */
    serials: text('serials').array().notNull(),
    active: boolean('active'),
    registeredAt: time('registered_at'),
    lastActiveAt: time('last_active_at'),
    /** Attribute values by full name, without those that move at every check-in. */
    values: jsonb('values').notNull().$type<Record<string, unknown>>(),
    /** Times that move at every check-in; written along with another change, or when newer by their resolution. */
    moving: jsonb('moving').notNull().$type<Record<string, string>>(),
    /** Start of the run that last wrote this row. */
    observedAt: time('observed_at').notNull(),
    /** Seen, but unreadable since: confirmed for the last time then. */
    frozenAt: time('frozen_at'),
    /** `decommissioned` or `gone`: it speaks for nothing, and is kept for a while to explain. */
    goneReason: text('gone_reason').$type<'decommissioned' | 'gone'>(),
    goneAt: time('gone_at'),
    /** Set by an administrator; wins over identifiers. */
    boundDeviceId: key('bound_device_id'),
    /** Derived: the device it belongs to. */
    deviceId: key('device_id'),
    /** Derived: why it speaks for no device, or null. */
    reason: text('reason'),
  },
  t => [
    primaryKey({ columns: [t.integrationId, t.agentId] }),
    index('agents_device').on(t.deviceId).where(sql`device_id is not null`),
    index('agents_identifier').on(sql`((identifiers[1]) collate "C")`),
    index('agents_identifiers').using('gin', t.identifiers).where(sql`cardinality(identifiers) > 1`),
    index('agents_frozen').on(t.integrationId).where(sql`frozen_at is not null`),
    index('agents_frozen_speaking')
      .on(t.integrationId, t.frozenAt)
      .where(sql`frozen_at is not null and reason is null`),
    index('agents_gone').on(t.integrationId).where(sql`gone_reason is not null`),
    index('agents_bound').on(t.boundDeviceId).where(sql`bound_device_id is not null`),
    index('agents_last_active')
      .on(t.lastActiveAt, t.deviceId)
      .where(sql`device_id is not null and reason is null and last_active_at is not null`),
  ],
);

export const deviceAttributes = pgTable(
  'device_attributes',
  {
    deviceId: key('device_id').notNull(),
    /** The provider's id; `custom` for what administrators state. */
    source: text('source').notNull(),
    /** `{}` is a tombstone: it had values until `revision`. */
    values: jsonb('values').notNull().$type<Record<string, unknown>>(),
    integrationId: key('integration_id'),
    agentId: key('agent_id'),
    /** Of the agent that speaks, so that the age of values is known without reading it. */
    observedAt: time('observed_at'),
    frozenAt: time('frozen_at'),
    /** Of values that are withheld from being lost: where each comes from and when it was confirmed, by name. */
    withheld: jsonb('withheld').$type<Record<string, { integration: string; confirmedAt: string }>>(),
    /** Of what administrators state: the times of each value, by name; and the earliest expiry among them. */
    stated: jsonb('stated').$type<StatedTimes>(),
    expiresAt: time('expires_at'),
    revision: bigint('revision', { mode: 'number' }).notNull(),
    changedAt: time('changed_at').notNull(),
  },
  t => [
    primaryKey({ columns: [t.deviceId, t.source] }),
    index('device_attributes_revision').on(t.revision),
    index('device_attributes_expires_at').on(t.expiresAt).where(sql`expires_at is not null`),
    // Of some 6 microseconds a row that changes, for finding a value among those of a million devices at once.
    index('device_attributes_values').using('gin', t.values),
  ],
);

/**
 * Values that a device would have lost, kept until the loss is accepted, undone or expired. Of several rows of a device
 * none has a value that another one has.
 */
export const withheldValues = pgTable(
  'withheld_values',
  {
    deviceId: key('device_id').notNull(),
    source: text('source').notNull(),
    /** Where the values come from. */
    integrationId: key('integration_id').notNull(),
    agentId: key('agent_id').notNull(),
    /** The integration whose sweep would have taken them: they count as its losses, and its next complete sweep decides. */
    withheldBy: key('withheld_by').notNull(),
    values: jsonb('values').notNull().$type<Record<string, unknown>>(),
    confirmedAt: time('confirmed_at').notNull(),
  },
  t => [
    primaryKey({
      name: 'withheld_values_pk',
      columns: [t.deviceId, t.source, t.withheldBy, t.integrationId, t.agentId, t.confirmedAt],
    }),
    index('withheld_values_withheld_by').on(t.withheldBy),
    index('withheld_values_integration').on(t.integrationId),
  ],
);

/** Keys of the HTTP API. Of the key itself only its hash is here. */
export const apiKeys = pgTable(
  'api_keys',
  {
    /** Stands in the key too, and is how it is shown. */
    id: key('id').primaryKey(),
    name: text('name').notNull(),
    /** SHA-256 of the whole key. */
    hash: bytes('hash').notNull(),
    scopes: text('scopes').array().notNull(),
    createdAt: time('created_at').notNull(),
    /** The actor's id, as in the audit log. */
    createdBy: text('created_by').notNull(),
    /** What that one was called then; null of keys made before it was noted. */
    createdByName: text('created_by_name'),
    /** Null: never. */
    expiresAt: time('expires_at'),
    revokedAt: time('revoked_at'),
    /** To the minute. */
    lastUsedAt: time('last_used_at'),
  },
  t => [uniqueIndex('api_keys_name').on(t.name).where(sql`revoked_at is null`)],
);

/** Every policy that was applied, as it was written. The newest counts. */
export const policies = pgTable('policies', {
  /** Of the write that applied it. */
  revision: bigint('revision', { mode: 'number' }).primaryKey(),
  /** HuJSON, comments and all. */
  text: text('text').notNull(),
  /** SHA-256 of the text, in hex. */
  hash: text('hash').notNull(),
  appliedAt: time('applied_at').notNull(),
  actor: jsonb('actor').notNull().$type<Actor>(),
});

/** Which device passes which posture. Derived from attributes, the policy in force and time; one keeper writes it. */
export const standings = pgTable(
  'standings',
  {
    deviceId: key('device_id').notNull(),
    /** With `posture:` in front. */
    posture: key('posture').notNull(),
    state: text('state').notNull().$type<StandingState>(),
    /** When it came to be in this state, or was judged for the first time. */
    since: time('since').notNull(),
    /** What is not true; `[]` where it passes. */
    reasons: jsonb('reasons').notNull().$type<StandingReason[]>(),
    /** A value is too old: the next complete sweep may change the answer, which moves no revision. */
    awaitsSweep: boolean('awaits_sweep').notNull(),
    /** Judged again then; null: time alone changes nothing. */
    validUntil: time('valid_until'),
    /** Of the write that told of the last flip; of a first standing, the one as of which it was judged. */
    revision: bigint('revision', { mode: 'number' }).notNull(),
  },
  t => [
    primaryKey({ columns: [t.deviceId, t.posture] }),
    index('standings_posture').on(t.posture, t.state, t.deviceId),
    index('standings_valid_until').on(t.validUntil).where(sql`valid_until is not null`),
    index('standings_awaits_sweep').on(t.deviceId).where(sql`awaits_sweep`),
  ],
);

/** One row once anything was judged: as of what the standings are. */
export const standingsProgress = pgTable('standings_progress', {
  singleton: boolean('singleton').primaryKey().default(true),
  /** Every change up to here is judged. */
  revision: bigint('revision', { mode: 'number' }).notNull(),
  /** Of the policy that was judged by; null: none is in force. */
  policyRevision: bigint('policy_revision', { mode: 'number' }),
  /** False: the keeper's version could not read that policy, so nobody passes anything. */
  isPolicyReadable: boolean('is_policy_readable').notNull(),
  /** When each integration was swept last, as judged: milliseconds by id. */
  swept: jsonb('swept').notNull().$type<Record<string, number | null>>(),
  /** Devices still to be judged, as the keeper knows. */
  waiting: integer('waiting').notNull(),
  /** When all this was so: the keeper's last look. */
  at: time('at').notNull(),
});
