// How figures are written on the overview.
const whole = new Intl.NumberFormat('en');

export function figure(count: number): string {
  return whole.format(count);
}

/** @returns `97.2 %`, rounded down: what is not all must not read as all */
export function share(part: number): string {
  return `${Math.floor(part * 1_000 + 1e-9) / 10} %`;
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['min', 60_000],
] as const;

/** @returns the unit in which a span is told, and how many ms it has */
export function unitOf(ms: number): readonly [unit: string, ms: number] {
  return units.find(([, size]) => ms >= size * 2) ?? ['min', 60_000];
}
