// A sentence of the service, or a text from outside, taken apart into what is shown in another way than as it stands: names from
// outside, which have a direction of their own, and times, which people read as an age. Pure.

export type Piece =
  | { kind: 'text' | 'name'; text: string; from: number }
  /** `leading` is the word before it that goes with it: an age reads otherwise than a time. */
  | { kind: 'time'; text: string; leading: 'until' | null; from: number };

const times =
  /(?:\b(until|at|on) )?(?<![\w.-])(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d))(?![\w-])/g;

/** @param names that stand in it as they are @returns what comes one after another; a time within a name is a part of the name */
export function piecesOf(text: string, names: readonly string[] = []): Piece[] {
  const found: Piece[] = [];
  const known = [...new Set(names)].filter(name => name !== '');
  for (let from = 0; from < text.length; ) {
    const places = known.map(name => ({ name, at: text.indexOf(name, from) })).filter(({ at }) => at >= 0);
    const next = places.sort((a, b) => a.at - b.at || b.name.length - a.name.length)[0];
    const end = next?.at ?? text.length;
    found.push(...timesIn(text.slice(from, end), from));
    if (next !== undefined) found.push({ kind: 'name', text: next.name, from: next.at });
    from = next === undefined ? text.length : next.at + next.name.length;
  }
  return found;
}

function timesIn(text: string, offset: number): Piece[] {
  const found: Piece[] = [];
  let from = 0;
  for (const { 0: whole, 1: leading, 2: time = '', index } of text.matchAll(times)) {
    // No calendar has it: then it is text like any other.
    if (Number.isNaN(Date.parse(time))) continue;
    if (index > from) found.push({ kind: 'text', text: text.slice(from, index), from: offset + from });
    found.push({ kind: 'time', text: time, leading: leading === 'until' ? leading : null, from: offset + index });
    from = index + whole.length;
  }
  if (from < text.length) found.push({ kind: 'text', text: text.slice(from), from: offset + from });
  return found;
}

/** @returns the text where it is a time and nothing else, as values of attributes may be; else null */
export function timeOf(value: unknown): string | null {
  const [only, ...more] = typeof value === 'string' ? piecesOf(value) : [];
  return only?.kind === 'time' && only.text === value && more.length === 0 ? only.text : null;
}
