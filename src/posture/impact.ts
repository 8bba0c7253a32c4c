// What another policy would change: which devices gain and lose which accesses, against what is known of them now. An access
// is a destination of a rule with its ports, as it is written in either policy; a policy grants it to a device where the rules
// that let this device through reach all of it, so that `wiki:443` is not lost to who gets `*:*` instead. Pure.
import { type Device, sourceOf } from './decide.ts';
import { isWithin, type Network } from './networks.ts';
import type { Policy, PolicyPosture, Rule, WrittenAccess } from './policy.ts';
import { allowsAll, hasPorts, type PortRange, type Traffic } from './policy-ports.ts';
import { hasName, type Selection, selects } from './policy-selectors.ts';

export interface AccessChange {
  readonly change: 'gains' | 'loses';
  /** `wiki:443`; where it means another thing in each policy, with `(before)` or `(after)` behind it. */
  readonly destination: string;
  /** The first rule that grants it: of the new policy where it is gained, of the old one where it is lost. */
  readonly rule: string;
  /** Why the other policy does not grant it: no rule does, or the postures that these ask for do not hold. */
  readonly outcome: 'no_rule' | 'posture';
  /** Those postures. */
  readonly postures: readonly string[];
}

export interface DeviceImpact {
  readonly changes: readonly AccessChange[];
  /** By posture: whether it holds, as the old and as the new policy have it. */
  readonly before: ReadonlyMap<string, boolean | null>;
  readonly after: ReadonlyMap<string, boolean | null>;
}

/** Answers are kept by the rules that select devices and let them through: of a fleet there are few such combinations. */
const mostKept = 2_000;

/**
 * Compares two policies.
 * @param before null: none is in force, and everything is denied
 * @returns a function that tells what changes for a device; `now` in ms
 */
export function comparePolicies(before: Policy | null, after: Policy): (device: Device, now: number) => DeviceImpact {
  const targets = targetsOf(before, after);
  const [old, next] = [sideOf(before, targets), sideOf(after, targets)];
  const kept = new Map<string, readonly AccessChange[]>();
  return (device, now) => {
    const [was, will] = [standing(old, device, now), standing(next, device, now)];
    const key = [was.selected, was.allowed, will.selected, will.allowed].join(' ');
    let changes = kept.get(key);
    if (changes === undefined) {
      changes = targets.flatMap((target, i) => changesOf(target.text, i, was, will));
      if (kept.size >= mostKept) kept.clear();
      kept.set(key, changes);
    }
    return { changes, before: was.truths, after: will.truths };
  };
}

function changesOf(destination: string, i: number, was: Standing, will: Standing): AccessChange[] {
  const [had, has] = [granted(was, i, was.allowed), granted(will, i, will.allowed)];
  if ((had === null) === (has === null)) return [];
  const denying = has === null ? will : was;
  const asking = granted(denying, i, denying.selected);
  const refusing = asking?.filter(rule => !denying.allowed.includes(rule)) ?? [];
  const postures = refusing.flatMap(rule => denying.side.rules[rule]?.postures.map(({ name }) => name) ?? []);
  return [
    {
      change: has === null ? 'loses' : 'gains',
      destination,
      rule: (has === null ? was : will).side.rules[(has ?? had)?.[0] ?? 0]?.name ?? '',
      outcome: asking === null ? 'no_rule' : 'posture',
      postures: [...new Set(postures)],
    },
  ];
}

/** One thing that can be reached, of which a selector may select several. */
type Element =
  | { readonly kind: 'everything' | 'members' | 'tagged' }
  | { readonly kind: 'user' | 'tag' | 'name'; readonly value: string }
  | { readonly kind: 'network'; readonly network: Network };

interface Target {
  readonly text: string;
  readonly elements: readonly Element[];
  readonly traffic: Traffic;
}

/** @returns every access that a policy names, once; of a text that means another thing in each policy there are two */
function targetsOf(before: Policy | null, after: Policy): Target[] {
  const found = new Map<string, { target: Target; meaning: string }>();
  const targets: Target[] = [];
  const written = (policy: Policy | null) => policy?.rules.flatMap(rule => rule.written) ?? [];
  for (const access of written(before)) {
    if (found.has(access.text)) continue;
    const entry = { target: targetOf(access), meaning: meaningOf(access) };
    found.set(access.text, entry);
  }
  const seen = new Set<string>();
  for (const access of written(after)) {
    if (seen.has(access.text)) continue;
    seen.add(access.text);
    const same = found.get(access.text);
    if (same === undefined) targets.push(targetOf(access));
    else if (same.meaning !== meaningOf(access)) {
      targets.push({ ...targetOf(access), text: `${access.text} (after)` });
      same.target = { ...same.target, text: `${access.text} (before)` };
    }
  }
  // What selects nothing, an empty group, cannot be reached.
  return [...[...found.values()].map(({ target }) => target), ...targets].filter(({ elements }) => elements.length > 0);
}

function targetOf({ text, to, traffic }: WrittenAccess): Target {
  return { text, elements: elementsOf(to), traffic };
}

