// A decision told to people and programs, in every dialect the same: its outcome as a sentence, and why it was refused.
import type { Outcome, Refusal } from './decide.ts';
import { type Reason, reasonText } from './explanations.ts';
import type { Ground } from './grounds.ts';

/** The outcomes that do not hang on who is asked. A code is never renamed: clients hang on them. */
export const decisionTexts = {
  allowed: 'the device may pass',
  no_device: 'nobody knows this device',
  no_rule: 'no access rule of the policy allows this',
  condition: 'what was sent with the request does not meet the conditions of an access rule',
  posture: 'the device does not meet what is asked of it',
  unknown_posture: 'the policy has no such posture',
  no_policy: 'no policy is in force',
  policy_unreadable: 'the policy in force has errors for this version',
  unknown_resource: 'nobody knows the device that is to be reached',
} as const satisfies Record<Outcome, string> & Record<string, string>;

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

/** @param at in ms */
export function toldGrounds(grounds: readonly Ground[], at: number): ToldGround[] {
  return grounds.map(({ attribute, integration, confirmedAt }) => ({
    attribute,
    integration,
    confirmedAt: timeText(confirmedAt),
    ageMs: ageOf(confirmedAt, at),
  }));
}

export function toldRefusals(refusals: readonly Refusal[]): ToldRefusal[] {
  return refusals.map(({ posture, rule, description, resolution }) => ({ posture, rule, description, resolution }));
}

/** @returns what is not true. Postures that name another one have its reasons each: told once. @param at in ms */
export function toldReasons(refusals: readonly Pick<Refusal, 'reasons'>[], at: number): ToldReason[] {
  const told = new Map<string, ToldReason>();
  for (const { reasons } of refusals)
    for (const reason of reasons) {
      const key = `${reason.posture}\n${reason.condition}`;
      if (!told.has(key)) told.set(key, toldReason(reason, at));
    }
  return [...told.values()];
}

/** @param at in ms */
export function toldReason(reason: Reason, at: number): ToldReason {
  const { posture, condition, attribute, operator, expected, withinMs, found, unknown, integration } = reason;
  return {
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
  };
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

/** @returns ms */
export function ageOf(confirmedAt: number | null, at: number): number | null {
  return confirmedAt === null ? null : Math.max(0, Math.round(at - confirmedAt));
}
