// How long what is kept, and who says so: for pages and commands, which only tell. How long the audit log is kept is no setting that an
// API key may change: whoever got hold of one could have the traces dropped.
import { goneKeptMs, noticesKept, runsKept } from '../posture/retention.ts';
import { oldestAuditEntry } from '../store/audit-groups.ts';
import type { Pool } from '../store/client.ts';

export interface Retention {
  /** What is kept. */
  what: 'audit_log' | 'sync_runs' | 'gone_agents' | 'delivered_notices' | 'undelivered_notices';
  keptMs: number;
  /** So many of the newest stay longer. */
  newest: number | null;
  /** The environment variable that says it; null: it cannot be changed. */
  variable: string | null;
  /** Of the audit log: its oldest entry. */
  oldest: Date | null;
}

/** @param auditRetentionMs AUDIT_RETENTION, of which whole months are dropped */
export async function readRetention(db: Pool, auditRetentionMs: number): Promise<Retention[]> {
  const fixed = { newest: null, variable: null, oldest: null };
  const oldest = await oldestAuditEntry(db);
  return [
    { what: 'audit_log', keptMs: auditRetentionMs, newest: null, variable: 'AUDIT_RETENTION', oldest },
    { what: 'sync_runs', ...fixed, keptMs: runsKept.ms, newest: runsKept.newest },
    { what: 'gone_agents', ...fixed, keptMs: goneKeptMs },
    { what: 'delivered_notices', ...fixed, keptMs: noticesKept.ms },
    { what: 'undelivered_notices', ...fixed, keptMs: noticesKept.undeliveredMs },
  ];
}
