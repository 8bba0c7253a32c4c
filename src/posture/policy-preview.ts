// Which access rules are about a user, or lead to a place, whatever their postures: what Tailscale calls a preview. Pure.
import { leadsThere, sourceOf } from './decide.ts';
import type { ReadPolicy } from './policy-parser.ts';
import { splitPorts } from './policy-rules.ts';
import { selects } from './policy-selectors.ts';

/** A rule that matches, as it is written. */
export interface PreviewMatch {
  readonly users: readonly string[];
  /** `wiki:443`; of an ACL and of a grant that mean the same it is the same. */
  readonly ports: readonly string[];
  readonly lineNumber: number;
  /** `acls[0]` */
  readonly rule: string;
  /** One of them must hold besides; none: no posture is asked for. */
  readonly postures: readonly string[];
}

export type PreviewOf = { readonly user: string } | { readonly host: string; readonly port: number };

/** @returns the place that `10.0.0.5:443` means, or null where it means none */
export function placeOf(text: string): Extract<PreviewOf, { port: number }> | null {
  const { host, ports } = splitPorts(text);
  const [range] = ports === null || ports === 'all' ? [] : ports;
  if (host === '' || range === undefined || ports?.length !== 1 || range.from !== range.to) return null;
  return { host, port: range.from };
}

/** @returns the rules about it, in their order; permissions are about no user's connections and are left out */
export function previewPolicy({ policy, rules }: ReadPolicy, of: PreviewOf): PreviewMatch[] {
  const source = 'user' in of ? sourceOf({ user: of.user, tags: [], addresses: [] }) : null;
  const matches = rules.filter(({ rule }) => {
    if (rule.name.startsWith('permissions')) return false;
    if (source !== null) return selects(rule.sources, source);
    return 'host' in of && ['tcp', 'udp'].some(proto => leadsThere(policy, rule, { ...of, proto }));
  });
  return matches.map(({ rule, src }) => ({
    users: src,
    ports: rule.written.map(({ text }) => text),
    lineNumber: rule.line,
    rule: rule.name,
    postures: rule.postures.map(({ name }) => name),
  }));
}
