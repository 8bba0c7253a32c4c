// The decision: may this device get there, now? Pure. It may only where an access rule is about it and about what it wants to
// reach or do, and the rule asks for no posture or one of its postures holds. Whatever is not known speaks against it.
import { reasonOfUnreadable } from './explanations.ts';
import type { Facts } from './facts.ts';
import { parseAddress } from './networks.ts';
import type { Policy, PolicyPosture, Rule } from './policy.ts';
import { allowsAction, letsThrough, protocolOf } from './policy-ports.ts';
import { addressReader, type Party, selects } from './policy-selectors.ts';
import type { Explanation, Posture } from './postures.ts';

/** A device as it is known: who it is, and its facts (tags among them). */
export interface Device extends Facts {
  readonly id: string;
  readonly user: string | null;
  readonly addresses: readonly string[];
}

/** What it wants to reach. What is left out is not known, and matches only rules that leave it open. */
export interface Destination {
  /** A name, or an address. */
  readonly host?: string | null;
  readonly port?: number | null;
  /** `tcp`, or a number. */
  readonly proto?: string | null;
  /** Of the device that is reached, where it is one of ours. */
  readonly user?: string | null;
  readonly tags?: readonly string[];
  readonly addresses?: readonly string[];
  /** What it wants to do with an application's resource instead: that is judged by permissions alone. */
  readonly use?: Use;
}

export interface Use {
  /** As policies write it: `record:7`. */
  readonly resource: string;
  readonly action: string;
  /** What was sent along, which `when` judges. Nothing of it is known of the device. */
  readonly sent: Facts;
  /** Whether something of that name was sent which cannot be read. `NOT SET` would be true of it: nothing is, where it is asked for. */
  isUnreadable?(attribute: string): boolean;
}

export interface AccessRequest {
  /** Null: nobody knows which device it is. */
  readonly device: Device | null;
  readonly destination?: Destination;
}

/** Why it was decided so. A code is never renamed: clients hang on them. */
export type Outcome = 'allowed' | 'no_device' | 'no_rule' | 'condition' | 'posture' | 'unknown_posture';

/** A posture that would have let the device through, and did not hold. */
export interface Refusal extends Explanation {
  /** Where it is a permission whose `when` is not true, its name. */
  readonly posture: string;
  /** The first rule that asks for it; null where it was asked for by name. */
  readonly rule: string | null;
  readonly description: string | null;
  readonly resolution: string | null;
}

export interface Decision {
  readonly allowed: boolean;
  readonly outcome: Outcome;
  /** The rule that allows it: `acls[0]`. */
  readonly rule: string | null;
  /** The posture that holds, where the rule asks for one. */
  readonly posture: string | null;
  /** Where it is refused although rules would allow it: each posture of theirs, with the reasons. */
  readonly refusals: readonly Refusal[];
  /** The first moment, in ms, at which the decision may change although nothing but time passes; null: none. */
  readonly validUntil: number | null;
}

/** @param now in ms */
export function decide(policy: Policy, { device, destination = {} }: AccessRequest, now: number): Decision {
  if (device === null) return refused('no_device', [], null);
  const source = sourceOf(device);
  const target = partyAt(policy, destination);
  const protocol =
    destination.proto === undefined || destination.proto === null ? null : protocolName(destination.proto);
  // What was asked for in vain, with the rule that asked first.
  const asked = new Map<PolicyPosture, string>();
  const unmet: Refusal[] = [];
  for (const rule of policy.rules) {
    if (!selects(rule.sources, source) || !leadsTo(rule, target, protocol, destination)) continue;
    if (rule.when !== null && destination.use !== undefined) {
      const unmetBy = unmetRefusal(rule.name, rule.when, destination.use, now);
      if (unmetBy !== null) {
        unmet.push(unmetBy);
        continue;
      }
    }
    if (rule.postures.length === 0)
      return { allowed: true, outcome: 'allowed', rule: rule.name, posture: null, refusals: [], validUntil: null };
    for (const entry of rule.postures) {
      if (asked.has(entry)) continue;
      if (entry.posture.holds(device, now) === true) return allowedBy(entry, rule.name, device, now);
      asked.set(entry, rule.name);
    }
  }
  if (asked.size > 0) return refusedBy(asked, device, now);
  return refused(unmet.length === 0 ? 'no_rule' : 'condition', unmet, null);
}

