// What is odd about a policy as a whole: postures that nobody asks for, postures and rules that others make pointless, and
// lists that ask for nothing.
import { eachOperand, expressionText } from './conditions.ts';
import type { PolicyPosture } from './policy.ts';
import type { ReadPolicy } from './policy-parser.ts';
import type { DefinedPosture } from './policy-postures.ts';
import type { PostureList, ReadRule } from './policy-rules.ts';
import type { Findings } from './policy-source.ts';

/** Adds warnings for a policy that has no errors. */
export function lintPolicy({ defined, rules, defaults }: ReadPolicy, findings: Findings): void {
  const texts = new Map(defined.map(({ name, conditions }) => [name, new Set(conditions.map(expressionText))]));
  const lists = [...(defaults === null ? [] : [defaults]), ...rules.flatMap(({ own }) => (own === null ? [] : [own]))];
  for (const list of lists) lintList(list, texts, findings);
  lintUnused(defined, lists, findings);
  lintRules(rules, findings);
  if (defaults !== null && defaults.postures.length === 0)
    findings.warn('empty_src_posture', defaults.node, 'defaultSrcPosture is empty: it asks for no posture');
  for (const { own, rule } of rules)
    if (own !== null && own.postures.length === 0)
      findings.warn(
        'empty_src_posture',
        own.node,
        `srcPosture is empty: ${rule.name} lets devices through whatever their posture`,
      );
}

function lintUnused(defined: readonly DefinedPosture[], lists: readonly PostureList[], findings: Findings): void {
  const named = new Set(lists.flatMap(({ postures }) => postures.map(({ name }) => name)));
  const mentioned = new Set<string>();
  for (const condition of defined.flatMap(({ conditions }) => conditions))
    eachOperand(condition, operand => {
      if (operand.kind === 'posture') mentioned.add(operand.name);
    });
  for (const { name, nameNode } of defined)
    if (!named.has(name) && !mentioned.has(name))
      findings.warn('unused_posture', nameNode, `no access rule asks for ${name}, and no posture names it`);
}

/** Longer lists are not compared posture by posture. */
const longestList = 100;

/** In a list one posture is enough: one that asks for all that another asks for, and more, changes nothing. */
function lintList({ postures, nodes }: PostureList, texts: Texts, findings: Findings): void {
  if (postures.length > longestList) return;
  for (const [i, posture] of postures.entries()) {
    const node = nodes[i];
    const other = postures.find(
      (each, j) => i !== j && includes(posture, each, texts) && (j < i || !includes(each, posture, texts)),
    );
    if (other === undefined || node === undefined) continue;
    const message =
      other === posture
        ? `${posture.name} stands in this list twice`
        : `${other.name} in the same list asks for less, so ${posture.name} lets nobody else through`;
    findings.warn('shadowed_posture', node, message);
  }
}

/** The conditions of each posture, in one way of writing. */
type Texts = ReadonlyMap<string, ReadonlySet<string>>;

/** Whether the first holds only where the second does: it has all of its conditions, and is for no other devices. */
function includes(first: PolicyPosture, second: PolicyPosture, texts: Texts): boolean {
  const isForNoOthers =
    second.tags.length === 0 || (first.tags.length > 0 && first.tags.every(tag => second.tags.includes(tag)));
  const all = texts.get(first.name) ?? new Set();
  return isForNoOthers && [...(texts.get(second.name) ?? [])].every(text => all.has(text));
}

/** More pairs of rules than these are not compared. */
const mostPairs = 1_000_000;

/** A rule that asks for a posture, beside one that lets the same devices to the same places without. */
function lintRules(rules: readonly ReadRule[], findings: Findings): void {
  const open = rules.filter(({ rule }) => rule.postures.length === 0);
  const guarded = rules.filter(({ rule }) => rule.postures.length > 0);
  if (open.length * guarded.length > mostPairs) return;
  for (const rule of guarded) {
    const wider = open.find(other => covers(other, rule));
    if (wider === undefined) continue;
    const message = `${wider.rule.name} lets the same devices through without a posture, so that of ${rule.rule.name} changes nothing`;
    findings.warn('shadowed_rule', rule.own?.node ?? rule.node, message);
  }
}

function covers(wide: ReadRule, narrow: ReadRule): boolean {
  const kind = kindOf(wide);
  if (kind !== kindOf(narrow) || (wide.traffic !== narrow.traffic && wide.traffic !== '["*"]')) return false;
  const everywhere = kind === 'acls' ? '*:*' : '*';
  return (
    (wide.src.includes('*') || narrow.src.every(src => wide.src.includes(src))) &&
    (wide.dst.includes(everywhere) || narrow.dst.every(dst => wide.dst.includes(dst)))
  );
}

function kindOf({ rule }: ReadRule): string {
  return rule.name.replace(/\[.*/, '');
}
