// What each condition of each posture comes to for a device, or for one that is invented, by the policy in force or by another text: for
// who writes one and wants to see it work. With what the device may reach by it. Noted nowhere, and no provider is asked.
import { AppError } from '../errors.ts';
import type { Device } from '../posture/decide.ts';
import { bareTag } from '../posture/facts.ts';
import { type Ground, groundsOf } from '../posture/grounds.ts';
import { type AccessChange, comparePolicies } from '../posture/impact.ts';
import type { Policy, PolicyPosture } from '../posture/policy.ts';
import { checkPolicy, type PolicyCheck, readAppliedPolicy } from '../posture/policy-check.ts';
import type { Part } from '../posture/postures.ts';
import { type RuleRefusal, refusalsOfRules } from '../posture/rule-refusals.ts';
import type { StandingState } from '../posture/standings.ts';
import { standingOfTruth } from '../posture/standings.ts';
import { type ToldReason, timeText, toldReason } from '../posture/told.ts';
import { inSnapshot } from '../store/standing-reports.ts';
import type { AskedFreshness } from './device-list.ts';
import { freshWithinInUse } from './overview-counts.ts';
import { policyCatalogue } from './policies.ts';
import { type RestsOn, restingOn } from './rests-on.ts';
import { readInForce, refuseImpossible, type SimulatedOf, simulatedDevice } from './simulation.ts';

export interface PostureSimulation extends SimulatedOf {
  /** HuJSON, to judge by that instead of the policy in force; null: by that. */
  policy: string | null;
  /** Names of those that are wanted, with or without `posture:`; null: all. */
  postures: readonly string[] | null;
}

/** A comparison, or a posture that is named, within a condition. */
export interface ToldPart extends Omit<ToldReason, 'operator'> {
  state: StandingState;
  /** Null where a posture is named. */
  operator: ToldReason['operator'] | null;
  /** The posture that is named. */
  named: string | null;
  /** Whether what was found, or what the posture that is named rests on, counts as fresh still; null: nothing of it is a provider's. */
  isFresh: boolean | null;
}

export interface SimulatedPosture {
  posture: string;
  state: StandingState;
  description: string | null;
  resolution: string | null;
  /** The devices that it is for; none: all. */
  tags: string[];
  /** False: it is for devices with other tags, and so unknown whatever the conditions come to. */
  isForDevice: boolean;
  /** When time alone may change it. */
  validUntil: string | null;
  /** Null: it asks for nothing that a provider said. */
  restsOn: RestsOn | null;
  conditions: { condition: string; state: StandingState; parts: ToldPart[]; partsTotal: number }[];
}

export interface SimulatedPostures {
  device: string | null;
  user: string | null;
  tags: string[];
  /** Of the policy in force; null: another one was given. */
  policyRevision: number | null;
  at: Date;
  /** What was confirmed within so long is fresh, as on the overview. */
  freshWithinMs: number;
  postures: SimulatedPosture[];
  posturesTotal: number;
  /** What the access rules let it reach. */
  reaches: { destination: string; rule: string }[];
  reachesTotal: number;
  /** Access rules that do not let it through, and why; of how many rules there are. */
  refusals: RuleRefusal[];
  refusalsTotal: number;
  rulesTotal: number;
  /** Beside the policy in force; none where that itself was asked. */
  changes: AccessChange[];
  changesTotal: number;
}

/** More are counted only: whoever has more asks for them by name. */
const most = { postures: 200, parts: 100, accesses: 200 };

/**
 * @returns the postures, in the order of the policy; or the check of a given policy that has errors
 * @throws AppError not_found where there is no such device, posture or policy; invalid for an attribute that no device can have
 */
