// Selectors: who a rule is about, at either end. `*`, a user (has an @), `group:`, `tag:`, `autogroup:member|tagged`, a name of
// `hosts`, an address or a network. A rule's selectors are put together once, so that a device is found in them at once.

import { bareTag } from './facts.ts';
import { nearest } from './nearest.ts';
import { type Address, contains, type Network, parseAddress, parseNetwork } from './networks.ts';
import type { Findings, Node } from './policy-source.ts';

/** What `hosts` says of a name: an address or network, or a name of the DNS. */
export type Host = { readonly network: Network; readonly text: string } | { readonly dnsName: string };

/** Names that a policy declares. */
export interface PolicyNames {
  /** Users by group, in lower case. */
  readonly groups: ReadonlyMap<string, readonly string[]>;
  /** With `tag:` in front. */
  readonly tags: ReadonlySet<string>;
  readonly hosts: ReadonlyMap<string, Host>;
}

export interface Selection {
  everything: boolean;
  members: boolean;
  tagged: boolean;
  readonly users: Set<string>;
  /** Without `tag:` in front. */
  readonly tags: Set<string>;
  /** Names of hosts, in lower case, or of resources as they are written. */
  readonly names: Set<string>;
  readonly networks: Network[];
}

/** Somebody at one end of a connection. */
export interface Party {
  /** In lower case. */
  readonly user: string | null;
  /** With or without `tag:` in front. */
  readonly tags: readonly string[];
  /** Read when a rule asks for them: most do not. */
  readonly addresses: () => readonly Address[];
  /** A host's name in lower case, where it is asked for by name; or a resource. */
  readonly name: string | null;
}

export function emptySelection(): Selection {
  return {
    everything: false,
    members: false,
    tagged: false,
    users: new Set(),
    tags: new Set(),
    names: new Set(),
    networks: [],
  };
}

/** Adds what one selection selects to another one. */
export function addSelection(selection: Selection, more: Selection): void {
  selection.everything ||= more.everything;
  selection.members ||= more.members;
  selection.tagged ||= more.tagged;
  for (const user of more.users) selection.users.add(user);
  for (const tag of more.tags) selection.tags.add(tag);
  for (const name of more.names) selection.names.add(name);
  for (const network of more.networks) selection.networks.push(network);
}

/** @returns a function that reads addresses once; texts that are none are left out */
export function addressReader(texts: readonly string[]): () => readonly Address[] {
  let read: readonly Address[] | null = null;
  return () => {
    read ??= texts.map(parseAddress).filter(address => address !== null);
    return read;
  };
}

/** @returns whether one of the selectors selects the party */
export function selects(selection: Selection, party: Party): boolean {
  if (selection.everything) return true;
  if (party.user !== null && (selection.members || selection.users.has(party.user))) return true;
  if (selection.tagged && party.tags.length > 0) return true;
  if (selection.tags.size > 0) for (const tag of party.tags) if (selection.tags.has(bareTag(tag))) return true;
  if (party.name !== null && selection.names.size > 0 && hasName(selection.names, party.name)) return true;
  if (selection.networks.length === 0) return false;
  for (const address of party.addresses())
    for (const network of selection.networks) if (contains(network, address)) return true;
  return false;
}

/** @returns whether a host is among them, or a resource (`record:7`), perhaps with all of its type (`record:*`) */
export function hasName(names: ReadonlySet<string>, name: string): boolean {
  if (names.has(name)) return true;
  // Names of hosts have no colon.
  const colon = name.indexOf(':');
  return colon > 0 && names.has(`${name.slice(0, colon)}:*`);
}

/** Tailscale's, which speak of roles and routes that are not known here. */
const foreignAutogroups: readonly string[] = [
  ...[
    'admin',
    'owner',
    'it-admin',
    'network-admin',
    'billing-admin',
    'auditor',
    'shared',
    'self',
    'internet',
    'nonroot',
  ],
  ...['danger-all', 'members-only'],
];

/**
 * Adds one selector to a selection; one that selects nothing that can be known is an error.
 * @param side sources are devices, which are not asked for by a host's name
 */
export function addSelector(
  selection: Selection,
  text: string,
  side: 'src' | 'dst',
  node: Node,
  names: PolicyNames,
  findings: Findings,
): void {
  const refuse = (message: string, known: Iterable<string> = []) =>
    findings.error('unknown_selector', node, message, () => nearest(text, known));
  if (text === '*') selection.everything = true;
  else if (text.startsWith('group:')) {
    const users = names.groups.get(text);
    if (users === undefined) refuse(`there is no ${text} in groups`, names.groups.keys());
    else for (const user of users) selection.users.add(user);
  } else if (text.startsWith('tag:')) {
    if (names.tags.has(text)) selection.tags.add(bareTag(text));
    else refuse(`there is no ${text} in tagOwners`, names.tags);
  } else if (text.startsWith('autogroup:')) addAutogroup(selection, text, refuse);
  else if (/^[a-z]+:(?!:)/.test(text) && parseNetwork(text) === null)
    refuse(`${text} is not supported: selectors are *, users, group:, tag:, autogroup:, hosts and networks`);
  else if (text.includes('@')) selection.users.add(text.toLowerCase());
  else addHost(selection, text, side, refuse, names);
}

function addAutogroup(
  selection: Selection,
  text: string,
  refuse: (message: string, known?: Iterable<string>) => void,
): void {
  const name = text.slice('autogroup:'.length);
  if (name === 'member' || name === 'members') selection.members = true;
  else if (name === 'tagged') selection.tagged = true;
  else if (foreignAutogroups.includes(name))
    refuse(`${text} is not supported: of devices users, tags and addresses are known, and no roles or routes`);
  else
    refuse(`there is no ${text}: there are autogroup:member and autogroup:tagged`, [
      'autogroup:member',
      'autogroup:tagged',
    ]);
}

function addHost(
  selection: Selection,
  text: string,
  side: 'src' | 'dst',
  refuse: (message: string, known?: Iterable<string>) => void,
  names: PolicyNames,
): void {
  const name = text.toLowerCase();
  const host = names.hosts.get(name);
  const network = host === undefined ? parseNetwork(text) : 'network' in host ? host.network : null;
  if (network !== null) selection.networks.push(network);
  if (host === undefined && network === null)
    refuse(`${text} is neither a user, which has an @, nor a name of hosts, nor a network`, [
      ...names.hosts.keys(),
      ...names.groups.keys(),
      ...names.tags,
    ]);
  if (host === undefined) return;
  if (side === 'dst') selection.names.add(name);
  if ('dnsName' in host) {
    if (side === 'src') refuse(`${text} is a name of the DNS: a device comes from an address, so it can be no source`);
    else selection.names.add(host.dnsName);
  }
}
