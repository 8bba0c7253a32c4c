// The name that somebody meant.
import { expect, test } from 'vitest';
import { nearest } from '../../src/posture/nearest.ts';

test.each([
  ['hq', ['HQ', 'branch'], 'HQ'],
  ['brnach', ['hq', 'branch'], 'branch'],
  ['upd', ['tcp', 'udp'], 'udp'],
  ['zzz', ['hq', 'branch'], null],
  ['a', [], null],
  ['x'.repeat(100_000), ['hq', 'branch'], null],
])('the nearest to %s among %j is %s', (given, names, expected) => expect(nearest(given, names)).toBe(expected));
