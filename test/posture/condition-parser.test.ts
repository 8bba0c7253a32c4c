// Reading conditions: what is allowed, and what is said of what is not. Positions are those of the part that is wrong.
import { describe, expect, it } from 'vitest';
import { longestCondition } from '../../src/posture/condition-lexer.ts';
import { deepest, parseCondition } from '../../src/posture/condition-parser.ts';
import type { Expression } from '../../src/posture/conditions.ts';
import { expressionOf } from './language.ts';

/** An expression without its positions, as lists: ['&&', [...], [...]]. */
function shape(expression: Expression): unknown {
  switch (expression.kind) {
    case 'posture':
      return expression.name;
    case 'not':
      return ['!', shape(expression.part)];
    case 'and':
    case 'or':
      return [expression.kind, ...expression.parts.map(shape)];
    default: {
      const { attribute, operator, literals, within } = expression;
      return [attribute, operator, ...literals.map(({ value }) => value), ...(within ? [`within ${within.ms}`] : [])];
    }
  }
}

describe('a condition', () => {
  it.each<[string, unknown]>([
    ["node:os == 'macos'", ['node:os', '==', 'macos']],
    ['node:os=="macos"', ['node:os', '==', 'macos']],
    [`node:os == "it's"`, ['node:os', '==', "it's"]],
    ["node:os != '\\'", ['node:os', '!=', '\\']],
    ["a:b == ''", ['a:b', '==', '']],
    ['a:b >= -12.5e-1', ['a:b', '>=', -1.25]],
    ['a:b < 1E+3', ['a:b', '<', 1000]],
    ['a:b==tRuE', ['a:b', '==', true]],
    ["a:b iN [ 'x' ,2,\ttrue ]", ['a:b', 'IN', 'x', 2, true]],
    ['a:b NOT  IN[]', ['a:b', 'NOT IN']],
    ['a:b is Set', ['a:b', 'IS SET']],
    ['a:b NOT SET', ['a:b', 'NOT SET']],
    ['  node:tsAutoUpdate\n', ['node:tsAutoUpdate', null]],
    ["a:b WITHIN '24h'", ['a:b', null, 'within 86400000']],
    ["a:b == 1 within '15m'", ['a:b', '==', 1, 'within 900000']],
    ["a:b IN [1] WITHIN '15m'", ['a:b', 'IN', 1, 'within 900000']],
    ["!a:b WITHIN '1d'", ['!', ['a:b', null, 'within 86400000']]],
    ['fleetPolicy:disk.encrypted-2', ['fleetPolicy:disk.encrypted-2', null]],
    ['posture:healthy', 'posture:healthy'],
    ['!posture:a && a:b', ['and', ['!', 'posture:a'], ['a:b', null]]],
    ['a:b && a:c && a:d', ['and', ['a:b', null], ['a:c', null], ['a:d', null]]],
    ['a:b||a:c&&a:d', ['or', ['a:b', null], ['and', ['a:c', null], ['a:d', null]]]],
    ['(a:b || a:c) && !(a:d)', ['and', ['or', ['a:b', null], ['a:c', null]], ['!', ['a:d', null]]]],
    ['! ! a:b == 1', ['!', ['!', ['a:b', '==', 1]]]],
  ])('%j', (text, expected) => expect(shape(expressionOf(text))).toEqual(expected));

  it('remembers where its parts stand', () => {
    const text = "a:b == 1 && (c:d IN ['x', 'yy'] WITHIN '1h')";
    const expression = expressionOf(text);
    const cut = ({ from, to }: { from: number; to: number }) => text.slice(from, to);
    if (expression.kind !== 'and') throw new Error('no and');
    const [, second] = expression.parts;
    if (second?.kind !== 'comparison') throw new Error('no comparison');
    expect([cut(expression), cut(second)]).toEqual([text, "(c:d IN ['x', 'yy'] WITHIN '1h')"]);
    expect(second.literals.map(cut)).toEqual(["'x'", "'yy'"]);
    expect(second.within && cut(second.within)).toBe("WITHIN '1h'");
  });
});

const names = ['sentinelOne:isActive', 'sentinelOne:operationalState', 'node:os', 'posture:healthy'];
const signs = '==, !=, <, <=, >, >=, IN, NOT IN, IS SET, NOT SET, WITHIN, &&, ||';

