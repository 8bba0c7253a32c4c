// A time as people read it, "3 minutes ago", with the exact one on hover. All on a page tick together.
import { useSyncExternalStore } from 'react';
import { texts } from '../texts.ts';
import { tip } from './tip.tsx';

const everyMs = 10_000;
let nowMs = Date.now();
const listeners = new Set<() => void>();
let ticking: ReturnType<typeof setInterval> | null = null;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  ticking ??= setInterval(() => {
    nowMs = Date.now();
    for (const tell of listeners) tell();
  }, everyMs);
  return () => {
    listeners.delete(listener);
    if (listeners.size > 0 || ticking === null) return;
    clearInterval(ticking);
    ticking = null;
  };
}

/** @returns the time, to ten seconds; what uses it is drawn anew as it passes */
export function useNowMs(): number {
  return useSyncExternalStore(subscribe, () => nowMs);
}

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

/** @param at RFC 3339 @returns day, time and zone */
export function exactTime(at: string): string {
  return exact.format(new Date(at));
}

interface AgeProps {
  /** RFC 3339; null for never. */
  at: string | null | undefined;
  /** In the place of a time that never was. */
  never?: string;
}

export function Age({ at, never = texts.times.never }: AgeProps) {
  const now = useNowMs();
  if (at === null || at === undefined) return <span>{never}</span>;
  // What has just happened is not in the future because the last tick is some seconds old.
  const difference = new Date(at).getTime() - Math.max(now, Date.now());
  return (
    <time dateTime={at} className="age" {...tip(exactTime(at))}>
      {relativeTime(difference)}
    </time>
  );
}
