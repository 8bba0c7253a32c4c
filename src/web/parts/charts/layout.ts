// How much room a chart's parts have, and what stands where. Pure.
import { figureScale, type Scale, stacked, timeScale } from './scales.ts';
import type { ChartSeries } from './series.ts';

export interface Layout {
  width: number;
  height: number;
  plot: { left: number; right: number; top: number; bottom: number };
  x: Scale;
  y: Scale;
  /** @returns which time is nearest to a place */
  nearest(x: number): number;
  /** Of a bar, or of what is known of one time alone. */
  barWidth: number;
}

interface Laid {
  times: readonly number[];
  series: readonly ChartSeries[];
  kind: 'stack' | 'lines' | 'bars';
  max?: number;
  whole?: boolean;
}

/** Digits of the tick texts are about so wide. */
const digitWidth = 6.6;
const lineHeight = 42;
const tickWidth = 76;

export function layoutOf(
  { times, series, kind, max: least = 0, whole = true }: Laid,
  width: number,
  height: number,
  format: (figure: number) => string,
): Layout {
  const values = series.map(each => each.values);
  const shown = kind === 'lines' ? values : stacked(values).slice(-1);
  const max = Math.max(least, ...shown.flat().map(value => value ?? 0));
  const [top, bottom] = [8, height - 22];
  const most = Math.max(2, Math.floor((bottom - top) / lineHeight));
  const y = figureScale(max, bottom, top, most, whole);
  const left = Math.ceil(Math.max(2, ...y.ticks.map(tick => format(tick).length)) * digitWidth) + 10;
  const right = Math.max(left + 10, width - 12);
  const [begin = 0, end = 0] = [times[0], times.at(-1)];
  const gap = (right - left) / Math.max(1, times.length);
  // Bars need room on both sides.
  const inset = kind === 'bars' ? gap / 2 : 0;
  const x = timeScale(begin, end, left + inset, right - inset, Math.max(2, Math.floor((right - left) / tickWidth)));
  const places = times.map(x);
  return {
    ...{ width, height, x, y },
    plot: { left, right, top, bottom },
    nearest: wanted => nearestOf(places, wanted),
    barWidth: Math.max(1, Math.min(28, gap * 0.7)),
  };
}

function nearestOf(places: readonly number[], wanted: number): number {
  let [low, high] = [0, places.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((places[middle] ?? 0) <= wanted) low = middle;
    else high = middle;
  }
  return Math.abs((places[low] ?? 0) - wanted) <= Math.abs((places[high] ?? 0) - wanted) ? low : high;
}
