// How old that is what providers say of a device, where something is told by it: whoever passes by what is old is not known to pass now.
import { isCustom } from '../posture/custom-attributes.ts';
import type { Ground } from '../posture/grounds.ts';
import { timeText } from '../posture/told.ts';

/** The oldest of what providers say, in RFC 3339, null: never confirmed; and whether it counts as fresh still. */
export interface RestsOn {
  confirmedAt: string | null;
  isFresh: boolean;
}

/**
 * @param grounds the values that something is told by
 * @param freshWithinMs what was confirmed within so long is fresh, as on the overview
 * @returns null: nothing of it is a provider's. What administrators stated themselves grows no older, nor does what is known of the device
 *   by itself.
 */
export function restingOn(grounds: readonly Ground[], at: Date, freshWithinMs: number): RestsOn | null {
  const confirmed = grounds
    .filter(({ attribute, integration, confirmedAt }) => !isCustom(attribute) && (integration ?? confirmedAt) !== null)
    .map(({ confirmedAt }) => confirmedAt);
  if (confirmed.length === 0) return null;
  // What was never confirmed is the oldest.
  const oldest = Math.min(...confirmed.map(time => time ?? Number.NEGATIVE_INFINITY));
  if (!Number.isFinite(oldest)) return { confirmedAt: null, isFresh: false };
  return { confirmedAt: timeText(oldest), isFresh: at.getTime() - oldest <= freshWithinMs };
}
