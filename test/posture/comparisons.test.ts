// Every operator on every type of value: true, false, or unknown (null).
import { describe, expect, it } from 'vitest';
import type { AttributeValue } from '../../src/posture/attributes.ts';
import { aheadMs } from '../../src/posture/times.ts';
import { holds, hour, minute, now } from './language.ts';

/** A value that its type cannot have; such as come from a broken store. */
const odd: [string, unknown][] = [
  ['NaN', Number.NaN],
  ['infinity', Number.POSITIVE_INFINITY],
  ['minus infinity', Number.NEGATIVE_INFINITY],
  ['null', null],
  ['an object', {}],
  ['a list', []],
];

const iso = (ms: number) => new Date(ms).toISOString();

/** Of each type: a value, comparisons that are true and false of it, and some that cannot be made. */
const types: { type: string; value: AttributeValue; yes: string[]; no: string[]; unknown: string[] }[] = [
  {
    type: 'boolean',
    value: true,
    yes: [
      '',
      '== true',
      '!= false',
      'IN [true]',
      'IN [true, false]',
      'NOT IN [false]',
      'IS SET',
      '== TRUE',
      'NOT IN []',
    ],
    no: ['== false', '!= true', 'IN [false]', 'NOT IN [true, false]', 'NOT SET', 'IN []'],
    unknown: ["== 'true'", '== 1', '!= 1', 'IN [1]', "NOT IN ['true']", '< true', '>= true', "> 'a'", '< 1'],
  },
  {
    type: 'number',
    value: 5,
    yes: [
      '== 5',
      '== 5.0',
      '!= 4',
      '< 6',
      '<= 5',
      '> 4',
      '>= 5',
      '> -1',
      '== 5e0',
      'IN [4, 5]',
      'NOT IN [6]',
      'IS SET',
    ],
    no: ['== 6', '!= 5', '< 5', '<= 4', '> 5', '>= 6', 'IN [4]', 'NOT IN [5, 6]', 'NOT SET'],
    unknown: ["== '5'", '== true', "!= '5'", "< '6'", "IN ['5']", "NOT IN [6, '5']", '', '> false'],
  },
  {
    type: 'string',
    value: 'na',
    yes: ["== 'na'", '== "na"', "!= 'NA'", "IN ['x', 'na']", "NOT IN ['x']", 'IS SET', "in ['na']", "Not In ['x']"],
    no: ["== 'NA'", "!= 'na'", "IN ['x', 'NA']", "NOT IN ['na']", 'NOT SET', "IN ['x']"],
    unknown: ['== 0', '!= true', 'IN [1]', "NOT IN ['x', 1]", "< 'nb'", "<= 'na'", "> 'a'", ">= 'a'", '', '< 1'],
  },
  {
    type: 'version',
    value: '24.1.10',
    yes: [
      "== '24.1.10'",
      "== '24.01.10'",
      "!= '24.1'",
      "> '24.1.9'",
      "< '24.2'",
      ">= '24'",
      "<= '24.1.10'",
      "IN ['1', '24.1.010']",
    ],
    no: ["== '24.1'", "!= '24.1.10'", "< '24.1.9'", "> '24.2'", "IN ['24.1']", "NOT IN ['24.1.10']", 'NOT SET'],
    unknown: ['>= 24', '== 24.1', '== true', 'IN [24]', "NOT IN ['1', 24]", ''],
  },
  {
    type: 'time',
    value: '2026-11-20T10:00:00.000Z',
    yes: [
      "== '2026-11-20T10:00:00Z'",
      "== '2026-11-20T11:00:00+01:00'",
      "> '2026-11-20'",
      "< '2026-11-21'",
      "IN ['2026-11-20T10:00:00.000Z']",
      "NOT IN ['2026-11-20']",
      "WITHIN '2h'",
    ],
    no: ["!= '2026-11-20T10:00:00Z'", "< '2026-11-20'", "IN ['2026-11-20']", "WITHIN '1h'", 'NOT SET'],
    unknown: ['> 0', "> 'yesterday'", "!= 'yesterday'", "NOT IN ['yesterday']", '== true', '', '> 1763631000'],
  },
  {
    type: 'address',
    value: '10.1.2.3',
    yes: [
      "== '10.1.2.3'",
      "== '10.0.0.0/8'",
      "IN ['192.168.0.0/16', '10.1.0.0/16']",
      "!= '10.2.0.0/16'",
      "NOT IN ['::/0']",
    ],
    no: ["== '10.1.2.4'", "!= '10.0.0.0/8'", "IN ['11.0.0.0/8']", "NOT IN ['10.0.0.0/8']"],
    unknown: ["== 'ipset:office'", "NOT IN ['ipset:office']", "!= '10.0.0.0/33'", "< '10.2.0.0'", '== 10', ''],
  },
];

