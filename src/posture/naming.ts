// Postures name each other: puts them in an order in which each comes after those that it names, and refuses names that lead
// nowhere or in a circle, and postures that would come to too much through others.
import { type Expression, eachOperand, type PostureName, type TextProblem } from './conditions.ts';
import { nearest } from './nearest.ts';

interface Named {
  readonly name: string;
  readonly conditions: readonly Expression[];
}

export interface NamingProblem extends TextProblem {
  readonly code: 'unknown_posture' | 'posture_cycle' | 'posture_too_large';
  /** Where: the posture, and which of its conditions. */
  readonly posture: string;
  readonly condition: number;
}

/** Comparisons of a posture, with those of the postures that it names each time that it names them. */
export const mostComparisons = 10_000;

/** How deep conditions and postures may stand within each other. */
export const deepestNaming = 500;

type Mention = PostureName & { readonly condition: number };

interface Entry<T> {
  readonly definition: T;
  readonly mentions: readonly Mention[];
  state: 'new' | 'open' | 'done';
}

/** @returns the definitions, those that are named first; or the problems */
export function inOrder<T extends Named>(definitions: readonly T[]): { ordered: T[]; problems: NamingProblem[] } {
  const entries = new Map(
    definitions.map(definition => [
      definition.name,
      { definition, mentions: mentionsOf(definition), state: 'new' } as Entry<T>,
    ]),
  );
  const problems: NamingProblem[] = [];
  for (const { definition, mentions } of entries.values())
    for (const mention of mentions)
      if (!entries.has(mention.name)) problems.push(unknown(definition.name, mention, entries, problems.length < 100));
  const ordered: T[] = [];
  for (const entry of entries.values()) visit(entry, entries, ordered, problems);
  if (problems.length === 0) problems.push(...tooLarge(ordered));
  return { ordered, problems };
}

function mentionsOf({ conditions }: Named): Mention[] {
  const found: Mention[] = [];
  for (const [condition, expression] of conditions.entries())
    eachOperand(expression, operand => {
      if (operand.kind === 'posture') found.push({ ...operand, condition });
    });
  return found;
}

/** @param isFirst one of the first: to look for the nearest of many names takes time */
function unknown(
  posture: string,
  mention: Mention,
  entries: ReadonlyMap<string, unknown>,
  isFirst: boolean,
): NamingProblem {
  const suggestion = isFirst ? nearest(mention.name, entries.keys()) : null;
  const { from, to, condition } = mention;
  const message = `there is no ${mention.name}`;
  return { code: 'unknown_posture', posture, condition, from, to, suggestion, message };
}

/** Depth first, with a stack of its own: a chain of names may be longer than calls can be deep. */
function visit<T extends Named>(
  start: Entry<T>,
  entries: ReadonlyMap<string, Entry<T>>,
  ordered: T[],
  problems: NamingProblem[],
): void {
  if (start.state !== 'new') return;
  start.state = 'open';
  const path = [{ entry: start, next: 0 }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const mention = top.entry.mentions[top.next++];
    if (mention === undefined) {
      top.entry.state = 'done';
      ordered.push(top.entry.definition);
      path.pop();
      continue;
    }
    const named = entries.get(mention.name);
    if (named?.state === 'new') {
      named.state = 'open';
      path.push({ entry: named, next: 0 });
    } else if (named?.state === 'open') {
      const names = path.map(({ entry }) => entry.definition.name);
      problems.push(circle(names.slice(names.indexOf(mention.name)), mention));
    }
  }
}

function circle(names: readonly string[], { from, to, condition, name }: Mention): NamingProblem {
  const shown = names.length > 10 ? [...names.slice(0, 9), '...', names.at(-1)] : names;
  const message = `postures must not name each other in a circle: ${[...shown, name].join(' -> ')}`;
  return { code: 'posture_cycle', posture: names.at(-1) ?? name, condition, from, to, suggestion: null, message };
}

/** @param ordered those that are named first */
function tooLarge(ordered: readonly Named[]): NamingProblem[] {
  const problems: NamingProblem[] = [];
  const sizes = new Map<string, { comparisons: number; depth: number }>();
  for (const { name, conditions } of ordered) {
    const parts = conditions.map(condition => sizeOf(condition, sizes));
    const size = together(parts);
    sizes.set(name, size);
    if (size.comparisons <= mostComparisons && size.depth <= deepestNaming) continue;
    const [what, most] =
      size.comparisons > mostComparisons ? ['comparisons', mostComparisons] : ['levels', deepestNaming];
    const condition = Math.max(
      0,
      parts.findIndex(part => part.comparisons > mostComparisons || part.depth >= deepestNaming),
    );
    const { from, to } = conditions[condition] ?? { from: 0, to: 0 };
    const message = `${name} comes to more than ${most} ${what}, with the postures that it names`;
    problems.push({ code: 'posture_too_large', posture: name, condition, from, to, suggestion: null, message });
    // Those that name this one would only say the same.
    sizes.set(name, { comparisons: 1, depth: 1 });
  }
  return problems;
}

type Size = { comparisons: number; depth: number };

function sizeOf(expression: Expression, sizes: ReadonlyMap<string, Size>): Size {
  switch (expression.kind) {
    case 'comparison':
      return { comparisons: 1, depth: 1 };
    case 'posture':
      return sizes.get(expression.name) ?? { comparisons: 0, depth: 0 };
    case 'not':
      return sizeOf(expression.part, sizes);
    default:
      return together(expression.parts.map(part => sizeOf(part, sizes)));
  }
}

function together(parts: readonly Size[]): Size {
  const total = { comparisons: 0, depth: 0 };
  for (const { comparisons, depth } of parts) {
    total.comparisons += comparisons;
    total.depth = Math.max(total.depth, depth);
  }
  return { ...total, depth: total.depth + 1 };
}
