// Where a list goes on, as lists tell it in `nextCursor` and take it as `cursor`: what it holds is nobody's business but the list's.
import { z } from 'zod';
import { AppError } from '../errors.ts';

/** @param place what `readCursor` gives back */
export function placeCursor(place: readonly (string | number)[]): string {
  return Buffer.from(JSON.stringify(place)).toString('base64url');
}

/**
 * A page of what was found when one more was asked for, to know whether there is one.
 * @param placeOf where an entry stands
 * @returns the entries, and where to go on; null: that was all
 */
export function paged<T>(
  found: readonly T[],
  most: number,
  placeOf: (last: T) => readonly (string | number)[],
): { page: T[]; nextCursor: string | null } {
  const page = found.slice(0, most);
  const last = found.length > most ? page.at(-1) : undefined;
  return { page, nextCursor: last === undefined ? null : placeCursor(placeOf(last)) };
}

/**
 * @param schema of the place as `paged` was given it
 * @throws AppError invalid for a text that is no cursor of such a list
 */
export function readCursor<T>(cursor: string, schema: z.ZodType<T>): T {
  const place = schema.safeParse(parsed(cursor));
  // What is not written as it would be given out was put together by somebody else.
  if (place.success && placeCursor(place.data as never) === cursor) return place.data;
  throw new AppError('invalid', 'cursor: it must be a nextCursor that this list gave out');
}

function parsed(cursor: string): unknown {
  try {
    const place = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    // The database takes no text with a zero in it.
    return [place].flat().some(part => String(part).includes('\0')) ? undefined : place;
  } catch {
    return undefined;
  }
}

/** A list by ids goes on behind one. */
export const IdPlace = z.tuple([z.string()]);
/** A list by numbers. */
export const NumberPlace = z.tuple([z.int().min(0)]);

/** A list of what changes for devices: so many changes of that one were told. */
export const ChangePlace = z.tuple([z.string(), z.int().min(0)]);

const mostMs = 253_402_300_799_999;
/** Of the year 1: some providers say so of what never was. */
const leastMs = -62_135_596_800_000;
const mostInteger = 2_147_483_647;
/** Where what an entry of the audit log made stands: revision, place in it. */
export const NoticePlace = z.tuple([z.int().min(0), z.int().min(0).max(mostInteger)]);
/** Where a group of the audit log stands: time in ms, revision; within what the database takes. */
export const GroupPlace = z.tuple([z.int().min(0).max(253_402_300_799_999), z.int().min(0)]);
/** In a list that goes to and fro: behind a device or before it, by a text or a time in ms that lists are in order of, and its id. */
export const TurningPlace = z.tuple([
  z.enum(['>', '<']),
  z.union([z.string(), z.int().min(leastMs).max(mostMs)]),
  z.string(),
]);
/** Where an entry of the audit log stands: time in ms, revision, place in it; within what the database takes. */
export const EntryPlace = z.tuple([z.int().min(0).max(mostMs), z.int().min(0), z.int().min(0).max(mostInteger)]);