describe.each(types)('a $type', ({ type, value, yes, no, unknown }) => {
  const name = `t:${type}`;
  it.each(yes)('%s is true', rest => expect(holds(`${name} ${rest}`, { [name]: value })).toBe(true));
  it.each(no)('%s is false', rest => expect(holds(`${name} ${rest}`, { [name]: value })).toBe(false));
  it.each(unknown)('%s is unknown', rest => expect(holds(`${name} ${rest}`, { [name]: value })).toBe(null));

  it('that is not set makes every comparison unknown, but IS SET and NOT SET', () => {
    for (const rest of [...yes, ...no, ...unknown].filter(text => !/\bSET$/.test(text)))
      expect(holds(`${name} ${rest}`, {}), rest).toBe(null);
    expect(holds(`${name} IS SET`, {})).toBe(false);
    expect(holds(`${name} NOT SET`, {})).toBe(true);
  });

  it('negated is the opposite, and unknown stays unknown', () => {
    for (const rest of yes) expect(holds(`!(${name} ${rest})`, { [name]: value }), rest).toBe(false);
    for (const rest of no) expect(holds(`!${name} ${rest}`, { [name]: value }), rest).toBe(true);
    for (const rest of unknown) expect(holds(`!(${name} ${rest})`, { [name]: value }), rest).toBe(null);
    for (const rest of yes) expect(holds(`!!${name} ${rest}`, { [name]: value }), rest).toBe(true);
  });

  it.each(odd)('that is %s is as good as not set', (_, broken) => {
    const values = { [name]: broken as AttributeValue };
    for (const rest of [...yes, ...no].filter(text => !/\bSET$/.test(text)))
      expect(holds(`${name} ${rest}`, values), rest).toBe(null);
    expect(holds(`${name} IS SET`, values)).toBe(false);
    expect(holds(`${name} NOT SET`, values)).toBe(true);
  });

  it('of another type is unknown, whatever is asked but whether it is set', () => {
    const others: AttributeValue[] = [true, 5, 'text'].filter(other => typeof other !== typeof value);
    // A text may be any string; where it must be more it is unknown as well.
    if (type === 'time' || type === 'address') others.push('text');
    for (const other of others) {
      for (const rest of [...yes, ...no].filter(text => !/\bSET$/.test(text)))
        expect(holds(`${name} ${rest}`, { [name]: other }), `${other} ${rest}`).toBe(null);
      expect(holds(`${name} IS SET`, { [name]: other })).toBe(true);
    }
  });
});

describe('an attribute whose type nobody told is taken as it comes', () => {
  it.each<[string, AttributeValue, boolean | null]>([
    ['== true', true, true],
    ['', true, true],
    ['', false, false],
    ['', 'true', null],
    ['== 5', 5, true],
    ['> 4', 5, true],
    ["== 'a'", 'a', true],
    ["== 'a'", 5, null],
    ["== '5'", 5, null],
    ["IN ['a', 5]", 'a', true],
    ["IN ['a', 5]", 5, true],
    ["IN ['a', 5]", 'b', null],
    ["NOT IN ['a', 5]", 6, null],
    ["IN ['a', 'b']", 'c', false],
    ["> 'a'", 'b', null],
    ["WITHIN '1h'", '2026-11-20T12:00:00.000Z', null],
    ["WITHIN '1h'", true, true],
    ['IN []', 'a', false],
    ['NOT IN []', 5, true],
  ])('%s of %j is %s', (rest, value, is) => {
    expect(holds(`custom:any ${rest}`, { 'custom:any': value })).toBe(is);
  });
});

