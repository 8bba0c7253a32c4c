// What an administrator may say of a device by himself: attributes `custom:...`, with the rules of Tailscale's for keys, values,
// expiries and comments. Pure: each reader gives back what was meant, or what is wrong and what is allowed.
import { type AttributeType, type AttributeValue, typeNames } from './attributes.ts';
import { quoted } from './conditions.ts';
import { parseTime } from './times.ts';

/** Where values come from that administrators state: the `source` of their rows, and the namespace of their names. */
export const customSource = 'custom';

const prefix = `${customSource}:`;
const longestKey = 128;
const keyCharacters = '[A-Za-z0-9_:]+';
const longestText = 50;
const longestComment = 200;
/** So that lists of them can be looked through, and what is kept in memory of each device stays small. */
export const mostCustomKeys = 1_000;
/** Go's zero time, which clients in Go send where they mean none. */
const zeroTime = parseTime('0001-01-01T00:00:00Z');
/** Of the year 9999. */
const lastTime = 253_402_300_799_999;

/** What was read, or the end of a sentence that begins with what was given. */
export type Read<T> = { readonly value: T } | { readonly problem: string };

/** @returns whether an attribute is one that administrators set */
export function isCustom(name: string): boolean {
  return name.startsWith(prefix);
}

/** @returns the form in which keys are compared: no two may differ by capitals alone */
export function foldedKey(key: string): string {
  return key.toLowerCase();
}

/** What a key is, in words of JSON Schema. */
export const customKeySchema = { pattern: `^${prefix}${keyCharacters}$`, maxLength: longestKey };

export function readCustomKey(key: string): Read<string> {
  if (!isCustom(key)) return { problem: 'only attributes that begin with custom: can be set and deleted' };
  if (key.length > longestKey || !new RegExp(customKeySchema.pattern).test(key))
    return {
      problem: `a key is custom: and then letters, digits, underscores and colons, ${longestKey} characters at most in all`,
    };
  return { value: key };
}

export function readCustomValue(value: unknown): Read<AttributeValue> {
  if (typeof value === 'boolean') return { value };
  // Zero has one form: -0 is stored as 0.
  if (typeof value === 'number' && Number.isSafeInteger(value)) return { value: value + 0 };
  if (typeof value === 'string' && value.length <= longestText && /^[A-Za-z0-9_.]+$/.test(value)) return { value };
  return {
    problem: `a value is true, false, a whole number up to 9007199254740991 either way, or a text of 1 to ${longestText} letters, digits, underscores and periods`,
  };
}

/**
 * @param expiry absent, null and the zero time mean none
 * @param now in ms
 * @returns when it ends, in ms; null: never
 */
export function readExpiry(expiry: unknown, now: number): Read<number | null> {
  if (expiry === undefined || expiry === null) return { value: null };
  const at = typeof expiry === 'string' && expiry.length > 10 ? parseTime(expiry) : Number.NaN;
  if (Number.isNaN(at) || at > lastTime)
    return { problem: 'an expiry is a time as in 2026-11-20T16:00:00Z (RFC 3339); 0001-01-01T00:00:00Z means none' };
  if (at === zeroTime) return { value: null };
  return at > now ? { value: at } : { problem: 'an expiry must lie ahead; to end a value now, delete it' };
}

/** @param comment absent, null and empty mean none */
export function readComment(comment: unknown): Read<string | null> {
  if (comment === undefined || comment === null || comment === '') return { value: null };
  const isText = typeof comment === 'string' && comment.isWellFormed() && !comment.includes('\0');
  if (isText && [...comment].length <= longestComment) return { value: comment };
  return { problem: `a comment is a text of at most ${longestComment} characters` };
}

/** @returns the type that a value gives its key, when it is the first one */
export function customType(value: AttributeValue): 'boolean' | 'number' | 'string' {
  return typeof value === 'boolean' ? 'boolean' : typeof value === 'number' ? 'number' : 'string';
}

/** A key as it is in use. */
export interface CustomKey {
  readonly key: string;
  readonly type: AttributeType;
}

/** @returns why a key cannot have a value beside what is in use, or null */
export function whyNotBeside(inUse: CustomKey, key: string, value: AttributeValue): string | null {
  if (inUse.key !== key) return `${inUse.key} is in use, and keys must differ by more than capitals`;
  if (inUse.type === customType(value)) return null;
  return `it is ${typeNames[inUse.type]} since its first value, and ${quoted(value)} is ${typeNames[customType(value)]}; once no device has it, it may get another type`;
}
