// The audit log by writes, as pages show it: groups newest first, the entries of one, and what may be filtered by.
import { AppError } from '../errors.ts';
import { type Actor, type AuditEntry, type EventCode, eventCatalogue } from '../posture/events.ts';
import type { AuditFilter } from '../store/audit.ts';
import {
  type AuditGroup,
  auditActors,
  auditGroup,
  auditGroups,
  type GroupFilter,
  oldestAuditEntry,
} from '../store/audit-groups.ts';
import type { Now, Pool } from '../store/client.ts';
import { GroupPlace, NumberPlace, paged, placeCursor, readCursor } from './cursors.ts';

/**
 * @param cursor of the page before; null: the newest
 * @returns groups, newest first, and where to go on; null: nothing is left. A page may be short, or empty, although there is more:
 *   then the search for what is rare has come up to `searchedTo`
 * @throws AppError invalid for a cursor that is none
 */
export async function listAuditGroups(
  { db, now }: { db: Pool; now: Now },
  filter: AuditFilter,
  cursor: string | null,
  most: number,
): Promise<{ groups: AuditGroup[]; nextCursor: string | null; searchedTo: Date | null }> {
  const place = cursor === null ? null : readCursor(cursor, GroupPlace);
  const before = place && { at: new Date(place[0]), revision: place[1] };
  const oldest = await oldestAuditEntry(db);
  if (oldest === null) return { groups: [], nextCursor: null, searchedTo: null };
  const { groups, reached } = await auditGroups(db, await groupFilter(db, filter, now, oldest), before, most);
  const nextCursor = reached && placeCursor([reached.at.getTime(), reached.revision]);
  return { groups, nextCursor, searchedTo: reached?.at ?? null };
}

/**
 * @param groupId the revision, as entries have it
 * @returns the group with its entries in their order, and where to go on; null: that was all
 * @throws AppError not_found; invalid for a cursor that is none
 */
export async function showAuditGroup(
  { db, now }: { db: Pool; now: Now },
  groupId: string,
  filter: AuditFilter,
  cursor: string | null,
  most: number,
): Promise<{ group: AuditGroup; entries: AuditEntry[]; nextCursor: string | null }> {
  const after = cursor === null ? 0 : readCursor(cursor, NumberPlace)[0];
  if (after > mostInteger) throw new AppError('invalid', 'cursor: it must be a nextCursor that this list gave out');
  const wanted = await groupFilter(db, filter, now, new Date(0));
  const found = /^\d{1,15}$/.test(groupId) ? await auditGroup(db, Number(groupId), wanted, after, most + 1) : null;
  if (found === null)
    throw new AppError(
      'not_found',
      `there is no group "${groupId}" in the audit log; it may be older than what is kept`,
    );
  const { page, nextCursor } = paged(found.entries, most, ({ n }) => [n]);
  return { group: found.group, entries: page.map(({ entry }) => entry), nextCursor };
}

const mostInteger = 2_147_483_647;

async function groupFilter(db: Pool, filter: AuditFilter, now: Now, oldest: Date): Promise<GroupFilter> {
  const { since = oldest, until = null, actors = null, targets = null, targetIds = null, events = null } = filter;
  return {
    since: since < oldest ? oldest : since,
    // A write's time may be a little ahead of this process's clock.
    until: until ?? new Date(now().getTime() + 3_600_000),
    actorIds: actors && (await actorIds(db, actors)),
    targets,
    targetIds,
    events: events && codesOf(events),
  };
}

async function actorIds(db: Pool, { ids, texts }: NonNullable<AuditFilter['actors']>): Promise<string[]> {
  if (texts.length === 0) return [...ids];
  const wanted = texts.map(text => text.toLowerCase());
  const called = (await auditActors(db)).filter(({ actor: { loginName, displayName } }) =>
    wanted.some(text => loginName.toLowerCase().includes(text) || displayName.toLowerCase().includes(text)),
  );
  return [...new Set([...ids, ...called.map(({ actor }) => actor.id)])];
}

/** Of codes and beginnings of codes: those that entries can have. */
function codesOf(events: readonly string[]): EventCode[] {
  const all = Object.keys(eventCatalogue) as EventCode[];
  return all.filter(code =>
    events.some(event => code === event || `=${code}` === event || code.startsWith(`${event}.`)),
  );
}

export interface AuditCatalogue {
  events: { event: string; about: string; tailscale: boolean }[];
  actors: { actor: Actor; lastAt: Date }[];
  oldest: Date | null;
}

/** @returns what the log can be filtered by, and how far back it goes */
export async function auditCatalogue(db: Pool): Promise<AuditCatalogue> {
  const events = Object.entries(eventCatalogue).map(([event, spec]) => ({ event, ...spec }));
  return { events, actors: await auditActors(db), oldest: await oldestAuditEntry(db) };
}
