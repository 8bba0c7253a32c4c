// The network that an address belongs to: unknown clients are counted and limited by it, so that one that has many
// addresses at hand counts once.
import ipaddr from 'ipaddr.js';

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
