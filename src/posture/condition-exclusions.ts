// Comparisons that exclude each other although all of them must be true: `node:os == 'linux'` and `node:os == 'macos'`, or
// `activeThreats > 5` and `activeThreats < 3`. Only what is joined by `&&`, or stands in one list of conditions, is looked at.
import type { Catalogue } from './catalogue.ts';
import type { Comparison, Expression, TextProblem } from './conditions.ts';
import { compareVersions } from './versions.ts';

export interface Exclusion extends TextProblem {
  readonly condition: number;
}

interface Claim {
  readonly comparison: Comparison;
  readonly condition: number;
}

/** @returns for each attribute the first comparison that cannot be true together with one before it */
export function exclusionsIn(conditions: readonly Expression[], catalogue: Catalogue): Exclusion[] {
  const claims = new Map<string, Claim[]>();
  for (const [condition, expression] of conditions.entries()) collect(expression, condition, claims);
  const found: Exclusion[] = [];
  for (const [attribute, about] of claims) {
    const exclusion = firstExclusion(about, orderOf(catalogue, attribute));
    if (exclusion !== null) found.push(exclusion);
  }
  return found;
}

function collect(expression: Expression, condition: number, claims: Map<string, Claim[]>): void {
  if (expression.kind === 'and') for (const part of expression.parts) collect(part, condition, claims);
  if (expression.kind !== 'comparison') return;
  const about = claims.get(expression.attribute) ?? [];
  about.push({ comparison: expression, condition });
  claims.set(expression.attribute, about);
}

type Order = (a: unknown, b: unknown) => number;

/** Equal is equal; what is less and more only numbers and versions know. Times and networks are left alone. */
function orderOf(catalogue: Catalogue, attribute: string): Order | null {
  const type = catalogue.type(attribute);
  if (type === 'time' || type === 'address') return null;
  if (type === 'version') return (a, b) => compareVersions(String(a), String(b));
  return (a, b) => (a === b ? 0 : Number(a) < Number(b) ? -1 : 1);
}

function firstExclusion(claims: readonly Claim[], order: Order | null): Exclusion | null {
  for (const [i, claim] of claims.entries()) {
    // Long lists of comparisons of one attribute are no slips: they are left alone.
    if (i > 20) return null;
    for (const other of claims.slice(0, i)) {
      if (!areExclusive(claim.comparison, other.comparison, order)) continue;
      const { from, to } = claim.comparison;
      const message = `this cannot be true together with another condition on ${claim.comparison.attribute}`;
      return { message, suggestion: null, condition: claim.condition, from, to };
    }
  }
  return null;
}

function areExclusive(a: Comparison, b: Comparison, order: Order | null): boolean {
  if (a.operator === 'NOT SET' || b.operator === 'NOT SET') return a.operator !== b.operator;
  if (order === null) return false;
  const [valuesA, valuesB] = [possible(a), possible(b)];
  if (valuesA !== null && valuesB !== null) return !valuesA.some(one => valuesB.some(other => order(one, other) === 0));
  if (valuesA !== null) return valuesA.every(value => !allows(b, value, order));
  if (valuesB !== null) return valuesB.every(value => !allows(a, value, order));
  return isRange(a) && isRange(b) && areApart(a, b, order);
}

/** The values that a comparison leaves, or null where it leaves endlessly many, or more than are worth a look. */
function possible({ operator, literals }: Comparison): unknown[] | null {
  if (operator === null) return [true];
  if ((operator !== '==' && operator !== 'IN') || literals.length > 100) return null;
  return literals.map(literal => literal.value);
}

function allows({ operator, literals }: Comparison, value: unknown, order: Order): boolean {
  if (operator === '!=' || operator === 'NOT IN') return !literals.some(literal => order(value, literal.value) === 0);
  const bound = literals[0]?.value;
  if (bound === undefined || typeof value !== typeof bound) return true;
  const side = order(value, bound);
  if (operator === '<' || operator === '<=') return side < 0 || (side === 0 && operator === '<=');
  if (operator === '>' || operator === '>=') return side > 0 || (side === 0 && operator === '>=');
  return true;
}

function isRange({ operator }: Comparison): boolean {
  return operator === '<' || operator === '<=' || operator === '>' || operator === '>=';
}

/** Below one bound and above a higher one. */
function areApart(a: Comparison, b: Comparison, order: Order): boolean {
  const [upper, lower] = a.operator?.startsWith('<') ? [a, b] : [b, a];
  if (!upper.operator?.startsWith('<') || !lower.operator?.startsWith('>')) return false;
  const [most, least] = [upper.literals[0]?.value, lower.literals[0]?.value];
  if (typeof most !== typeof least || most === undefined || least === undefined) return false;
  const side = order(most, least);
  return side < 0 || (side === 0 && !(upper.operator === '<=' && lower.operator === '>='));
}
