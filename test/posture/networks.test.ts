// Addresses and networks.
import { describe, expect, it } from 'vitest';
import { contains, isWithin, parseAddress, parseNetwork } from '../../src/posture/networks.ts';

function isIn(address: string, network: string): boolean | null {
  const [parsed, base] = [parseAddress(address), parseNetwork(network)];
  return parsed === null || base === null ? null : contains(base, parsed);
}

describe('an address', () => {
  it.each<[string, string, boolean]>([
    ['10.1.2.3', '10.0.0.0/8', true],
    ['11.1.2.3', '10.0.0.0/8', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.4', '10.1.2.3', false],
    ['10.1.2.3', '10.200.0.1/8', true],
    ['10.1.2.3', '0.0.0.0/0', true],
    ['192.168.1.129', '192.168.1.128/25', true],
    ['192.168.1.127', '192.168.1.128/25', false],
    ['2001:db8::1', '2001:db8::/32', true],
    ['2001:DB8:0:0::1', '2001:db8::1', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['10.1.2.3', '::ffff:10.0.0.0/104', true],
    ['11.1.2.3', '::ffff:10.0.0.0/104', false],
    ['10.1.2.3', '::/0', false],
    ['2001:db8::1', '0.0.0.0/0', false],
  ])('%s in %s: %s', (address, network, is) => expect(isIn(address, network)).toBe(is));

  it.each([
    '',
    '10.0.0',
    '10.0.0.256',
    '010.0.0.1',
    '0x0a.0.0.1',
    '167772161',
    'fe80::1%eth0',
    '10.0.0.1/8',
    'host',
    '::ffff:010.0.0.1',
    '::10.0.0.1',
  ])('%j is none', text => expect(parseAddress(text)).toBeNull());
});

it.each([
  '10.0.0.0/33',
  '10.0.0.0/-1',
  '10.0.0.0/08',
  '10.0.0.0/',
  '10.0.0.0/8/8',
  '::/129',
  '::ffff:1.2.3.4/95',
  'x/8',
])('%j is no network', text => expect(parseNetwork(text)).toBeNull());

describe('a network', () => {
  it.each<[string, string, boolean]>([
    ['10.1.0.0/16', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.0.0.0/8', true],
    ['10.0.0.0/8', '10.1.0.0/16', false],
    ['11.0.0.0/16', '10.0.0.0/8', false],
    ['192.168.1.192/26', '192.168.1.128/25', true],
    ['192.168.1.0/26', '192.168.1.128/25', false],
    ['0.0.0.0/0', '0.0.0.0/0', true],
    ['200.0.0.1', '0.0.0.0/0', true],
    ['2001:db8:1::/48', '2001:db8::/32', true],
    ['2001:db8::/32', '2001:db8:1::/48', false],
    ['10.0.0.0/8', '::/0', false],
  ])('%s lies in %s: %s', (inner, outer, is) => {
    const [narrow, wide] = [parseNetwork(inner), parseNetwork(outer)];
    expect(narrow !== null && wide !== null && isWithin(narrow, wide)).toBe(is);
  });
});
