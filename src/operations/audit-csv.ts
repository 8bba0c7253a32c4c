// The audit log as CSV, for spreadsheets: a line an entry, old and new as JSON.
import type { AuditEntry } from '../posture/events.ts';
import { csvLine } from './csv.ts';

const columns = [
  ...['time', 'group', 'event', 'actor_id', 'actor_login', 'actor_name', 'origin'],
  ...['target_type', 'target_id', 'target_name', 'old', 'new', 'details', 'error'],
];

/** The line of names. */
export const auditCsvHead = csvLine(columns);

export function auditCsvLine(entry: AuditEntry): string {
  const { actor, target } = entry;
  const json = (value: unknown) => (value === undefined ? null : JSON.stringify(value));
  return csvLine([
    ...[entry.eventTime, entry.eventGroupID, entry.event, actor.id, actor.loginName, actor.displayName, entry.origin],
    ...[target.type, target.id, target.name, json(entry.old), json(entry.new)],
    ...[entry.actionDetails ?? null, entry.error ?? null],
  ]);
}
