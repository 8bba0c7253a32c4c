// What charts show: figures over time, each with a tone that has a colour, and a dash or hatching beside it, in charts.css.

/** `unknown` is hatched and grey, never a shade of good; `one` to `six` are for what is neither good nor bad. */
export type ChartTone = 'good' | 'bad' | 'old' | 'unknown' | 'one' | 'two' | 'three' | 'four' | 'five' | 'six';

const plain: readonly ChartTone[] = ['one', 'two', 'three', 'four', 'five', 'six'];

/** @returns a tone for the nth of several things that are alike */
export function plainTone(n: number): ChartTone {
  return plain[n % plain.length] ?? 'one';
}

export interface ChartSeries {
  key: string;
  /** Names from outside are shown as they are. */
  label: string;
  tone: ChartTone;
  /** One for each time of the chart; null: nobody knows, and nothing is drawn. */
  values: readonly (number | null)[];
}

/** @returns the times of a grid, in ms */
export function gridTimes(from: string, stepMs: number, steps: number): number[] {
  const begin = Date.parse(from);
  return Array.from({ length: steps }, (_, n) => begin + n * stepMs);
}
