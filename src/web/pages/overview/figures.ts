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

/** @returns `45 min`, `3 h`, `2 d` */
export function span(ms: number): string {
  const [unit, size] = units.find(([, each]) => ms >= each * 2) ?? ['min', 60_000];
  return `${whole.format(Math.round(ms / size))} ${unit}`;
}
