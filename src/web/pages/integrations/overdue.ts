// Whether a sync is due and nobody has begun it, as where no worker runs. Pure.

/** A worker looks each second; and no clock of a browser is right to the second. */
const overdueMs = 2 * 60_000;

/** @param nextSync RFC 3339; null: none is to come @param nowMs the time */
export function isOverdue(nextSync: string | null, nowMs: number): boolean {
  return nextSync !== null && nowMs - Date.parse(nextSync) > overdueMs;
}
