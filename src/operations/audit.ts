// What may be asked of the audit log, and the proof that everything derived is as it should be.
import { AppError } from '../errors.ts';
import { parseDuration } from '../posture/duration.ts';
import { type AuditEntry, eventCatalogue } from '../posture/events.ts';
import { type AuditFilter, type AuditPosition, auditEntries, auditPage } from '../store/audit.ts';
import type { Now, Pool } from '../store/client.ts';
import { type Finding, verify } from '../store/verify.ts';
import { EntryPlace, paged, readCursor } from './cursors.ts';
import { verifyStandings } from './standings-proof.ts';

export interface AuditRequest {
  /** RFC 3339, also without time or zone (UTC then), or a duration that lies so far back: `24h`. Both are inclusive. */
  since?: string;
  until?: string;
  /** Ids, or `~` with a part of a login or display name. */
  actors?: readonly string[];
  /** Parts of ids or names. */
  targets?: readonly string[];
  /** Ids, as they are. */
  targetIds?: readonly string[];
  /** Codes or their beginnings: `NODE.UPDATE`; with `=` in front that code alone. */
  events?: readonly string[];
  /** Codes of Tailscale's that no entry here can have are no mistake: they find nothing. */
  takesForeignEvents?: boolean;
}

const eventForm = /^[A-Z_]+(\.[A-Z_]+){0,2}$/;

/**
 * @returns the filter that the request means
 * @throws AppError invalid for a time that is none and for an event that no entry can have
 */
export function auditFilter(request: AuditRequest, now: Now): AuditFilter {
  const { since, until, actors, targets, targetIds } = request;
  const filter: AuditFilter = {};
  if (since !== undefined) filter.since = readTime(since, now);
  if (until !== undefined) filter.until = readTime(until, now);
  if (filter.since !== undefined && filter.until !== undefined && filter.until < filter.since)
    throw new AppError('invalid', 'the end lies before the start');
  if (actors !== undefined)
    filter.actors = {
      ids: actors.filter(actor => !actor.startsWith('~')),
      texts: actors.filter(actor => actor.startsWith('~')).map(actor => actor.slice(1)),
    };
  if (targets !== undefined) filter.targets = targets;
  if (targetIds !== undefined) filter.targetIds = targetIds;
  const events = request.events?.map(code => code.trim().toUpperCase());
  if (events === undefined) return filter;
  for (const event of events) {
    const code = event.replace(/^=/, '');
    const isKnown = Object.keys(eventCatalogue).some(
      known => known === code || (code === event && known.startsWith(`${code}.`)),
    );
    if (!isKnown && !(request.takesForeignEvents && eventForm.test(code)))
      throw new AppError('invalid', `there is no event "${code}"; docs/events.md lists them`);
  }
  return { ...filter, events };
}

/**
 * Without a zone a time is UTC, as everything that is printed; what it is where somebody sits must not matter.
 * @param text a time, a date, or how long ago: `24h`
 * @param field that it was given in, for the message
 * @throws AppError invalid
 */
export function readTime(text: string, now: Now, field?: string): Date {
  const named = field === undefined ? '' : `${field}: `;
  const ago = parseDuration(text);
  const found = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?) ?(Z|[+-]\d\d:\d\d)?)?$/i.exec(
    text.trim(),
  );
  if (ago === null && !found)
    throw new AppError(
      'invalid',
      `${named}"${text}" is no time; expected for example 2026-11-20T16:00:00Z, 2026-11-20 or 24h`,
    );
  const [, date, time = '00:00', zone = 'Z'] = found ?? [];
  const at = ago === null ? new Date(`${date}T${time}${zone.toUpperCase()}`) : new Date(now().getTime() - ago);
  // The database knows no other years as these, and a date that is none has no year at all.
  if (!(at.getUTCFullYear() >= 1 && at.getUTCFullYear() <= 9_999))
    throw new AppError('invalid', `${named}"${text}" is ${ago === null ? 'no time that there is' : 'too long ago'}`);
  return at;
}

/** Entries, oldest first. */
export async function* readAudit(db: Pool, filter: AuditFilter): AsyncGenerator<AuditEntry> {
  yield* auditEntries(db, filter);
}

/**
 * A page of the log.
 * @param cursor of the page before; null: the first one
 * @returns the entries, oldest first, and where to go on; null: that was all, for now
 * @throws AppError invalid for a cursor that is none
 */
export async function readAuditPage(
  db: Pool,
  filter: AuditFilter,
  cursor: string | null,
  most: number,
): Promise<{ entries: AuditEntry[]; nextCursor: string | null }> {
  const found = await auditPage(db, filter, cursor === null ? null : positionOf(cursor), most + 1);
  const { page, nextCursor } = paged(found, most, ({ position }) => {
    return [position.at.getTime(), position.revision, position.n];
  });
  return { entries: page.map(({ entry }) => entry), nextCursor };
}

function positionOf(cursor: string): AuditPosition {
  const [at, revision, n] = readCursor(cursor, EntryPlace);
  return { at: new Date(at), revision, n };
}

/** @returns what is not as it should be; nothing found is the only right answer */
export async function verifyAll(db: Pool): Promise<Finding[]> {
  const client = await db.connect();
  const findings = await verify(client).finally(() => client.release());
  return [...findings, ...(await verifyStandings(db))];
}
