// Times in words, relative and exact. Pure.
import { texts } from '../texts.ts';

const units = [
  ['year', 365 * 86_400_000],
  ['month', 30 * 86_400_000],
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'always' });
const exact = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'long' });

/** What is still to come is told whole while less than a sixtieth is gone: of 8 hours nobody reads 7 a moment later. */
function unitsOf(differenceMs: number): [unit: (typeof units)[number][0], count: number] {
  const countOf = (size: number) => Math.trunc((differenceMs > 0 ? differenceMs + size / 60 : -differenceMs) / size);
  const [unit, size] = units.find(([, each]) => countOf(each) >= 1) ?? (['second', 1_000] as const);
  return [unit, countOf(size)];
}

/** @returns as in "3 minutes ago", "in 2 hours" @param differenceMs below 0 for what was */
export function relativeTime(differenceMs: number): string {
  const [unit, count] = unitsOf(differenceMs);
  if (unit === 'second' && Math.abs(differenceMs) < 10_000)
    return differenceMs > 0 ? texts.times.soon : texts.times.justNow;
  return relative.format(differenceMs > 0 ? count : -count, unit);
}

const spans = new Map(
  units.map(([unit]) => [unit, new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' })]),
);

/** @returns as in "3 hours", "1 second" */
function spanOf(differenceMs: number): string {
  const [unit, count] = unitsOf(differenceMs);
  return spans.get(unit)?.format(Math.max(1, count)) ?? '';
}

/** @returns as in "for 3 hours more" of an end that is to come, "until 3 hours ago" of one that was @param differenceMs as above */
export function endTime(differenceMs: number): string {
  return differenceMs <= 0 ? texts.times.ended(relativeTime(differenceMs)) : texts.times.ends(spanOf(differenceMs));
}

/** @returns as in "for 3 hours", of what began and goes on @param differenceMs as above */
export function spanTime(differenceMs: number): string {
  return differenceMs > 0 ? relativeTime(differenceMs) : texts.times.lasts(spanOf(differenceMs));
}

/** @param at RFC 3339 @returns day, time and zone */
export function exactTime(at: string): string {
  return exact.format(new Date(at));
}
