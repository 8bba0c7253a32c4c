// docs/attributes.md, from what the providers declare: a golden file that a test compares. Pure.
import { formatDuration } from '../posture/duration.ts';
import type { Provider } from './provider.ts';

/** What each type looks like and how it compares, for readers who write conditions. */
const types = [
  ['boolean', '`true` or `false`'],
  ['number', 'a number'],
  ['string', 'a text'],
  ['version', 'a text of numbers separated by dots, compared number by number'],
  ['address', 'an IPv4 or IPv6 address'],
  ['time', 'a text, RFC 3339 in UTC with milliseconds: `2026-11-20T09:30:00.000Z`'],
] as const;

/** @returns the Markdown of docs/attributes.md */
export function attributesMarkdown(providers: Iterable<Provider>): string {
  const lines = [
    '# Posture attributes',
    '',
    'Made from the facts that each provider declares: `npm run generate` writes this file, and a test compares it.',
    '',
    'A value that the provider does not tell, or tells in a form that cannot be read, is not set. It is never `false`,',
    '`0` or empty instead: what is unknown must not look like an answer.',
    '',
    '| type | values |',
    '|---|---|',
    ...types.map(([type, values]) => `| ${type} | ${values} |`),
    '',
  ];
  for (const provider of providers) lines.push(...section(provider));
  return lines.join('\n');
}

function section(provider: Provider): string[] {
  const rows = provider.attributes.map(spec => {
    const known = spec.known ? ` Known values: ${spec.known.map(value => `\`${value}\``).join(', ')}.` : '';
    const lag = spec.resolutionMs === undefined ? '' : ` Resolution: ${formatDuration(spec.resolutionMs)}.`;
    return `| \`${spec.name}\` | ${spec.type} | ${cell(spec.about + known + lag)} |`;
  });
  return [`## ${provider.title}`, '', '| attribute | type | meaning |', '|---|---|---|', ...rows, ''];
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', ' ');
}
