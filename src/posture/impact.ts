// What another policy would change: which devices gain and lose which accesses, against what is known of them now. An access
// is a destination of a rule with its ports, as it is written in either policy; a policy grants it to a device where the rules
// that let this device through reach all of it, so that `wiki:443` is not lost to who gets `*:*` instead. Pure.
import { type Device, sourceOf } from './decide.ts';
import type { Reason } from './explanations.ts';
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
  /** Whether each posture of the two policies holds; `Comparison` says which stands where. */
  readonly truths: readonly (boolean | null)[];
}

export interface Comparison {
  /** @param now in ms */
  of(device: Device, now: number): DeviceImpact;
  /**
   * @param change one of this device, at this moment
   * @returns what is not true of the device: each such comparison of the postures that refuse it this access by one of the policies;
   *   none where no rule is about it
   */
  reasons(device: Device, now: number, change: AccessChange): readonly Reason[];
  /** By posture: where its truth stands, as the old and as the new policy have it. One that is the same in both is judged once. */
  readonly before: ReadonlyMap<string, number>;
  readonly after: ReadonlyMap<string, number>;
}

/** Answers are kept by the rules that select devices and let them through: of a fleet there are few such combinations. */
const mostKept = 2_000;

/**
 * Compares two policies, for any number of devices. Both must have been read with the same catalogue.
 * @param before null: none is in force, and everything is denied
 */
export function comparePolicies(before: Policy | null, after: Policy): Comparison {
  const targets = targetsOf(before, after);
  const { postures, places } = sharedPostures(before, after);
  const { selections, numberOf } = sharedSelections();
  const sides = [before, after].map((policy, i) => sideOf(policy, targets, places[i] ?? new Map(), numberOf));
  const [old, next] = sides as [Side, Side];
  const asked = [...new Set(sides.flatMap(({ rules }) => rules.flatMap(rule => rule.postures)))];
  // By what is found of a device, and by what follows from it: of the first there are more, of the second fewer.
  const known = new Map<string, readonly AccessChange[]>();
  const kept = new Map<string, readonly AccessChange[]>();
  const changesBy = (isSelected: readonly boolean[], truths: readonly (boolean | null)[]) => {
    const [was, will] = [standing(old, isSelected, truths), standing(next, isSelected, truths)];
    const key = [was.selected, was.allowed, will.selected, will.allowed].join(' ');
    return keptIn(kept, key, () => targets.flatMap((target, i) => changesOf(target.text, i, was, will)));
  };
  return {
    of(device, now) {
      const source = sourceOf(device);
      const isSelected = selections.map(selection => selects(selection, source));
      const truths = postures.map(posture => posture.holds(device, now));
      const key = packed([...isSelected, ...asked.map(place => truths[place] === true)]);
      return { changes: keptIn(known, key, () => changesBy(isSelected, truths)), truths };
    },
    reasons(device, now, { change, postures: refusing }) {
      const denying = change === 'loses' ? after : before;
      return refusing.flatMap(name => denying?.postures.get(name)?.posture.explain(device, now).reasons ?? []);
    },
    before: old.places,
    after: next.places,
  };
}

function keptIn<T>(kept: Map<string, T>, key: string, make: () => T): T {
  const found = kept.get(key);
  if (found !== undefined) return found;
  const made = make();
  if (kept.size >= mostKept) kept.clear();
  kept.set(key, made);
  return made;
}

/** @returns a text that is another one for other bits */
function packed(bits: readonly boolean[]): string {
  let text = '';
  for (let i = 0; i < bits.length; ) {
    let word = 0;
    for (let bit = 0; bit < 16 && i < bits.length; bit++) if (bits[i++]) word |= 1 << bit;
    text += String.fromCharCode(word);
  }
  return text;
}

