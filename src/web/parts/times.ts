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

/** @returns as in "3 minutes ago", "in 2 hours" @param differenceMs below 0 for what was */
export function relativeTime(differenceMs: number): string {
  const [unit, ms] = units.find(([, size]) => Math.abs(differenceMs) >= size) ?? ['second', 1_000];
  if (unit === 'second' && Math.abs(differenceMs) < 10_000)
    return differenceMs > 0 ? texts.times.soon : texts.times.justNow;
  return relative.format(Math.trunc(differenceMs / ms), unit);
}

/** @returns as in "for 3 hours more" of an end that is to come, "until 3 hours ago" of one that was @param differenceMs as above */
export function endTime(differenceMs: number): string {
  if (differenceMs <= 0) return texts.times.ended(relativeTime(differenceMs));
  const [unit, ms] = units.find(([, size]) => differenceMs >= size) ?? (['second', 1_000] as const);
  const count = Math.max(1, Math.trunc(differenceMs / ms));
  return texts.times.ends(new Intl.NumberFormat('en', { style: 'unit', unit, unitDisplay: 'long' }).format(count));
}

/** @param at RFC 3339 @returns day, time and zone */
export function exactTime(at: string): string {
  return exact.format(new Date(at));
}
