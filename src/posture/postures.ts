// Postures, compiled once: for each a function that says whether it holds for what is known of a device, and another that
// explains. Negations are worked into the comparisons (De Morgan's rules hold for three values too), so what is judged is
// `all` and `any` over comparisons, and every comparison that is not true is a reason.
import type { Catalogue } from './catalogue.ts';
import { compileComparison, isFalse, isTrue, isUnknown, type Judge, type Truth } from './comparisons.ts';
import type { Expression } from './conditions.ts';
import { changesAt, type Reason, reasonOf, reasonOfTags } from './explanations.ts';
import { bareTag, type Facts } from './facts.ts';
import { inOrder, type NamingProblem } from './naming.ts';

export interface PostureDefinition {
  /** With `posture:` in front. */
  readonly name: string;
  /** All must be true; at least one. */
  readonly conditions: readonly Expression[];
  /** The posture is for devices with one of these, without `tag:` in front; none: for all. For others it is unknown. */
  readonly tags: readonly string[];
}

export interface Explanation {
  /** Null: unknown, which lets nobody in either. */
  readonly holds: boolean | null;
  /** What is not true; empty where the posture holds. */
  readonly reasons: readonly Reason[];
  /** The first moment, in ms, at which the answer may change although nothing but time passes; null: none. */
  readonly validUntil: number | null;
}

/** A comparison, or a posture that is named, as it counts in a condition: within `!` the opposite of what is written. */
export interface Part {
  readonly holds: boolean | null;
  /** What was asked and found, whether it holds or not; of a posture that is named its name. */
  readonly of: Reason | { readonly posture: string; readonly isNegated: boolean };
}

/** A condition of a posture, with every part of it: those too that others made irrelevant. */
export interface JudgedCondition {
  readonly holds: boolean | null;
  readonly parts: readonly Part[];
}

export interface Posture {
  readonly name: string;
  /** Every attribute that it looks at, also through postures that it names. */
  readonly attributes: ReadonlySet<string>;
  /** False where time alone changes nothing: then `validUntil` is null always. */
  readonly isTimed: boolean;
  /** Decides, and makes no garbage. @param now in ms */
  holds(facts: Facts, now: number): boolean | null;
  /** Decides the same, with the reasons. */
  explain(facts: Facts, now: number): Explanation;
  /** Tells of each condition, in the order of the policy, what became of it; whether or not the posture is for this device. */
  inspect(facts: Facts, now: number): JudgedCondition[];
}

interface Node {
  readonly judge: Judge;
  readonly isTimed: boolean;
  readonly attributes: ReadonlySet<string>;
  /** Judges, adds the reasons where it is not true, and tells until when that stands. */
  assess(facts: Facts, now: number, reasons: Reason[]): Assessment;
  /** Adds everything in it that is judged by itself, in the order of the text. */
  inspect(facts: Facts, now: number, parts: Part[]): void;
}

interface Assessment {
  readonly truth: Truth;
  readonly until: number;
}

/**
 * @returns all postures by name; or, where one names a posture that is not there, or itself, or goes beyond all bounds, the
 *   problems
 */
export function compilePostures(
  definitions: readonly PostureDefinition[],
  catalogue: Catalogue,
): { postures: ReadonlyMap<string, Posture>; problems: readonly NamingProblem[] } {
  const { ordered, problems } = inOrder(definitions);
  if (problems.length > 0) return { postures: new Map(), problems };
  // Those that are named come before those that name them.
  const nodes = new Map<string, { holds: Node; fails: Node }>();
  const postures = new Map<string, Posture>();
  for (const { name, conditions, tags } of ordered) {
    const partsOf = (isNegated: boolean) =>
      conditions.map(condition => nodeOf(condition, isNegated, name, nodes, catalogue));
    const parts = partsOf(false);
    const holds = forTags(name, tags, all(parts));
    nodes.set(name, { holds, fails: forTags(name, tags, any(partsOf(true))) });
    postures.set(name, postureOf(name, holds, parts));
  }
  return { postures, problems };
}

function postureOf(name: string, { judge, assess, attributes, isTimed }: Node, conditions: readonly Node[]): Posture {
  return {
    name,
    attributes,
    isTimed,
    holds: (facts, now) => toldTruth(judge(facts, now)),
    explain(facts, now) {
      const reasons: Reason[] = [];
      const { truth, until } = assess(facts, now, reasons);
      return { holds: toldTruth(truth), reasons, validUntil: Number.isFinite(until) ? until : null };
    },
    inspect: (facts, now) =>
      conditions.map(condition => {
        const parts: Part[] = [];
        condition.inspect(facts, now, parts);
        return { holds: toldTruth(condition.judge(facts, now)), parts };
      }),
  };
}

function toldTruth(truth: Truth): boolean | null {
  return truth === isTrue ? true : truth === isFalse ? false : null;
}

