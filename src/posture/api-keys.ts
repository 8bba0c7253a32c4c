// What an API key looks like: `pskey-<id>-<secret>`, letters and digits, so that it is a bearer token, a user name of basic
// authentication and one word to a double click alike, and so that scanners for leaked secrets find it by
// /pskey-[0-9A-Za-z]{12}-[0-9A-Za-z]{43}/. Only its hash is kept.
import { hash, randomInt } from 'node:crypto';

const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idLength = 12;
/** 43 characters out of 62: 256 random bits. */
const secretLength = 43;
const form = new RegExp(`^pskey-([0-9A-Za-z]{${idLength}})-[0-9A-Za-z]{${secretLength}}$`);
const named = new RegExp(`^(?:pskey-)?([0-9A-Za-z]{${idLength}})(?:-[0-9A-Za-z]{${secretLength}})?$`);

/** A new key. `key` is the only place that its secret ever stands in. */
export function newApiKey(): { id: string; key: string } {
  const id = randomText(idLength);
  return { id, key: `${apiKeyPrefix(id)}-${randomText(secretLength)}` };
}

/** @returns so many random letters and digits: 43 of them are 256 bits */
export function randomText(length: number): string {
  return Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');
}

/** @returns the part of a key that may be shown: it tells which one it is */
export function apiKeyPrefix(id: string): string {
  return `pskey-${id}`;
}

/** @returns the id that a whole key names, or null when the text has not the form of a key */
export function apiKeyId(key: string): string | null {
  return form.exec(key)?.[1] ?? null;
}

/** @returns the id in what somebody wrote to name a key: its id, its visible prefix, or all of it; else null */
export function namedApiKeyId(text: string): string | null {
  return named.exec(text)?.[1] ?? null;
}

/** @returns SHA-256 of a whole key: 256 random bits need no slow hash */
export function apiKeyHash(key: string): Buffer {
  return hash('sha256', key, 'buffer');
}
