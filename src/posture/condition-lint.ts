// Conditions that are well formed and still say nothing: an attribute that nobody gives, a value of the wrong type or one that
// never occurs, a freshness that is finer than the data, conditions that exclude each other. Warnings, each with what was
// probably meant.
import { type AttributeSpec, type AttributeType, typeNames } from './attributes.ts';
import { type Catalogue, namespaceOf } from './catalogue.ts';
import { exclusionsIn } from './condition-exclusions.ts';
import {
  type Comparison,
  comparisonText,
  type Expression,
  eachOperand,
  type Literal,
  type TextProblem,
} from './conditions.ts';
import { foldedKey, isCustom, readCustomKey } from './custom-attributes.ts';
import { formatDuration } from './duration.ts';
import { nearest } from './nearest.ts';
import { parseNetwork } from './networks.ts';
import { parseTime } from './times.ts';

export type LintCode =
  | 'unknown_attribute'
  | 'wrong_type'
  | 'no_order'
  | 'unknown_value'
  | 'empty_list'
  | 'within_too_short'
  | 'contradiction';

export interface Lint extends TextProblem {
  readonly code: LintCode;
  /** Which of the conditions. */
  readonly condition: number;
}

/** @returns what is odd about the conditions of one posture, all of which must be true, in their order */
export function lintConditions(conditions: readonly Expression[], catalogue: Catalogue): Lint[] {
  const found: Lint[] = [];
  for (const [condition, expression] of conditions.entries()) {
    eachOperand(expression, operand => {
      if (operand.kind === 'comparison')
        for (const lint of lintComparison(operand, catalogue)) found.push({ condition, ...lint });
    });
  }
  for (const exclusion of exclusionsIn(conditions, catalogue)) found.push({ code: 'contradiction', ...exclusion });
  return found.sort((a, b) => a.condition - b.condition || a.from - b.from);
}

type Finding = Omit<Lint, 'condition'>;

function lintComparison(comparison: Comparison, catalogue: Catalogue): Finding[] {
  const { attribute, literals, operator } = comparison;
  if (!catalogue.isKnown(attribute)) return [unknownAttribute(comparison, catalogue)];
  const type = catalogue.type(attribute);
  const spec = catalogue.spec(attribute);
  const found: Finding[] = [];
  if (type !== null) {
    if (isOrdering(operator) && !['number', 'version', 'time'].includes(type)) found.push(noOrder(comparison, type));
    else if (operator === null) found.push(...lintBare(comparison, type));
    else for (const literal of literals) found.push(...lintLiteral(comparison, literal, type, spec));
  } else if (isOrdering(operator) && typeof literals[0]?.value !== 'number') found.push(noOrder(comparison, null));
  if (operator === 'IN' && literals.length === 0)
    found.push(finding('empty_list', comparison, 'nothing is in an empty list: this is never true'));
  if (operator === 'NOT IN' && literals.length === 0)
    found.push(finding('empty_list', comparison, 'everything is outside an empty list', `${attribute} IS SET`));
  return [...found, ...lintWithin(comparison, spec)];
}

function finding(
  code: LintCode,
  { from, to }: { from: number; to: number },
  message: string,
  suggestion: string | null = null,
): Finding {
  return { code, message, suggestion, from, to };
}

function isOrdering(operator: Comparison['operator']): boolean {
  return operator === '<' || operator === '<=' || operator === '>' || operator === '>=';
}

function unknownAttribute({ attribute, from }: Comparison, catalogue: Catalogue): Finding {
  const at = { from, to: from + attribute.length };
  const names = catalogue.names();
  if (isCustom(attribute)) return unusedCustom(attribute, at, names);
  const namespace = namespaceOf(attribute);
  const isForeign = !names.some(name => namespaceOf(name) === namespace);
  const why = isForeign ? `nothing here gives attributes of ${namespace}` : `there is no attribute ${attribute}`;
  return finding('unknown_attribute', at, `${why}: this is never true`, nearest(attribute, names));
}

