// How the values of variables are read from text, each kind with what is allowed as the end of an error. Names of variables and
// their defaults stand in config.ts.
import { isIP } from 'node:net';
import { z } from 'zod';
import { AppError } from './errors.ts';
import type { IdentitySource } from './gateway/forwarded.ts';
import { parseDuration } from './posture/duration.ts';
import type { SealingKey } from './store/sealed-boxes.ts';
import type { SecretKey, SecretKeys } from './store/secrets.ts';

/** Which decisions are logged: none, or all denials and a share of the others, from 0 to 1. */
export type DecisionLogShare = { readonly isOff: true } | { readonly isOff: false; readonly ofAllowed: number };

/** One variable: what it means, its default as it is written, and how it is read. */
export interface Variable<T> {
  name: string;
  about: string;
  /** As somebody would write it; null when there is none. */
  fallback: string | null;
  /** For people: what stands in for it when there is no default to write down. */
  fallbackAbout?: string;
  /** What is allowed, as the end of an error. */
  allowed: string;
  secret?: boolean;
  schema: z.ZodType<T, string>;
}

export const define = <T>(variable: Variable<T>): Variable<T> => variable;

/** @returns null where there is none, and no default @throws AppError invalid */
export function read<T>(environment: NodeJS.ProcessEnv, variable: Variable<T>): T | null {
  const given = environment[variable.name]?.trim();
  // Empty means absent: that is what compose files and CI make of a variable that nobody set.
  const text = given || variable.fallback;
  if (text === null) return null;
  const result = variable.schema.safeParse(text);
  if (result.success) return result.data;
  const wrong = result.error.issues[0]?.message ?? 'it cannot be read';
  const shown = variable.secret ? '' : ` "${text.length > 80 ? `${text.slice(0, 80)}...` : text}"`;
  throw new AppError('invalid', `${variable.name}${shown}: ${wrong}; allowed is ${variable.allowed}`);
}

/** Like read, for variables with a default. */
export function need<T>(environment: NodeJS.ProcessEnv, variable: Variable<T>): T {
  const value = read(environment, variable);
  if (value === null) throw new Error(`${variable.name} has no default`);
  return value;
}

