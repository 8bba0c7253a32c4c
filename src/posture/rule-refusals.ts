// Why a device does not get through the access rules of a policy: of each that does not let it through, whether it is not about the
// device at all, or which of its postures do not hold. Pure.
import { type Device, sourceOf } from './decide.ts';
import { bareTag } from './facts.ts';
import type { Policy, Rule } from './policy.ts';
import { selects } from './policy-selectors.ts';
import { type StandingState, standingOfTruth } from './standings.ts';

export interface RuleRefusal {
  /** `acls[0]` */
  readonly rule: string;
  /** In the policy's text. */
  readonly line: number;
  /** What it leads to, as it is written. */
  readonly destinations: readonly string[];
  /** `not_about_it`: its `src` names neither the device's user, nor a tag or an address of it. */
  readonly reason: 'not_about_it' | 'posture';
  /** One of which would have to hold, and how the device stands in each. */
  readonly postures: readonly { readonly posture: string; readonly state: StandingState }[];
  /** The whole as a sentence. */
  readonly message: string;
}

/**
 * @param at in ms
 * @param most so many are told
 * @returns the rules that do not let it through, in the order of the policy, with how many there are; permissions, which are asked with
 *   what is to be done, are told where they could never let it through
 */
export function refusalsOfRules(
  policy: Policy,
  device: Device,
  at: number,
  most: number,
): { refusals: RuleRefusal[]; total: number } {
  const source = sourceOf(device);
  const refusals: RuleRefusal[] = [];
  let total = 0;
  for (const rule of policy.rules) {
    const isAboutIt = selects(rule.sources, source);
    const asked = isAboutIt ? rule.postures : [];
    if (isAboutIt && (asked.length === 0 || asked.some(({ posture }) => posture.holds(device, at) === true))) continue;
    if (++total > most) continue;
    const postures = asked.map(({ name, posture }) => ({
      posture: name,
      state: standingOfTruth(posture.holds(device, at)),
    }));
    refusals.push(refusalOf(rule, device, isAboutIt ? 'posture' : 'not_about_it', postures));
  }
  return { refusals, total };
}

function refusalOf(
  { name: rule, line, written }: Rule,
  device: Device,
  reason: RuleRefusal['reason'],
  postures: RuleRefusal['postures'],
): RuleRefusal {
  const destinations = written.slice(0, mostDestinations).map(({ text }) => text);
  const asked = postures.map(({ posture, state }) => `${posture} is ${state}`).join(', ');
  const message =
    reason === 'posture'
      ? `${rule} asks for ${postures.length > 1 ? 'one of its postures' : 'a posture'}: ${asked}`
      : `${rule} is not about this device${whatItLacks(device)}`;
  return { rule, line, destinations, reason, postures, message };
}

/** More are left out: a rule may lead to thousands. */
const mostDestinations = 20;

function whatItLacks({ user, tags, addresses }: Device): string {
  const known = [...(user ? [`user ${user}`] : []), ...tags.map(tag => `tag:${bareTag(tag)}`), ...addresses];
  if (known.length === 0) return ', which has no user, no tag and no address that its src could select';
  return `: its src selects none of ${known.join(', ')}`;
}