function meaningOf({ to, traffic: { protocols, ports, uses } }: WrittenAccess): string {
  return JSON.stringify([elementsOf(to), protocols && [...protocols], ports, uses]);
}

/** A name of `hosts` that stands for a network is no more than a word for it: what counts is the network. */
function elementsOf(to: Selection): Element[] {
  if (to.everything) return [{ kind: 'everything' }];
  return [
    ...(to.members ? [{ kind: 'members' } as const] : []),
    ...(to.tagged ? [{ kind: 'tagged' } as const] : []),
    ...[...to.users].map(value => ({ kind: 'user', value }) as const),
    ...[...to.tags].map(value => ({ kind: 'tag', value }) as const),
    ...to.networks.map(network => ({ kind: 'network', network }) as const),
    ...(to.networks.length > 0 ? [] : [...to.names].map(value => ({ kind: 'name', value }) as const)),
  ];
}

/** @returns whether a selection has all of it; a network has to lie in one of its networks */
function hasElement(to: Selection, element: Element): boolean {
  if (to.everything) return true;
  switch (element.kind) {
    case 'everything':
      return false;
    case 'members':
    case 'tagged':
      return to[element.kind];
    case 'user':
      return to.members || to.users.has(element.value);
    case 'tag':
      return to.tagged || to.tags.has(element.value);
    case 'name':
      return hasName(to.names, element.value);
    case 'network':
      return to.networks.some(network => isWithin(element.network, network));
  }
}

/** A rule that reaches an element, and by which traffic. */
interface Way {
  readonly rule: number;
  readonly traffic: readonly Traffic[];
}

/** One of the two policies. */
interface Side {
  readonly rules: readonly Rule[];
  readonly postures: readonly PolicyPosture[];
  readonly targets: readonly Target[];
  /** By target and by element of it. */
  readonly ways: readonly (readonly (readonly Way[])[])[];
}

function sideOf(policy: Policy | null, targets: readonly Target[]): Side {
  const rules = policy?.rules ?? [];
  const waysTo = (element: Element) =>
    rules.flatMap(({ accesses }, rule) =>
      accesses.filter(({ to }) => hasElement(to, element)).map(({ traffic }): Way => ({ rule, traffic })),
    );
  return {
    rules,
    postures: [...(policy?.postures.values() ?? [])],
    targets,
    ways: targets.map(({ elements }) => elements.map(waysTo)),
  };
}

/** Where a device stands by one policy. */
interface Standing {
  readonly side: Side;
  /** The rules that are about the device. */
  readonly selected: readonly number[];
  /** Those among them that ask for no posture, or for one that holds. */
  readonly allowed: readonly number[];
  readonly truths: ReadonlyMap<string, boolean | null>;
}

function standing(side: Side, device: Device, now: number): Standing {
  const truths = new Map(side.postures.map(({ name, posture }) => [name, posture.holds(device, now)]));
  const source = sourceOf(device);
  const selected: number[] = [];
  const allowed: number[] = [];
  for (const [i, { sources, postures }] of side.rules.entries()) {
    if (!selects(sources, source)) continue;
    selected.push(i);
    if (postures.length === 0 || postures.some(({ name }) => truths.get(name) === true)) allowed.push(i);
  }
  return { side, selected, allowed, truths };
}

/** @returns the rules by which these reach all of a target; null where they do not */
function granted({ side }: Standing, target: number, rules: readonly number[]): number[] | null {
  const among = new Set(rules);
  const wanted = side.targets[target]?.traffic;
  if (wanted === undefined) return null;
  const used = new Set<number>();
  for (const ways of side.ways[target] ?? []) {
    const open = ways.filter(({ rule }) => among.has(rule));
    const traffic = open.flatMap(way => way.traffic);
    if (!letsAllThrough(traffic, wanted)) return null;
    for (const { rule } of open) used.add(rule);
  }
  return [...used].sort((a, b) => a - b);
}

/** @returns whether these together let through all that is wanted */
function letsAllThrough(open: readonly Traffic[], { protocols, ports, uses }: Traffic): boolean {
  if (uses !== undefined) return open.some(each => allowsAll(each, uses));
  // Ports of what has none let nothing through, so nothing is lost with them.
  const wanted = protocols === null ? [null] : [...protocols].filter(each => ports === null || hasPorts(each));
  return wanted.every(protocol => {
    const matching = open.filter(
      each => each.protocols === null || (protocol !== null && each.protocols.has(protocol)),
    );
    if (matching.some(each => each.ports === null)) return true;
    return (
      ports?.every(range =>
        isCovered(
          range,
          matching.flatMap(each => each.ports ?? []),
        ),
      ) ?? false
    );
  });
}

function isCovered({ from, to }: PortRange, by: readonly PortRange[]): boolean {
  let next = from;
  for (const range of [...by].sort((a, b) => a.from - b.from)) {
    if (range.from <= next) next = Math.max(next, range.to + 1);
  }
  return next > to;
}
