// What the codes of the audit log say in words, and where their targets can be looked at.
import type { Schemas } from '../../api/client.ts';
import { texts } from '../../texts.ts';

export type Entry = Schemas['ConfigurationAuditLog'];
export type Group = Schemas['AuditGroup'];

const { nouns, verbs, properties } = texts.audit;
const codes: Readonly<Record<string, string>> = texts.audit.codes;
const lookup = (words: Readonly<Record<string, string>>, word: string) =>
  words[word] ?? word.toLowerCase().replaceAll('_', ' ');

/** @returns a code in words: `NODE.UPDATE.ATTRIBUTES` is "Device attributes changed"; one that is new is spelled out */
export function eventWords(code: string): string {
  const whole = codes[code];
  if (whole !== undefined) return whole;
  const [target = '', action = '', property] = code.split('.');
  const verb = lookup(verbs, action);
  const words = property === undefined ? lookup(nouns, target) : lookup(properties, property);
  const ofDevice = target === 'NODE' && property !== undefined ? `${lookup(nouns, target)} ` : '';
  const said = `${ofDevice}${words} ${verb}`;
  return said.charAt(0).toUpperCase() + said.slice(1);
}

/** @returns the page of a target; null: it has none */
export function targetPath({ target }: Entry): string | null {
  const id = encodeURIComponent(target.id);
  if (target.type === 'NODE') return `/devices/${id}`;
  if (target.type === 'WEBHOOK_ENDPOINT') return `/settings/webhooks/${id}`;
  if (target.type === 'API_KEY') return '/settings/keys';
  if (target.type !== 'TAILNET') return null;
  if (target.property === 'POSTURE_INTEGRATION') return `/integrations/${id}`;
  return target.property === 'ACL' ? '/policy' : '/settings';
}