describe('what cannot be read is refused', () => {
  // The part that is wrong stands between » and «.
  it.each<[string, string, string | null]>([
    ['»«', 'expected a condition, found nothing', null],
    ['  »«', 'expected a condition, found nothing', null],
    ['node:os ==»«', 'expected a value behind ==, found the end', null],
    ["node:os »=« 'a'", 'expected ==, found =', '=='],
    ["node:os »===« 'a'", 'expected ==, found ===', '=='],
    ["node:os »<>« 'a'", 'expected !=, found <>', '!='],
    ['a:b »=>« 1', 'expected >=, found =>', '>='],
    ['a:b »=<« 1', 'expected <=, found =<', '<='],
    ["node:os »'a'«", `expected ${signs} or the end, found 'a'`, null],
    ["node:os IS »'a'«", "expected SET behind IS, found 'a'", null],
    ['node:os »IS« NOT SET', 'expected SET behind IS, found NOT: write NOT SET', 'NOT SET'],
    ['node:os NOT»«', 'expected IN or SET behind NOT, found the end', null],
    ['node:os »ISS« SET', `expected ${signs} or the end, found ISS`, 'IS'],
    ["node:os IN »'a'«", "expected a list such as ['a', 'b'] behind IN, found 'a'", null],
    ["node:os IN ['a'»«", 'expected , or ] in the list, found the end', null],
    ["node:os IN ['a' »'b'«]", "expected , or ] in the list, found 'b'", null],
    ["node:os IN ['a',»]«", 'expected a value, found ]', null],
    ["node:os == »[«'a']", 'expected a value behind ==, found [: lists go with IN and NOT IN', null],
    ['node:os == »macos«', 'expected a value behind ==, found macos: texts stand in quotes', "'macos'"],
    [
      'node:os == »node:osVersion«',
      'expected a value behind ==, found node:osVersion: attributes are compared with values, not with each other',
      null,
    ],
    [
      'node:osVersion >= »13.4.0«',
      '13.4.0 is not a number; versions, times and other texts stand in quotes',
      "'13.4.0'",
    ],
    ['a:b == »01«', '01 is not a number; versions, times and other texts stand in quotes', "'01'"],
    ['a:b == ».5«', '.5 is not a number; versions, times and other texts stand in quotes', "'.5'"],
    ['a:b == »1e999«', 'the number 1e999 is too large', null],
    ["node:os == »'mac«", "expected ' to close this text", null],
    ['node:os == »"mac\'«', 'expected " to close this text', null],
    ['node:os == »‘«mac’', "expected ', found ‘", "'"],
    [
      '»isActive« == true',
      'expected an attribute such as sentinelOne:isActive, found isActive',
      'sentinelOne:isActive',
    ],
    ['»isactiv«', 'expected an attribute such as sentinelOne:isActive, found isactiv', 'sentinelOne:isActive'],
    ['!»helthy«', 'expected an attribute such as posture:healthy, found helthy', 'posture:healthy'],
    ["»'macos'« == node:os", "expected an attribute, found 'macos': the attribute stands on the left", null],
    ['»true«', 'expected an attribute such as node:os, found true', null],
    ['»node:« == 1', 'expected a name such as node:os, found node:', null],
    ['»:«os', 'unexpected character ":"', null],
    ['node:os »é«', 'unexpected character "é"', null],
    ['node:os »😀«', 'unexpected character "😀"', null],
    ['a:b »AND« a:c', 'expected &&, found AND', '&&'],
    ['a:b == 1 »or« a:c', 'expected ||, found or', '||'],
    ['posture:a »and« a:b', 'expected &&, found and', '&&'],
    ['»not« a:b', 'expected !, found not', '!'],
    ['a:b »&« a:c', 'expected &&, found &', '&&'],
    ['a:b »|« a:c', 'expected ||, found |', '||'],
    ['(a:b == 1»«', 'expected &&, || or ) to close the (, found the end', null],
    ['(a:b»«', `expected ${signs} or ) to close the (, found the end`, null],
    ['a:b == 1»)«', 'expected &&, || or the end, found )', null],
    ['(»)«', 'expected an attribute, a posture, ! or (, found )', null],
    ['a:b &&»«', 'expected an attribute, a posture, ! or (, found the end', null],
    ['a:b == 1 »==« 2', 'expected &&, || or the end, found ==', null],
    [
      'posture:a »==« true',
      'expected &&, || or the end, found ==: a posture stands alone, it holds or it does not',
      null,
    ],
    ["(a:b) »WITHIN« '1h'", 'WITHIN stands behind one comparison, not behind parentheses', null],
    ['a:b WITHIN»«', "expected a duration such as '24h' behind WITHIN, found the end", null],
    ['a:b WITHIN »24h«', '24h is not a number; durations stand in quotes', "'24h'"],
    [
      "a:b WITHIN »'a day'«",
      "expected a whole number and a unit out of s, m, h and d, as in '24h', found 'a day'",
      null,
    ],
    ["a:b WITHIN »'0s'«", "expected a duration from 1s to 3650d, found '0s'", null],
    ["a:b WITHIN »'999999999999d'«", "expected a duration from 1s to 3650d, found '999999999999d'", null],
    ["a:b WITHIN '1h' »WITHIN« '1h'", 'expected &&, || or the end, found WITHIN', null],
    [`a:b == 1 »a:${'b'.repeat(60)}«`, `expected &&, || or the end, found a:${'b'.repeat(38)}…`, null],
  ])('%s, with the place and what was expected', (marked, message, suggestion) => {
    const text = marked.replace(/[»«]/g, '');
    expect(parseCondition(text, () => names).problem).toEqual({
      message,
      suggestion,
      from: marked.indexOf('»'),
      to: marked.indexOf('«') - 1,
    });
  });
});

describe('bounds', () => {
  it(`${longestCondition} characters are allowed, and not one more`, () => {
    const condition = (length: number) => `a:b == '${'x'.repeat(length - 9)}'`;
    expect(parseCondition(condition(longestCondition)).problem).toBeNull();
    expect(parseCondition(condition(longestCondition + 1)).problem?.message).toBe(
      `a condition has at most ${longestCondition} characters, this one has ${longestCondition + 1}`,
    );
  });

  it.each(['(', '!', '!('])(`%s may stand ${deepest} deep, and not deeper`, open => {
    const nested = (depth: number) => {
      const opening = open.repeat(Math.ceil(depth / open.length)).slice(0, depth);
      return `${opening}a:b${')'.repeat(opening.split('(').length - 1)}`;
    };
    expect(parseCondition(nested(deepest)).problem).toBeNull();
    expect(parseCondition(nested(deepest + 1)).problem).toMatchObject({
      message: `conditions go at most ${deepest} parentheses and ! deep`,
      from: deepest,
    });
  });

  it('many conditions in one are no depth', () => {
    expect(parseCondition(Array(1_200).fill('a:b').join(' && ')).problem).toBeNull();
    expect(parseCondition(Array(1_200).fill('(!a:b)').join('||')).problem).toBeNull();
  });
});
