// The language a second time, as simply as it can be said: no text is read and nothing compiled, every rule is written out
// where it applies. It shares no code with the real one, which must agree with it.

export type Value = boolean | number | string;

export type Tree =
  | { is: 'and' | 'or'; parts: Tree[] }
  | { is: 'not'; part: Tree }
  | { is: 'posture'; name: string }
  | { is: 'leaf'; name: string; type: string | null; operator: string; literals: Value[]; withinMs: number | null };

export interface Definition {
  name: string;
  conditions: Tree[];
  tags: string[];
}

export interface Device {
  values: Record<string, unknown>;
  /** By the part of the name before the colon. */
  confirmedAt: Record<string, number | null>;
  tags: string[];
}

const fiveMinutes = 5 * 60 * 1000;

export function postureHolds(name: string, all: Definition[], device: Device, now: number): boolean | null {
  const definition = all.find(each => each.name === name);
  if (!definition) throw new Error(name);
  if (definition.tags.length > 0 && !definition.tags.some(tag => device.tags.includes(tag))) return null;
  return and(definition.conditions.map(condition => holds(condition, all, device, now)));
}

function and(parts: (boolean | null)[]): boolean | null {
  if (parts.includes(false)) return false;
  return parts.includes(null) ? null : true;
}

function not(truth: boolean | null): boolean | null {
  return truth === null ? null : !truth;
}

function holds(tree: Tree, all: Definition[], device: Device, now: number): boolean | null {
  switch (tree.is) {
    case 'and':
      return and(tree.parts.map(part => holds(part, all, device, now)));
    case 'or':
      return not(and(tree.parts.map(part => not(holds(part, all, device, now)))));
    case 'not':
      return not(holds(tree.part, all, device, now));
    case 'posture':
      return postureHolds(tree.name, all, device, now);
    default:
      return leafHolds(tree, device, now);
  }
}

function leafHolds(leaf: Tree & { is: 'leaf' }, device: Device, now: number): boolean | null {
  const { name, type, operator, literals, withinMs } = leaf;
  const found = device.values[name];
  const isSet =
    typeof found === 'string' || typeof found === 'boolean' || (typeof found === 'number' && found - found === 0);
  const value = isSet ? (found as Value) : null;

  if (operator === '' && withinMs !== null && type === 'time') {
    const at = typeof value === 'string' ? time(value) : Number.NaN;
    if (Number.isNaN(at) || at > now + fiveMinutes) return null;
    return at + withinMs >= now;
  }
  if (withinMs !== null) {
    const at = device.confirmedAt[name.split(':')[0] ?? ''] ?? null;
    if (at === null || at > now + fiveMinutes || at + withinMs < now) return null;
  }
  if (operator === 'IS SET') return isSet;
  if (operator === 'NOT SET') return !isSet;
  if (value === null) return null;
  if (operator === '') return compare(value, '==', true, type, now);
  if (operator === 'IN' || operator === 'NOT IN') {
    // Asked of nothing, a list still wants a value of the right type.
    if (type !== null && !isOfType(value, type, now)) return null;
    const each = literals.map(literal => compare(value, '==', literal, type, now));
    const isIn = each.includes(true) ? true : each.includes(null) ? null : false;
    return operator === 'IN' ? isIn : not(isIn);
  }
  return compare(value, operator, literals[0] as Value, type, now);
}

function isOfType(value: Value, type: string, now: number): boolean {
  switch (type) {
    case 'boolean':
    case 'number':
      return typeof value === type;
    case 'time':
      return typeof value === 'string' && time(value) <= now + fiveMinutes;
    case 'address':
      return typeof value === 'string' && bits(value) !== null;
    default:
      return typeof value === 'string';
  }
}

function compare(value: Value, operator: string, literal: Value, type: string | null, now: number): boolean | null {
  if (operator === '!=') return not(compare(value, '==', literal, type, now));
  if (typeof value !== typeof literal) return null;
  if (type !== null && !isOfType(value, type, now)) return null;
  let order: number;
  if (typeof value === 'number') order = value - (literal as number);
  else if (type === 'version') order = versionOrder(String(value), String(literal));
  else if (type === 'time') order = time(String(value)) - time(String(literal));
  else if (operator !== '==') return null;
  else if (type === 'address') return isInNetwork(String(value), String(literal));
  else return value === literal;
  if (Number.isNaN(order)) return null;
  if (operator === '==') return order === 0;
  if (operator === '<') return order < 0;
  if (operator === '<=') return order <= 0;
  return operator === '>' ? order > 0 : order >= 0;
}

/** Date.parse makes a time of almost anything. */
function time(text: string): number {
  return /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN;
}

/** Runs of text and digits in turn. Digits may be endless, text has no characters beyond the basic plane. */
export function versionOrder(a: string, b: string): number {
  const runs = (text: string) =>
    [...text.matchAll(/([^0-9]*)([0-9]*)/g)].map(([, words = '', digits = '']) => ({ words, digits }));
  const [runsA, runsB] = [runs(a), runs(b)];
  for (let i = 0; i < Math.max(runsA.length, runsB.length); i++) {
    const [runA, runB] = [runsA[i] ?? { words: '', digits: '' }, runsB[i] ?? { words: '', digits: '' }];
    if (runA.words !== runB.words) return runA.words < runB.words ? -1 : 1;
    const [numberA, numberB] = [BigInt(runA.digits || 0), BigInt(runB.digits || 0)];
    if (numberA !== numberB) return numberA < numberB ? -1 : 1;
  }
  return 0;
}

/** An address as a string of 0 and 1, with its version in front; or null. Of IPv6 it knows x::y. */
function bits(address: string): string | null {
  const four = /^(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  if (four) {
    const parts = four.slice(1).map(Number);
    return parts.every(part => part < 256) ? `4${parts.map(part => part.toString(2).padStart(8, '0')).join('')}` : null;
  }
  const [before, after, more] = address.split('::');
  if (before === undefined || after === undefined || more !== undefined) return null;
  const groups = (text: string) => (text === '' ? [] : text.split(':').map(group => Number.parseInt(group, 16)));
  const [head, tail] = [groups(before), groups(after)];
  const all = [...head, ...Array(8 - head.length - tail.length).fill(0), ...tail];
  return all.some(Number.isNaN) ? null : `6${all.map(group => group.toString(2).padStart(16, '0')).join('')}`;
}

function isInNetwork(address: string, network: string): boolean | null {
  const [base = '', prefix] = network.split('/');
  const [own, other] = [bits(address), bits(base)];
  if (own === null || other === null) return null;
  const length = prefix === undefined ? other.length : Number(prefix) + 1;
  if (!(length <= other.length)) return null;
  return own.slice(0, length) === other.slice(0, length);
}
