// A decision as clients read it, in every dialect the same: why it was decided so, what was asked of the device and found, how
// old that is, and what somebody who is refused can do.
import { type Reason, reasonText } from '../posture/explanations.ts';
import { type Answer, type GatewayOutcome, outcomeTexts, type RefreshTold } from './decisions.ts';

/** Times are ISO 8601, ages in ms. */
export interface AnswerBody {
  /** Of the decision, as the decision log has it. */
  readonly id: string;
  readonly outcome: GatewayOutcome;
  /** The outcome as a sentence. */
  readonly message: string;
  readonly device: string | null;
  readonly rule: string | null;
  readonly posture: string | null;
  /** Postures that would have let the device through, and what the policy says about them. */
  readonly refusals: readonly ToldRefusal[];
  /** What of these is not true. */
  readonly reasons: readonly ToldReason[];
  /** Where a posture let the device through: what it looked at. */
  readonly grounds: readonly ToldGround[];
  readonly revision: number | null;
  readonly policyRevision: number | null;
  readonly viewAgeMs: number | null;
  readonly at: string | null;
  /** When the answer may change although nothing but time passes. */
  readonly validUntil: string | null;
  readonly refresh: RefreshTold | null;
}

export interface ToldRefusal {
  readonly posture: string;
  readonly rule: string | null;
  readonly description: string | null;
  readonly resolution: string | null;
}

export interface ToldReason
  extends Pick<Reason, 'posture' | 'condition' | 'attribute' | 'operator' | 'expected' | 'withinMs' | 'found'> {
  readonly unknown: Reason['unknown'];
  readonly integration: string | null;
  readonly confirmedAt: string | null;
  readonly ageMs: number | null;
  /** The whole as a sentence. */
  readonly message: string;
}

export interface ToldGround {
  readonly attribute: string;
  readonly integration: string | null;
  readonly confirmedAt: string | null;
  readonly ageMs: number | null;
}

/** @returns what an answer tells, ready for JSON; whether access is allowed stands in `outcome` and in the dialect's own field */
export function answerBody(answer: Answer): AnswerBody {
  const { id, outcome, device, rule, posture, refusals, grounds, at, validUntil, refresh } = answer;
  const { revision, policyRevision, viewAgeMs } = answer;
  return {
    id,
    outcome,
    message: outcomeTexts[outcome],
    device: device?.id ?? null,
    rule,
    posture,
    refusals: refusals.map(({ posture: name, rule: asking, description, resolution }) => ({
      posture: name,
      rule: asking,
      description,
      resolution,
    })),
    reasons: toldReasons(answer),
    grounds: grounds.map(({ attribute, integration, confirmedAt }) => ({
      attribute,
      integration,
      confirmedAt: timeText(confirmedAt),
      ageMs: ageOf(confirmedAt, at),
    })),
    revision,
    policyRevision,
    viewAgeMs,
    at: timeText(at),
    validUntil: timeText(validUntil),
    refresh,
  };
}

/** Postures that name another one have its reasons each: told once. */
function toldReasons({ refusals, at }: Answer): ToldReason[] {
  const told = new Map<string, ToldReason>();
  for (const { reasons } of refusals)
    for (const reason of reasons) {
      const { posture, condition, attribute, operator, expected, withinMs, found, unknown, integration } = reason;
      const key = `${posture}\n${condition}`;
      if (told.has(key)) continue;
      told.set(key, {
        posture,
        condition,
        attribute,
        operator,
        expected,
        withinMs,
        found,
        unknown,
        integration,
        confirmedAt: timeText(reason.confirmedAt),
        ageMs: ageOf(reason.confirmedAt, at),
        message: reasonText(reason, at),
      });
    }
  return [...told.values()];
}

/** Answers of one moment tell the same few times: when they were given, and when sweeps began. */
const timeTexts = new Map<number, string>();
const mostTimes = 1_000;

/** A time that no calendar has is told as none. */
export function timeText(time: number | null): string | null {
  if (time === null || !(Math.abs(time) <= 8.64e15)) return null;
  let text = timeTexts.get(time);
  if (text === undefined) {
    if (timeTexts.size >= mostTimes) timeTexts.clear();
    text = new Date(time).toISOString();
    timeTexts.set(time, text);
  }
  return text;
}

function ageOf(confirmedAt: number | null, at: number): number | null {
  return confirmedAt === null ? null : Math.max(0, Math.round(at - confirmedAt));
}
