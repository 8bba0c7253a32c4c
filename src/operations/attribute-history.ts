// How the attributes of a device came to be what they are: each change with who and what made it, and the values over a time, as a
// chart wants them. Both out of the audit log, so also of devices that are gone, as far back as the log goes.
import { z } from 'zod';
import { AppError } from '../errors.ts';
import type { AttributeValue } from '../posture/attributes.ts';
import { customSource, isCustom } from '../posture/custom-attributes.ts';
import { providerOfAttribute } from '../providers/registry.ts';
import {
  type AttributeChange,
  attributeChanges,
  attributeSeries,
  type HistoryFilter,
  type HistoryPosition,
  type ValueSince,
  wasDevice,
} from '../store/attribute-history.ts';
import { knownDevices } from '../store/device-list.ts';
import { readTime } from './audit.ts';
import { EntryPlace, paged, readCursor } from './cursors.ts';
import type { Request } from './devices.ts';

type Asked = Pick<Request, 'db' | 'now'>;

export interface HistoryQuery {
  /** Full names; absent: all. */
  keys?: readonly string[] | undefined;
  /** RFC 3339, a date (UTC), or how long ago: `24h`. Both are inclusive. */
  since?: string | undefined;
  until?: string | undefined;
}

export interface HistoryEntry extends Omit<AttributeChange, 'n'> {
  /** As the audit log has it: the revision. */
  eventGroupID: string;
  /** The provider that the attribute is of, or `custom`; null: this version does not know the attribute. */
  source: string | null;
}

const usualSeriesMs = 30 * 86_400_000;
/** A device whose values change every quarter of an hour has as many in fifty days. */
const mostSeriesEntries = 5_000;
const Place = z.tuple([...EntryPlace.def.items, z.string()]);
const pageSize = 500;

/**
 * A page of the changes of a device's values, newest first; those of one write by name.
 * @param cursor of the page before; null: the first one
 * @returns the changes, and where to go on; null: that was all
 * @throws AppError not_found where there never was such a device, as far as the log goes back; invalid naming what is wrong
 */
export async function attributeHistory(
  asked: Asked,
  device: string,
  query: HistoryQuery,
  cursor: string | null,
  most: number,
): Promise<{ changes: HistoryEntry[]; nextCursor: string | null }> {
  const filter = filterOf(asked, device, query);
  const after = cursor === null ? null : placeOf(cursor);
  await refuseUnknown(asked, device);
  const found = await attributeChanges(asked.db, filter, after, most + 1);
  const { page, nextCursor } = paged(found, most, ({ at, revision, n, key }) => [at.getTime(), revision, n, key]);
  const changes = page.map(({ n: _, ...change }) => {
    return { ...change, source: sourceOf(change.key), eventGroupID: String(change.revision) };
  });
  return { changes, nextCursor };
}

/** All of them, newest first. @throws as attributeHistory */
export async function* wholeAttributeHistory(
  asked: Asked,
  device: string,
  query: HistoryQuery,
): AsyncGenerator<HistoryEntry> {
  for (let cursor: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof attributeHistory>> = await attributeHistory(
      asked,
      device,
      query,
      cursor,
      pageSize,
    );
    yield* page.changes;
    cursor = page.nextCursor;
    if (cursor === null) return;
  }
}

/** The value of one attribute over a time. */
export interface Series {
  /** At the beginning; null: it was not set. */
  start: AttributeValue | null;
  /** In the order of time. */
  changes: ValueSince[];
}

/**
 * The values of a device over a time: what held at its beginning, and each that followed.
 * @param query without `since` the 30 days before `until`, without `until` up to now
 * @returns by name every attribute that was set at some time of it; `since` is later than what was asked for where the log has more
 *   than 5,000 entries of it
 * @throws AppError not_found, invalid
 */
export async function attributeSeriesOf(
  asked: Asked,
  device: string,
  query: HistoryQuery,
): Promise<{ since: Date; until: Date; series: Record<string, Series> }> {
  const { keys, since: asOf, until: upTo } = filterOf(asked, device, query);
  const until = upTo ?? asked.now();
  const since = asOf ?? new Date(until.getTime() - usualSeriesMs);
  if (since > until) throw new AppError('invalid', 'since: it lies after until');
  await refuseUnknown(asked, device);
  const stored = await attributeSeries(asked.db, { device, keys, since, until }, mostSeriesEntries);
  const series = new Map<string, Series>();
  for (const [key, value] of Object.entries(stored.atEnd)) series.set(key, { start: value, changes: [] });
  for (const { at, key, old, new: value } of stored.changes) {
    const its = series.get(key) ?? { start: null, changes: [] };
    series.set(key, its);
    // Newest first: what stands as the start when all are taken is what the oldest of them found.
    its.start = old;
    if (old !== value) its.changes.push({ at, value });
  }
  const told = [...series].filter(([, { start, changes }]) => start !== null || changes.length > 0);
  for (const [, { changes }] of told) changes.reverse();
  told.sort(([a], [b]) => (a < b ? -1 : 1));
  const begin = stored.isCut ? (stored.changes.at(-1)?.at ?? until) : since;
  return { since: begin, until, series: Object.fromEntries(told) };
}

function filterOf({ now }: Asked, device: string, { keys, since, until }: HistoryQuery): HistoryFilter {
  const filter = {
    device,
    keys: keys === undefined ? null : [...new Set(keys)],
    since: since === undefined ? null : readTime(since, now, 'since'),
    until: until === undefined ? null : readTime(until, now, 'until'),
  };
  if (filter.since !== null && filter.until !== null && filter.since > filter.until)
    throw new AppError('invalid', 'since: it lies after until');
  return filter;
}

function placeOf(cursor: string): HistoryPosition {
  const [at, revision, n, key] = readCursor(cursor, Place);
  return { at: new Date(at), revision, n, key };
}

/** A device that is there need not be in the log any more, and one that is in the log need not be there. */
async function refuseUnknown({ db }: Asked, device: string): Promise<void> {
  if ((await knownDevices(db, [device])).size > 0 || (await wasDevice(db, device))) return;
  throw new AppError('not_found', `there is no device "${device}", and the audit log knows none of that id`);
}

function sourceOf(key: string): string | null {
  return isCustom(key) ? customSource : (providerOfAttribute(key) ?? null);
}
