// What is kept of an explanation: bounded, storable, and without what moves on while nothing is news.
import { expect, test } from 'vitest';
import { createCatalogue } from '../../src/posture/catalogue.ts';
import { parseCondition } from '../../src/posture/condition-parser.ts';
import { factsOf } from '../../src/posture/facts.ts';
import { compilePostures } from '../../src/posture/postures.ts';
import { type Judgement, judgeBy, standingReasonText, unreadable } from '../../src/posture/standings.ts';

const catalogue = createCatalogue(
  [
    { name: 'a:time', type: 'time', about: '' },
    { name: 'a:n', type: 'number', about: '' },
  ],
  null,
);
const now = Date.parse('2026-03-01T00:00:00Z');
const hour = 3_600_000;

function judge(texts: string[], values: Record<string, number | string>, confirmedAt = now): Judgement {
  const conditions = texts.map(text => parseCondition(text).expression ?? expect.fail(text));
  const { postures } = compilePostures([{ name: 'posture:p', conditions, tags: [] }], catalogue);
  const posture = postures.get('posture:p') ?? expect.fail();
  return judgeBy(posture, catalogue)(factsOf(catalogue, values, { confirmedAt, integration: 'hq' }), now);
}

test('the state is one of three', () => {
  expect(judge(['a:n == 0'], { 'a:n': 0 })).toEqual({
    state: 'passing',
    reasons: [],
    awaitsSweep: false,
    validUntil: null,
  });
  expect(judge(['a:n == 0'], { 'a:n': 1 }).state).toBe('failing');
  expect(judge(['a:n == 0'], {}).state).toBe('unknown');
});

test('a reason has neither ages nor times, which move on', () => {
  const at = (hours: number) => new Date(now - hours * hour).toISOString();
  const reasons = (hours: number) =>
    judge(["a:time WITHIN '1h'", `a:time > '${at(1)}'`], { 'a:time': at(hours) }).reasons;
  expect(reasons(3)).toEqual(reasons(2));
  expect(reasons(3)[0]).toEqual({
    posture: 'posture:p',
    condition: "a:time WITHIN '1h'",
    attribute: 'a:time',
    found: null,
    unknown: null,
    integration: 'hq',
  });
});

test('twenty reasons are kept; what waits for a sweep is seen among all of them', () => {
  const many = [...Array.from({ length: 30 }, (_, i) => `a:n == ${i + 10}`), "a:n == 1 WITHIN '1h'"];
  const { reasons, awaitsSweep } = judge(many, { 'a:n': 1 }, now - 2 * hour);
  expect([reasons.length, awaitsSweep]).toEqual([20, true]);
});

test.each([
  ['more characters than are kept', `'${'x'.repeat(400)}'`, 300],
  ['a NUL', "'\0'", 10],
  ['half of a character', "'\ud800'", 10],
])('a condition with %s can be stored', (_, literal, length) => {
  const { condition } = judge([`a:x == ${literal}`], { 'a:x': 'y' }).reasons[0] ?? expect.fail();
  expect([condition.isWellFormed(), condition.includes('\0'), condition.length]).toEqual([true, false, length]);
});

test('an end beyond the year 9999 is none', () => {
  expect(judge(["a:n == 1 WITHIN '100d'"], { 'a:n': 1 }).validUntil).toBe(now + 100 * 24 * hour + 1);
  expect(judge(["a:n == 1 WITHIN '1d'"], { 'a:n': 1 }, 8e15).validUntil).toBeNull();
});

test('by a policy that cannot be read nobody passes', () => {
  const facts = factsOf(catalogue, {});
  const { state, reasons } = unreadable('posture:p', 7)(facts, now);
  expect([state, reasons.map(standingReasonText)]).toEqual([
    'unknown',
    ['the policy of revision 7 cannot be read by this version of posture-sync'],
  ]);
});

test.each([
  [2, null, 'a:n == 0: found 2'],
  [2, 'too_old', 'a:n == 0: found 2, but it was not confirmed lately enough'],
  [null, 'unset', 'a:n == 0: it is not set'],
  [null, null, 'a:n == 0: it is not so'],
] as const)('found %j and unknown %j is told as "%s"', (found, unknown, text) => {
  const reason = { posture: 'posture:p', condition: 'a:n == 0', attribute: 'a:n', found, unknown };
  expect(standingReasonText(reason)).toBe(text);
});
