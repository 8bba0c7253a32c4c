// Reads a condition:
//
//   any        = all { "||" all }
//   all        = one { "&&" one }
//   one        = "!" one | "(" any ")" | posture-name | comparison
//   comparison = attribute [ sign value | [ "NOT" ] "IN" "[" [ value { "," value } ] "]" | ( "IS" | "NOT" ) "SET" ]
//                [ "WITHIN" duration ]
//
// It stops at the first thing that is wrong and says where, what was expected, and what was probably meant. Its time is in
// proportion to the text, and its depth is bounded.
import { Refused, shown, type Token, tokensOf } from './condition-lexer.ts';
import type { Comparison, Expression, Literal, Operator, Span, TextProblem } from './conditions.ts';
import { formatDuration, parseDuration } from './duration.ts';
import { nearest } from './nearest.ts';

/** Parentheses and `!` within each other. */
export const deepest = 100;

/** Ten years: an instant that is further away than that is no statement about freshness. */
const longestWithinMs = 3_650 * 86_400_000;

const signs: readonly string[] = ['==', '!=', '<', '<=', '>', '>='] satisfies readonly Operator[];
const behindAttribute = '==, !=, <, <=, >, >=, IN, NOT IN, IS SET, NOT SET, WITHIN';

interface Reader {
  readonly tokens: readonly Token[];
  next: number;
  depth: number;
  /** Completes a name that somebody began or mistyped. */
  readonly guess: (word: string) => string | null;
}

/**
 * @param text one condition: `sentinelOne:isActive == true && !posture:quarantined`
 * @param names known attributes, to tell what was meant by a word that is none
 * @returns the condition, or the first thing that is wrong with it
 */
export function parseCondition(
  text: string,
  names: () => Iterable<string> = () => [],
): { expression: Expression; problem: null } | { expression: null; problem: TextProblem } {
  try {
    const reader: Reader = { tokens: tokensOf(text), next: 0, depth: 0, guess: given => guessName(given, names()) };
    if (peek(reader).kind === 'end') refuse(reader, 'expected a condition, found nothing');
    const expression = readAny(reader);
    if (peek(reader).kind !== 'end') refuseRest(reader, expression);
    return { expression, problem: null };
  } catch (error) {
    if (error instanceof Refused) return { expression: null, problem: error.problem };
    throw error;
  }
}

/** `isActive` for sentinelOne:isActive, whatever the namespace; else the name that differs least. */
function guessName(given: string, names: Iterable<string>): string | null {
  const all = [...names];
  const parts = new Map(all.map(name => [name.slice(name.lastIndexOf(':') + 1), name]));
  const part = nearest(given, parts.keys());
  return (part === null ? null : parts.get(part)) ?? nearest(given, all);
}

function peek(reader: Reader): Token {
  const token = reader.tokens[reader.next];
  if (token === undefined) throw new Error('read on behind the end');
  return token;
}

function take(reader: Reader): Token {
  const token = peek(reader);
  if (token.kind !== 'end') reader.next++;
  return token;
}

function isSign(token: Token, raw: string): boolean {
  return token.kind === 'sign' && token.raw === raw;
}

function isWord(token: Token, word: string): boolean {
  return token.kind === 'word' && token.raw.toUpperCase() === word;
}

function refuse(reader: Reader, message: string, suggestion: string | null = null, at: Span = peek(reader)): never {
  throw new Refused(message, at, suggestion);
}

function found(token: Token): string {
  return token.kind === 'end' ? 'the end' : shown(token.raw);
}

function readAny(reader: Reader): Expression {
  return readJoined(reader, '||', 'or', () => readJoined(reader, '&&', 'and', () => readOne(reader)));
}

function readJoined(reader: Reader, raw: string, kind: 'and' | 'or', readPart: () => Expression): Expression {
  const first = readPart();
  if (!isSign(peek(reader), raw)) return first;
  const parts = [first];
  while (isSign(peek(reader), raw)) {
    take(reader);
    parts.push(readPart());
  }
  return { kind, parts, from: first.from, to: parts.at(-1)?.to ?? first.to };
}

function readOne(reader: Reader): Expression {
  const token = peek(reader);
  if (isSign(token, '!') || isSign(token, '(')) {
    if (reader.depth === deepest) refuse(reader, `conditions go at most ${deepest} parentheses and ! deep`);
    reader.depth++;
    take(reader);
    const expression = token.raw === '!' ? readNot(reader, token) : readGroup(reader, token);
    reader.depth--;
    return expression;
  }
  if (token.kind !== 'name') refuseOperand(reader, token);
  take(reader);
  if (token.raw.startsWith('posture:')) {
    return refuseComparedPosture(reader, { kind: 'posture', name: token.raw, from: token.from, to: token.to });
  }
  return readComparison(reader, token);
}

function readNot(reader: Reader, sign: Token): Expression {
  const part = readOne(reader);
  return { kind: 'not', part, from: sign.from, to: part.to };
}

function readGroup(reader: Reader, open: Token): Expression {
  const inner = readAny(reader);
  const close = peek(reader);
  if (!isSign(close, ')')) refuseRest(reader, inner, ') to close the (');
  take(reader);
  if (isWord(peek(reader), 'WITHIN')) refuse(reader, 'WITHIN stands behind one comparison, not behind parentheses');
  return { ...inner, from: open.from, to: close.to };
}

