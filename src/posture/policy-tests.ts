// The section `tests`: what a policy must and must not let through. Run by the function that decides for gateways too, with the
// values that a test gives its device; these count as confirmed just now.
import { type AttributeValue, typeNames } from './attributes.ts';
import type { Catalogue } from './catalogue.ts';
import { type Device, decide } from './decide.ts';
import { parseDuration } from './duration.ts';
import { reasonText } from './explanations.ts';
import { bareTag, factsOf } from './facts.ts';
import { nearest } from './nearest.ts';
import { parseAddress } from './networks.ts';
import type { Policy, PolicyTest } from './policy.ts';
import { readSent, useOf } from './policy-permissions.ts';
import { protocolNames, protocolOf } from './policy-ports.ts';
import { splitPorts } from './policy-rules.ts';
import type { PolicyNames } from './policy-selectors.ts';
import { type Findings, itemsOf, type Member, membersOf, type Node, textOf, textsOf } from './policy-source.ts';

type Sources = PolicyTest['sources'];

const keys = ['src', 'srcPostureAttrs', 'srcTags', 'proto', 'properties', 'accept', 'deny'] as const;

/** In older policy files, and in what Tailscale's clients still send. */
const oldNames: Readonly<Record<string, (typeof keys)[number]>> = { user: 'src', allow: 'accept' };

const nowhere = { host: null, user: null, tags: [], port: null };

/** @returns every statement of every test; those that could not be read are errors */
export function readTests(
  section: Member | undefined,
  names: PolicyNames,
  catalogue: Catalogue,
  findings: Findings,
): PolicyTest[] {
  if (section === undefined) return [];
  return itemsOf(section.value, 'tests', findings).flatMap((node, index) =>
    readTest(`tests[${index}]`, node, names, catalogue, findings),
  );
}

function readTest(
  name: string,
  node: Node,
  names: PolicyNames,
  catalogue: Catalogue,
  findings: Findings,
): PolicyTest[] {
  const parts = new Map<string, Node>();
  for (const member of membersOf(node, name, findings)) {
    const lower = member.name.toLowerCase();
    const key = keys.find(known => known.toLowerCase() === lower) ?? oldNames[lower];
    if (key !== undefined) {
      if (parts.has(key)) findings.error('twice', member.nameNode, `"${key}" stands in ${name} twice`);
      parts.set(key, member.value);
    } else
      findings.error('unknown_key', member.nameNode, `a test has no "${member.name}"`, () =>
        nearest(member.name, keys),
      );
  }
  const src = parts.get('src');
  const from = src === undefined ? null : textOf(src, 'src', findings);
  if (src === undefined) findings.error('missing', node, `${name} has no "src"`);
  if (!parts.has('accept') && !parts.has('deny'))
    findings.error('missing', node, `${name} has neither "accept" nor "deny"`);
  const sources = src === undefined || from === null ? [] : sourcesOf(from, src, names, findings);
  const tags = readTags(parts.get('srcTags'), names, findings);
  const values = readValues(parts.get('srcPostureAttrs'), catalogue, findings);
  const proto = readProto(parts.get('proto'), findings);
  const sent = readSent(parts.get('properties'), findings);
  return (['accept', 'deny'] as const).flatMap(wanted => {
    const list = parts.get(wanted);
    const targets = list === undefined ? [] : textsOf(list, wanted, findings);
    return targets.flatMap(({ text, node: at }) => {
      const named = useOf(text);
      const destination = named === null ? destinationOf(text, at, names, findings) : nowhere;
      if (destination === null || from === null) return [];
      const withTags = sources.map(source => ({ ...source, tags: [...source.tags, ...tags] }));
      const use = named && { ...named, sent };
      return [{ at, wanted, from, to: text, sources: withTags, destination, use, proto, values }];
    });
  });
}

function refuseName(text: string, node: Node, message: string, known: Iterable<string>, findings: Findings): void {
  findings.error('unknown_selector', node, message, () => nearest(text, known));
}

/** A group stands for each of its members. */
function sourcesOf(text: string, node: Node, names: PolicyNames, findings: Findings): Sources {
  const one = { user: null, tags: [], addresses: [] };
  if (text.startsWith('group:')) {
    const users = names.groups.get(text);
    if (users === undefined) refuseName(text, node, `there is no ${text} in groups`, names.groups.keys(), findings);
    else if (users.length === 0) findings.error('wrong_form', node, `${text} has no users, so this tests nothing`);
    return (users ?? []).map(user => ({ ...one, user }));
  }
  if (text.startsWith('tag:')) {
    if (!names.tags.has(text)) refuseName(text, node, `there is no ${text} in tagOwners`, names.tags, findings);
    return [{ ...one, tags: [bareTag(text)] }];
  }
  const address = addressOf(text, names);
  if (address !== null) return [{ ...one, addresses: [address] }];
  if (!text.includes('@'))
    refuseName(
      text,
      node,
      `src of a test is a user, group, tag, host or address, and ${text} is none`,
      names.hosts.keys(),
      findings,
    );
  return [{ ...one, user: text }];
}

function addressOf(text: string, { hosts }: PolicyNames): string | null {
  if (parseAddress(text) !== null) return text;
  const host = hosts.get(text.toLowerCase());
  return host !== undefined && 'network' in host ? (host.text.split('/')[0] ?? null) : null;
}

