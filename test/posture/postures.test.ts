// Conditions joined: three-valued logic, postures that name each other, what is said of what does not hold, and until when.
import { describe, expect, it } from 'vitest';
import { reasonText } from '../../src/posture/explanations.ts';
import { factsOf } from '../../src/posture/facts.ts';
import { deepestNaming, mostComparisons } from '../../src/posture/naming.ts';
import { compilePostures } from '../../src/posture/postures.ts';
import { aheadMs } from '../../src/posture/times.ts';
import { catalogueOf, explain, expressionOf, holds, hour, minute, now, postureOf, posturesOf } from './language.ts';

/** One operand each that is true, false and unknown. */
const values = { 'custom:t': true, 'custom:f': false };
const operands = { t: 'custom:t', f: 'custom:f', u: 'custom:u' } as const;
type Letter = keyof typeof operands;
const meaning = { t: true, f: false, u: null } as const;

describe('three values', () => {
  const tables: [string, Letter, Letter, Letter][] = [
    ['&&', 't', 't', 't'],
    ['&&', 't', 'f', 'f'],
    ['&&', 't', 'u', 'u'],
    ['&&', 'f', 'f', 'f'],
    ['&&', 'f', 'u', 'f'],
    ['&&', 'u', 'u', 'u'],
    ['||', 't', 't', 't'],
    ['||', 't', 'f', 't'],
    ['||', 't', 'u', 't'],
    ['||', 'f', 'f', 'f'],
    ['||', 'f', 'u', 'u'],
    ['||', 'u', 'u', 'u'],
  ];
  it.each(tables)('%s of %s and %s is %s, in either order', (sign, a, b, result) => {
    expect(holds(`${operands[a]} ${sign} ${operands[b]}`, values)).toBe(meaning[result]);
    expect(holds(`${operands[b]} ${sign} ${operands[a]}`, values)).toBe(meaning[result]);
  });

  it.each<[Letter, Letter]>([
    ['t', 'f'],
    ['f', 't'],
    ['u', 'u'],
  ])('! of %s is %s', (a, result) => expect(holds(`!${operands[a]}`, values)).toBe(meaning[result]));

  it('not (a and b) is (not a) or (not b), and the other way round', () => {
    for (const a of Object.values(operands))
      for (const b of Object.values(operands)) {
        expect(holds(`!(${a} && ${b})`, values)).toBe(holds(`!${a} || !${b}`, values));
        expect(holds(`!(${a} || ${b})`, values)).toBe(holds(`!${a} && !${b}`, values));
      }
  });

  it('&& binds closer than ||, ! closer than both, and parentheses win', () => {
    expect(holds('custom:t || custom:f && custom:f', values)).toBe(true);
    expect(holds('(custom:t || custom:f) && custom:f', values)).toBe(false);
    expect(holds('!custom:f && custom:t', values)).toBe(true);
    expect(holds('!(custom:f && custom:t)', values)).toBe(true);
    expect(holds('!custom:t || custom:t', values)).toBe(true);
  });

  it('all conditions of a posture must be true', () => {
    const ask = (...conditions: string[]) => {
      const catalogue = catalogueOf();
      return postureOf(conditions, catalogue).holds(factsOf(catalogue, values), now);
    };
    expect(ask('custom:t', 'custom:t')).toBe(true);
    expect(ask('custom:t', 'custom:u')).toBe(null);
    expect(ask('custom:u', 'custom:f')).toBe(false);
  });
});

