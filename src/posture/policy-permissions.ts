// The section `permissions`: access rules for what is no connection. An application names its resources (`record:record-1`) and
// actions (`read`); who may do what is said as in other rules, and `when` judges what is sent along with the request.
import type { AttributeValue } from './attributes.ts';
import { type Catalogue, namespaceOf } from './catalogue.ts';
import { parseCondition } from './condition-parser.ts';
import { type Expression, eachOperand, expressionText } from './conditions.ts';
import type { WrittenAccess } from './policy.ts';
import type { Traffic } from './policy-ports.ts';
import { partsOf, type ReadRule, type RuleContext, readEnd, readPostureList } from './policy-rules.ts';
import { addSelector, emptySelection } from './policy-selectors.ts';
import { type Findings, itemsOf, type Member, membersOf, type Node, type Text, textsOf } from './policy-source.ts';
import { compilePostures, type Posture } from './postures.ts';

/** Whose properties conditions may name: of the one who asks, of what is asked for, and of the circumstances. */
export const requestNamespaces: readonly string[] = ['subject', 'resource', 'action', 'context'];

/** What other rules decide, however a permission has it. */
const decidedElsewhere = [
  { resource: /^(host|device):/, action: 'connect', by: 'acls and grants decide who may connect to' },
  { resource: /^posture:/, action: null, by: 'whether a device has a posture is asked of the posture itself, as in' },
];

/** @returns how a policy writes a resource. The type ends at the first colon, so its own are escaped, lest it pass for another */
export function resourceName(type: string, id: string): string {
  return `${type.replaceAll('%', '%25').replaceAll(':', '%3A')}:${id}`;
}

/** @returns the rules that could be read; those that could not are errors */
export function readPermissions(section: Member | undefined, catalogue: Catalogue, context: RuleContext): ReadRule[] {
  if (section === undefined) return [];
  return itemsOf(section.value, 'permissions', context.findings).map((node, index) =>
    readPermission(`permissions[${index}]`, node, catalogue, context),
  );
}

function readPermission(name: string, node: Node, catalogue: Catalogue, context: RuleContext): ReadRule {
  const { names, postures, defaults, findings } = context;
  const parts = partsOf('permissions', name, node, findings);
  const src = readEnd('src', name, node, parts, findings);
  const resources = readEnd('resources', name, node, parts, findings);
  const actions = readEnd('actions', name, node, parts, findings);
  const sources = emptySelection();
  for (const { text, node: at } of src) addSelector(sources, text, 'src', at, names, findings);
  for (const { text, node: at } of actions)
    if (!/^(\*|[^\s*]+)$/.test(text))
      findings.error('wrong_form', at, `an action is one word, or * for all; "${text}" is neither`);
  const { when, whenText } = readWhen(name, parts.get('when'), catalogue, findings);
  const written = resources.flatMap(resource => writtenOf(resource, actions, whenText, findings));
  const own = readPostureList(parts.get('srcPosture'), postures, findings);
  return {
    rule: {
      name,
      line: findings.position(node).line,
      sources,
      accesses: written.map(({ to, traffic }) => ({ to, traffic: [traffic] })),
      written,
      postures: (own ?? defaults)?.postures ?? [],
      when,
    },
    node,
    src: src.map(({ text }) => text),
    dst: resources.map(({ text }) => text),
    traffic: JSON.stringify(actions.map(({ text }) => text)) + (whenText === null ? '' : ` when ${whenText}`),
    own,
  };
}

function writtenOf(resource: Text, actions: readonly Text[], when: string | null, findings: Findings): WrittenAccess[] {
  const { text, node } = resource;
  const to = emptySelection();
  if (text === '*') to.everything = true;
  else if (/^[^\s:*]+:(\*|[^*]+)$/.test(text)) to.names.add(text);
  else findings.error('wrong_form', node, `a resource is type:id, type:* or *; "${text}" is none of these`);
  for (const { resource: form, action, by } of decidedElsewhere)
    if (form.test(text) && (action === null || actions.some(each => each.text === action)))
      findings.warn('never_asked', node, `${by} ${text}: no permission is asked for`);
  return actions.map(action => ({
    text: `${action.text} ${text}${when === null ? '' : ` when ${when}`}`,
    to,
    traffic: permitting(action.text, when),
  }));
}

/** It lets no connection through: it has no protocol. */
function permitting(action: string, when: string | null): Traffic {
  return { protocols: new Set(), ports: null, uses: { action: action === '*' ? null : action, when } };
}

/** Compiled as a posture is, so that it has the same three values: what is not sent makes nothing true. */
function readWhen(
  rule: string,
  member: Member | undefined,
  catalogue: Catalogue,
  findings: Findings,
): { when: Posture | null; whenText: string | null } {
  const conditions: Expression[] = [];
  if (member === undefined) return { when: null, whenText: null };
  for (const { text, node } of textsOf(member.value, 'when', findings)) {
    const { expression, problem } = parseCondition(text);
    if (problem !== null)
      findings.error('condition', findings.within(node, problem), problem.message, () => problem.suggestion);
    else if (isAboutRequest(expression, node, findings)) conditions.push(expression);
  }
  if (member.value.type === 'array' && member.value.children?.length === 0)
    findings.error('no_conditions', member.value, 'when is empty: leave it out where nothing is asked of a request');
  if (conditions.length === 0) return { when: null, whenText: null };
  const { postures, problems } = compilePostures([{ name: rule, conditions, tags: [] }], catalogue);
  for (const { code, message } of problems) findings.error(code, member.value, message);
  return { when: postures.get(rule) ?? null, whenText: conditions.map(expressionText).join(' && ') };
}

function isAboutRequest(expression: Expression, node: Node, findings: Findings): boolean {
  let isFine = true;
  eachOperand(expression, operand => {
    const refuse = (message: string) => {
      isFine = false;
      findings.error('condition', findings.within(node, operand), message);
    };
    if (operand.kind === 'posture') refuse('when judges a request; postures stand in srcPosture');
    else if (!requestNamespaces.includes(namespaceOf(operand.attribute)))
      refuse(`when judges what is sent: subject:, resource:, action: or context:, not ${operand.attribute}`);
    else if (operand.within !== null) refuse('what is sent with a request was never confirmed: WITHIN is unknown');
  });
  return isFine;
}

/** `read record:record-1` in a policy's tests. @returns null where it is none */
export function useOf(text: string): { action: string; resource: string } | null {
  const [, action, resource] = /^([^\s*]+) ([^\s:*]+:[^*]+)$/.exec(text) ?? [];
  return action === undefined || resource === undefined ? null : { action, resource };
}

/** Values by name (`resource:status`), as a test sends them. */
export function readSent(node: Node | undefined, findings: Findings): Record<string, AttributeValue> {
  const values: [string, AttributeValue][] = [];
  for (const { name, nameNode, value } of node === undefined ? [] : membersOf(node, 'properties', findings)) {
    const given: unknown = value.value;
    if (!requestNamespaces.includes(namespaceOf(name)))
      findings.error('wrong_name', nameNode, `sent are subject:, resource:, action: and context:, not ${name}`);
    else if (typeof given === 'string' || typeof given === 'boolean' || typeof given === 'number')
      values.push([name, given]);
    else
      findings.error('wrong_type', value, `${name} must be true, false, a number or a text: conditions know no other`);
  }
  return Object.fromEntries(values);
}
