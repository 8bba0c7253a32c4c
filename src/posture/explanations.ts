// Why a posture does not hold: each comparison that was not true, with what was expected, what was found, and from where. Made
// only for an answer that somebody reads; deciding does without.
import type { AttributeValue } from './attributes.ts';
import { type CompiledComparison, current, isUnknown, type Question, readValue, type Truth } from './comparisons.ts';
import { comparisonText, quoted } from './conditions.ts';
import { formatDuration } from './duration.ts';
import type { Facts } from './facts.ts';
import { aheadMs, parseTime } from './times.ts';

/** Why a comparison is neither true nor false. A code is never renamed: clients hang on them. */
export const unknownReasons = {
  unset: 'it is not set',
  mistyped: 'it has another type than what it is compared with',
  not_confirmed: 'it was never confirmed',
  too_old: 'it was not confirmed lately enough',
  from_the_future: 'it is from the future: a clock is wrong',
  not_for_this_device: 'the posture is for devices with other tags',
  unreadable: 'what was sent is no text of at most 1,024 characters, no number and no boolean',
} as const;

export type UnknownReason = keyof typeof unknownReasons;

/** A comparison that is not true. Where a condition is negated, it is the opposite of what is written that is not true. */
export interface Reason {
  /** The posture that the comparison is written in, which may be one that the posture in question names. */
  readonly posture: string;
  /** `sentinelOne:activeThreats == 0 WITHIN '24h'` */
  readonly condition: string;
  /** Null where no value is at fault but the device's tags. */
  readonly attribute: string | null;
  readonly operator: Question | 'TAGGED';
  /** A list for IN and NOT IN, the tags for TAGGED; null where nothing is compared. */
  readonly expected: AttributeValue | readonly AttributeValue[] | null;
  readonly withinMs: number | null;
  /** Null: not set. */
  readonly found: AttributeValue | null;
  /** Null: the comparison is false. */
  readonly unknown: UnknownReason | null;
  readonly integration: string | null;
  /** In ms. */
  readonly confirmedAt: number | null;
}

/** @returns the reason of a comparison that is false or unknown */
export function reasonOf(
  posture: string,
  comparison: CompiledComparison,
  stored: Facts,
  now: number,
  truth: Truth,
): Reason {
  const { key, question, values, withinMs } = comparison;
  const facts = current(stored, key, now);
  const isList = question === 'IN' || question === 'NOT IN';
  return {
    posture,
    condition: conditionText(comparison),
    attribute: key.name,
    operator: question,
    expected: isList ? values : (values[0] ?? null),
    withinMs,
    found: readValue(facts, key) ?? null,
    unknown: truth === isUnknown ? unknownReasonOf(comparison, facts, now) : null,
    integration: facts.integration(key),
    confirmedAt: facts.confirmedAt(key),
  };
}

function conditionText({ key, question, values, within }: CompiledComparison): string {
  const isRecency = question === 'WITHIN' || question === 'NOT WITHIN';
  const text = comparisonText(key.name, isRecency ? null : question, values, within);
  return question === 'NOT WITHIN' ? `!(${text})` : text;
}

function unknownReasonOf(comparison: CompiledComparison, facts: Facts, now: number): UnknownReason {
  const { key, question, withinMs, comparesTime } = comparison;
  if (withinMs !== null && question !== 'WITHIN' && question !== 'NOT WITHIN') {
    const at = facts.confirmedAt(key);
    // What is not set says more than that nobody confirmed it.
    if (at === null) return readValue(facts, key) === undefined ? 'unset' : 'not_confirmed';
    if (at - now > aheadMs) return 'from_the_future';
    if (now - at > withinMs) return 'too_old';
  }
  const value = readValue(facts, key);
  if (value === undefined) return 'unset';
  const isAhead = comparesTime && typeof value === 'string' && parseTime(value) - now > aheadMs;
  return isAhead ? 'from_the_future' : 'mistyped';
}

/** @returns the reason that a device lacks the tags of a posture */
export function reasonOfTags(posture: string, tags: readonly string[]): Reason {
  return {
    posture,
    condition: `tagged ${tags.map(tag => `tag:${tag}`).join(' or ')}`,
    attribute: null,
    operator: 'TAGGED',
    expected: tags,
    withinMs: null,
    found: null,
    unknown: 'not_for_this_device',
    integration: null,
    confirmedAt: null,
  };
}

/** @returns the reason that a value was sent which conditions cannot read, so that what they ask of it cannot be told */
export function reasonOfUnreadable(posture: string, attribute: string): Reason {
  return {
    posture,
    condition: attribute,
    attribute,
    operator: 'IS SET',
    expected: null,
    withinMs: null,
    found: null,
    unknown: 'unreadable',
    integration: null,
    confirmedAt: null,
  };
}

/**
 * The first moment at which time alone may change what a comparison comes to.
 * @returns ms, or infinity
 */
export function changesAt(comparison: CompiledComparison, stored: Facts, now: number): number {
  const expiresAt = comparison.mayExpire ? stored.expiresAt(comparison.key) : null;
  if (expiresAt === null) return changesByAge(comparison, stored, now);
  // What has expired stays so until something else than time happens.
  return expiresAt <= now ? Number.POSITIVE_INFINITY : Math.min(expiresAt, changesByAge(comparison, stored, now));
}

function changesByAge(comparison: CompiledComparison, facts: Facts, now: number): number {
  const { key, question, withinMs, comparesTime } = comparison;
  const value = comparesTime ? facts.value(key) : undefined;
  const time = typeof value === 'string' ? parseTime(value) : Number.NaN;
  if (question === 'WITHIN' || question === 'NOT WITHIN') return edge(time, withinMs ?? 0, now);
  // Once it is known, a comparison with a fixed time stays what it is.
  const known = time - now > aheadMs ? time - aheadMs : Number.POSITIVE_INFINITY;
  if (withinMs === null) return known;
  const at = facts.confirmedAt(key) ?? Number.NaN;
  const gate = edge(at, withinMs, now);
  const isOpen = at - now <= aheadMs && now - at <= withinMs;
  return isOpen ? Math.min(gate, known) : gate;
}

/** When a time becomes believable, and then when it becomes older than allowed. */
function edge(time: number, withinMs: number, now: number): number {
  if (time - now > aheadMs) return time - aheadMs;
  return now - time <= withinMs ? time + withinMs + 1 : Number.POSITIVE_INFINITY;
}

/** @returns a sentence for people: `sentinelOne:activeThreats == 0: found 2 (integration hq, confirmed 5m ago)` */
export function reasonText(reason: Reason, now: number): string {
  const { condition, found, unknown, integration, confirmedAt } = reason;
  const value = found === null ? '' : `found ${quoted(found)}`;
  const why = unknown === null ? '' : unknownReasons[unknown];
  const age = confirmedAt === null ? '' : `confirmed ${formatAge(now - confirmedAt)}`;
  const source = [integration === null ? '' : `integration ${integration}`, age].filter(text => text !== '').join(', ');
  const what = [value, why].filter(text => text !== '').join(', but ');
  return `${condition}: ${what || 'not set'}${source === '' ? '' : ` (${source})`}`;
}

function formatAge(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  if (minutes < 0) return 'in the future';
  if (minutes < 1) return 'just now';
  const rough = minutes < 120 ? minutes : minutes < 2_880 ? minutes - (minutes % 60) : minutes - (minutes % 1_440);
  return `${formatDuration(rough * 60_000)} ago`;
}
