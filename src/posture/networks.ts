// IP addresses and networks (CIDR), of both versions. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is the IPv4
// address. Spellings that systems read in different ways (octal, hexadecimal, fewer than four parts) are no addresses.
import ipaddr from 'ipaddr.js';

type Address = ipaddr.IPv4 | ipaddr.IPv6;

export interface Network {
  address: Address;
  /** How many bits count. */
  bits: number;
}

const longest = 64;

/** @returns the address, or null when the text is none; one with a zone (`fe80::1%eth0`) means nothing elsewhere */
export function parseAddress(text: string): Address | null {
  if (text.length > longest || text.includes('%')) return null;
  if (!text.includes(':')) return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : null;
  return ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : null;
}

/**
 * @param text `10.0.0.0/8`, `2001:db8::/32`, or an address, which is a network of itself. Bits behind the prefix may be set
 * @returns the network, or null when the text is none
 */
export function parseNetwork(text: string): Network | null {
  const [base = '', prefix, ...rest] = text.split('/', 3);
  const address = parseAddress(base);
  if (address === null || rest.length > 0) return null;
  const width = address.toByteArray().length * 8;
  if (prefix === undefined) return { address, bits: width };
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix)) return null;
  // Of an IPv4 address written as IPv6 the first 96 bits are always the same.
  const bits = Number(prefix) - (width === 32 && base.includes(':') ? 96 : 0);
  return bits >= 0 && bits <= width ? { address, bits } : null;
}

/** @returns whether an address lies in a network; one of the other version never does */
export function contains({ address: base, bits }: Network, address: Address): boolean {
  return address.kind() === base.kind() && address.match(base, bits);
}
