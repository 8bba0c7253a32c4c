// The section `postures`: each a list of conditions, or an object that says besides what the posture is for, what somebody who
// is refused can do, and for which devices it is.
import type { Catalogue } from './catalogue.ts';
import { lintConditions } from './condition-lint.ts';
import { parseCondition } from './condition-parser.ts';
import type { Expression } from './conditions.ts';
import { bareTag } from './facts.ts';
import { nearest } from './nearest.ts';
import type { PolicyPosture } from './policy.ts';
import type { PolicyNames } from './policy-selectors.ts';
import { type Findings, itemsOf, type Member, membersOf, type Node, textOf, textsOf } from './policy-source.ts';
import { compilePostures } from './postures.ts';

/** A posture as it is written. */
export interface DefinedPosture {
  readonly name: string;
  readonly nameNode: Node;
  readonly conditions: readonly Expression[];
  /** The texts that the conditions were read from. */
  readonly nodes: readonly Node[];
  readonly tags: readonly string[];
  readonly description: string | null;
  readonly resolution: string | null;
}

const nameForm = /^posture:[A-Za-z0-9_.-]+$/;
const keys = ['conditions', 'description', 'resolution', 'tags'] as const;
const longestText = 1_000;
/** Names stand in an index. */
const longestName = 200;

/** @returns the postures, each null where one of them has an error; and as they are written */
export function readPostures(
  section: Member | undefined,
  catalogue: Catalogue,
  names: PolicyNames,
  findings: Findings,
): { postures: ReadonlyMap<string, PolicyPosture | null>; defined: DefinedPosture[] } {
  const members = section === undefined ? [] : membersOf(section.value, 'postures', findings);
  const guesses = () => [...catalogue.names(), ...members.map(({ name }) => name)];
  const defined = members.map(member => readPosture(member, guesses, names, findings));
  const { postures, problems } = compilePostures(defined, catalogue);
  const byName = new Map(defined.map(posture => [posture.name, posture]));
  for (const { code, posture, condition, from, to, message, suggestion } of problems) {
    const node = byName.get(posture)?.nodes[condition];
    if (node !== undefined) findings.error(code, findings.within(node, { from, to }), message, () => suggestion);
  }
  for (const { conditions, nodes } of defined)
    for (const { code, condition, from, to, message, suggestion } of lintConditions(conditions, catalogue)) {
      const node = nodes[condition];
      if (node !== undefined) findings.warn(code, findings.within(node, { from, to }), message, () => suggestion);
    }
  const made = new Map<string, PolicyPosture | null>();
  for (const { name, nodes, tags, description, resolution } of defined) {
    const posture = postures.get(name);
    const conditions = nodes.map(({ value }) => String(value));
    made.set(name, posture === undefined ? null : { name, posture, conditions, tags, description, resolution });
  }
  return { postures: made, defined };
}

function readPosture(
  { name, nameNode, value }: Member,
  guesses: () => Iterable<string>,
  names: PolicyNames,
  findings: Findings,
): DefinedPosture {
  if (!nameForm.test(name))
    findings.error('wrong_name', nameNode, `a posture is named posture:name, not "${name}"`, () => `posture:${name}`);
  if (name.length > longestName)
    findings.error('too_large', nameNode, `a posture's name has at most ${longestName} characters`);
  if (value.type !== 'object') {
    const read = readConditions(value, name, guesses, findings);
    return { name, nameNode, ...read, tags: [], description: null, resolution: null };
  }
  const parts = new Map<string, Node>();
  for (const member of membersOf(value, name, findings)) {
    if ((keys as readonly string[]).includes(member.name)) parts.set(member.name, member.value);
    else
      findings.error('unknown_key', member.nameNode, `a posture has no "${member.name}"`, () =>
        nearest(member.name, keys),
      );
  }
  const conditions = parts.get('conditions');
  if (conditions === undefined) findings.error('missing', nameNode, `${name} has no "conditions"`);
  const read =
    conditions === undefined ? { conditions: [], nodes: [] } : readConditions(conditions, name, guesses, findings);
  return {
    name,
    nameNode,
    ...read,
    tags: readTags(parts.get('tags'), names, findings),
    description: readText(parts.get('description'), 'description', findings),
    resolution: readText(parts.get('resolution'), 'resolution', findings),
  };
}

function readConditions(
  node: Node,
  name: string,
  guesses: () => Iterable<string>,
  findings: Findings,
): { conditions: Expression[]; nodes: Node[] } {
  const conditions: Expression[] = [];
  const nodes: Node[] = [];
  const items = itemsOf(node, name, findings);
  // Nothing is true of all devices, unknown ones too.
  if (node.type === 'array' && items.length === 0)
    findings.error('no_conditions', node, `${name} has no conditions: it would hold for every device`);
  for (const item of items) {
    const text = textOf(item, `each condition of ${name}`, findings);
    if (text === null) continue;
    const { expression, problem } = parseCondition(text, findings.isFull ? undefined : guesses);
    if (problem !== null)
      findings.error('condition', findings.within(item, problem), problem.message, () => problem.suggestion);
    else {
      conditions.push(expression);
      nodes.push(item);
    }
  }
  return { conditions, nodes };
}

function readTags(node: Node | undefined, { tags }: PolicyNames, findings: Findings): string[] {
  if (node === undefined) return [];
  const found = textsOf(node, 'tags', findings);
  // An empty list would mean all devices here and none elsewhere.
  if (node.type === 'array' && found.length === 0)
    findings.error('wrong_form', node, 'tags must name at least one tag; without "tags" a posture is for all devices');
  for (const { text, node: at } of found)
    if (!tags.has(text))
      findings.error('unknown_selector', at, `there is no ${text} in tagOwners`, () => nearest(text, tags));
  return found.map(({ text }) => bareTag(text));
}

function readText(node: Node | undefined, what: string, findings: Findings): string | null {
  const text = node === undefined ? null : textOf(node, what, findings)?.trim();
  if (node !== undefined && text !== undefined && text !== null && text.length > longestText)
    findings.error('too_large', node, `a ${what} has at most ${longestText} characters, this one has ${text.length}`);
  return text === undefined || text === '' ? null : text;
}
