// How a row becomes bytes: a template of ready bytes with holes, compiled once for agents that are alike, and writers that
// fill the holes with the agent's own values. At 3.5 KB a row, strings made of pieces were four times slower.
import type { SimulatedAgent } from './agent.ts';

/** Writes bytes at a place and returns the place behind them. */
export type Write = (out: Uint8Array, at: number, agent: SimulatedAgent, fleetAt: number) => number;

export interface Hole {
  /** How many bytes it always takes, or null when that varies. */
  width: number | null;
  write: Write;
}

/** JSON text with holes in it. */
export type Part = string | Hole;

export function fixed(width: number, write: Write): Hole {
  return { width, write };
}

export function varying(write: Write): Hole {
  return { width: null, write };
}

/** Lets JSON with holes be written down as it will look. */
export function json(texts: TemplateStringsArray, ...holes: readonly Hole[]): readonly Part[] {
  return texts.flatMap((text, i): Part[] => {
    const hole = holes[i];
    return hole ? [text, hole] : [text];
  });
}

/** JSON in plain ASCII, so that a body's bytes are its characters. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(/[^ -~]/g, c => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** Plain characters only: no quotes, nothing to escape. */
export function writeAscii(out: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) out[at + i] = text.charCodeAt(i);
  return at + text.length;
}

/** The inside of a JSON string, whatever characters it has. */
export function writeText(out: Uint8Array, at: number, text: string): number {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 32 || code > 126 || code === 34 || code === 92) return writeAscii(out, at, asciiJson(text).slice(1, -1));
    out[at + i] = code;
  }
  return at + text.length;
}

/** A whole number from 0 on. The short way is for the many octets of addresses. */
export function writeNumber(out: Uint8Array, at: number, number: number): number {
  if (number > 999) return writeAscii(out, at, String(number));
  let next = at;
  const hundreds = (number / 100) | 0;
  const rest = (number - hundreds * 100) | 0;
  const tens = (rest / 10) | 0;
  if (hundreds > 0) out[next++] = 48 + hundreds;
  if (hundreds > 0 || tens > 0) out[next++] = 48 + tens;
  out[next++] = 48 + rest - tens * 10;
  return next;
}

const lowerHex = Uint8Array.from('0123456789abcdef', c => c.charCodeAt(0));
const upperHex = Uint8Array.from('0123456789ABCDEF', c => c.charCodeAt(0));

/** The lowest `digits * 4` bits as hex digits. */
export function writeHex(out: Uint8Array, at: number, bits: number, digits: number, upper: boolean): number {
  const alphabet = upper ? upperHex : lowerHex;
  for (let i = digits - 1, rest = bits; i >= 0; i--, rest >>>= 4) out[at + i] = alphabet[rest & 15] ?? 48;
  return at + digits;
}

const days = new Map<number, string>();

function dayText(day: number): string {
  const ready = days.get(day);
  if (ready !== undefined) return ready;
  const text = `${new Date(day * 86_400_000).toISOString().slice(0, 10)}T`;
  days.set(day, text);
  return text;
}

function writeTwo(out: Uint8Array, at: number, number: number): void {
  const tens = (number / 10) | 0;
  out[at] = 48 + tens;
  out[at + 1] = 48 + number - tens * 10;
}

/** 19 bytes, `2026-11-20T08:15:00`. Days are cached: toISOString for each time was the largest cost of a page. */
export function writeTime(out: Uint8Array, at: number, ms: number): number {
  const second = Math.floor(ms / 1_000);
  const day = Math.floor(second / 86_400);
  writeAscii(out, at, dayText(day));
  const clock = second - day * 86_400;
  const minute = (clock / 60) | 0;
  const hour = (minute / 60) | 0;
  writeTwo(out, at + 11, hour);
  out[at + 13] = 58;
  writeTwo(out, at + 14, minute - hour * 60);
  out[at + 16] = 58;
  writeTwo(out, at + 17, clock - minute * 60);
  return at + 19;
}

function writeThree(out: Uint8Array, at: number, number: number): void {
  const hundreds = (number / 100) | 0;
  out[at] = 48 + hundreds;
  writeTwo(out, at + 1, number - hundreds * 100);
}

/** 27 bytes, `2026-11-20T08:15:00.123456Z`: six digits of fraction, as the console writes times. */
export function writeStamp(out: Uint8Array, at: number, ms: number, micros: number): number {
  const whole = Math.floor(ms);
  writeTime(out, at, whole);
  out[at + 19] = 46;
  writeThree(out, at + 20, whole - Math.floor(whole / 1_000) * 1_000);
  writeThree(out, at + 23, micros % 1_000);
  out[at + 26] = 90;
  return at + 27;
}

/** Bytes that are copied at once, with the holes of fixed width inside them and the varying one that follows. */
interface Stretch {
  bytes: Uint8Array;
  pokes: readonly { at: number; write: Write }[];
  then: Write | null;
}

export type Template = readonly Stretch[];

/** Puts parts together, so that everything up to a hole of varying width is one copy. */
export function compile(parts: readonly Part[]): Template {
  const stretches: Stretch[] = [];
  let text = '';
  let pokes: { at: number; write: Write }[] = [];
  const end = (then: Write | null): void => {
    stretches.push({ bytes: new Uint8Array(Buffer.from(text, 'latin1')), pokes, then });
    text = '';
    pokes = [];
  };
  for (const part of parts) {
    if (typeof part === 'string') text += part;
    else if (part.width === null) end(part.write);
    else {
      pokes.push({ at: text.length, write: part.write });
      text += ' '.repeat(part.width);
    }
  }
  end(null);
  return stretches;
}

/** Below this a loop is faster than a call into the engine. */
const shortCopy = 24;

/** Writes a row; the buffer must have room for it. Returns the place behind it. */
export function writeTemplate(
  template: Template,
  out: Uint8Array,
  start: number,
  agent: SimulatedAgent,
  fleetAt: number,
): number {
  let at = start;
  for (let i = 0; i < template.length; i++) {
    const stretch = template[i];
    if (!stretch) continue;
    const { bytes, pokes, then } = stretch;
    if (bytes.length < shortCopy) for (let b = 0; b < bytes.length; b++) out[at + b] = bytes[b] ?? 0;
    else out.set(bytes, at);
    for (let p = 0; p < pokes.length; p++) {
      const poke = pokes[p];
      if (poke) poke.write(out, at + poke.at, agent, fleetAt);
    }
    at += bytes.length;
    if (then) at = then(out, at, agent, fleetAt);
  }
  return at;
}