export async function simulatePostures(
  { db, now, syncIntervalMs }: AskedFreshness,
  simulation: PostureSimulation,
): Promise<{ simulated: SimulatedPostures } | { check: PolicyCheck }> {
  const catalogue = policyCatalogue();
  refuseImpossible(simulation.attributes, catalogue);
  const at = now();
  const freshWithinMs = await freshWithinInUse(db, at, syncIntervalMs);
  // Its own tests do not matter: who looks for what fails in one tries it as it is.
  const given = simulation.policy === null ? null : readAppliedPolicy(simulation.policy, catalogue);
  if (simulation.policy !== null && given === null)
    return { check: checkPolicy(simulation.policy, catalogue, at.getTime()) };
  return await inSnapshot(db, async client => {
    const device = await simulatedDevice(client, simulation, catalogue, at.getTime());
    if (device === null) throw new AppError('not_found', `there is no device ${simulation.device}`);
    const inForce = await readInForce(client, catalogue);
    const policy = given ?? inForce.policy;
    if (policy === null) throw nothingToJudgeBy(inForce.revision);
    const chosen = chosenOf(policy, simulation.postures);
    const ageOf: AgeOf = {
      grounds: grounds => restingOn(grounds, at, freshWithinMs),
      posture: name => {
        const attributes = policy.postures.get(name)?.posture.attributes ?? new Set<string>();
        return restingOn(groundsOf(device, attributes, catalogue, at.getTime()), at, freshWithinMs);
      },
    };
    const reaches = comparePolicies(null, policy).of(device, at.getTime()).changes;
    const changes = given === null ? [] : comparePolicies(inForce.policy, policy).of(device, at.getTime()).changes;
    const refused = refusalsOfRules(policy, device, at.getTime(), most.accesses);
    const simulated: SimulatedPostures = {
      ...{ device: simulation.device, user: device.user, tags: device.tags.map(tag => `tag:${bareTag(tag)}`) },
      policyRevision: given === null ? inForce.revision : null,
      ...{ at, freshWithinMs },
      postures: chosen.slice(0, most.postures).map(posture => postureOf(posture, device, at, ageOf)),
      posturesTotal: chosen.length,
      reaches: reaches.slice(0, most.accesses).map(({ destination, rule }) => ({ destination, rule })),
      reachesTotal: reaches.length,
      ...{ refusals: refused.refusals, refusalsTotal: refused.total, rulesTotal: policy.rules.length },
      changes: changes.slice(0, most.accesses),
      changesTotal: changes.length,
    };
    return { simulated };
  });
}

function nothingToJudgeBy(revision: number | null): AppError {
  return revision === null
    ? new AppError('not_found', 'no policy is in force, so there are no postures; send one along to try it')
    : new AppError('conflict', 'the policy in force has errors for this version; send another one along to try it');
}

/** @throws AppError not_found */
function chosenOf(policy: Policy, names: readonly string[] | null): PolicyPosture[] {
  if (names === null) return [...policy.postures.values()];
  return names.map(name => {
    const found = policy.postures.get(name.startsWith('posture:') ? name : `posture:${name}`);
    if (found === undefined) throw new AppError('not_found', `the policy has no posture ${name}`);
    return found;
  });
}

/** How old what is told by values, or by a posture of the policy, is. */
interface AgeOf {
  grounds: (grounds: readonly Ground[]) => RestsOn | null;
  posture: (name: string) => RestsOn | null;
}

function postureOf(
  { name, posture, conditions, tags, description, resolution }: PolicyPosture,
  device: Device,
  at: Date,
  ageOf: AgeOf,
): SimulatedPosture {
  const { holds, validUntil } = posture.explain(device, at.getTime());
  return {
    ...{ posture: name, state: standingOfTruth(holds), description, resolution },
    tags: tags.map(tag => `tag:${tag}`),
    isForDevice: tags.length === 0 || device.tags.some(tag => tags.includes(bareTag(tag))),
    validUntil: timeText(validUntil),
    restsOn: ageOf.posture(name),
    conditions: posture.inspect(device, at.getTime()).map((judged, i) => ({
      condition: conditions[i] ?? '',
      state: standingOfTruth(judged.holds),
      parts: judged.parts.slice(0, most.parts).map(part => toldPart(part, name, at, ageOf)),
      partsTotal: judged.parts.length,
    })),
  };
}

function toldPart({ holds, of }: Part, writtenIn: string, at: Date, ageOf: AgeOf): ToldPart {
  const state = standingOfTruth(holds);
  if (!('isNegated' in of)) {
    const { attribute, integration, confirmedAt } = of;
    const grounds = attribute === null ? [] : [{ attribute, integration, confirmedAt }];
    const isFresh = ageOf.grounds(grounds)?.isFresh ?? null;
    return { state, named: null, isFresh, ...toldReason(of, at.getTime()) };
  }
  const condition = of.isNegated ? `!${of.posture}` : of.posture;
  return {
    ...{
      state,
      named: of.posture,
      isFresh: ageOf.posture(of.posture)?.isFresh ?? null,
      posture: writtenIn,
      condition,
      attribute: null,
      operator: null,
      expected: null,
    },
    ...{ withinMs: null, found: null, unknown: null, integration: null, confirmedAt: null, ageMs: null },
    message: `${condition}: ${state}`,
  };
}
