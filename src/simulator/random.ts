// Seeded numbers for the fleet: hashes that never repeat for different counters, and ready-made digits, because rows are
// composed at hundreds of megabytes a second.

/** A 32-bit hash of a counter and a salt. For one salt it is a bijection, so different counters never collide. */
export function mix(counter: number, salt: number): number {
  let h = counter ^ Math.imul(salt + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** A hash as a number in [0, 1). */
export function fraction(counter: number, salt: number): number {
  return mix(counter, salt) / 4_294_967_296;
}

/** @returns a generator of numbers in [0, 1) (mulberry32); equal seeds give equal sequences */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** One of a list by a fraction in [0, 1). Throws on an empty list. */
export function pick<T>(list: readonly T[], at: number): T {
  const found = list[Math.floor(at * list.length)];
  if (found === undefined) throw new Error('nothing to pick from');
  return found;
}

/** One of a weighted list by a fraction in [0, 1). Throws on an empty list. */
export function pickWeighted<T extends { weight: number }>(list: readonly T[], at: number): T {
  let left = at * list.reduce((sum, entry) => sum + entry.weight, 0);
  for (const entry of list) {
    left -= entry.weight;
    if (left < 0) return entry;
  }
  return pick(list, 0.999_999);
}

const hex2 = Array.from({ length: 256 }, (_, i) => i.toString(16).padStart(2, '0'));
const hex4 = Array.from({ length: 65_536 }, (_, i) => i.toString(16).padStart(4, '0'));
const digits3 = Array.from({ length: 1_000 }, (_, i) => String(i).padStart(3, '0'));

/** The lowest byte as two hex digits. */
export function byteHex(n: number): string {
  return hex2[n & 255] ?? '';
}

/** 32 bits as eight hex digits. */
export function wordHex(n: number): string {
  return (hex4[n >>> 16] ?? '') + (hex4[n & 65_535] ?? '');
}

/** A whole number from 0 to 999 as three digits. */
export function threeDigits(n: number): string {
  return digits3[n] ?? '';
}

// No I, O, Q, U: makers leave out what is misread on a label.
const labelAlphabet = '0123456789ABCDEFGHJKLMNPRSTVWXYZ';

/**
 * Six label characters, different for every counter below 2^30: an odd factor permutes the numbers modulo 2^30. Serials
 * that should be unique are built on this, so that duplicates are there only on purpose.
 */
export function labelCode(counter: number, seed: number): string {
  let n = (Math.imul(counter, 0x2c1b3c6d) + mix(seed, 77)) & 0x3fffffff;
  let text = '';
  for (let i = 0; i < 6; i++) {
    text += labelAlphabet[n & 31];
    n >>>= 5;
  }
  return text;
}

/**
 * The same text in one piece. Texts put together are trees until somebody reads them; a million of them made the first
 * sweep half as fast as the second.
 */
export function flat(text: string): string {
  text.charCodeAt(0);
  return text;
}
