// Durations as people write them: `15m`, `72h`, `400d`. Pure.

const unitMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/**
 * @param text a whole number and one unit out of ms, s, m, h, d: `90s`
 * @returns milliseconds, or null when the text is no duration
 */
export function parseDuration(text: string): number | null {
  const found = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text.trim());
  if (!found) return null;
  return Number(found[1]) * unitMs[found[2] as keyof typeof unitMs];
}

/** @returns the duration in the largest unit that keeps it whole: 259200000 -> `3d`, 90000 -> `90s` */
export function formatDuration(ms: number): string {
  for (const unit of ['d', 'h', 'm', 's'] as const) {
    if (ms >= unitMs[unit] && ms % unitMs[unit] === 0) return `${ms / unitMs[unit]}${unit}`;
  }
  return `${Math.round(ms)}ms`;
}