describe('a posture that names others', () => {
  const definitions = {
    healthy: ['custom:t', '!posture:infected'],
    infected: ['custom:f == true'],
    vague: ['custom:u'],
    either: ['posture:vague || posture:healthy'],
    not: ['!posture:healthy'],
    'not-vague': ['!posture:vague'],
    laptop: { conditions: ['custom:t'], tags: ['laptop', 'phone'] },
    'no-laptop': ['!posture:laptop'],
    'any-laptop': ['posture:laptop || custom:t'],
  };
  const ask = (name: string, tags: string[] = []) => {
    const catalogue = catalogueOf();
    const posture = posturesOf(definitions, catalogue).get(`posture:${name}`);
    return posture?.explain(factsOf(catalogue, values, { tags }), now);
  };

  it.each([
    ['healthy', true],
    ['infected', false],
    ['vague', null],
    ['either', true],
    ['not', false],
    ['not-vague', null],
  ] as const)('%s: %s', (name, is) => expect(ask(name)?.holds).toBe(is));

  it('gives the reasons of those that it names, under their names', () => {
    expect(ask('not')?.reasons).toMatchObject([
      { posture: 'posture:healthy', condition: 'custom:t != true', found: true, unknown: null },
      { posture: 'posture:infected', condition: 'custom:f == true', found: false, unknown: null },
    ]);
  });

  it('with tags is unknown for devices with others, negated too', () => {
    expect(ask('laptop', ['server', 'phone'])?.holds).toBe(true);
    for (const name of ['laptop', 'no-laptop']) expect(ask(name, ['server'])?.holds, name).toBe(null);
    expect(ask('no-laptop', ['laptop'])?.holds).toBe(false);
    expect(ask('any-laptop')?.holds).toBe(true);
    expect(ask('laptop')?.reasons).toMatchObject([
      { condition: 'tagged tag:laptop or tag:phone', attribute: null, unknown: 'not_for_this_device' },
    ]);
  });

  it('looks at the attributes of all of them', () => {
    const postures = posturesOf(definitions, catalogueOf());
    expect([...(postures.get('posture:either')?.attributes ?? [])].sort()).toEqual([
      'custom:f',
      'custom:t',
      'custom:u',
    ]);
  });

  const problemsOf = (given: Record<string, string[]>) =>
    compilePostures(
      Object.entries(given).map(([name, conditions]) => ({
        name: `posture:${name}`,
        conditions: conditions.map(expressionOf),
        tags: [],
      })),
      catalogueOf(),
    ).problems;

  it('is refused when one is not there, with the nearest', () => {
    expect(problemsOf({ healthy: ['custom:t'], it: ['custom:t', '!posture:helthy'] })).toEqual([
      {
        code: 'unknown_posture',
        posture: 'posture:it',
        condition: 1,
        from: 1,
        to: 15,
        message: 'there is no posture:helthy',
        suggestion: 'posture:healthy',
      },
    ]);
  });

  it.each<[string, Record<string, string[]>, string]>([
    ['itself', { a: ['custom:t', '!posture:a'] }, 'posture:a -> posture:a'],
    ['each other', { a: ['posture:b'], b: ['posture:a'] }, 'posture:a -> posture:b -> posture:a'],
    [
      'each other further on',
      { z: ['posture:a'], a: ['posture:b'], b: ['custom:t && (custom:u || posture:c)'], c: ['posture:a'] },
      'posture:a -> posture:b -> posture:c -> posture:a',
    ],
  ])('is refused when they name %s, with the circle spelled out', (_, given, circle) => {
    expect(problemsOf(given)).toMatchObject([
      { code: 'posture_cycle', message: `postures must not name each other in a circle: ${circle}` },
    ]);
  });

  it('twice is no circle', () => {
    expect(problemsOf({ a: ['custom:t'], b: ['posture:a'], c: ['posture:a && posture:b && posture:a'] })).toEqual([]);
  });

  it('is refused when it comes to too much, however short it is', () => {
    const doubling: Record<string, string[]> = { p0: ['custom:t'] };
    for (let i = 1; i <= 60; i++) doubling[`p${i}`] = [`posture:p${i - 1} && posture:p${i - 1}`];
    const found = problemsOf(doubling);
    expect(found[0]).toMatchObject({
      code: 'posture_too_large',
      posture: 'posture:p14',
      message: `posture:p14 comes to more than ${mostComparisons} comparisons, with the postures that it names`,
    });
  });

  it('may go deep, but not endlessly, and a long chain breaks nothing', () => {
    const chain = (length: number) => {
      const given: Record<string, string[]> = { p0: ['custom:t'] };
      for (let i = 1; i < length; i++) given[`p${i}`] = [`posture:p${i - 1}`];
      return Object.fromEntries(Object.entries(given).reverse());
    };
    const allowed = chain(deepestNaming - 1);
    expect(problemsOf(allowed)).toEqual([]);
    const catalogue = catalogueOf();
    const last = posturesOf(allowed, catalogue).get(`posture:p${deepestNaming - 2}`);
    expect(last?.explain(factsOf(catalogue, values), now).holds).toBe(true);
    expect(problemsOf(chain(20_000))[0]).toMatchObject({
      code: 'posture_too_large',
      message: expect.stringContaining(`more than ${deepestNaming} levels`),
    });
  });
});