function nodeOf(
  expression: Expression,
  isNegated: boolean,
  posture: string,
  nodes: ReadonlyMap<string, { holds: Node; fails: Node }>,
  catalogue: Catalogue,
): Node {
  switch (expression.kind) {
    case 'not':
      return nodeOf(expression.part, !isNegated, posture, nodes, catalogue);
    case 'posture': {
      const named = nodes.get(expression.name);
      if (named === undefined) throw new Error(`${expression.name} is not compiled yet`);
      const node = isNegated ? named.fails : named.holds;
      return {
        ...node,
        inspect(facts, now, parts) {
          parts.push({ holds: toldTruth(node.judge(facts, now)), of: { posture: expression.name, isNegated } });
        },
      };
    }
    case 'comparison': {
      const comparison = compileComparison(expression, catalogue, isNegated);
      const { judge, isTimed, key } = comparison;
      const assess = (facts: Facts, now: number, reasons: Reason[]) => {
        const truth = judge(facts, now);
        if (truth !== isTrue) reasons.push(reasonOf(posture, comparison, facts, now, truth));
        return { truth, until: isTimed ? changesAt(comparison, facts, now) : Number.POSITIVE_INFINITY };
      };
      const inspect = (facts: Facts, now: number, parts: Part[]) => {
        const truth = judge(facts, now);
        parts.push({ holds: toldTruth(truth), of: reasonOf(posture, comparison, facts, now, truth) });
      };
      return { judge, isTimed, attributes: new Set([key.name]), assess, inspect };
    }
    default: {
      const parts = expression.parts.map(part => nodeOf(part, isNegated, posture, nodes, catalogue));
      return (expression.kind === 'and') === isNegated ? any(parts) : all(parts);
    }
  }
}

function union(parts: readonly Node[]): { isTimed: boolean; attributes: ReadonlySet<string> } {
  return {
    isTimed: parts.some(part => part.isTimed),
    attributes: new Set(parts.flatMap(part => [...part.attributes])),
  };
}

function all(parts: readonly Node[]): Node {
  const judge = judgeAll(parts.map(part => part.judge));
  return { ...union(parts), judge, assess: assessor(parts, isFalse), inspect: inspector(parts) };
}

function any(parts: readonly Node[]): Node {
  const judge = judgeAny(parts.map(part => part.judge));
  return { ...union(parts), judge, assess: assessor(parts, isTrue), inspect: inspector(parts) };
}

function inspector(nodes: readonly Node[]): Node['inspect'] {
  return (facts, now, parts) => {
    for (const node of nodes) node.inspect(facts, now, parts);
  };
}

function judgeAll(judges: readonly Judge[]): Judge {
  const [only] = judges;
  if (judges.length === 1 && only !== undefined) return only;
  return (facts, now) => {
    let truth: Truth = isTrue;
    for (let i = 0; i < judges.length; i++) {
      const one = (judges[i] as Judge)(facts, now);
      if (one === isFalse) return isFalse;
      if (one === isUnknown) truth = isUnknown;
    }
    return truth;
  };
}

function judgeAny(judges: readonly Judge[]): Judge {
  const [only] = judges;
  if (judges.length === 1 && only !== undefined) return only;
  return (facts, now) => {
    let truth: Truth = isFalse;
    for (let i = 0; i < judges.length; i++) {
      const one = (judges[i] as Judge)(facts, now);
      if (one === isTrue) return isTrue;
      if (one === isUnknown) truth = isUnknown;
    }
    return truth;
  };
}

/**
 * @param decisive what one part alone makes of the whole: false for `all`, true for `any`. Such an answer stands as long as
 *   one of the parts that make it does; any other one until the first part changes.
 */
function assessor(parts: readonly Node[], decisive: typeof isFalse | typeof isTrue): Node['assess'] {
  return (facts, now, reasons) => {
    const before = reasons.length;
    let truth: Truth = decisive === isFalse ? isTrue : isFalse;
    let first = Number.POSITIVE_INFINITY;
    let last = 0;
    for (const part of parts) {
      const found = part.assess(facts, now, reasons);
      first = Math.min(first, found.until);
      if (found.truth === decisive) last = Math.max(last, found.until);
      if (found.truth === decisive) truth = decisive;
      else if (found.truth === isUnknown && truth !== decisive) truth = isUnknown;
    }
    // What was not true within something that is true is no reason for anything.
    if (truth === isTrue) reasons.length = before;
    return { truth, until: truth === decisive ? last : first };
  };
}

/** For a device without one of the tags nothing is known, whichever way it is asked. */
function forTags(posture: string, tags: readonly string[], node: Node): Node {
  if (tags.length === 0) return node;
  const wanted = new Set(tags);
  const isMeant = (facts: Facts) => facts.tags.some(tag => wanted.has(bareTag(tag)));
  return {
    ...node,
    judge: (facts, now) => (isMeant(facts) ? node.judge(facts, now) : isUnknown),
    assess(facts, now, reasons) {
      if (isMeant(facts)) return node.assess(facts, now, reasons);
      reasons.push(reasonOfTags(posture, tags));
      return { truth: isUnknown, until: Number.POSITIVE_INFINITY };
    },
  };
}
