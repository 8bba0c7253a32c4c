// Why a posture does not hold, in words for the person in front of the device: what must be, what is instead, and how long ago
// that was seen. Whoever writes conditions reads explanations.ts.
import type { AttributeValue } from './attributes.ts';
import { namespaceOf } from './catalogue.ts';
import type { Reason } from './explanations.ts';

/** Longer values are cut: they are no longer of use to anybody. */
const longestValue = 80;
/** Namespaces that say nothing to a person. */
const silent = new Set(['custom', 'node', 'ip']);

/** @param now in ms @returns `Active threats (SentinelOne) must be 0, but is 2. Last checked 5 minutes ago.` */
export function plainReason(reason: Reason, now: number): string {
  const { attribute, expected, withinMs, unknown, confirmedAt } = reason;
  if (attribute === null) {
    const tags = [expected].flat().map(tag => `“${tag}”`);
    return `This is for devices tagged ${inWords(tags, 'or')}, and this device is not.`;
  }
  const checked = confirmedAt === null ? '' : ` Last checked ${ago(now - confirmedAt)}.`;
  if (unknown === 'too_old')
    return `${label(attribute)} was not checked within ${span(withinMs ?? 0)}, as it must be.${checked}`;
  return `${label(attribute)} must ${must(reason)}, but ${butIs(reason)}.${checked}`;
}

/** `sentinelOne:activeThreats` -> `Active threats (SentinelOne)` */
function label(attribute: string): string {
  const namespace = namespaceOf(attribute);
  const words = attribute
    .slice(namespace === attribute ? 0 : namespace.length + 1)
    .replace(/^is(?=[A-Z])/, '')
    .replace(/([a-z\d])([A-Z])/g, (_, before, after) => `${before} ${after.toLowerCase()}`)
    .replace(/[_-]+/g, ' ')
    .trim();
  const of = namespace === attribute || silent.has(namespace) ? '' : ` (${capital(namespace)})`;
  return `${capital(words === '' ? attribute : words)}${of}`;
}

const capital = (text: string) => text.charAt(0).toUpperCase() + text.slice(1);

function must({ operator, expected, withinMs }: Reason): string {
  const value = Array.isArray(expected) ? inWords(expected.map(shown), 'or') : shown(expected as AttributeValue);
  switch (operator) {
    case '==':
      return `be ${value}`;
    case '!=':
      return `not be ${value}`;
    case '<':
      return `be less than ${value}`;
    case '<=':
      return `be at most ${value}`;
    case '>':
      return `be more than ${value}`;
    case '>=':
      return `be at least ${value}`;
    case 'IN':
      return `be ${value}`;
    case 'NOT IN':
      return `not be ${value}`;
    case 'IS SET':
      return 'be known';
    case 'NOT SET':
      return 'not be set';
    case 'WITHIN':
      return `be within the last ${span(withinMs ?? 0)}`;
    case 'NOT WITHIN':
      return `be longer ago than ${span(withinMs ?? 0)}`;
    case 'TAGGED':
      return 'be another one';
    default:
      return operator satisfies never;
  }
}

function butIs({ unknown, found }: Reason): string {
  switch (unknown) {
    case 'from_the_future':
      return 'lies in the future: a clock is wrong';
    case 'not_confirmed':
      return 'was never confirmed';
    case 'mistyped':
      return found === null ? 'cannot be compared with that' : `is ${shown(found)}, which cannot be compared with that`;
    default:
      return found === null ? 'nothing is known of it' : `is ${shown(found)}`;
  }
}

function shown(value: AttributeValue | null): string {
  if (value === null) return 'known';
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  if (typeof value === 'number') return String(value);
  const cut = value.length > longestValue ? `${value.slice(0, longestValue)}…` : value;
  return `“${cut}”`;
}

function inWords(words: readonly string[], link: 'or'): string {
  return words.length < 2
    ? (words[0] ?? 'nothing')
    : `${words.slice(0, -1).join(', ')} ${link} ${words[words.length - 1]}`;
}

const units = [
  ['day', 86_400_000],
  ['hour', 3_600_000],
  ['minute', 60_000],
  ['second', 1_000],
] as const;

/** In the largest unit of which there are two. */
function span(ms: number): string {
  const [name, size] = units.find(([, size]) => ms >= 2 * size) ?? units[3];
  const count = Math.floor(ms / size);
  return `${count} ${name}${count === 1 ? '' : 's'}`;
}

function ago(ms: number): string {
  return ms < 60_000 ? 'just now' : `${span(ms)} ago`;
}