describe('WITHIN on a time', () => {
  it.each<[string, number, boolean | null]>([
    ['now', 0, true],
    ['just within', -hour, true],
    ['a millisecond too old', -hour - 1, false],
    ['ahead as far as clocks may be', aheadMs, true],
    ['further ahead', aheadMs + 1, null],
    ['from another century', 100 * 365 * 24 * hour, null],
  ])('that is %s', (_, offset, is) => {
    expect(holds("t:time WITHIN '1h'", { 't:time': iso(now + offset) })).toBe(is);
    expect(holds("!(t:time WITHIN '1h')", { 't:time': iso(now + offset) })).toBe(is === null ? null : !is);
  });

  it('does not ask when it was confirmed', () => {
    const values = { 't:time': iso(now) };
    expect(holds("t:time WITHIN '1h'", values, { confirmedAt: now - 2 * hour })).toBe(true);
    expect(holds("t:time WITHIN '1h'", values, { confirmedAt: null })).toBe(true);
    expect(holds("t:time IS SET WITHIN '1h'", values, { confirmedAt: now - 2 * hour })).toBe(null);
  });

  it('a time too far ahead is unknown in every other comparison too', () => {
    for (const rest of ["> '2026-01-01'", "!= '2026-01-01'", "IN ['2026-01-01']", "NOT IN ['2026-01-01']"]) {
      expect(holds(`t:time ${rest}`, { 't:time': iso(now + aheadMs + 1) }), rest).toBe(null);
      expect(holds(`t:time ${rest}`, { 't:time': iso(now + aheadMs) }), rest).not.toBe(null);
    }
  });
});

describe('WITHIN behind a comparison', () => {
  const comparisons: [string, boolean][] = [
    ['t:boolean', true],
    ['t:boolean == true', true],
    ['t:boolean == false', false],
    ['t:boolean IS SET', true],
    ['t:number NOT SET', true],
    ['t:number IS SET', false],
  ];
  const values = { 't:boolean': true };

  it.each(comparisons)('%s: the answer if the value was confirmed lately', (text, is) => {
    for (const age of [0, minute, hour, -aheadMs])
      expect(holds(`${text} WITHIN '1h'`, values, { confirmedAt: now - age }), `${age}`).toBe(is);
  });

  it.each(comparisons)('%s: unknown if not', text => {
    for (const confirmedAt of [now - hour - 1, now + aheadMs + 1, null, Number.NaN]) {
      expect(holds(`${text} WITHIN '1h'`, values, { confirmedAt }), `${confirmedAt}`).toBe(null);
      expect(holds(`!(${text} WITHIN '1h')`, values, { confirmedAt }), `${confirmedAt}`).toBe(null);
    }
  });

  it('a clock that shows nothing confirms nothing', () => {
    const time = { 't:time': iso(now) };
    expect(holds("t:boolean WITHIN '1h'", values, { at: Number.NaN })).toBe(null);
    expect(holds("!(t:time WITHIN '1h')", time, { at: Number.NaN })).toBe(null);
    expect(holds("t:time > '2020-01-01'", time, { at: Number.NaN })).toBe(null);
  });
});

it('a family has the type of its declaration, whatever the name', () => {
  expect(holds('fleetPolicy:diskEncrypted', { 'fleetPolicy:diskEncrypted': true })).toBe(true);
  expect(holds("fleetPolicy:diskEncrypted == 'true'", { 'fleetPolicy:diskEncrypted': 'true' })).toBe(null);
});
