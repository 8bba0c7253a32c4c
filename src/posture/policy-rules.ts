// The sections `acls` and `grants`: access rules. They say the same in two forms: an ACL has ports with its destinations and
// one protocol, a grant has both in `ip`.
import { nearest } from './nearest.ts';
import type { Access, PolicyPosture, Rule, WrittenAccess } from './policy.ts';
import {
  accessText,
  hasPorts,
  parsePorts,
  protocolNames,
  protocolOf,
  type Traffic,
  usualProtocols,
} from './policy-ports.ts';
import { addSelection, addSelector, emptySelection, type PolicyNames, type Selection } from './policy-selectors.ts';
import {
  type Findings,
  itemsOf,
  type Member,
  membersOf,
  type Node,
  type Text,
  textOf,
  textsOf,
} from './policy-source.ts';

/** A rule as it is written. */
export interface ReadRule {
  readonly rule: Rule;
  readonly node: Node;
  readonly src: readonly string[];
  readonly dst: readonly string[];
  /** Protocol of an ACL, `ip` of a grant, actions of a permission; null: as usual. */
  readonly traffic: string | null;
  /** Its own list; null: that of defaultSrcPosture. */
  readonly own: PostureList | null;
}

export interface PostureList {
  readonly node: Node;
  readonly postures: readonly PolicyPosture[];
  readonly nodes: readonly Node[];
}

export interface RuleContext {
  readonly names: PolicyNames;
  /** By name; null for one that has an error. */
  readonly postures: ReadonlyMap<string, PolicyPosture | null>;
  readonly defaults: PostureList | null;
  readonly findings: Findings;
}

/** Keys by kind of rule; those after the bar are known and not evaluated. */
const keys = {
  acls: { evaluated: ['action', 'src', 'users', 'proto', 'dst', 'ports', 'srcPosture'], foreign: [] },
  grants: { evaluated: ['src', 'dst', 'ip', 'srcPosture'], foreign: ['app', 'via'] },
  permissions: { evaluated: ['src', 'resources', 'actions', 'when', 'srcPosture'], foreign: [] },
} as const;

/** Names of older files. */
const oldNames: Readonly<Record<string, string>> = { users: 'src', ports: 'dst' };

/** @returns the rules that could be read; those that could not are errors */
export function readRules(kind: 'acls' | 'grants', section: Member | undefined, context: RuleContext): ReadRule[] {
  if (section === undefined) return [];
  return itemsOf(section.value, kind, context.findings).map((node, index) => readRule(kind, index, node, context));
}

/** @returns the list of postures of a rule or of defaultSrcPosture; null where there is none */
export function readPostureList(
  member: Member | undefined,
  known: ReadonlyMap<string, PolicyPosture | null>,
  findings: Findings,
): PostureList | null {
  if (member === undefined) return null;
  const postures: PolicyPosture[] = [];
  const nodes: Node[] = [];
  for (const { text, node } of textsOf(member.value, member.name, findings)) {
    const posture = known.get(text);
    if (posture === undefined)
      findings.error('unknown_posture', node, `there is no ${text} in postures`, () => nearest(text, known.keys()));
    else if (posture !== null) {
      postures.push(posture);
      nodes.push(node);
    }
  }
  return { node: member.value, postures, nodes };
}

function readRule(kind: 'acls' | 'grants', index: number, node: Node, context: RuleContext): ReadRule {
  const { names, postures, defaults, findings } = context;
  const name = `${kind}[${index}]`;
  const parts = partsOf(kind, name, node, findings);
  const action = parts.get('action');
  if (action === undefined && kind === 'acls') findings.error('missing', node, `${name} has no "action": "accept"`);
  if (action !== undefined && action.value.value !== 'accept')
    findings.error('wrong_form', action.value, 'action must be "accept": what no rule accepts is denied');
  const src = readEnd('src', name, node, parts, findings);
  const dst = readEnd('dst', name, node, parts, findings);
  const sources = emptySelection();
  for (const { text, node: at } of src) addSelector(sources, text, 'src', at, names, findings);
  const { accesses, written } =
    kind === 'acls' ? aclAccesses(dst, parts, context) : grantAccesses(name, dst, node, parts, context);
  const own = readPostureList(parts.get('srcPosture'), postures, findings);
  const traffic = parts.get(kind === 'acls' ? 'proto' : 'ip')?.value;
  return {
    rule: {
      name,
      line: findings.position(node).line,
      sources,
      accesses,
      written,
      postures: (own ?? defaults)?.postures ?? [],
      when: null,
    },
    node,
    src: src.map(({ text }) => text),
    dst: dst.map(({ text }) => text),
    traffic:
      traffic === undefined ? null : JSON.stringify(traffic.value ?? traffic.children?.map(child => child.value)),
    own,
  };
}

/** @returns the members of a rule by the names that they have now */
export function partsOf(kind: keyof typeof keys, rule: string, node: Node, findings: Findings): Map<string, Member> {
  const { evaluated, foreign } = keys[kind];
  const parts = new Map<string, Member>();
  for (const member of membersOf(node, rule, findings)) {
    const { name, nameNode } = member;
    const is = (known: string) => known.toLowerCase() === name.toLowerCase();
    const key = evaluated.find(is);
    if (key !== undefined) {
      const now = oldNames[key] ?? key;
      if (parts.has(now)) findings.error('twice', nameNode, `"${now}" stands in ${rule} twice`);
      parts.set(now, member);
    } else if (foreign.some(is))
      findings.note('not_evaluated', nameNode, `"${name}" of ${rule} is kept and not evaluated here`);
    else
      findings.error('unknown_key', nameNode, `${kind} have no "${name}"`, () =>
        nearest(name, [...evaluated, ...foreign]),
      );
  }
  return parts;
}