/** Something where an attribute should begin. */
function refuseOperand(reader: Reader, token: Token): never {
  if (isWord(token, 'NOT')) refuse(reader, `expected !, found ${token.raw}`, '!');
  if (token.kind === 'word') {
    const guess = reader.guess(token.raw);
    refuse(reader, `expected an attribute such as ${guess ?? 'node:os'}, found ${shown(token.raw)}`, guess);
  }
  if (token.kind === 'text' || token.kind === 'number')
    refuse(reader, `expected an attribute, found ${shown(token.raw)}: the attribute stands on the left`);
  refuse(reader, `expected an attribute, a posture, ! or (, found ${found(token)}`);
}

function refuseComparedPosture(reader: Reader, posture: Expression): Expression {
  const next = peek(reader);
  const isCompared = next.kind === 'sign' ? signs.includes(next.raw) || next.raw === '[' : next.kind === 'word';
  if (isCompared && !/^(and|or)$/i.test(next.raw))
    refuse(reader, `expected &&, || or the end, found ${found(next)}: a posture stands alone, it holds or it does not`);
  return posture;
}

/** Something behind a whole expression. */
function refuseRest(reader: Reader, expression: Expression, end = 'the end'): never {
  const token = peek(reader);
  if (isWord(token, 'AND')) refuse(reader, `expected &&, found ${token.raw}`, '&&');
  if (isWord(token, 'OR')) refuse(reader, `expected ||, found ${token.raw}`, '||');
  const last = expression.kind === 'and' || expression.kind === 'or' ? expression.parts.at(-1) : expression;
  if (last?.kind === 'comparison' && last.operator === null && last.within === null) {
    const guess = token.kind === 'word' ? nearest(token.raw, ['IN', 'NOT', 'IS', 'WITHIN']) : null;
    refuse(reader, `expected ${behindAttribute}, &&, || or ${end}, found ${found(token)}`, guess);
  }
  refuse(reader, `expected &&, || or ${end}, found ${found(token)}`);
}

function readComparison(reader: Reader, attribute: Token): Comparison {
  const { operator, literals } = readOperator(reader);
  const within = isWord(peek(reader), 'WITHIN') ? readWithin(reader) : null;
  const to = reader.tokens[reader.next - 1]?.to ?? attribute.to;
  return { kind: 'comparison', attribute: attribute.raw, operator, literals, within, from: attribute.from, to };
}

function readOperator(reader: Reader): { operator: Operator | null; literals: Literal[] } {
  const token = peek(reader);
  if (token.kind === 'sign' && signs.includes(token.raw)) {
    take(reader);
    return { operator: token.raw as Operator, literals: [readLiteral(reader, `a value behind ${token.raw}`)] };
  }
  if (isWord(token, 'IN')) {
    take(reader);
    return { operator: 'IN', literals: readList(reader) };
  }
  if (isWord(token, 'NOT')) {
    take(reader);
    if (isWord(peek(reader), 'SET')) {
      take(reader);
      return { operator: 'NOT SET', literals: [] };
    }
    if (!isWord(peek(reader), 'IN')) refuse(reader, `expected IN or SET behind NOT, found ${found(peek(reader))}`);
    take(reader);
    return { operator: 'NOT IN', literals: readList(reader) };
  }
  if (isWord(token, 'IS')) {
    take(reader);
    if (isWord(peek(reader), 'NOT'))
      refuse(reader, 'expected SET behind IS, found NOT: write NOT SET', 'NOT SET', token);
    if (!isWord(peek(reader), 'SET')) refuse(reader, `expected SET behind IS, found ${found(peek(reader))}`);
    take(reader);
    return { operator: 'IS SET', literals: [] };
  }
  return { operator: null, literals: [] };
}

function readList(reader: Reader): Literal[] {
  const open = peek(reader);
  if (!isSign(open, '[')) refuse(reader, `expected a list such as ['a', 'b'] behind IN, found ${found(open)}`);
  take(reader);
  const literals: Literal[] = [];
  if (!isSign(peek(reader), ']')) {
    for (;;) {
      literals.push(readLiteral(reader, 'a value'));
      if (!isSign(peek(reader), ',')) break;
      take(reader);
    }
    if (!isSign(peek(reader), ']')) refuse(reader, `expected , or ] in the list, found ${found(peek(reader))}`);
  }
  take(reader);
  return literals;
}

function readLiteral(reader: Reader, expected: string): Literal {
  const token = peek(reader);
  const { raw, from, to } = token;
  if (token.kind === 'text' || token.kind === 'number') {
    take(reader);
    return { value: token.value, raw, from, to };
  }
  if (isWord(token, 'TRUE') || isWord(token, 'FALSE')) {
    take(reader);
    return { value: isWord(token, 'TRUE'), raw, from, to };
  }
  if (token.kind === 'word')
    refuse(reader, `expected ${expected}, found ${shown(raw)}: texts stand in quotes`, `'${raw}'`);
  const more = token.kind === 'name' ? ': attributes are compared with values, not with each other' : '';
  const list = isSign(token, '[') ? ': lists go with IN and NOT IN' : '';
  refuse(reader, `expected ${expected}, found ${found(token)}${more}${list}`);
}

function readWithin(reader: Reader): Span & { ms: number; text: string } {
  const word = take(reader);
  const token = peek(reader);
  if (token.kind !== 'text') refuse(reader, `expected a duration such as '24h' behind WITHIN, found ${found(token)}`);
  const ms = parseDuration(token.value);
  if (ms === null)
    refuse(reader, `expected a whole number and a unit out of s, m, h and d, as in '24h', found ${shown(token.raw)}`);
  if (ms < 1_000 || ms > longestWithinMs)
    refuse(reader, `expected a duration from 1s to ${formatDuration(longestWithinMs)}, found ${shown(token.raw)}`);
  take(reader);
  return { ms, text: token.value.trim(), from: word.from, to: token.to };
}
