// A policy's text: JSON with comments and trailing commas (HuJSON), read into a tree that remembers where everything stands, so
// that each finding has a line and a column, also within a text that is written with escapes.
import { createScanner, type Node, type ParseError, parseTree, printParseErrorCode } from 'jsonc-parser';

export type { Node };

export interface Finding {
  readonly code: string;
  readonly message: string;
  /** From 1. */
  readonly line: number;
  /** From 1, in UTF-16 units as editors count. */
  readonly column: number;
  /** Where what it is about ends: the place behind its last character. Where only a beginning is known it is that. */
  readonly endLine: number;
  readonly endColumn: number;
  /** What was probably meant. */
  readonly suggestion: string | null;
}

/** @returns a sentence for people, without the place */
export function findingText({ message, suggestion }: Pick<Finding, 'message' | 'suggestion'>): string {
  // Some messages name it already.
  const isNamed = suggestion === null || message.split(/[\s",;]+/).includes(suggestion);
  return isNamed ? message : `${message}; did you mean ${suggestion}?`;
}

/** Where something stands: a part of the tree or of a text in it, or an offset in the file. */
export type Place = Stretch | number;

/** In UTF-16 units of the file. */
export interface Stretch {
  readonly offset: number;
  readonly length: number;
}

/** Findings beyond these are counted only. */
const mostFindings = 100;

export class Findings {
  readonly errors: Finding[] = [];
  readonly warnings: Finding[] = [];
  readonly notes: Finding[] = [];
  readonly #text: string;
  readonly #lines: readonly number[];
  #left = { errors: 0, warnings: 0, notes: 0 };

  constructor(text: string) {
    this.#text = text;
    // A byte order mark is no column.
    this.#lines = [
      text.startsWith('\ufeff') ? 1 : 0,
      ...[...text.matchAll(/\r\n|\r|\n/g)].map(({ index, 0: { length } }) => index + length),
    ];
  }

  /** Whether further errors are only counted. */
  get isFull(): boolean {
    return this.errors.length >= mostFindings;
  }

  error(code: string, place: Place, message: string, suggest?: () => string | null): void {
    this.#add('errors', code, place, message, suggest);
  }

  warn(code: string, place: Place, message: string, suggest?: () => string | null): void {
    this.#add('warnings', code, place, message, suggest);
  }

  note(code: string, place: Place, message: string): void {
    this.#add('notes', code, place, message);
  }

  /** @param suggest is called only for a finding that is shown: to look for names takes time */
  #add(list: 'errors' | 'warnings' | 'notes', code: string, place: Place, message: string, suggest = nothing): void {
    if (this[list].length === mostFindings) this.#left[list]++;
    else {
      const { line: endLine, column: endColumn } = this.position(typeof place === 'number' ? place : endOf(place));
      this[list].push({ code, message, ...this.position(place), endLine, endColumn, suggestion: suggest() });
    }
  }

  position(place: Place): { line: number; column: number } {
    const offset = typeof place === 'number' ? place : place.offset;
    let [low, high] = [0, this.#lines.length - 1];
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if ((this.#lines[middle] ?? 0) <= offset) low = middle;
      else high = middle - 1;
    }
    return { line: low + 1, column: Math.max(0, offset - (this.#lines[low] ?? 0)) + 1 };
  }

  /** @returns where a part of a text in the tree stands in the file: behind its escapes */
  within(node: Node, { from, to }: { from: number; to: number }): Stretch {
    const offset = this.#behind(node.offset + 1, from);
    return { offset, length: this.#behind(offset, to - from) - offset };
  }

  /** @returns where the text goes on behind so many of its characters */
  #behind(start: number, characters: number): number {
    let offset = start;
    for (let i = 0; i < characters; i++) {
      const isEscape = this.#text.charAt(offset) === '\\';
      offset += isEscape ? (this.#text.charAt(offset + 1) === 'u' ? 6 : 2) : 1;
    }
    return offset;
  }

  /** Puts all in the order of the file, and says how many more there are. */
  finish(): void {
    for (const list of ['errors', 'warnings', 'notes'] as const) {
      this[list].sort((a, b) => a.line - b.line || a.column - b.column);
      const last = this[list].at(-1);
      if (this.#left[list] === 0 || last === undefined) continue;
      const message = `and ${this.#left[list]} more ${list}`;
      this[list].push({ ...last, code: 'more', message, suggestion: null });
    }
  }
}

const nothing = (): string | null => null;

function endOf({ offset, length }: Stretch): number {
  return offset + length;
}

const longest = 4_000_000;
const deepest = 50;

const messages: Readonly<Record<string, string>> = {
  InvalidSymbol: 'expected a value: a text in double quotes, a number, true, false, null, a list or an object',
  InvalidNumberFormat: 'this is no number',
  PropertyNameExpected: 'expected a name in double quotes',
  ValueExpected: 'expected a value',
  ColonExpected: 'expected : behind the name',
  CommaExpected: 'expected a comma',
  CloseBraceExpected: 'expected } to close an object',
  CloseBracketExpected: 'expected ] to close a list',
  EndOfFileExpected: 'expected nothing more behind the policy',
  UnexpectedEndOfComment: 'this comment is not closed',
  UnexpectedEndOfString: 'expected " to close this text on its line',
  UnexpectedEndOfNumber: 'this number is not complete',
  InvalidUnicode: 'expected four hexadecimal digits behind \\u',
  InvalidEscapeCharacter: 'this is no escape: a backslash is written \\\\',
  InvalidCharacter: 'this character must be written as an escape',
};

/** @returns the tree, or null with an error. Only the first error is told: what follows usually follows from it */
export function parseHuJson(written: string, findings: Findings): Node | null {
  // Some editors put a byte order mark in front.
  const text = written.replace(/^\ufeff/, ' ');
  if (text.length > longest) {
    findings.error('too_large', 0, `a policy has at most ${longest} characters, this one has ${text.length}`);
    return null;
  }
  const tooDeep = offsetTooDeep(text);
  if (tooDeep !== null) {
    findings.error('syntax', tooDeep, `lists and objects go at most ${deepest} deep`);
    return null;
  }
  const errors: ParseError[] = [];
  const root = parseTree(text, errors, { allowTrailingComma: true });
  const [first] = errors.sort((a, b) => a.offset - b.offset);
  if (first !== undefined) {
    const code = printParseErrorCode(first.error);
    findings.error('syntax', first, messages[code] ?? code);
    return null;
  }
  return root ?? null;
}

/** The parser goes as deep as the text does, and a stack has an end. */
function offsetTooDeep(text: string): number | null {
  const scanner = createScanner(text, true);
  let depth = 0;
  for (;;) {
    scanner.scan();
    const offset = scanner.getTokenOffset();
    if (offset >= text.length) return null;
    const character = text.charAt(offset);
    if (character === '{' || character === '[') depth++;
    if (character === '}' || character === ']') depth--;
    if (depth > deepest) return offset;
  }
}

export interface Member {
  readonly name: string;
  readonly nameNode: Node;
  readonly value: Node;
}

/** @returns the members of an object in their order; anything else is an error and has none. A name that comes twice is one */
export function membersOf(node: Node, what: string, findings: Findings): Member[] {
  if (node.type !== 'object') {
    findings.error('wrong_form', node, `${what} must be an object, not ${formOf(node)}`);
    return [];
  }
  const seen = new Set<string>();
  const members: Member[] = [];
  for (const { children: [nameNode, value] = [] } of node.children ?? []) {
    if (nameNode === undefined || value === undefined) continue;
    const name = String(nameNode.value);
    if (seen.has(name)) findings.error('twice', nameNode, `"${name}" stands in ${what} twice`);
    else members.push({ name, nameNode, value });
    seen.add(name);
  }
  return members;
}

/** @returns the items of a list; anything else is an error and has none */
export function itemsOf(node: Node, what: string, findings: Findings): readonly Node[] {
  if (node.type === 'array') return node.children ?? [];
  findings.error('wrong_form', node, `${what} must be a list, not ${formOf(node)}`);
  return [];
}

export interface Text {
  readonly text: string;
  readonly node: Node;
}

/** @returns the texts of a list of texts; what is none is an error */
export function textsOf(node: Node, what: string, findings: Findings): Text[] {
  return itemsOf(node, what, findings).flatMap(item => {
    const text = textOf(item, `each entry of ${what}`, findings);
    return text === null ? [] : [{ text, node: item }];
  });
}

/** @returns a text, or null with an error */
export function textOf(node: Node, what: string, findings: Findings): string | null {
  if (node.type === 'string') return String(node.value);
  findings.error('wrong_form', node, `${what} must be a text, not ${formOf(node)}`);
  return null;
}

function formOf(node: Node): string {
  const forms = {
    object: 'an object',
    array: 'a list',
    string: 'a text',
    number: 'a number',
    boolean: String(node.value),
  };
  return node.type === 'property' || node.type === 'null' ? 'null' : forms[node.type];
}
