// A decision as clients read it, in every dialect the same: why it was decided so, what was asked of the device and found, how
// old that is, and what somebody who is refused can do.
import {
  type ToldGround,
  type ToldReason,
  type ToldRefusal,
  timeText,
  toldGrounds,
  toldReasons,
  toldRefusals,
} from '../posture/told.ts';
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
    refusals: toldRefusals(refusals),
    reasons: toldReasons(refusals, at),
    grounds: toldGrounds(grounds, at),
    revision,
    policyRevision,
    viewAgeMs,
    at: timeText(at),
    validUntil: timeText(validUntil),
    refresh,
  };
}