/** @returns the texts of one of the lists that a rule must have */
export function readEnd(
  end: 'src' | 'dst' | 'resources' | 'actions',
  rule: string,
  node: Node,
  parts: ReadonlyMap<string, Member>,
  findings: Findings,
): Text[] {
  const member = parts.get(end);
  if (member !== undefined) return textsOf(member.value, end, findings);
  findings.error('missing', node, `${rule} has no "${end}"`);
  return [];
}

/** `host:22,80-90`: the ports stand behind the last colon, since names and IPv6 addresses have colons too. */
export function splitPorts(text: string): { host: string; ports: ReturnType<typeof parsePorts> } {
  const colon = text.lastIndexOf(':');
  const host = text.slice(0, Math.max(0, colon)).replace(/^\[(.*)\](\/\d+)?$/, '$1$2');
  return { host, ports: colon < 0 ? null : parsePorts(text.slice(colon + 1)) };
}

/** What a rule leads to, in the form that decides and in the one that is told. */
type Led = Pick<Rule, 'accesses' | 'written'>;

function aclAccesses(dst: readonly Text[], parts: ReadonlyMap<string, Member>, context: RuleContext): Led {
  const { names, findings } = context;
  const protocols = readProtocol(parts.get('proto'), findings);
  const written = dst.flatMap(({ text, node }): WrittenAccess[] => {
    const { host, ports } = splitPorts(text);
    if (ports === null || host === '') {
      findings.error('wrong_form', node, wrongPorts(text, host));
      return [];
    }
    const to = emptySelection();
    addSelector(to, host, 'dst', node, names, findings);
    if (ports !== 'all' && protocols !== usualProtocols && ![...(protocols ?? [])].every(hasPorts))
      findings.error('wrong_form', node, `${[...(protocols ?? [])].join()} has no ports: write ${host}:*`);
    const traffic = { protocols, ports: ports === 'all' ? null : ports };
    return [{ text: accessText(host, text.slice(text.lastIndexOf(':') + 1), traffic), to, traffic }];
  });
  return { accesses: written.map(({ to, traffic }) => ({ to, traffic: [traffic] })), written };
}

/** Either there are none, or what stands for them is none. */
function wrongPorts(text: string, host: string): string {
  const behind = text.slice(text.lastIndexOf(':') + 1);
  return host !== '' && /^[\d,\- ]+$/.test(behind)
    ? `"${behind}" are no ports, as 22, 80-90 or * are`
    : `"${text}" has no ports: write ${text}:443 or ${text}:*`;
}

function readProtocol(member: Member | undefined, findings: Findings): ReadonlySet<string> | null {
  if (member === undefined || member.value.value === '') return usualProtocols;
  const text = textOf(member.value, 'proto', findings);
  const protocol = text === null ? null : protocolOf(text);
  if (text !== null && protocol === null) unknownProtocol(text, member.value, findings);
  return new Set(protocol === null ? [] : [protocol]);
}

function unknownProtocol(text: string, node: Node, findings: Findings): void {
  findings.error(
    'unknown_protocol',
    node,
    `there is no protocol ${text}; there are names such as tcp, and 1 to 255`,
    () => nearest(text, protocolNames),
  );
}

function grantAccesses(
  rule: string,
  dst: readonly Text[],
  node: Node,
  parts: ReadonlyMap<string, Member>,
  { names, findings }: RuleContext,
): Led {
  const ip = parts.get('ip');
  // A grant of application capabilities alone lets no connection through.
  if (ip === undefined) findings.note('no_access', node, `${rule} has no "ip": it lets nobody through here`);
  const allowed =
    ip === undefined ? [] : textsOf(ip.value, 'ip', findings).flatMap(text => readTraffic(text, findings));
  const everywhere: Selection = emptySelection();
  const written: WrittenAccess[] = [];
  for (const { text, node: at } of dst) {
    const host = text.replace(/^\[(.*)\]$/, '$1');
    const to = emptySelection();
    addSelector(to, host, 'dst', at, names, findings);
    addSelection(everywhere, to);
    for (const { ports, traffic } of allowed) written.push({ text: accessText(host, ports, traffic), to, traffic });
  }
  // One selection for all of them: a device is found in it at once.
  const accesses: Access[] = [{ to: everywhere, traffic: allowed.map(({ traffic }) => traffic) }];
  return { accesses, written };
}

/** `*`, `443`, `80-90`, `tcp:443`, `icmp:*` */
function readTraffic({ text, node }: Text, findings: Findings): { ports: string; traffic: Traffic }[] {
  if (text === '*') return [{ ports: '*', traffic: { protocols: null, ports: null } }];
  const [, before, behind = ''] = /^(?:([^:]*):)?(.*)$/s.exec(text) ?? [];
  const ports = parsePorts(behind);
  if (ports === null) {
    findings.error('wrong_form', node, `expected *, ports, or a protocol with ports such as tcp:443, found "${text}"`);
    return [];
  }
  const protocol = before === undefined ? null : protocolOf(before);
  if (before !== undefined && protocol === null) {
    unknownProtocol(before, node, findings);
    return [];
  }
  if (protocol !== null && ports !== 'all' && !hasPorts(protocol))
    findings.error('wrong_form', node, `${protocol} has no ports: write ${protocol}:*`);
  const protocols = protocol === null ? usualProtocols : new Set([protocol]);
  return [{ ports: behind, traffic: { protocols, ports: ports === 'all' ? null : ports } }];
}
