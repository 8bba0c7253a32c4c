// Reads a policy's text: the sections in the order in which they need each other, every finding with its place in the file. A
// key that nobody knows is an error, since a mistyped `srcPosture` must not open a door; the sections of Tailscale's that are
// about other things are noted as not evaluated.
import type { Catalogue } from './catalogue.ts';
import { nearest } from './nearest.ts';
import { parseNetwork } from './networks.ts';
import type { Policy, PolicyTest } from './policy.ts';
import { readPermissions } from './policy-permissions.ts';
import { type DefinedPosture, readPostures } from './policy-postures.ts';
import { type PostureList, type ReadRule, readPostureList, readRules } from './policy-rules.ts';
import type { Host, PolicyNames } from './policy-selectors.ts';
import { type Findings, type Member, membersOf, type Node, parseHuJson, textOf, textsOf } from './policy-source.ts';
import { readTests } from './policy-tests.ts';

/** A policy with what only checks ask for. */
export interface ReadPolicy {
  readonly policy: Policy;
  readonly defined: readonly DefinedPosture[];
  readonly rules: readonly ReadRule[];
  readonly defaults: PostureList | null;
  readonly tests: readonly PolicyTest[];
  readonly names: PolicyNames;
}

const sections = [
  'postures',
  'defaultSrcPosture',
  'acls',
  'grants',
  'permissions',
  'groups',
  'tagOwners',
  'hosts',
  'tests',
] as const;
type Section = (typeof sections)[number];

/** Sections of Tailscale's policy file that say nothing about which device may reach what, or nothing that we can know. */
const foreignSections: readonly string[] = [
  ...[
    'ssh',
    'sshTests',
    'nodeAttrs',
    'autoApprovers',
    'derpMap',
    'disableIPv4',
    'OneCGNATRoute',
    'randomizeClientPort',
  ],
  ...['ipsets', 'attrConfig', 'extraDNSRecords', '$schema'],
];

/** @returns the policy, or null when it has errors; these and everything else worth saying are in the findings */
export function readPolicy(text: string, catalogue: Catalogue, findings: Findings): ReadPolicy | null {
  const root = parseHuJson(text, findings);
  if (root === null) return null;
  const found = sectionsOf(root, findings);
  const names = readNames(found, findings);
  const { postures, defined } = readPostures(found.get('postures'), catalogue, names, findings);
  const defaults = readPostureList(found.get('defaultSrcPosture'), postures, findings);
  const context = { names, postures, defaults, findings };
  const rules = [
    ...readRules('acls', found.get('acls'), context),
    ...readRules('grants', found.get('grants'), context),
    ...readPermissions(found.get('permissions'), catalogue, context),
  ];
  const tests = readTests(found.get('tests'), names, catalogue, findings);
  if (findings.errors.length > 0) return null;
  const policy = {
    postures: new Map([...postures].flatMap(([name, posture]) => (posture === null ? [] : [[name, posture]]))),
    rules: rules.map(({ rule }) => rule),
    hosts: names.hosts,
  };
  return { policy, defined, rules, defaults, tests, names };
}

/** Tailscale reads the names of sections in any case, and older files have `ACLs` and `Groups`. */
function sectionsOf(root: Node, findings: Findings): Map<Section, Member> {
  const found = new Map<Section, Member>();
  for (const member of membersOf(root, 'the policy', findings)) {
    const { name, nameNode } = member;
    const section = sections.find(known => known.toLowerCase() === name.toLowerCase());
    if (section === undefined) {
      if (foreignSections.some(known => known.toLowerCase() === name.toLowerCase()))
        findings.note('not_evaluated', nameNode, `"${name}" is kept and not evaluated here`);
      else
        findings.error('unknown_key', nameNode, `a policy has no "${name}"`, () =>
          nearest(name, [...sections, ...foreignSections]),
        );
    } else if (found.has(section)) findings.error('twice', nameNode, `"${section}" stands in the policy twice`);
    else found.set(section, member);
  }
  return found;
}

const nameForms = {
  group: /^group:[A-Za-z0-9_.+-]+$/,
  tag: /^tag:[A-Za-z0-9_.-]+$/,
  host: /^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/,
  user: /^[^\s:*@]+@[^\s:*@]*$/,
};

function readNames(found: ReadonlyMap<Section, Member>, findings: Findings): PolicyNames {
  const groups = readGroups(found.get('groups'), findings);
  const tags = readTagOwners(found.get('tagOwners'), groups, findings);
  return { groups, tags, hosts: readHosts(found.get('hosts'), findings) };
}

function readGroups(section: Member | undefined, findings: Findings): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  if (section === undefined) return groups;
  for (const { name, nameNode, value } of membersOf(section.value, 'groups', findings)) {
    if (!nameForms.group.test(name))
      findings.error('wrong_name', nameNode, `a group is named group:name, not "${name}"`, () => `group:${name}`);
    const users = textsOf(value, name, findings);
    for (const { text, node } of users)
      if (!nameForms.user.test(text))
        findings.error('wrong_name', node, `a group has users, as anna@example.com is one; ${text} is none`);
    groups.set(
      name,
      users.map(({ text }) => text.toLowerCase()),
    );
  }
  return groups;
}

function readTagOwners(
  section: Member | undefined,
  groups: ReadonlyMap<string, unknown>,
  findings: Findings,
): Set<string> {
  const members = section === undefined ? [] : membersOf(section.value, 'tagOwners', findings);
  const tags = new Set(members.map(({ name }) => name));
  for (const { name, nameNode, value } of members) {
    if (!nameForms.tag.test(name))
      findings.error('wrong_name', nameNode, `a tag is named tag:name, not "${name}"`, () => `tag:${name}`);
    for (const { text, node } of textsOf(value, name, findings)) {
      const known = text.startsWith('group:') ? groups : tags;
      const isName = text.startsWith('group:') || text.startsWith('tag:');
      if (isName && !known.has(text))
        findings.error('unknown_selector', node, `there is no ${text}`, () => nearest(text, known.keys()));
      else if (!isName && !text.startsWith('autogroup:') && !nameForms.user.test(text))
        findings.error('wrong_name', node, `tags are owned by users, groups, tags and autogroups, and ${text} is none`);
    }
  }
  return tags;
}

function readHosts(section: Member | undefined, findings: Findings): Map<string, Host> {
  const hosts = new Map<string, Host>();
  if (section === undefined) return hosts;
  for (const { name, nameNode, value } of membersOf(section.value, 'hosts', findings)) {
    if (!nameForms.host.test(name) || parseNetwork(name) !== null)
      findings.error('wrong_name', nameNode, `"${name}" is no name for a host: letters, digits, dots and dashes`);
    if (hosts.has(name.toLowerCase()))
      findings.error('twice', nameNode, `"${name}" stands in hosts twice: case does not count`);
    const text = textOf(value, `the host ${name}`, findings);
    const host = text === null ? null : hostOf(text);
    if (text !== null && host === null)
      findings.error('wrong_form', value, `${name} must be an address, a network or a name of the DNS, not "${text}"`);
    // Known all the same: rules that name it are not to blame.
    hosts.set(name.toLowerCase(), host ?? { dnsName: '' });
  }
  return hosts;
}

function hostOf(text: string): Host | null {
  const network = parseNetwork(text);
  if (network !== null) return { network, text };
  return nameForms.host.test(text) && !/^[\d.]+$/.test(text) ? { dnsName: text.toLowerCase() } : null;
}