function destinationOf(
  text: string,
  node: Node,
  names: PolicyNames,
  findings: Findings,
): PolicyTest['destination'] | null {
  const { host, ports } = splitPorts(text);
  const [range] = ports === null || ports === 'all' ? [] : ports;
  if (ports === null || ports === 'all' || ports.length !== 1 || range?.from !== range?.to || host === '') {
    findings.error('wrong_form', node, `a test names one host with one port, as wiki:443 does; "${text}" does not`);
    return null;
  }
  const to = { host: null, user: null, tags: [], port: range?.from ?? null };
  if (host.startsWith('tag:')) {
    if (!names.tags.has(host)) refuseName(host, node, `there is no ${host} in tagOwners`, names.tags, findings);
    return { ...to, tags: [bareTag(host)] };
  }
  if (host.includes('@')) return { ...to, user: host };
  const address = addressOf(host, names);
  if (address === null && !names.hosts.has(host.toLowerCase()))
    refuseName(
      host,
      node,
      `${host} is neither a host, nor an address, nor a user, nor a tag`,
      names.hosts.keys(),
      findings,
    );
  return { ...to, host: parseAddress(host) === null && names.hosts.has(host.toLowerCase()) ? host : address };
}

function readTags(node: Node | undefined, names: PolicyNames, findings: Findings): string[] {
  if (node === undefined) return [];
  return textsOf(node, 'srcTags', findings).map(({ text, node: at }) => {
    if (!names.tags.has(text)) refuseName(text, at, `there is no ${text} in tagOwners`, names.tags, findings);
    return bareTag(text);
  });
}

function readProto(node: Node | undefined, findings: Findings): string | null {
  const text = node === undefined ? null : textOf(node, 'proto', findings);
  if (node === undefined || text === null || text === '') return null;
  const protocol = protocolOf(text);
  if (protocol === null)
    findings.error('unknown_protocol', node, `there is no protocol ${text}`, () => nearest(text, protocolNames));
  return protocol;
}

/** Values must be such as a device could have, else a test says nothing. */
function readValues(node: Node | undefined, catalogue: Catalogue, findings: Findings): Record<string, AttributeValue> {
  const values: [string, AttributeValue][] = [];
  for (const { name, nameNode, value } of node === undefined ? [] : membersOf(node, 'srcPostureAttrs', findings)) {
    const given: unknown = value.value;
    if (!catalogue.isKnown(name))
      findings.warn('unknown_attribute', nameNode, `there is no attribute ${name}`, () =>
        nearest(name, catalogue.names()),
      );
    const type = catalogue.type(name);
    const wanted = type === null || type === 'boolean' || type === 'number' ? type : 'string';
    const isValue = typeof given === 'boolean' || typeof given === 'string' || Number.isFinite(given);
    if (!isValue || (wanted !== null && typeof given !== wanted))
      findings.error(
        'wrong_type',
        value,
        `${name} is ${type === null ? 'true, false, a number or a text' : typeNames[type]}: no device can have this value`,
      );
    else values.push([name, given as AttributeValue]);
  }
  return Object.fromEntries(values);
}

/** A statement that is not true. */
export interface TestFailure {
  /** As it is written: `anna@example.com`. */
  readonly from: string;
  readonly message: string;
}

/** The others are counted. */
const mostFailures = 100;

/** @returns how many statements are true, how many are not, and the first of these; all of them are errors in the findings */
export function runTests(
  policy: Policy,
  tests: readonly PolicyTest[],
  catalogue: Catalogue,
  findings: Findings,
  now: number,
): { passed: number; failed: number; failures: TestFailure[] } {
  const failures: TestFailure[] = [];
  let passed = 0;
  for (const test of tests) {
    const message = failureOf(policy, test, catalogue, now);
    if (message === null) {
      passed++;
      continue;
    }
    findings.error('test_failed', test.at, message);
    if (failures.length < mostFailures) failures.push({ from: test.from, message });
  }
  return { passed, failed: tests.length - passed, failures };
}

function failureOf(policy: Policy, test: PolicyTest, catalogue: Catalogue, now: number): string | null {
  const { wanted, from, to, sources, proto, values } = test;
  const use = test.use && { ...test.use, sent: factsOf(catalogue, test.use.sent) };
  const destination = use === null ? test.destination : { use };
  for (const source of sources) {
    const device = testDevice(source, values, catalogue, now);
    const decisions = (proto === null ? ['tcp', 'udp'] : [proto]).map(each =>
      decide(policy, { device, destination: { ...destination, proto: each } }, now),
    );
    const allowed = decisions.find(decision => decision.allowed);
    if ((allowed !== undefined) === (wanted === 'accept')) continue;
    const who = source.user !== null && source.user !== from ? `${from} (${source.user})` : from;
    if (allowed !== undefined) return `${who} must not get to ${to}, and ${allowed.rule} lets it through`;
    const [refusal] = decisions.flatMap(decision => decision.refusals);
    const [reason] = refusal?.reasons ?? [];
    const why =
      reason === undefined ? 'no rule is about it' : `${refusal?.posture} does not hold: ${reasonText(reason, now)}`;
    return `${who} must get to ${to}, and is refused: ${why}`;
  }
  return null;
}

function testDevice(
  { user, tags, addresses }: Sources[number],
  values: PolicyTest['values'],
  catalogue: Catalogue,
  now: number,
): Device {
  const settled = Object.entries(values).map(([name, value]) => [
    name,
    catalogue.type(name) === 'time' ? timeAgo(value, now) : value,
  ]);
  const facts = factsOf(catalogue, Object.fromEntries(settled), { confirmedAt: now });
  return {
    id: 'test',
    user,
    addresses,
    tags,
    value: key => facts.value(key),
    confirmedAt: () => now,
    integration: () => null,
    expiresAt: () => null,
  };
}

/** `2h ago`: a fixed time would let a test fail one day. */
function timeAgo(value: AttributeValue, now: number): AttributeValue {
  const ms = parseDuration(/^(.+) ago$/.exec(String(value))?.[1] ?? '');
  return ms === null ? value : new Date(now - ms).toISOString();
}
