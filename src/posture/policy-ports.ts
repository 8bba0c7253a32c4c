// Ports and protocols of access rules: `22,80-90`, `tcp:443`, `udp:*`; and what permissions allow instead. Pure.

export interface PortRange {
  readonly from: number;
  readonly to: number;
}

/** What a rule lets through. */
export interface Traffic {
  /** Null: every protocol. */
  readonly protocols: ReadonlySet<string> | null;
  /** Null: every port, and what has none. */
  readonly ports: readonly PortRange[] | null;
  /** Of a permission: it lets no connection through, and allows this. */
  readonly uses?: Uses;
}

/** What may be done with an application's resource. */
export interface Uses {
  /** Null: every action. */
  readonly action: string | null;
  /** What must be true of the request, as it is written; null: nothing. */
  readonly when: string | null;
}

/** Protocols by number, as IANA names them. */
const numbered: Readonly<Record<string, string>> = {
  1: 'icmp',
  2: 'igmp',
  4: 'ipv4',
  6: 'tcp',
  8: 'egp',
  9: 'igp',
  17: 'udp',
  47: 'gre',
  50: 'esp',
  51: 'ah',
  58: 'ipv6-icmp',
  132: 'sctp',
};

const aliases: ReadonlyMap<string, string> = new Map([
  ['ip-in-ip', 'ipv4'],
  ['icmpv6', 'ipv6-icmp'],
]);

const named: ReadonlySet<string> = new Set(Object.values(numbered));

export const protocolNames: readonly string[] = [...named, ...aliases.keys()];

/** A rule that names no protocol means these. */
export const usualProtocols: ReadonlySet<string> = new Set(['tcp', 'udp', 'icmp', 'ipv6-icmp']);

const withPorts: ReadonlySet<string> = new Set(['tcp', 'udp', 'sctp']);

/** @returns a destination with its ports as it is written in ACLs; the protocol stands behind it unless it is as usual */
export function accessText(host: string, ports: string, { protocols }: Traffic): string {
  // The ports stand behind the last colon, and an IPv6 address has colons of its own.
  const bare = /^[0-9a-f:.]*:[0-9a-f:.]*(\/\d+)?$/i.test(host) ? `[${host}]` : host;
  const named = protocols === null ? 'any protocol' : protocols === usualProtocols ? '' : [...protocols].join();
  return `${bare}:${ports.replaceAll(' ', '')}${named === '' ? '' : ` (${named})`}`;
}

/** @returns the protocol's one name, whether given by name or number from 1 to 255; null for none */
export function protocolOf(text: string): string | null {
  const name = text.toLowerCase();
  if (/^[1-9]\d{0,2}$/.test(name)) return Number(name) <= 255 ? (numbered[name] ?? name) : null;
  const known = aliases.get(name) ?? name;
  return named.has(known) ? known : null;
}

/** @returns whether a protocol has ports at all */
export function hasPorts(protocol: string): boolean {
  return withPorts.has(protocol);
}

/**
 * @param text `*`, `22`, `80-90`, or several of them with commas in between
 * @returns the ranges, 'all', or null when the text is none of these
 */
export function parsePorts(text: string): readonly PortRange[] | 'all' | null {
  if (text === '*') return 'all';
  const ranges: PortRange[] = [];
  for (const part of text.split(',')) {
    const found = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim());
    const from = Number(found?.[1]);
    const to = Number(found?.[2] ?? found?.[1]);
    if (found === null || from > to || to > 65_535) return null;
    ranges.push({ from, to });
  }
  return ranges;
}

/**
 * What is not known of a connection matches only what leaves it open.
 * @param protocol null: not known
 * @param port null: not known, or none
 */
export function letsThrough({ protocols, ports }: Traffic, protocol: string | null, port: number | null): boolean {
  if (protocols !== null) {
    if (protocol === null) for (const usual of usualProtocols) if (!protocols.has(usual)) return false;
    if (protocol !== null && !protocols.has(protocol)) return false;
  }
  if (ports === null) return true;
  if (port === null) return false;
  for (const { from, to } of ports) if (port >= from && port <= to) return true;
  return false;
}

/** @returns whether a permission allows an action; what lets connections through allows none */
export function allowsAction({ uses }: Traffic, action: string): boolean {
  return uses !== undefined && (uses.action === null || uses.action === action);
}

/** @returns whether a permission allows all that another one does */
export function allowsAll({ uses }: Traffic, wanted: Uses): boolean {
  if (uses === undefined || (uses.action !== null && uses.action !== wanted.action)) return false;
  return uses.when === null || uses.when === wanted.when;
}