/** @returns what is not true of a request; null where all is */
function unmetRefusal(rule: string, when: Posture, use: Use, now: number): Refusal | null {
  const unreadable = [...when.attributes].filter(name => use.isUnreadable?.(name));
  if (unreadable.length === 0 && when.holds(use.sent, now) === true) return null;
  const refusal = { posture: rule, rule, description: null, resolution: null, ...when.explain(use.sent, now) };
  if (unreadable.length === 0) return refusal;
  const others = refusal.reasons.filter(({ attribute }) => attribute === null || !unreadable.includes(attribute));
  const holds = refusal.holds === false ? false : null;
  return { ...refusal, holds, reasons: [...unreadable.map(name => reasonOfUnreadable(rule, name)), ...others] };
}

/**
 * Whether one of the named postures holds, whatever the access rules say: for a gateway that has rules of its own.
 * @param names with `posture:` in front; a name that the policy does not have refuses, even where another one holds
 * @param now in ms
 */
export function decideByPosture(
  policy: Policy,
  device: Device | null,
  names: readonly string[],
  now: number,
): Decision {
  if (device === null) return refused('no_device', [], null);
  const entries = names.flatMap(name => policy.postures.get(name) ?? []);
  if (entries.length < names.length || names.length === 0) return refused('unknown_posture', [], null);
  for (const entry of entries)
    if (entry.posture.holds(device, now) === true) return allowedBy(entry, null, device, now);
  return refusedBy(new Map(entries.map(entry => [entry, null])), device, now);
}

function allowedBy({ posture }: PolicyPosture, rule: string | null, device: Device, now: number): Decision {
  const validUntil = posture.isTimed ? posture.explain(device, now).validUntil : null;
  return { allowed: true, outcome: 'allowed', rule, posture: posture.name, refusals: [], validUntil };
}

function refusedBy(asked: ReadonlyMap<PolicyPosture, string | null>, device: Device, now: number): Decision {
  const refusals = [...asked].map(([entry, rule]) => refusalOf(entry, rule, device, now));
  const ends = refusals.flatMap(({ validUntil }) => (validUntil === null ? [] : [validUntil]));
  return refused('posture', refusals, ends.length === 0 ? null : Math.min(...ends));
}

/** @returns the device as the sources of rules see it */
export function sourceOf({ user, tags, addresses }: Pick<Device, 'user' | 'tags' | 'addresses'>): Party {
  return { user: user?.toLowerCase() || null, tags, addresses: addressReader(addresses), name: null };
}

function refused(outcome: Outcome, refusals: readonly Refusal[], validUntil: number | null): Decision {
  return { allowed: false, outcome, rule: null, posture: null, refusals, validUntil };
}

function refusalOf(entry: PolicyPosture, rule: string | null, device: Device, now: number): Refusal {
  const { name, posture, description, resolution } = entry;
  return { posture: name, rule, description, resolution, ...posture.explain(device, now) };
}

/** One that nobody knows matches nothing but rules for every protocol. */
function protocolName(proto: string): string {
  return protocolOf(proto) ?? proto.toLowerCase();
}

/** The other end: by address, by name, and by the address that `hosts` gives the name. */
function partyAt(policy: Policy, destination: Destination): Party {
  const { host = null, user: owner = null, tags = [], addresses = [], use } = destination;
  if (use !== undefined) return { user: null, tags: [], addresses: addressReader([]), name: use.resource };
  const user = owner?.toLowerCase() || null;
  if (host === null) return { user, tags, addresses: addressReader(addresses), name: null };
  const bare = host.replace(/^\[(.*)\]$/, '$1');
  if (parseAddress(bare) !== null) return { user, tags, addresses: addressReader([bare]), name: null };
  const name = bare.toLowerCase().replace(/\.$/, '');
  const known = policy.hosts.get(name);
  const isAddress = known !== undefined && 'network' in known && parseAddress(known.text) !== null;
  return { user, tags, addresses: addressReader(isAddress ? [known.text] : []), name };
}

/** @returns whether a rule leads there, whoever asks and from whatever posture */
export function leadsThere(policy: Policy, rule: Rule, destination: Destination): boolean {
  const { proto = null } = destination;
  return leadsTo(rule, partyAt(policy, destination), proto === null ? null : protocolName(proto), destination);
}

function leadsTo(
  { accesses }: Rule,
  target: Party,
  protocol: string | null,
  { port = null, use }: Destination,
): boolean {
  for (const { to, traffic } of accesses) {
    if (!selects(to, target)) continue;
    for (const each of traffic)
      if (use === undefined ? letsThrough(each, protocol, port) : allowsAction(each, use.action)) return true;
  }
  return false;
}
