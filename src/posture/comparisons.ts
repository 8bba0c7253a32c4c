// One comparison, compiled: whether it is true, false or unknown for what is known of a device. Unknown is whatever cannot be
// told: the value is not set, has another type than what it is compared with, lies in the future, or was not confirmed lately
// enough. Each comparison becomes one closure that looks its value up by number and makes no garbage.
import type { AttributeType, AttributeValue } from './attributes.ts';
import type { AttributeKey, Catalogue } from './catalogue.ts';
import type { Comparison, Operator } from './conditions.ts';
import { isCustom } from './custom-attributes.ts';
import { type Facts, noFacts } from './facts.ts';
import { contains, parseAddress, parseNetwork } from './networks.ts';
import { aheadMs, parseTime } from './times.ts';
import { compareVersions } from './versions.ts';

/** False, unknown, true: so that `&&` is the least and `||` the greatest. */
export type Truth = 0 | 1 | 2;
export const isFalse = 0;
export const isUnknown = 1;
export const isTrue = 2;

export type Judge = (facts: Facts, now: number) => Truth;

type Literals = readonly AttributeValue[];

/** What a comparison asks once its negations are worked in. Recency is a question of its own. */
export type Question = Operator | 'WITHIN' | 'NOT WITHIN';

export interface CompiledComparison {
  readonly key: AttributeKey;
  readonly question: Question;
  readonly values: Literals;
  /** The value must have been confirmed that recently; for WITHIN: the value, a time, must be that recent. */
  readonly withinMs: number | null;
  /** The same as it is written: '24h'. */
  readonly within: string | null;
  /** True where time alone can change the answer. */
  readonly isTimed: boolean;
  readonly judge: Judge;
  /** Whether the value itself is a time that is compared. */
  readonly comparesTime: boolean;
  /** Whether values of the attribute may end by themselves. */
  readonly mayExpire: boolean;
}

const opposites: Readonly<Record<Question, Question>> = {
  '==': '!=',
  '!=': '==',
  '<': '>=',
  '>=': '<',
  '>': '<=',
  '<=': '>',
  IN: 'NOT IN',
  'NOT IN': 'IN',
  'IS SET': 'NOT SET',
  'NOT SET': 'IS SET',
  WITHIN: 'NOT WITHIN',
  'NOT WITHIN': 'WITHIN',
};

/** @param isNegated compile the opposite: what is unknown stays unknown */
export function compileComparison(
  comparison: Comparison,
  catalogue: Catalogue,
  isNegated: boolean,
): CompiledComparison {
  const key = catalogue.key(comparison.attribute);
  const type = catalogue.type(comparison.attribute);
  const withinMs = comparison.within?.ms ?? null;
  const within = comparison.within?.text ?? null;
  const isRecency = comparison.operator === null && withinMs !== null && type === 'time';
  const asked: Question = isRecency ? 'WITHIN' : (comparison.operator ?? '==');
  const question = isNegated ? opposites[asked] : asked;
  const values =
    comparison.operator === null ? (isRecency ? [] : [true]) : comparison.literals.map(literal => literal.value);
  const comparesTime = type === 'time' && question !== 'IS SET' && question !== 'NOT SET';
  const judge = isRecency
    ? judgeRecency(key, withinMs, question === 'WITHIN')
    : confirmedWithin(key, withinMs, judgeValue(key, type, question, values));
  const mayExpire = isCustom(key.name);
  return {
    key,
    question,
    values,
    withinMs,
    within,
    isTimed: comparesTime || withinMs !== null || mayExpire,
    judge: mayExpire ? (facts, now) => judge(current(facts, key, now), now) : judge,
    comparesTime,
    mayExpire,
  };
}

/** @returns what is known of the attribute now: nothing where its value has expired, as if it were removed already */
export function current(facts: Facts, key: AttributeKey, now: number): Facts {
  const expiresAt = facts.expiresAt(key);
  return expiresAt !== null && expiresAt <= now ? noFacts : facts;
}

/** @returns undefined for what is not set, and for what can be no value: a number must be finite */
export function readValue(facts: Facts, key: AttributeKey): AttributeValue | undefined {
  const value = facts.value(key);
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined;
  return typeof value === 'string' || typeof value === 'boolean' ? value : undefined;
}

function judgeRecency(key: AttributeKey, withinMs: number, wanted: boolean): Judge {
  const recent = wanted ? isTrue : isFalse;
  const old = wanted ? isFalse : isTrue;
  return (facts, now) => {
    const value = facts.value(key);
    if (typeof value !== 'string') return isUnknown;
    const age = now - parseTime(value);
    // False for NaN as well: no time.
    if (!(age >= -aheadMs)) return isUnknown;
    return age <= withinMs ? recent : old;
  };
}

function confirmedWithin(key: AttributeKey, withinMs: number | null, judge: Judge): Judge {
  if (withinMs === null) return judge;
  return (facts, now) => {
    const at = facts.confirmedAt(key);
    if (at === null) return isUnknown;
    const age = now - at;
    return age >= -aheadMs && age <= withinMs ? judge(facts, now) : isUnknown;
  };
}

function judgeValue(key: AttributeKey, type: AttributeType | null, question: Question, values: Literals): Judge {
  switch (question) {
    case 'IS SET':
      return facts => (readValue(facts, key) === undefined ? isFalse : isTrue);
    case 'NOT SET':
      return facts => (readValue(facts, key) === undefined ? isTrue : isFalse);
    case 'IN':
      return judgeMember(key, type, values, isTrue, isFalse);
    case 'NOT IN':
      return judgeMember(key, type, values, isFalse, isTrue);
    case 'WITHIN':
    case 'NOT WITHIN':
      throw new Error('recency is no question about a value');
    default:
      return judgeOrder(key, type, question, values[0] ?? '');
  }
}

