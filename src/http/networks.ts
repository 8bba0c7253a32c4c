// Networks of requests. The one that an address belongs to: unknown clients are counted and limited by it, so that one that has
// many addresses at hand counts once. And whether an address is that of a proxy whose headers count.
import ipaddr from 'ipaddr.js';
import { contains, parseAddress, parseNetwork } from '../posture/networks.ts';

/** @returns `192.0.2.0/24` for 192.0.2.17, `2001:db8:1::/48` for 2001:db8:1:2::3 */
export function networkOf(address: string): string {
  if (!ipaddr.isValid(address)) return 'unknown';
  const parsed = ipaddr.process(address);
  const bits = parsed.kind() === 'ipv4' ? 24 : 48;
  const cidr = `${parsed.toString()}/${bits}`;
  const network =
    parsed.kind() === 'ipv4' ? ipaddr.IPv4.networkAddressFromCIDR(cidr) : ipaddr.IPv6.networkAddressFromCIDR(cidr);
  return `${network.toString()}/${bits}`;
}

/** Addresses that are remembered; the first is forgotten first. */
const mostRemembered = 1_000;

/**
 * @param networks addresses and networks (CIDR), as in TRUSTED_PROXIES
 * @returns whether an address lies in one of them; what is no address does not. Answers are remembered
 */
export function networkTest(networks: readonly string[]): (address: string | undefined) => boolean {
  const parsed = networks.flatMap(text => parseNetwork(text) ?? []);
  const remembered = new Map<string, boolean>();
  return text => {
    if (text === undefined || parsed.length === 0) return false;
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const address = parseAddress(text);
    const isIn = address !== null && parsed.some(network => contains(network, address));
    if (remembered.size >= mostRemembered) remembered.delete(remembered.keys().next().value ?? '');
    remembered.set(text, isIn);
    return isIn;
  };
}
