// Where figures and times stand on a chart: round ticks, pieces between gaps, paths. Pure. Written here since charting libraries weigh
// more than all of the frame: see docs/decisions.md.

export interface Scale {
  /** From a figure or time to pixels. */
  (value: number): number;
  readonly ticks: readonly number[];
  /** The largest figure that has room. */
  readonly max: number;
}

/** @param max the largest figure; the scale begins at 0 @param whole only whole figures are marked */
export function figureScale(max: number, from: number, to: number, most: number, whole = true): Scale {
  const step = niceStep(Math.max(max, whole ? 1 : Number.MIN_VALUE) / most, whole);
  const top = Math.max(step, Math.ceil(max / step - 1e-9) * step);
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, n) => n * step);
  return Object.assign((value: number) => from + ((to - from) * value) / top, { ticks, max: top });
}

/** 1, 2 or 5 times a power of ten. */
function niceStep(least: number, whole: boolean): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const step = power * ([1, 2, 5, 10].find(n => n * power >= least * (1 - 1e-9)) ?? 10);
  return whole ? Math.max(1, step) : step;
}

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
const spans = [
  ...[minute, 5 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 3 * hour, 6 * hour, 12 * hour],
  ...[day, 2 * day, 3 * day, 5 * day, 7 * day, 10 * day, 14 * day, 30 * day],
] as const;

/** Ticks stand at round times of the place where one looks. */
export function timeScale(begin: number, end: number, from: number, to: number, most: number): Scale {
  const wanted = (end - begin) / most;
  const step = spans.find(span => span >= wanted) ?? 30 * day;
  const shift = new Date(begin).getTimezoneOffset() * minute;
  const first = Math.ceil((begin - shift) / step) * step + shift;
  const ticks: number[] = [];
  for (let at = first; at <= end; at += step) ticks.push(at);
  return Object.assign((at: number) => from + ((to - from) * (at - begin)) / Math.max(1, end - begin), {
    ticks,
    max: end,
  });
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dayAndMonth = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** @returns `14:00`, or `21 Nov` where a day begins */
export function tickText(at: number): string {
  const time = new Date(at);
  return time.getHours() === 0 && time.getMinutes() === 0 ? dayAndMonth.format(time) : clock.format(time);
}

/** @returns the stretches of places that have a figure: nothing is drawn from one to the next */
export function stretches(values: readonly (number | null)[]): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  values.forEach((value, n) => {
    const last = found.at(-1);
    if (value === null) return;
    if (last !== undefined && last.to === n - 1) last.to = n;
    else found.push({ from: n, to: n });
  });
  return found;
}

/** @returns an SVG path through points, as `M0,1L2,3` */
export function pathThrough(points: readonly (readonly [x: number, y: number])[]): string {
  return points.map(([x, y], n) => `${n === 0 ? 'M' : 'L'}${round(x)},${round(y)}`).join('');
}

const round = (n: number) => Math.round(n * 10) / 10;

/** @returns of each place the sums of the series up to each of them; null where one of them has no figure */
export function stacked(series: readonly (readonly (number | null)[])[]): (number | null)[][] {
  return series.map((_, layer) =>
    (series[layer] ?? []).map((_value, n) => {
      let sum = 0;
      for (const values of series.slice(0, layer + 1)) {
        const value = values[n] ?? null;
        if (value === null) return null;
        sum += value;
      }
      return sum;
    }),
  );
}
