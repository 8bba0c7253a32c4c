// What a condition is once it is read: comparisons joined by `&&`, `||`, `!` and parentheses, and other postures by name.
// The text is read by condition-parser.ts, judged by comparisons.ts and postures.ts, and looked over by condition-lint.ts.

/** From the first character to behind the last, in the text of the condition. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export type Operator = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'IN' | 'NOT IN' | 'IS SET' | 'NOT SET';

export interface Literal extends Span {
  readonly value: boolean | number | string;
  /** As it is written, with its quotes. */
  readonly raw: string;
}

/** An attribute compared with what stands there. */
export interface Comparison extends Span {
  readonly kind: 'comparison';
  readonly attribute: string;
  /** Null: the attribute alone, which means `== true`, or that a time is WITHIN the given span. */
  readonly operator: Operator | null;
  /** One, for IN and NOT IN any number, for IS SET and NOT SET none. */
  readonly literals: readonly Literal[];
  readonly within: (Span & { readonly ms: number; readonly text: string }) | null;
}

/** Another posture, all of whose conditions must hold. */
export interface PostureName extends Span {
  readonly kind: 'posture';
  readonly name: string;
}

export type Expression =
  | Comparison
  | PostureName
  | (Span & { readonly kind: 'not'; readonly part: Expression })
  | (Span & { readonly kind: 'and' | 'or'; readonly parts: readonly Expression[] });

/** What is wrong with a text, and where. */
export interface TextProblem extends Span {
  readonly message: string;
  /** What was probably meant. */
  readonly suggestion: string | null;
}

/** @returns the value as it is written in a condition */
export function quoted(value: boolean | number | string): string {
  if (typeof value !== 'string') return String(value);
  return value.includes("'") ? `"${value}"` : `'${value}'`;
}

/** @returns a comparison as it is written in a condition: `sentinelOne:activeThreats == 0 WITHIN '24h'` */
export function comparisonText(
  attribute: string,
  operator: string | null,
  values: readonly (boolean | number | string)[],
  within: string | null = null,
): string {
  const words = operator === null ? [attribute] : [attribute, operator];
  const [value] = values;
  if (operator === 'IN' || operator === 'NOT IN') words.push(`[${values.map(quoted).join(', ')}]`);
  else if (value !== undefined) words.push(quoted(value));
  if (within !== null) words.push(`WITHIN '${within}'`);
  return words.join(' ');
}

/** Calls for every comparison and name of a posture in an expression, in the order of the text. */
export function eachOperand(expression: Expression, see: (operand: Comparison | PostureName) => void): void {
  if (expression.kind === 'comparison' || expression.kind === 'posture') see(expression);
  else if (expression.kind === 'not') eachOperand(expression.part, see);
  else for (const part of expression.parts) eachOperand(part, see);
}

/** @returns an expression in one way of writing: equal texts mean the same */
export function expressionText(expression: Expression): string {
  switch (expression.kind) {
    case 'posture':
      return expression.name;
    case 'not':
      return `!(${expressionText(expression.part)})`;
    case 'comparison': {
      const { attribute, operator, literals, within } = expression;
      const values = literals.map(({ value }) => value);
      return comparisonText(attribute, operator, values, within?.text ?? null);
    }
    default:
      return expression.parts
        .map(part => `(${expressionText(part)})`)
        .join(expression.kind === 'and' ? ' && ' : ' || ');
  }
}
