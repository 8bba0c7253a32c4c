// Reasons in words for the person in front of the device.
import { describe, expect, it } from 'vitest';
import type { Reason } from '../../src/posture/explanations.ts';
import { plainReason } from '../../src/posture/plain-reasons.ts';

const now = Date.parse('2026-11-20T12:00:00Z');
const minute = 60_000;
const hour = 60 * minute;

const reason: Reason = {
  posture: 'posture:healthy',
  condition: '',
  attribute: 'sentinelOne:activeThreats',
  operator: '==',
  expected: 0,
  withinMs: null,
  found: 2,
  unknown: null,
  integration: 'main',
  confirmedAt: now - 5 * minute,
};

describe('a reason in plain words', () => {
  it.each<[string, Partial<Reason>]>([
    ['Active threats (SentinelOne) must be 0, but is 2. Last checked 5 minutes ago.', {}],
    [
      'Active (SentinelOne) must be yes, but is no. Last checked just now.',
      { attribute: 'sentinelOne:isActive', expected: true, found: false, confirmedAt: now },
    ],
    [
      'Active threats (SentinelOne) must not be 2, but is 2. Last checked 3 hours ago.',
      { operator: '!=', expected: 2, confirmedAt: now - 3 * hour },
    ],
    [
      'Agent version (SentinelOne) must be at least “24.1”, but is “23.4”.',
      { attribute: 'sentinelOne:agentVersion', operator: '>=', expected: '24.1', found: '23.4', confirmedAt: null },
    ],
    [
      'Tier must be “gold” or “silver”, but nothing is known of it.',
      {
        attribute: 'custom:tier',
        operator: 'IN',
        expected: ['gold', 'silver'],
        found: null,
        confirmedAt: null,
        unknown: 'unset',
      },
    ],
    [
      'Os must not be “ios”, “js” or “x”, but is “js”.',
      { attribute: 'node:os', operator: 'NOT IN', expected: ['ios', 'js', 'x'], found: 'js', confirmedAt: null },
    ],
    [
      'Tier must be known, but nothing is known of it.',
      { attribute: 'custom:tier', operator: 'IS SET', expected: null, found: null, confirmedAt: null },
    ],
    [
      'Tier must not be set, but is “gold”.',
      { attribute: 'custom:tier', operator: 'NOT SET', expected: null, found: 'gold', confirmedAt: null },
    ],
    [
      'Active threats (SentinelOne) was not checked within 24 hours, as it must be. Last checked 4 days ago.',
      { withinMs: 24 * hour, unknown: 'too_old', confirmedAt: now - 4 * 24 * hour },
    ],
    [
      'Active threats (SentinelOne) must be 0, but was never confirmed.',
      { unknown: 'not_confirmed', confirmedAt: null },
    ],
    [
      'Active threats (SentinelOne) must be 0, but is yes, which cannot be compared with that. Last checked 5 minutes ago.',
      { unknown: 'mistyped', found: true },
    ],
    [
      'Active threats (SentinelOne) must be 0, but lies in the future: a clock is wrong. Last checked just now.',
      { unknown: 'from_the_future', confirmedAt: now + hour },
    ],
    [
      'Seen must be within the last 2 days, but is “2026-11-01”.',
      {
        attribute: 'custom:seen',
        operator: 'WITHIN',
        expected: null,
        withinMs: 48 * hour,
        found: '2026-11-01',
        confirmedAt: null,
      },
    ],
    [
      'This is for devices tagged “laptop” or “kiosk”, and this device is not.',
      { attribute: null, operator: 'TAGGED', expected: ['laptop', 'kiosk'], unknown: 'not_for_this_device' },
    ],
    [
      `Note must be “a”, but is “${'x'.repeat(80)}…”.`,
      { attribute: 'custom:note', expected: 'a', found: 'x'.repeat(500), confirmedAt: null },
    ],
  ])('is: %s', (sentence, part) => {
    expect(plainReason({ ...reason, ...part }, now)).toBe(sentence);
  });
});
