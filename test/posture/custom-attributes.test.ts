// Rules of keys, values, expiries and comments of custom attributes, by tables.
import { describe, expect, it } from 'vitest';
import {
  readComment,
  readCustomKey,
  readCustomValue,
  readExpiry,
  whyNotBeside,
} from '../../src/posture/custom-attributes.ts';

const now = Date.parse('2026-11-21T12:00:00.000Z');
const isRefused = (read: object, about: string) => expect(read).toEqual({ problem: expect.stringContaining(about) });

describe('a key', () => {
  it.each(['custom:a', 'custom:Tier_2', 'custom:team:build', `custom:${'k'.repeat(121)}`])('may be %s', key => {
    expect(readCustomKey(key)).toEqual({ value: key });
  });

  it.each(['custom:', 'custom:a-b', 'custom:a b', 'custom:ä', 'custom:a\n', `custom:${'k'.repeat(122)}`, 'custom:a.b'])(
    'may not be %j',
    key => isRefused(readCustomKey(key), 'letters, digits, underscores and colons'),
  );

  it.each(['sentinelOne:infected', 'node:os', 'Custom:a', 'custom', ''])(
    'of another namespace may not be set: %j',
    key => {
      isRefused(readCustomKey(key), 'begin with custom:');
    },
  );
});

describe('a value', () => {
  it.each([true, false, 0, -1, 2 ** 53 - 1, -(2 ** 53 - 1), 'a', 'v1.2_B', 'x'.repeat(50)])('may be %j', value => {
    expect(readCustomValue(value)).toEqual({ value });
  });

  it.each([
    2 ** 53,
    -(2 ** 53),
    1.5,
    Number.NaN,
    Number.POSITIVE_INFINITY,
    '',
    'a b',
    'a-b',
    'é',
    'x'.repeat(51),
    'a\0',
    null,
    undefined,
    [],
    {},
    5n,
  ])('may not be %j'.replace('%j', '%s'), value =>
    isRefused(readCustomValue(value), 'a whole number up to 9007199254740991 either way, or a text of 1 to 50'),
  );

  it('of minus zero is zero', () => expect(Object.is((readCustomValue(-0) as { value: number }).value, 0)).toBe(true));
});

describe('an expiry', () => {
  it.each([undefined, null, '0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z', '0001-01-01T01:00:00+01:00'])(
    'of %j is none',
    expiry => expect(readExpiry(expiry, now)).toEqual({ value: null }),
  );

  it.each([
    ['2026-11-21T12:00:00.001Z', now + 1],
    ['2026-11-21T14:00:00+01:00', now + 3_600_000],
    ['9999-12-31T23:59:59Z', Date.parse('9999-12-31T23:59:59Z')],
  ])('may be %s', (expiry, value) => expect(readExpiry(expiry, now)).toEqual({ value }));

  it.each([
    '',
    'tomorrow',
    '2026-12-01',
    '2026-02-30T00:00:00Z',
    '2027-01-01T00:00:00',
    5,
    {},
    '9999-12-31T23:59:59-23:59',
  ])('may not be %j', expiry => isRefused(readExpiry(expiry, now), 'RFC 3339'));

  it.each(['2026-11-21T12:00:00Z', '2020-01-01T00:00:00Z', '0001-01-01T00:00:01Z'])(
    'that is past is refused: %s',
    expiry => {
      isRefused(readExpiry(expiry, now), 'must lie ahead');
    },
  );
});

describe('a comment', () => {
  it('is a text of at most 200 characters, and an empty one is none', () => {
    expect(readComment('ticket 4711')).toEqual({ value: 'ticket 4711' });
    expect(readComment('😀'.repeat(200))).toEqual({ value: '😀'.repeat(200) });
    for (const none of [undefined, null, '']) expect(readComment(none)).toEqual({ value: null });
    for (const bad of ['x'.repeat(201), 5, 'a\0b', '\ud800']) isRefused(readComment(bad), '200 characters');
  });
});

it('a key in use has one spelling and one type', () => {
  const inUse = { key: 'custom:tier', type: 'string' } as const;
  expect(whyNotBeside(inUse, 'custom:tier', 'gold')).toBeNull();
  expect(whyNotBeside(inUse, 'custom:Tier', 'gold')).toContain('custom:tier is in use');
  expect(whyNotBeside(inUse, 'custom:tier', 5)).toContain('it is a text since its first value, and 5 is a number');
});