/** No mistake by itself: a policy may be written before the first value is set. */
function unusedCustom(attribute: string, at: { from: number; to: number }, names: readonly string[]): Finding {
  const custom = names.filter(isCustom);
  const spelled = custom.find(name => foldedKey(name) === foldedKey(attribute));
  const key = readCustomKey(attribute);
  if (spelled !== undefined) {
    const message = `the attribute is spelled ${spelled}: this is never true`;
    return finding('unknown_attribute', at, message, spelled);
  }
  if ('problem' in key) return finding('unknown_attribute', at, `this is never true: ${key.problem}`);
  const message = `no device has ${attribute} yet: this is not true until one has`;
  return finding('unknown_attribute', at, message, nearest(attribute, custom));
}

/** An attribute alone: the texts for its type. */
function lintBare(comparison: Comparison, type: AttributeType): Finding[] {
  if (type === 'boolean' || (type === 'time' && comparison.within !== null)) return [];
  const { attribute } = comparison;
  const message = `${attribute} alone means ${attribute} == true, and it is ${typeNames[type]}: this is never true`;
  return [finding('wrong_type', comparison, message, `${attribute} IS SET`)];
}

function noOrder(comparison: Comparison, type: AttributeType | null): Finding {
  const what = type === null ? 'a text' : typeNames[type];
  const message = `${comparison.attribute} is ${what}, and ${comparison.operator} is for numbers, versions and times: this is never true`;
  return finding('no_order', comparison, message);
}

function lintLiteral(
  comparison: Comparison,
  literal: Literal,
  type: AttributeType,
  spec: AttributeSpec | null,
): Finding[] {
  const wanted = type === 'boolean' || type === 'number' ? type : 'string';
  const { attribute } = comparison;
  if (typeof literal.value !== wanted) {
    const message = `${attribute} is ${typeNames[type]}, and ${literal.raw} is ${typeNames[literalType(literal)]}: this is never true`;
    return [finding('wrong_type', literal, message, withLiteral(comparison, literal, cast(literal, type)))];
  }
  const text = String(literal.value);
  if (type === 'time' && Number.isNaN(parseTime(text)))
    return [
      finding('wrong_type', literal, `${literal.raw} is no time, as '2026-11-20T09:30:00Z' is: this is never true`),
    ];
  if (type === 'address' && parseNetwork(text) === null)
    return [finding('wrong_type', literal, `${literal.raw} is no address, as '10.0.0.0/8' is: this is never true`)];
  if (spec?.known === undefined || spec.known.includes(text)) return [];
  const guess = nearest(text, spec.known);
  const message = `${literal.raw} is none of the known values of ${attribute}: ${spec.known.join(', ')}`;
  return [finding('unknown_value', literal, message, guess === null ? null : withLiteral(comparison, literal, guess))];
}

function literalType({ value }: Literal): AttributeType {
  return typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'number' : 'string';
}

/** @returns the value of the other type that was meant: 0 -> false, 'true' -> true, 13.10 -> '13.10'; or null */
function cast({ value, raw }: Literal, type: AttributeType): boolean | number | string | null {
  const text = String(value).toLowerCase();
  switch (type) {
    case 'boolean':
      return text === '0' || text === 'false' ? false : text === '1' || text === 'true' ? true : null;
    case 'number':
      if (value === false) return 0;
      return typeof value === 'string' && /^-?\d{1,15}(\.\d{1,15})?$/.test(value) ? Number(value) : null;
    case 'string':
    case 'version':
      return raw;
    default:
      return null;
  }
}

/** @returns the comparison with one of its literals replaced, or null where there is nothing to put there */
function withLiteral(
  { attribute, operator, literals, within }: Comparison,
  literal: Literal,
  value: boolean | number | string | null,
): string | null {
  if (value === null) return null;
  const values = literals.map(each => (each === literal ? value : each.value));
  return comparisonText(attribute, operator, values, within?.text ?? null);
}

/** The stored value may lag behind by the resolution, and the next one as well: anything shorter flaps. */
function lintWithin({ attribute, operator, within }: Comparison, spec: AttributeSpec | null): Finding[] {
  const least = 2 * (spec?.resolutionMs ?? 0);
  if (within === null || operator !== null || within.ms >= least) return [];
  const shortest = formatDuration(least);
  const message = `${attribute} is stored to within ${formatDuration(least / 2)}, so WITHIN '${within.text}' is often not true of devices that are seen all the time; the shortest that works is '${shortest}'`;
  return [finding('within_too_short', within, message, `${attribute} WITHIN '${shortest}'`)];
}
