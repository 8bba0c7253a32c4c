// A standing: whether a device passes a posture, as it is stored. It is what a posture explains, without what moves at every
// check-in or sweep, so that nothing is rewritten where nothing is news.
import type { AttributeValue } from './attributes.ts';
import type { Catalogue } from './catalogue.ts';
import { quoted } from './conditions.ts';
import { type Reason, type UnknownReason, unknownReasons } from './explanations.ts';
import type { Facts } from './facts.ts';
import type { Posture } from './postures.ts';

export const standingStates = ['passing', 'failing', 'unknown'] as const;
export type StandingState = (typeof standingStates)[number];

/** @param holds null: unknown */
export function standingOfTruth(holds: boolean | null): StandingState {
  return holds === true ? 'passing' : holds === false ? 'failing' : 'unknown';
}

/** A comparison that is not true, shortened. */
export interface StandingReason {
  /** The posture that it is written in, which may be one that the posture in question names. */
  readonly posture: string;
  readonly condition: string;
  readonly attribute: string | null;
  /** Null: not set, or a time, which moves on. */
  readonly found: AttributeValue | null;
  /** Null: it is false. `policy_unreadable`: it is the policy that cannot be judged by. */
  readonly unknown: UnknownReason | 'policy_unreadable' | null;
  /** Id of the integration that gave the value; where it is shown, its name. */
  readonly integration: string | null;
}

export interface Judgement {
  readonly state: StandingState;
  readonly reasons: readonly StandingReason[];
  /** Something is too old: the next complete sweep may change the answer. */
  readonly awaitsSweep: boolean;
  /** In ms; null: time alone changes nothing. */
  readonly validUntil: number | null;
}

/** What judges a device in one posture. */
export type StandingJudge = (facts: Facts, now: number) => Judgement;

const mostReasons = 20;
const longestText = 300;
/** The end of the year 9999: later is never. */
const lastTime = 253_402_300_799_999;

/** @returns a judge by a posture of the policy in force */
export function judgeBy(posture: Posture, catalogue: Catalogue): StandingJudge {
  return (facts, now) => {
    const { holds, reasons, validUntil } = posture.explain(facts, now);
    return {
      state: standingOfTruth(holds),
      reasons: reasons.slice(0, mostReasons).map(reason => shortened(reason, catalogue)),
      awaitsSweep: reasons.some(({ unknown }) => unknown === 'too_old'),
      validUntil: validUntil === null || validUntil > lastTime ? null : Math.max(Math.ceil(validUntil), now + 1),
    };
  };
}

/** @returns the judge of a posture whose policy this version cannot read: nothing is known of anybody */
export function unreadable(posture: string, policyRevision: number): StandingJudge {
  const reason: StandingReason = {
    posture,
    condition: `the policy of revision ${policyRevision}`,
    attribute: null,
    found: null,
    unknown: 'policy_unreadable',
    integration: null,
  };
  const judgement: Judgement = { state: 'unknown', reasons: [reason], awaitsSweep: false, validUntil: null };
  return () => judgement;
}

function shortened(reason: Reason, catalogue: Catalogue): StandingReason {
  const { posture, condition, attribute, operator, found, unknown, integration } = reason;
  const isTime =
    operator === 'WITHIN' || operator === 'NOT WITHIN' || (attribute && catalogue.type(attribute) === 'time');
  return {
    posture,
    condition: cut(condition),
    attribute,
    found: isTime ? null : typeof found === 'string' ? cut(found) : found,
    unknown,
    integration,
  };
}

/** NUL and half of a pair, which a condition may be written with, cannot be stored. */
function cut(text: string): string {
  const whole = text.length <= longestText ? text : `${text.slice(0, longestText - 1)}…`;
  return whole.toWellFormed().replaceAll('\0', '\ufffd');
}

/** @returns a sentence for people: `sentinelOne:activeThreats == 0: found 2` */
export function standingReasonText({ condition, found, unknown }: Omit<StandingReason, 'integration'>): string {
  if (unknown === 'policy_unreadable') return `${condition} cannot be read by this version of posture-sync`;
  const value = found === null ? '' : `found ${quoted(found)}`;
  const why = unknown === null ? '' : unknownReasons[unknown];
  return `${condition}: ${[value, why].filter(text => text !== '').join(', but ') || 'it is not so'}`;
}
