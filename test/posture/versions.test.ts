// The order of versions. The cases are those that Tailscale publishes for its own comparison, and some of ours.
import { describe, expect, it } from 'vitest';
import { compareVersions } from '../../src/posture/versions.ts';
import { seeded } from '../support/random.ts';

describe('versions compare as Tailscale compares them', () => {
  it.each([
    ['both empty', '', '', 0],
    ['the first empty', '', '1.2.3', -1],
    ['the second empty', '1.2.3', '', 1],
    ['semver, major', '2.0.0', '1.9.9', 1],
    ['semver, minor', '1.9.0', '1.8.9', 1],
    ['semver, patch', '1.9.9', '1.9.8', 1],
    ['semver, equal', '1.9.8', '1.9.8', 0],
    ['with a dash, major', '1.0-0', '0.97-105', 1],
    ['with a dash, minor', '0.98-0', '0.97-105', 1],
    ['with a dash, patch', '0.97-120', '0.97-105', 1],
    ['with a dash, equal', '0.97-105', '0.97-105', 0],
    ['more fields are larger', '0.96.1-0', '0.96-105', 1],
    ['digits of other scripts are text', '۱۱', '۲', -1],
    ['Windows', '10.0.19045.3324', '10.0.18362', 1],
    ['Windows 11 is all above 10.0.22000', '10.0.22631.2262', '10.0.22000', 1],
    ['Android, short', '10', '7', 1],
    ['Android, longer', '7.1.2', '7', 1],
    ['iOS', '15.6.1', '15.6', 1],
    ['a short Linux kernel', '4.4.302+', '4.0', 1],
    ['a long Linux kernel', '4.14.255-311-248.529.amzn2.x86_64', '4.0', 1],
    ['FreeBSD', '14.0-CURRENT', '14', 1],
    ['Synology', 'Synology 6.2.4; kernel=3.10.105', 'Synology 6', 1],
    // Beyond the published ones.
    ['numbers, not digits', '1.100', '1.55', 1],
    ['a part more is newer, even if it is zero', '12', '12.0', -1],
    ['so it is further down', '1.40', '1.40.0', -1],
    ['leading zeros do not count', '1.002', '1.2', 0],
    ['a missing number is zero', '12.', '12.0', 0],
    ['a v is text and not taken off', 'v1.2', '1.3', 1],
    ['numbers beyond 64 bits', '1.18446744073709551617', '1.18446744073709551616', 1],
    ['endless numbers', '9'.repeat(5_000), '1'.repeat(5_000), 1],
    ['text beyond the basic plane sorts behind the rest', '\u{1f600}', '\uffee', 1],
    ['letter case counts', '1.0a', '1.0B', 1],
  ])('orders %s', (_, a, b, order) => {
    expect(Math.sign(compareVersions(a, b))).toBe(order);
    expect(Math.sign(compareVersions(b, a)) + order).toBe(0);
  });

  it('and any three of them have one order, for 20,000 random triples', () =>
    seeded(11, random => {
      const parts = ['0', '1', '9', '10', '007', '.', '-', 'a', 'B', '+', ''];
      const version = () => Array.from({ length: random.below(6) }, () => random.pick(parts)).join('');
      for (let i = 0; i < 20_000; i++) {
        const [a, b, c] = [version(), version(), version()];
        if (Math.sign(compareVersions(a, b)) + Math.sign(compareVersions(b, a)) !== 0) expect([a, b]).toEqual([]);
        const isOrdered = compareVersions(a, b) <= 0 && compareVersions(b, c) <= 0;
        if (isOrdered && compareVersions(a, c) > 0) expect([a, b, c]).toEqual([]);
      }
    }));
});
