// Whether an address is that of a trusted proxy, in whatever form sockets and headers have it.
import { expect, it } from 'vitest';
import { networkTest } from '../../src/http/networks.ts';

it.each<[string | undefined, boolean]>([
  ['10.0.0.5', true],
  ['10.0.0.6', false],
  ['::ffff:10.0.0.5', true],
  ['192.168.77.1', true],
  ['192.169.0.1', false],
  ['2001:db8:1::7', true],
  ['2001:DB8:1:0::7', true],
  ['2001:db8:2::7', false],
  ['010.0.0.5', false],
  ['10.0.0.5:80', false],
  ['', false],
  [undefined, false],
])('%s is trusted: %s', (address, isTrusted) => {
  const test = networkTest(['10.0.0.5', '192.168.0.0/16', '2001:db8:1::/48']);
  expect(test(address)).toBe(isTrusted);
  expect(test(address)).toBe(isTrusted);
});

it('nobody is trusted where no proxy is named', () => {
  expect(networkTest([])('127.0.0.1')).toBe(false);
});

it('answers stay right for more addresses than are remembered', () => {
  const test = networkTest(['10.0.0.0/24']);
  for (let round = 0; round < 2; round++)
    for (let i = 0; i < 1_500; i++) {
      const address = `10.0.${Math.floor(i / 250)}.${i % 250}`;
      expect([address, test(address)]).toEqual([address, i < 250]);
    }
});
