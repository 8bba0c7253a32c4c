// Reading the audit log, page by page in the log's own order, and its retention: whole months are dropped, nothing else ever.
import type { AuditEntry } from '../posture/events.ts';
import type { Client, Queryable } from './client.ts';

export interface AuditFilter {
  /** Both inclusive. */
  since?: Date;
  until?: Date;
  /** Whoever has one of the ids, or one of the texts in their login or display name. */
  actors?: { ids: readonly string[]; texts: readonly string[] };
  /** Ids of targets, as they are. */
  targetIds?: readonly string[];
  /** Parts of a target's id or name, of which one must be there. */
  targets?: readonly string[];
  /** Event codes, or their beginnings: `NODE.UPDATE` finds `NODE.UPDATE.ATTRIBUTES`, `=NODE.UPDATE` does not. */
  events?: readonly string[];
}

/** Where an entry stands: what is written later stands behind it. */
export interface AuditPosition {
  readonly at: Date;
  readonly revision: number;
  readonly n: number;
}

interface Placed {
  entry: AuditEntry;
  position: AuditPosition;
}

const pageSize = 1_000;

/** Entries, oldest first. Reads a page at a time, so that a long log costs no memory. */
export async function* auditEntries(db: Queryable, filter: AuditFilter): AsyncGenerator<AuditEntry> {
  for (let after: AuditPosition | null = null; ; ) {
    const page: Placed[] = await auditPage(db, filter, after, pageSize);
    for (const { entry } of page) yield entry;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.position;
  }
}

/**
 * @param after entries behind this position; null: from the beginning
 * @returns so many of the entries at most, oldest first
 */
export async function auditPage(
  db: Queryable,
  filter: AuditFilter,
  after: AuditPosition | null,
  most: number,
): Promise<Placed[]> {
  const { since = new Date(0), until = null, actors = null, targets = null, targetIds = null, events = null } = filter;
  const from = after !== null && after.at > since ? after : { at: since, revision: -1, n: -1 };
  const { rows } = await db.query(
    `select * from audit_log
     where event_time >= $1 and (event_time, revision, n) > ($1, $2, $3) and ($4::timestamptz is null or event_time <= $4)
       and ($5::text[] is null or exists (
         select from unnest($5) t where strpos(lower(target_id), lower(t)) > 0 or strpos(lower(coalesce(target_name, '')), lower(t)) > 0))
       and ($6::text[] is null or exists (select from unnest($6) e where event = ltrim(e, '=') or starts_with(event, e || '.')))
       and ($7::text[] is null or actor ->> 'id' = any($7) or exists (
         select from unnest($8::text[]) t where strpos(lower(actor ->> 'loginName'), lower(t)) > 0 or strpos(lower(actor ->> 'displayName'), lower(t)) > 0))
       and ($10::text[] is null or target_id = any($10))
     order by event_time, revision, n limit $9`,
    [
      from.at,
      from.revision,
      from.n,
      until,
      targets,
      events,
      actors?.ids ?? null,
      actors?.texts ?? null,
      most,
      targetIds,
    ],
  );
  return rows.map(row => ({
    entry: auditEntry(row),
    position: { at: row.event_time, revision: row.revision, n: row.n },
  }));
}

/** @param row of audit_log */
export function auditEntry(row: Record<string, unknown>): AuditEntry {
  const optional = (name: string, value: unknown) => (value === null ? {} : { [name]: value });
  return {
    eventTime: (row.event_time as Date).toISOString(),
    type: 'CONFIG',
    eventGroupID: String(row.revision),
    origin: row.origin as AuditEntry['origin'],
    actor: row.actor as AuditEntry['actor'],
    target: {
      id: row.target_id as string,
      name: (row.target_name ?? row.target_id) as string,
      type: row.target_type as AuditEntry['target']['type'],
      ...optional('property', row.target_property),
    },
    action: row.action as string,
    ...optional('old', row.old),
    ...optional('new', row.new),
    ...optional('actionDetails', row.details),
    ...optional('error', row.error),
    event: row.event as AuditEntry['event'],
  };
}

/** Drops the months that ended before a time. @returns the names of the partitions dropped */
export async function dropAuditMonths(db: Queryable, endedBefore: Date): Promise<string[]> {
  const { rows } = await db.query(
    `select c.relname as name from pg_inherits h join pg_class c on c.oid = h.inhrelid
     where h.inhparent = 'audit_log'::regclass and c.relname ~ '^audit_log_[0-9]{4}_[0-9]{2}$'
       and (to_timestamp(right(c.relname, 7), 'YYYY_MM')::timestamp + interval '1 month') at time zone 'UTC' <= $1 order by 1`,
    [endedBefore],
  );
  // Another worker may just have done it, or be doing it: without the lock, a drop that waited for another looks for a partition's
  // table that is gone ("could not find tuple for parent of relation").
  for (const { name } of rows)
    await db.query(`lock table audit_log in access exclusive mode; drop table if exists ${name}`);
  return rows.map(row => row.name);
}

/** Makes the partitions of a time's month and the next one, so that no write has to. */
export async function prepareAuditMonths(db: Client | Queryable, at: Date): Promise<void> {
  await db.query("select audit_log_ensure_month($1), audit_log_ensure_month($1::timestamptz + interval '1 month')", [
    at,
  ]);
}
