// A condition's text in pieces: names, words, texts in quotes, numbers and signs. One pass, whatever the text.
import type { Span, TextProblem } from './conditions.ts';

export type Token = Span & { readonly raw: string } & (
    | { readonly kind: 'name' | 'word' | 'sign' | 'end' }
    | { readonly kind: 'text'; readonly value: string }
    | { readonly kind: 'number'; readonly value: number }
  );

/** Longer conditions are refused. */
export const longestCondition = 10_000;

/** The first thing in a text that is wrong, thrown within the parser alone. */
export class Refused extends Error {
  readonly problem: TextProblem;
  constructor(message: string, at: Span, suggestion: string | null = null) {
    super(message);
    this.problem = { message, from: at.from, to: at.to, suggestion };
  }
}

const blank = /[ \t\r\n]*/y;
/** A word with a colon in it is a name: of an attribute or a posture. */
const word = /[A-Za-z_][A-Za-z0-9_.:-]*/y;
const name = /^[A-Za-z][A-Za-z0-9_]*(:[A-Za-z0-9_.-]+)+$/;
const numberLike = /[-+.]?[0-9][A-Za-z0-9_.]*/y;
const number = /^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?$/;
const sign = /==|!=|<=|>=|&&|\|\||[<>!()[\],]/y;
/** A whole one. (`codePointAt` of V8 13.6 reads on behind the end of a text that was cut out of a longer one.) */
const character = /[\ud800-\udbff][\udc00-\udfff]|./sy;
/** The rest of an exponent: `1e-7` is one piece. */
const exponent = /[-+][0-9]+/y;

/** Signs of other languages, and what they are here. */
const foreign: readonly (readonly [pattern: RegExp, here: string])[] = [
  [/===/y, '=='],
  [/!==/y, '!='],
  [/<>/y, '!='],
  [/=~/y, '=='],
  [/=</y, '<='],
  [/=>/y, '>='],
  [/=/y, '=='],
  [/&/y, '&&'],
  [/\|/y, '||'],
  [/[‘’‚‛“”„‟«»]/y, "'"],
];

/** @returns all pieces, the last one being the end. @throws Refused */
export function tokensOf(text: string): Token[] {
  if (text.length > longestCondition) {
    const at = { from: longestCondition, to: text.length };
    throw new Refused(`a condition has at most ${longestCondition} characters, this one has ${text.length}`, at);
  }
  const tokens: Token[] = [];
  let from = 0;
  for (;;) {
    from += match(blank, text, from).length;
    if (from >= text.length) break;
    const token = tokenAt(text, from);
    tokens.push(token);
    from = token.to;
  }
  tokens.push({ kind: 'end', raw: '', from: text.length, to: text.length });
  return tokens;
}

function match(pattern: RegExp, text: string, from: number): string {
  pattern.lastIndex = from;
  return pattern.exec(text)?.[0] ?? '';
}

function tokenAt(text: string, from: number): Token {
  const first = text.charAt(from);
  if (first === "'" || first === '"') return textAt(text, from, first);
  const found = match(word, text, from);
  if (found !== '') return wordOf(found, from);
  if (match(numberLike, text, from) !== '') return numberAt(text, from);
  for (const [pattern, here] of foreign) {
    const there = match(pattern, text, from);
    if (there !== '' && !(there.length === 1 && there === text.charAt(from + 1) && '&|='.includes(there)))
      throw new Refused(`expected ${here}, found ${there}`, { from, to: from + there.length }, here);
  }
  const raw = match(sign, text, from);
  if (raw !== '') return { kind: 'sign', raw, from, to: from + raw.length };
  const odd = match(character, text, from);
  throw new Refused(`unexpected character ${JSON.stringify(odd)}`, { from, to: from + odd.length });
}

function textAt(text: string, from: number, quote: string): Token {
  const end = text.indexOf(quote, from + 1);
  if (end < 0) throw new Refused(`expected ${quote} to close this text`, { from, to: text.length });
  return { kind: 'text', raw: text.slice(from, end + 1), value: text.slice(from + 1, end), from, to: end + 1 };
}

function wordOf(raw: string, from: number): Token {
  const at = { raw, from, to: from + raw.length };
  if (!raw.includes(':')) return { kind: 'word', ...at };
  if (name.test(raw)) return { kind: 'name', ...at };
  throw new Refused(`expected a name such as node:os, found ${shown(raw)}`, at);
}

function numberAt(text: string, from: number): Token {
  let raw = match(numberLike, text, from);
  if (/[eE]$/.test(raw)) raw += match(exponent, text, from + raw.length);
  const at = { from, to: from + raw.length };
  const value = Number(raw);
  if (number.test(raw) && Number.isFinite(value)) return { kind: 'number', raw, value, ...at };
  if (number.test(raw)) throw new Refused(`the number ${shown(raw)} is too large`, at);
  const why = /^[0-9]+(ms|s|m|h|d)$/.test(raw) ? 'durations' : 'versions, times and other texts';
  throw new Refused(`${shown(raw)} is not a number; ${why} stand in quotes`, at, `'${raw}'`);
}

/** @returns a piece of text for a message, cut where it is long */
export function shown(text: string): string {
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}
