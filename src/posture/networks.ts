// IP addresses and networks (CIDR), of both versions. An IPv4 address that is written as IPv6 (`::ffff:10.0.0.1`) is the IPv4
// address. Spellings that systems read in different ways (octal, hexadecimal, fewer than four parts) are no addresses.
import ipaddr from 'ipaddr.js';

/** Its bits in words of 32: one for IPv4, four for IPv6. */
export type Address = readonly number[];

/** An address is in it if its bits are those of the words, wherever the masks have one. */
export interface Network {
  readonly words: readonly number[];
  readonly masks: readonly number[];
}

/** What addresses are made of. The library throws on anything else, which takes as long as ten decisions. */
const four = /^\d{1,3}(\.\d{1,3}){3}$/;
const six = /^[0-9a-fA-F:.]{2,45}$/;

/** @returns the library's address, or null when the text is none; one with a zone (`fe80::1%eth0`) means nothing elsewhere */
export function readAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | null {
  if (four.test(text)) return ipaddr.IPv4.isValidFourPartDecimal(text) ? ipaddr.IPv4.parse(text) : null;
  if (!text.includes(':') || !six.test(text)) return null;
  // The last four bytes may be written as IPv4. Octal there is octal to some; and `::1.2.3.4` alone is IPv4 to the library, but
  // IPv6 to sockets, which print `::102:304` so: a stranger's address must not read as that of a device.
  const tail = text.includes('.') ? text.slice(text.lastIndexOf(':') + 1) : null;
  if (tail !== null && (!ipaddr.IPv4.isValidFourPartDecimal(tail) || text === `::${tail}`)) return null;
  return ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : null;
}

/** @returns the address, or null when the text is none */
export function parseAddress(text: string): Address | null {
  const bytes = readAddress(text)?.toByteArray();
  if (bytes === undefined) return null;
  const words: number[] = [];
  for (let i = 0; i < bytes.length; i += 4)
    words.push(bytes.slice(i, i + 4).reduce((word, byte) => (word << 8) | byte, 0));
  return words;
}

/**
 * @param text `10.0.0.0/8`, `2001:db8::/32`, or an address, which is a network of itself. Bits behind the prefix may be set
 * @returns the network, or null when the text is none
 */
export function parseNetwork(text: string): Network | null {
  const [base = '', prefix, ...rest] = text.split('/', 3);
  const address = parseAddress(base);
  if (address === null || rest.length > 0) return null;
  const width = address.length * 32;
  if (prefix === undefined) return networkOf(address, width);
  if (!/^(0|[1-9]\d{0,2})$/.test(prefix)) return null;
  // Of an IPv4 address written as IPv6 the first 96 bits are always the same.
  const bits = Number(prefix) - (width === 32 && base.includes(':') ? 96 : 0);
  return bits >= 0 && bits <= width ? networkOf(address, bits) : null;
}

function networkOf(address: Address, bits: number): Network {
  // A shift by 32 would shift by nothing.
  const masks = address.map((_, i) => (bits >= 32 * (i + 1) ? -1 : bits <= 32 * i ? 0 : -1 << (32 * (i + 1) - bits)));
  return { words: address.map((word, i) => word & (masks[i] ?? 0)), masks };
}

/** @returns whether a network lies in another one, or is the same */
export function isWithin(inner: Network, outer: Network): boolean {
  if (inner.words.length !== outer.words.length) return false;
  return outer.masks.every((mask, i) => {
    const isNarrower = ((inner.masks[i] ?? 0) & mask) === mask;
    return isNarrower && ((inner.words[i] ?? 0) & mask) === outer.words[i];
  });
}

/** @returns whether an address lies in a network; one of the other version never does */
export function contains({ words, masks }: Network, address: Address): boolean {
  if (address.length !== words.length) return false;
  for (let i = 0; i < words.length; i++) if (((address[i] ?? 0) & (masks[i] ?? 0)) !== words[i]) return false;
  return true;
}
