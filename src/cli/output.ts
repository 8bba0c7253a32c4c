// What commands write: answers to standard output, remarks to standard error. Tables for people, JSON a line an object for
// scripts.
import { once } from 'node:events';
import type { Surroundings } from './surroundings.ts';

/** Text of a provider or a file must not steer a terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, '\ufffd');
}

/** Writes a line of the answer, waiting where the reader is slow. */
export async function say(to: Surroundings, line: string): Promise<void> {
  await put(to, `${line}\n`);
}

/** Writes a text of many lines exactly as it is; on a terminal, which it must not steer, without what would. */
export async function sayText(to: Surroundings, text: string): Promise<void> {
  await put(to, to.stdout.isTTY === true ? text.replace(/[^\t\r\n]+|\r(?!\n)/g, printable) : text);
}

async function put(to: Surroundings, text: string): Promise<void> {
  if (!to.stdout.write(text) && !to.stop.aborted) {
    await once(to.stdout, 'drain', { signal: to.stop }).catch(() => to.stop.throwIfAborted());
  }
}

/** Writes an object as one line. */
export async function sayJson(to: Surroundings, value: unknown): Promise<void> {
  await say(to, JSON.stringify(value));
}

/** Writes a remark to standard error. */
export function remark(to: Surroundings, line: string): void {
  to.stderr.write(`${line}\n`);
}

type Cell = string | number | null | undefined;

/** @returns the lines of an aligned table; numbers stand to the right. Widths are at most 100, the last column has no limit */
export function table(header: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
  const cells = rows.map(row => row.map(cell => (cell === null || cell === undefined ? '-' : printable(String(cell)))));
  const isNumber = header.map((_, i) => rows.length > 0 && rows.every(row => typeof row[i] === 'number'));
  const widths = header.map((name, i) =>
    Math.min(100, Math.max(name.length, ...cells.map(row => row[i]?.length ?? 0))),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, i) => (isNumber[i] ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [...(header.some(name => name !== '') ? [line(header)] : []), ...cells.map(line)];
}

/** @returns the lines of names and values; those without a value are left out */
export function fields(pairs: readonly (readonly [name: string, value: Cell])[]): string[] {
  const shown = pairs.filter(([, value]) => value !== null && value !== undefined && value !== '');
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${`${name}:`.padEnd(width + 2)}${printable(String(value))}`);
}

/** @returns a time as `2026-11-20T16:00:00Z (5m ago)`, or null */
export function timeAndAge(time: Date | string | null | undefined, now: Date): string | null {
  if (time === null || time === undefined) return null;
  const at = new Date(time);
  const text = at.toISOString().replace(/\.\d+Z$/, 'Z');
  const ms = now.getTime() - at.getTime();
  return `${text} (${ms >= 0 ? `${roughly(ms)} ago` : `in ${roughly(-ms)}`})`;
}

/** @returns a span in its one or two largest units: `45s`, `12m`, `3h 5m`, `12d` */
export function roughly(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return minutes % 60 === 0 ? `${hours}h` : `${hours}h ${minutes % 60}m`;
  return `${Math.round(hours / 24)}d`;
}

/** @returns `1 device`, `2 devices` */
export function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? '' : 's'}`;
}
