// What a condition asks for, in words, for each operator that it may have once its negations are worked in.
import { describe, expect, it } from 'vitest';
import { expectedOf } from '../../src/web/pages/devices/expected.ts';

type Asked = Parameters<typeof expectedOf>[0];
const hour = 3_600_000;

describe('what a condition asks for', () => {
  it.each<[string, Partial<Asked>]>([
    ['0', { operator: '==', expected: 0 }],
    ['an empty text', { operator: '==', expected: '' }],
    ['not true', { operator: '!=', expected: true }],
    ['less than 24.2', { operator: '<', expected: '24.2' }],
    ['at most 3', { operator: '<=', expected: 3 }],
    ['more than 3', { operator: '>', expected: 3 }],
    ['at least 24.2.1', { operator: '>=', expected: '24.2.1' }],
    ['one of linux, macos', { operator: 'IN', expected: ['linux', 'macos'] }],
    ['linux', { operator: 'IN', expected: ['linux'] }],
    ['none of ios, js', { operator: 'NOT IN', expected: ['ios', 'js'] }],
    ['not js', { operator: 'NOT IN', expected: ['js'] }],
    ['set', { operator: 'IS SET' }],
    ['not set', { operator: 'NOT SET' }],
    ['within the last 24 hours', { operator: 'WITHIN', withinMs: 24 * hour }],
    ['longer ago than 2 days', { operator: 'NOT WITHIN', withinMs: 48 * hour }],
    ['laptop, kiosk', { operator: 'TAGGED', expected: ['laptop', 'kiosk'] }],
  ])('is: %s', (value, asked) => {
    const whole = { operator: '==', expected: null, withinMs: null, ...asked } as Asked;
    expect(expectedOf(whole)).toEqual({ value, confirmed: null });
  });

  it('is before or after a time, which is told exactly', () => {
    const asked = (operator: string) =>
      expectedOf({ operator, expected: '2026-01-01T00:00:00Z', withinMs: null } as Asked).value;
    expect(asked('<')).toMatch(/^before .*20(25|26)/);
    expect(asked('>=')).toMatch(/^at the earliest .*20(25|26)/);
  });

  it('says how lately the value must have been confirmed', () => {
    expect(expectedOf({ operator: '!=', expected: 2, withinMs: 90 * 60_000 } as Asked)).toEqual({
      value: 'not 2',
      confirmed: 'confirmed within 90 minutes',
    });
  });
});