describe('reasons', () => {
  const of = (condition: string, given = {}, circumstances = {}) => explain(condition, given, circumstances).reasons;

  it('name each condition that is not true, with what was expected and found, from where and how old', () => {
    const found = of("t:boolean && t:number == 0 && t:string IN ['a', 'b']", {
      't:boolean': true,
      't:number': 2,
    });
    expect(found).toEqual([
      {
        posture: 'posture:it',
        condition: 't:number == 0',
        attribute: 't:number',
        operator: '==',
        expected: 0,
        withinMs: null,
        found: 2,
        unknown: null,
        integration: 'hq',
        confirmedAt: now,
      },
      {
        posture: 'posture:it',
        condition: "t:string IN ['a', 'b']",
        attribute: 't:string',
        operator: 'IN',
        expected: ['a', 'b'],
        withinMs: null,
        found: null,
        unknown: 'unset',
        integration: 'hq',
        confirmedAt: now,
      },
    ]);
  });

  it.each([
    ['t:boolean', {}, {}, 'unset'],
    ['t:boolean', { 't:boolean': 'yes' }, {}, 'mistyped'],
    ['t:boolean == 0', { 't:boolean': false }, {}, 'mistyped'],
    ["t:boolean WITHIN '1h'", { 't:boolean': true }, { confirmedAt: now - 2 * hour }, 'too_old'],
    ["t:boolean WITHIN '1h'", { 't:boolean': true }, { confirmedAt: now + hour }, 'from_the_future'],
    ["t:boolean WITHIN '1h'", { 't:boolean': true }, { confirmedAt: null }, 'not_confirmed'],
    ["t:boolean WITHIN '1h'", {}, { confirmedAt: null }, 'unset'],
    ["t:boolean WITHIN '1h'", { 't:boolean': 5 }, {}, 'mistyped'],
    ["t:time WITHIN '1h'", { 't:time': '2026-11-20T13:00:00Z' }, {}, 'from_the_future'],
    ["t:time WITHIN '1h'", { 't:time': 'soon' }, {}, 'mistyped'],
    ["t:time > '2026-01-01'", { 't:time': '2026-11-20T13:00:00Z' }, {}, 'from_the_future'],
    ["t:time WITHIN '1h'", { 't:time': '2026-11-20T10:00:00Z' }, {}, null],
  ])('%s of %j with %j: %s', (condition, given, circumstances, unknown) => {
    expect(of(condition, given, circumstances)).toMatchObject([{ unknown }]);
  });

  it('of a negated condition are told as its opposite', () => {
    const texts = (condition: string) => of(condition, { 't:boolean': true, 't:number': 2 }).map(r => r.condition);
    expect(texts('!t:boolean')).toEqual(['t:boolean != true']);
    expect(texts('!(t:number > 1 || t:boolean IS SET)')).toEqual(['t:number <= 1', 't:boolean NOT SET']);
    expect(texts("!(t:time WITHIN '2d')")).toEqual(["!(t:time WITHIN '2d')"]);
    expect(texts("!(t:number == 2 WITHIN '90m')")).toEqual(["t:number != 2 WITHIN '90m'"]);
  });

  it('of alternatives are all of them, and none where one is true', () => {
    expect(of('t:number == 1 || t:number == 2', { 't:number': 3 })).toHaveLength(2);
    expect(of('t:number == 1 || t:number == 2', { 't:number': 2 })).toEqual([]);
    expect(of('(t:number == 1 || t:number == 2) && t:boolean', { 't:number': 2 })).toMatchObject([
      { attribute: 't:boolean' },
    ]);
  });

  it.each([
    [
      't:number == 0',
      { 't:number': 2 },
      { confirmedAt: now - 5 * minute },
      't:number == 0: found 2 (integration hq, confirmed 5m ago)',
    ],
    ['t:boolean', {}, { confirmedAt: null }, 't:boolean == true: it is not set'],
    ["t:string != 'a'", { 't:string': 'a' }, {}, "t:string != 'a': found 'a' (integration hq, confirmed just now)"],
    [
      "t:boolean WITHIN '1h'",
      { 't:boolean': true },
      { confirmedAt: now - 50 * hour },
      "t:boolean == true WITHIN '1h': found true, but it was not confirmed lately enough (integration hq, confirmed 2d ago)",
    ],
  ])('%s of %j make a sentence', (condition, given, circumstances, sentence) => {
    const [reason] = of(condition, given, circumstances);
    expect(reason && reasonText(reason, now)).toBe(sentence);
  });
});