/** A schema whose transform throws or returns null for what is wrong. */
export function parsed<T>(parse: (text: string) => T | null, problem = 'it cannot be read'): z.ZodType<T, string> {
  return z.string().transform((text, context) => {
    let value: T | null = null;
    let message = problem;
    try {
      value = parse(text);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      message = error.message;
    }
    if (value !== null) return value;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}

export function duration(least: string, most: string): { schema: z.ZodType<number, string>; allowed: string } {
  const [min, max] = [parseDuration(least) ?? 0, parseDuration(most) ?? 0];
  return {
    schema: parsed(text => {
      const ms = parseDuration(text);
      if (ms === null) throw new AppError('invalid', 'it is no duration');
      if (ms < min || ms > max) throw new AppError('invalid', `it is ${ms < min ? 'too short' : 'too long'}`);
      return ms;
    }),
    allowed: `a whole number and a unit (ms, s, m, h, d), as in 15m, from ${least} to ${most}`,
  };
}

export function wholeNumber(least: number, most: number): { schema: z.ZodType<number, string>; allowed: string } {
  return {
    schema: parsed(
      text => (/^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most ? Number(text) : null),
      'it is not among them',
    ),
    allowed: `a whole number from ${least} to ${most}`,
  };
}

export function oneOf<const T extends string>(...values: T[]): { schema: z.ZodType<T, string>; allowed: string } {
  return {
    schema: parsed(text => values.find(value => value === text) ?? null, 'it is not among them'),
    allowed: `one of ${values.join(', ')}`,
  };
}

export function url(
  schemes: readonly string[],
  example: string,
): { schema: z.ZodType<string, string>; allowed: string } {
  return {
    schema: parsed(text => {
      const found = URL.parse(text);
      if (!found) throw new AppError('invalid', 'it is no URL');
      if (!schemes.includes(found.protocol)) throw new AppError('invalid', 'it has the wrong scheme');
      return text;
    }),
    allowed: `a URL as in ${example}`,
  };
}

/** Entries separated by commas, none by default. @param check throws for a wrong one */
export function list(allowed: string, check: (entry: string) => void) {
  const schema = parsed((text): readonly string[] => {
    const entries = text
      .split(',')
      .map(entry => entry.trim())
      .filter(entry => entry !== '');
    for (const entry of entries) check(entry);
    return Object.freeze(entries);
  });
  return { schema, allowed, fallback: '', fallbackAbout: 'none' };
}

/** @throws AppError without any part of a key in its message */
export function readSecretKeys(text: string): SecretKeys {
  const keys = text.split(',').map((entry, index): SecretKey => readKey(entry, `its entry ${index + 1}`));
  const [first, ...rest] = keys;
  if (!first) throw new AppError('invalid', 'it is empty');
  if (new Set(keys.map(key => key.id)).size < keys.length)
    throw new AppError('invalid', 'two of its entries have the same id');
  return [first, ...rest];
}

/** @throws AppError */
export function readSealingKey(text: string): SealingKey {
  const { id, key } = readKey(text, 'it');
  return { id, publicKey: key };
}

function readKey(entry: string, what: string): SecretKey {
  const found = /^\s*([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]+={0,2})\s*$/.exec(entry);
  if (!found) throw new AppError('invalid', `${what} is not id:base64`);
  const key = Buffer.from(found[2] ?? '', 'base64');
  if (key.length !== 32) throw new AppError('invalid', `${what} holds ${key.length} bytes instead of 32`);
  return { id: found[1] ?? '', key };
}

export function checkProxy(entry: string): void {
  const [address = '', bits, ...rest] = entry.split('/');
  const version = isIP(address);
  const isBits = bits === undefined || (/^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128));
  if (version === 0 || !isBits || rest.length > 0) throw new AppError('invalid', `"${entry}" is no address`);
}

/** @returns null for what is none */
export function readShare(text: string): DecisionLogShare | null {
  if (text === 'off') return { isOff: true };
  if (text === 'denied') return { isOff: false, ofAllowed: 0 };
  if (text === 'all') return { isOff: false, ofAllowed: 1 };
  const percent = /^(\d{1,3}(?:\.\d{1,4})?)%$/.exec(text)?.[1];
  return percent === undefined || Number(percent) > 100 ? null : { isOff: false, ofAllowed: Number(percent) / 100 };
}

const identityKinds = ['id', 'serial', 'certificate'] as const;
/** A field name of HTTP. */
const headerName = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
/** Two that name certificates of their own accord; everything else of that kind means something already. */
const namedByGateways = ['x-forwarded-client-cert', 'x-forwarded-tls-client-cert'];
/** Headers that mean something else, or of which HTTP keeps the first where two are sent. */
const takenHeaders =
  /^(x-forwarded-.*|x-original-.*|x-posture-.*|x-request-id|x-real-ip|forwarded|authorization|proxy-.*|cookie|set-cookie|host|connection|keep-alive|te|trailer|transfer-encoding|upgrade|via|content-.*|accept.*|age|date|etag|expect|expires|from|if-.*|last-modified|location|max-forwards|origin|referer|retry-after|server|user-agent)$/;

/**
 * @param text `certificate:x-client-certificate,address`
 * @throws AppError for an entry that is wrong
 */
export function readIdentitySources(text: string): readonly IdentitySource[] {
  const entries = text.split(',').flatMap(entry => entry.trim() || []);
  const sources = entries.map((entry): IdentitySource => {
    const [name = '', header, ...rest] = entry.split(':').map(part => part.trim());
    if (name === 'address') {
      if (header !== undefined) throw new AppError('invalid', 'address has no header: it is read from X-Forwarded-For');
      return { kind: 'address' };
    }
    const kind = identityKinds.find(known => known === name);
    if (kind === undefined || header === undefined || rest.length > 0 || !headerName.test(header))
      throw new AppError('invalid', `"${entry}" is none of these`);
    const lower = header.toLowerCase();
    if (takenHeaders.test(lower) && !namedByGateways.includes(lower))
      throw new AppError('invalid', `the header ${header} has another meaning`);
    return { kind, header: lower };
  });
  for (const [index, { kind }] of sources.entries())
    if (sources.findIndex(source => source.kind === kind) < index)
      throw new AppError('invalid', `${kind} stands there twice`);
  const headers = sources.flatMap(source => (source.kind === 'address' ? [] : [source.header]));
  if (new Set(headers).size < headers.length) throw new AppError('invalid', 'two entries have the same header');
  return Object.freeze(sources);
}
