// The parser meets 100,000 texts that nobody would write: it reads or refuses each, never crashes and never hangs.
import { expect, it } from 'vitest';
import { longestCondition } from '../../src/posture/condition-lexer.ts';
import { lintConditions } from '../../src/posture/condition-lint.ts';
import { parseCondition } from '../../src/posture/condition-parser.ts';
import { factsOf } from '../../src/posture/facts.ts';
import { compilePostures } from '../../src/posture/postures.ts';
import { type Random, seeded } from '../support/random.ts';
import { catalogueOf, now, specs } from './language.ts';

const seed = 1_763_640_001;
const inputs = 100_000;

const pieces = [
  ...[
    "'a'",
    '"b"',
    "'",
    '"',
    '5',
    '-1.5',
    '1e9',
    '1.2.3',
    'true',
    'FALSE',
    'IN',
    'NOT',
    'IS',
    'SET',
    'WITHIN',
    "'24h'",
  ],
  ...['==', '!=', '<', '<=', '>', '>=', '=', '&&', '||', '&', '|', '!', '(', ')', '[', ']', ',', ' ', '  ', '\n', '\t'],
  ...[
    't:number',
    't:time',
    'custom:x',
    'posture:other',
    'word',
    'a:',
    ':',
    '😀',
    '\u0000',
    '\ud800',
    'é',
    '\\',
    '$',
    '#',
  ],
];
const valid = [
  "t:boolean == true && (t:number >= 5 || t:string IN ['a', 'b'])",
  "!(t:version >= '1.2.3') && t:time WITHIN '24h'",
  "t:address NOT IN ['10.0.0.0/8', '2001:db8::/32'] && posture:other",
  "t:string == 'x' WITHIN '15m' || fleetPolicy:disk IS SET",
];

function randomText(random: Random): string {
  const kind = random.below(4);
  if (kind === 0) return Array.from({ length: random.below(20) }, () => random.pick(pieces)).join('');
  if (kind === 1) return Array.from({ length: random.below(20) }, () => random.pick(pieces)).join(' ');
  if (kind === 2) {
    const codes = Array.from({ length: random.below(30) }, () => random.below(random.pick([128, 0x3000, 0x10000])));
    return String.fromCharCode(...codes);
  }
  let text = random.pick(valid);
  for (let n = 1 + random.below(4); n > 0; n--) {
    const at = random.below(text.length + 1);
    text = text.slice(0, at) + (random.below(2) === 0 ? random.pick(pieces) : '') + text.slice(at + random.below(3));
  }
  return text;
}

const catalogue = catalogueOf();
const facts = factsOf(
  catalogue,
  { 't:number': 5, 't:string': 'a', 't:time': '2026-11-20T11:00:00Z' },
  { confirmedAt: now },
);
const other = { name: 'posture:other', conditions: parsed('t:number == 5'), tags: [] };

function parsed(text: string) {
  const { expression } = parseCondition(text);
  return expression === null ? [] : [expression];
}

/** @returns whether it was read; fails where it was neither read nor refused as it should be */
function tryOut(text: string): boolean {
  const { expression, problem } = parseCondition(text, () => specs.map(({ name }) => name));
  if (problem !== null) {
    const isPlaced = problem.from >= 0 && problem.from <= problem.to && problem.to <= text.length;
    if (!isPlaced || problem.message === '' || problem.message.length > 300) expect(problem, text).toBeNull();
    return false;
  }
  for (const lint of lintConditions([expression], catalogue))
    if (lint.from < 0 || lint.to > text.length || lint.from >= lint.to) expect(lint, text).toBeNull();
  const it = { name: 'posture:it', conditions: [expression], tags: [] };
  const { postures, problems } = compilePostures([other, it], catalogue);
  const posture = postures.get('posture:it');
  if (posture === undefined) expect(problems, text).not.toEqual([]);
  else if (posture.holds(facts, now) !== posture.explain(facts, now).holds) expect(text).toBe('');
  return true;
}

it('100,000 random texts are each read or refused with a place and a reason', () =>
  seeded(seed, random => {
    let read = 0;
    for (let i = 0; i < inputs; i++) {
      const text = randomText(random);
      try {
        if (tryOut(text)) read++;
      } catch (error) {
        throw new Error(JSON.stringify(text), { cause: error });
      }
    }
    // Both ways must be met often enough.
    expect(read).toBeGreaterThan(inputs / 50);
    expect(read).toBeLessThan(inputs / 2);
  }));

it.each([
  ...[
    '(',
    '!',
    '[',
    "'",
    '"',
    '&&',
    'a:b',
    'a:b ',
    'a:b && ',
    "a:b == 'x' || ",
    'a:b IN [',
    '1,',
    '-',
    '1e',
    '1.',
    ' ',
    '\n',
  ],
  ...[
    'a:',
    ':a',
    'a:a.',
    '😀',
    '\u0000',
    '=',
    '==',
    'NOT ',
    'IS ',
    "WITHIN '1h' ",
    '(a:b) && ',
    '!a:b && ',
    'a:b||',
    '‘',
  ],
])('%j, repeated to the longest text and beyond, is no trouble', piece => {
  for (const length of [longestCondition, 1_000_000])
    for (const around of [
      ['', ''],
      ['a:b IN [', ']'],
      ['a:b == 1 && ', ''],
      ["a:b == '", "'"],
    ] as const)
      tryOut(
        around[0] +
          piece.repeat(Math.ceil(length / piece.length)).slice(0, length - around.join('').length) +
          around[1],
      );
});
