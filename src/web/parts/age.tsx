// A time as people read it, "3 minutes ago", with the exact one on hover. All on a page tick together.
import { useSyncExternalStore } from 'react';
import { texts } from '../texts.ts';
import { endTime, exactTime, relativeTime, spanTime } from './times.ts';
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

const tellers = { age: relativeTime, span: spanTime, end: endTime };

interface AgeProps {
  /** RFC 3339; null for never. */
  at: string | null | undefined;
  /** In the place of a time that never was. */
  never?: string;
  /** How it is told: as "3 hours ago"; as "for 3 hours", of what goes on since then; or as "for 3 hours more", of when something ends. */
  as?: keyof typeof tellers;
}

export function Age({ at, never = texts.times.never, as = 'age' }: AgeProps) {
  const now = useNowMs();
  if (at === null || at === undefined) return <span>{never}</span>;
  // What has just happened is not in the future because the last tick is some seconds old.
  const difference = new Date(at).getTime() - Math.max(now, Date.now());
  return (
    <time dateTime={at} className="age" {...tip(exactTime(at))}>
      {tellers[as](difference)}
    </time>
  );
}