describe('until when an answer stands', () => {
  const iso = (ms: number) => new Date(ms).toISOString();
  const time = (offset: number) => ({ 't:time': iso(now + offset), 't:boolean': true });
  const until = (condition: string, given: Record<string, string | boolean>, confirmedAt: number | null = now) => {
    const { validUntil } = explain(condition, given, { confirmedAt });
    return validUntil === null ? null : validUntil - now;
  };

  it('is for ever without WITHIN and times', () => {
    expect(until('t:boolean', { 't:boolean': true })).toBe(null);
    expect(until('t:boolean || t:number > 1', {})).toBe(null);
  });

  it.each<[string, number, number | null]>([
    ["t:time WITHIN '1h'", 0, hour + 1],
    ["t:time WITHIN '1h'", -hour, 1],
    ["t:time WITHIN '1h'", -hour - 1, null],
    ["t:time WITHIN '1h'", aheadMs, aheadMs + hour + 1],
    ["t:time WITHIN '1h'", aheadMs + 10, 10],
    ["t:time > '2026-01-01'", 0, null],
    ["t:time > '2026-01-01'", aheadMs + 10, 10],
    ['t:time IS SET', aheadMs + 10, null],
  ])('%s of a time %i ms from now: %s', (condition, offset, expected) => {
    expect(until(condition, time(offset))).toBe(expected);
    expect(until(`!(${condition})`, time(offset))).toBe(expected);
  });

  it.each<[number | null, number | null]>([
    [0, hour + 1],
    [-hour, 1],
    [-hour - 1, null],
    [aheadMs + 10, 10],
    [null, null],
  ])("of what was confirmed %s ms from now, within '1h': %s", (offset, expected) => {
    const confirmedAt = offset === null ? null : now + offset;
    expect(until("t:boolean WITHIN '1h'", { 't:boolean': true }, confirmedAt)).toBe(expected);
    expect(until("t:boolean == false WITHIN '1h'", { 't:boolean': true }, confirmedAt)).toBe(expected);
  });

  it('is the first change of what matters, and a decided answer outlasts it', () => {
    const given = time(0);
    expect(until("t:time WITHIN '1h' && t:time WITHIN '2h'", given)).toBe(hour + 1);
    expect(until("t:time WITHIN '1h' || t:time WITHIN '2h'", given)).toBe(2 * hour + 1);
    expect(until("t:time WITHIN '1h' || t:boolean", given)).toBe(null);
    expect(until("t:time WITHIN '1h' && !t:boolean", given)).toBe(null);
    expect(until("t:time WITHIN '1h' && t:number == 1", given)).toBe(hour + 1);
  });

  it('is not asked where time plays no part', () => {
    expect(postureOf(['t:boolean'], catalogueOf()).isTimed).toBe(false);
    expect(postureOf(["t:boolean && (t:boolean || t:boolean WITHIN '1h')"], catalogueOf()).isTimed).toBe(true);
    expect(postureOf(["t:time > '2026-01-01'"], catalogueOf()).isTimed).toBe(true);
  });
});