/** What each order of value and literal makes of a comparison: less, equal, greater. */
const outcomes = {
  '==': [isFalse, isTrue, isFalse],
  '!=': [isTrue, isFalse, isTrue],
  '<': [isTrue, isFalse, isFalse],
  '<=': [isTrue, isTrue, isFalse],
  '>': [isFalse, isFalse, isTrue],
  '>=': [isFalse, isTrue, isTrue],
} as const;

const cannotTell: Judge = () => isUnknown;

function judgeOrder(
  key: AttributeKey,
  type: AttributeType | null,
  question: keyof typeof outcomes,
  literal: AttributeValue,
): Judge {
  const [less, equal, greater] = outcomes[question];
  if (typeof literal === 'number') {
    if (type !== null && type !== 'number') return cannotTell;
    return facts => {
      const value = facts.value(key);
      if (typeof value !== 'number' || !Number.isFinite(value)) return isUnknown;
      return value === literal ? equal : value < literal ? less : greater;
    };
  }
  if (typeof literal === 'string' && type === 'version') {
    return facts => {
      const value = facts.value(key);
      if (typeof value !== 'string') return isUnknown;
      const order = compareVersions(value, literal);
      return order === 0 ? equal : order < 0 ? less : greater;
    };
  }
  if (typeof literal === 'string' && type === 'time') return judgeTime(key, parseTime(literal), less, equal, greater);
  // Booleans, texts and addresses have no order.
  return less === greater ? judgeMember(key, type, [literal], equal, less) : cannotTell;
}

function judgeTime(key: AttributeKey, literal: number, less: Truth, equal: Truth, greater: Truth): Judge {
  if (Number.isNaN(literal)) return cannotTell;
  return (facts, now) => {
    const value = facts.value(key);
    if (typeof value !== 'string') return isUnknown;
    const time = parseTime(value);
    // False for NaN as well.
    if (!(time - now <= aheadMs)) return isUnknown;
    return time === literal ? equal : time < literal ? less : greater;
  };
}

/**
 * Whether the value is one of several. With a literal that cannot be compared with it the answer is unknown, unless
 * another one is equal: `IN [a, b]` is `== a || == b`.
 */
function judgeMember(key: AttributeKey, type: AttributeType | null, literals: Literals, yes: Truth, no: Truth): Judge {
  if (type === 'version') return judgeVersions(key, literals, yes, no);
  if (type === 'time') return judgeTimes(key, literals, yes, no);
  if (type === 'address') return judgeNetworks(key, literals, yes, no);
  const [first] = literals;
  const wanted: string = type ?? typeof first;
  if (literals.length === 1 && typeof first === wanted) return judgeEqual(key, first, yes, no);
  const members: ReadonlySet<unknown> = new Set(literals.filter(each => type === null || typeof each === type));
  const isUniform = literals.every(each => typeof each === wanted);
  return facts => {
    const value = readValue(facts, key);
    if (value === undefined || (type !== null && typeof value !== type)) return isUnknown;
    if (members.has(value)) return yes;
    // An empty list holds nothing, whatever the value.
    return literals.length === 0 || (isUniform && typeof value === wanted) ? no : isUnknown;
  };
}

/** The most frequent comparison of all. */
function judgeEqual(key: AttributeKey, literal: AttributeValue | undefined, yes: Truth, no: Truth): Judge {
  if (typeof literal === 'boolean') {
    return facts => {
      const value = facts.value(key);
      return value === literal ? yes : typeof value === 'boolean' ? no : isUnknown;
    };
  }
  if (typeof literal === 'string') {
    return facts => {
      const value = facts.value(key);
      return value === literal ? yes : typeof value === 'string' ? no : isUnknown;
    };
  }
  return facts => {
    const value = facts.value(key);
    return value === literal ? yes : Number.isFinite(value) ? no : isUnknown;
  };
}

function judgeVersions(key: AttributeKey, literals: Literals, yes: Truth, no: Truth): Judge {
  const versions = literals.filter(literal => typeof literal === 'string');
  const otherwise = versions.length === literals.length ? no : isUnknown;
  return facts => {
    const value = facts.value(key);
    if (typeof value !== 'string') return isUnknown;
    for (const version of versions) if (compareVersions(value, version) === 0) return yes;
    return otherwise;
  };
}

function judgeTimes(key: AttributeKey, literals: Literals, yes: Truth, no: Truth): Judge {
  const times = new Set(literals.map(literal => (typeof literal === 'string' ? parseTime(literal) : Number.NaN)));
  const otherwise = times.has(Number.NaN) ? isUnknown : no;
  return (facts, now) => {
    const value = facts.value(key);
    if (typeof value !== 'string') return isUnknown;
    const time = parseTime(value);
    if (!(time - now <= aheadMs)) return isUnknown;
    return times.has(time) ? yes : otherwise;
  };
}

function judgeNetworks(key: AttributeKey, literals: Literals, yes: Truth, no: Truth): Judge {
  const read = literals.map(literal => (typeof literal === 'string' ? parseNetwork(literal) : null));
  const networks = read.filter(network => network !== null);
  const otherwise = networks.length === literals.length ? no : isUnknown;
  return facts => {
    const value = facts.value(key);
    const address = typeof value === 'string' ? parseAddress(value) : null;
    if (address === null) return isUnknown;
    for (const network of networks) if (contains(network, address)) return yes;
    return otherwise;
  };
}
