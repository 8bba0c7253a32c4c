// docs/attributes.md, from what the providers declare: a golden file that a test compares. Pure.
import { mostCustomKeys } from '../posture/custom-attributes.ts';
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
  return [...lines, ...custom].join('\n');
}

const custom = [
  '## Custom attributes',
  '',
  'What administrators state of a device by themselves: `posture-sync attribute set lt-0042 custom:tier gold --expiry 30d`. No',
  'provider can give or remove them. The rules are those of Tailscale.',
  '',
  '| part | rule |',
  '|---|---|',
  '| key | `custom:` and then letters, digits, underscores and colons, 128 characters at most in all. Capitals count, but no two keys differ by them alone. |',
  `| value | true, false; a whole number up to 9007199254740991 either way; a text of 1 to 50 letters, digits, underscores and periods. |`,
  '| type | That of the first value of the key, for all devices. A key that no device has any more is free: its next value may have another type or spelling. |',
  '| expiry | A time that lies ahead; the zero time 0001-01-01T00:00:00Z means none. From then on the value counts as not set, at once; within a minute it is removed, with an event. What is set anew has the expiry that it is set with, or none. |',
  '| comment | 200 characters at most, for the audit log. |',
  '',
  `At most ${mostCustomKeys} keys are in use at a time. Setting a value to what it is already makes it younger, which conditions with \`WITHIN\``,
  'look at, and is no event.',
  '',
];

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