/** @returns the postures of both policies, of those that mean the same one, and where each stands, by policy and by name */
function sharedPostures(before: Policy | null, after: Policy) {
  const meaning = ({ conditions, tags }: PolicyPosture) => JSON.stringify([conditions, tags]);
  const [had, has] = [before?.postures ?? new Map<string, PolicyPosture>(), after.postures];
  const isKept = (name: string) => {
    const [was, will] = [had.get(name), has.get(name)];
    return was !== undefined && will !== undefined && meaning(was) === meaning(will);
  };
  // What a posture means that names others is told by those, too.
  const areAllKept = [...had.keys()].every(isKept);
  const isOneOfBoth = (name: string) =>
    isKept(name) && (areAllKept || !had.get(name)?.conditions.some(text => text.includes('posture:')));
  const postures = [...had.values()].map(({ posture }) => posture);
  const places = [new Map([...had.keys()].map((name, place) => [name, place])), new Map<string, number>()] as const;
  for (const [name, { posture }] of has) {
    const place = isOneOfBoth(name) ? places[0].get(name) : undefined;
    places[1].set(name, place ?? postures.push(posture) - 1);
  }
  return { postures, places };
}

/** A list of more users is taken as it is: to tell whether it is another one's would take longer than it spares. */
const mostUsersLookedAt = 1_000;

/** Rules mostly are about the same devices. */
function sharedSelections() {
  const selections: Selection[] = [];
  const numbers = new Map<string, number>();
  return {
    selections,
    numberOf(selection: Selection): number {
      const { everything, members, tagged, users, tags, names, networks } = selection;
      if (users.size > mostUsersLookedAt) return selections.push(selection) - 1;
      const key = JSON.stringify([everything, members, tagged, [...users], [...tags], [...names], networks]);
      const number = numbers.get(key) ?? selections.push(selection) - 1;
      numbers.set(key, number);
      return number;
    },
  };
}

function changesOf(destination: string, i: number, was: Standing, will: Standing): AccessChange[] {
  const [had, has] = [granted(was, i, was.allowed), granted(will, i, will.allowed)];
  if ((had === null) === (has === null)) return [];
  const denying = has === null ? will : was;
  const asking = granted(denying, i, denying.selected);
  const refusing = asking?.filter(rule => !denying.allowed.includes(rule)) ?? [];
  const postures = refusing.flatMap(rule => denying.side.written[rule]?.postures.map(({ name }) => name) ?? []);
  return [
    {
      change: has === null ? 'loses' : 'gains',
      destination,
      rule: (has === null ? was : will).side.written[(has ?? had)?.[0] ?? 0]?.name ?? '',
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

/** A rule as devices are held against it: by the number of the selection that it is for, and where the truths of its postures stand. */
interface AskingRule {
  readonly selection: number;
  readonly postures: readonly number[];
}

/** One of the two policies. */
interface Side {
  readonly written: readonly Rule[];
  readonly rules: readonly AskingRule[];
  readonly places: ReadonlyMap<string, number>;
  readonly targets: readonly Target[];
  /** By target and by element of it. */
  readonly ways: readonly (readonly (readonly Way[])[])[];
}

function sideOf(
  policy: Policy | null,
  targets: readonly Target[],
  places: ReadonlyMap<string, number>,
  numberOf: (selection: Selection) => number,
): Side {
  const written = policy?.rules ?? [];
  const waysTo = (element: Element) =>
    written.flatMap(({ accesses }, rule) =>
      accesses.filter(({ to }) => hasElement(to, element)).map(({ traffic }): Way => ({ rule, traffic })),
    );
  return {
    written,
    rules: written.map(({ sources, postures }) => ({
      selection: numberOf(sources),
      postures: postures.map(({ name }) => places.get(name) ?? -1),
    })),
    places,
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
}

function standing(side: Side, isSelected: readonly boolean[], truths: readonly (boolean | null)[]): Standing {
  const selected: number[] = [];
  const allowed: number[] = [];
  for (const [i, { selection, postures }] of side.rules.entries()) {
    if (!isSelected[selection]) continue;
    selected.push(i);
    if (postures.length === 0 || postures.some(place => truths[place] === true)) allowed.push(i);
  }
  return { side, selected, allowed };
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
