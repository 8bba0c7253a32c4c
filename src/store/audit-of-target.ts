// What the audit log has of one target, newest first, by the index that each month has on targets and times.
import type { AuditEntry } from '../posture/events.ts';
import { type AuditPosition, auditEntry } from './audit.ts';
import type { Queryable } from './client.ts';

/** @param before entries that stand before this one; null: the newest @returns so many entries at most, newest first */
export async function auditOfTarget(
  db: Queryable,
  target: string,
  before: AuditPosition | null,
  most: number,
): Promise<{ entry: AuditEntry; position: AuditPosition }[]> {
  const { rows } = await db.query(
    `select * from audit_log where target_id = $1
       and ($2::timestamptz is null or event_time <= $2 and (event_time, revision, n) < ($2, $3, $4))
     order by event_time desc, revision desc, n desc limit $5`,
    [target, before?.at ?? null, before?.revision ?? null, before?.n ?? null, most],
  );
  return rows.map(row => ({
    entry: auditEntry(row),
    position: { at: row.event_time, revision: row.revision, n: row.n },
  }));
}
