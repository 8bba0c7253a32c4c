// What may be asked of the audit log, and the proof that everything derived is as it should be.
import { AppError } from '../errors.ts';
import { parseDuration } from '../posture/duration.ts';
import { type AuditEntry, eventCatalogue } from '../posture/events.ts';
import { type AuditFilter, auditEntries } from '../store/audit.ts';
import type { Now, Pool } from '../store/client.ts';
import { type Finding, verify } from '../store/verify.ts';
import { verifyStandings } from './standings-proof.ts';

export interface AuditRequest {
  /** RFC 3339, also without time or zone (UTC then), or a duration that lies so far back: `24h`. */
  since?: string;
  target?: string;
  /** Codes or their beginnings, separated by commas: `NODE.UPDATE`. */
  event?: string;
}

/**
 * @returns the filter that the request means
 * @throws AppError invalid for a time that is none and for an event that no entry can have
 */
export function auditFilter(request: AuditRequest, now: Now): AuditFilter {
  const filter: AuditFilter = {};
  if (request.since !== undefined) filter.since = timeOf(request.since, now);
  if (request.target !== undefined) filter.target = request.target;
  if (request.event !== undefined) {
    const events = request.event.split(',').map(code => code.trim().toUpperCase());
    for (const code of events) {
      if (!Object.keys(eventCatalogue).some(known => known === code || known.startsWith(`${code}.`))) {
        throw new AppError('invalid', `there is no event "${code}"; docs/events.md lists them`);
      }
    }
    filter.events = events;
  }
  return filter;
}

/** Without a zone a time is UTC, as everything that is printed; what it is where somebody sits must not matter. */
function timeOf(text: string, now: Now): Date {
  const ago = parseDuration(text);
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d:\d\d)?)?$/i.exec(
    text.trim(),
  );
  if (ago === null && !found)
    throw new AppError('invalid', `"${text}" is no time; expected for example 2026-11-20T16:00:00Z, 2026-11-20 or 24h`);
  const [, date, time = '00:00', zone = 'Z'] = found ?? [];
  const at = ago === null ? new Date(`${date}T${time}${zone.toUpperCase()}`) : new Date(now().getTime() - ago);
  // The database knows no other years as these, and a date that is none has no year at all.
  if (!(at.getUTCFullYear() >= 1 && at.getUTCFullYear() <= 9_999))
    throw new AppError('invalid', `"${text}" is ${ago === null ? 'no time that there is' : 'too long ago'}`);
  return at;
}

/** Entries, oldest first. */
export async function* readAudit(db: Pool, filter: AuditFilter): AsyncGenerator<AuditEntry> {
  yield* auditEntries(db, filter);
}

/** @returns what is not as it should be; nothing found is the only right answer */
export async function verifyAll(db: Pool): Promise<Finding[]> {
  const client = await db.connect();
  const findings = await verify(client).finally(() => client.release());
  return [...findings, ...(await verifyStandings(db))];
}
