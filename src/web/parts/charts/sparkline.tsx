// A line in a line: how a figure went, without scales. Gaps stay gaps.
import './charts.css';
import { pathThrough, stretches } from './scales.ts';
import type { ChartTone } from './series.ts';

interface SparklineProps {
  /** What it tells, in words: nobody reads a figure off it. */
  label: string;
  values: readonly (number | null)[];
  tone?: ChartTone;
  width?: number;
  height?: number;
  /** Values hold until the next one, as settings do. */
  isStepped?: boolean;
}

export function Sparkline({ label, values, tone = 'one', width = 96, height = 24, isStepped = false }: SparklineProps) {
  const known = values.filter(value => value !== null);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  // What never changed is a line through the middle.
  const y = (value: number) =>
    most === least ? height / 2 : height - 3 - ((value - least) / (most - least)) * (height - 6);
  const x = (n: number) => 2 + (n * (width - 4)) / Math.max(1, values.length - 1);
  return (
    <svg className="sparkline" width={width} height={height} role="img" aria-label={label}>
      {stretches(values).map(({ from, to }) => {
        const points = Array.from(
          { length: to - from + 1 },
          (_, i) => [x(from + i), y(values[from + i] ?? 0)] as const,
        );
        const [cx, cy] = points[0] ?? [0, 0];
        if (from === to) return <circle key={from} className="chart-dot" data-tone={tone} cx={cx} cy={cy} r={1.5} />;
        const corners = points.flatMap((point, i) => {
          const before = points[i - 1];
          return isStepped && before !== undefined ? [[point[0], before[1]] as const, point] : [point];
        });
        return <path key={from} className="chart-line" data-tone={tone} d={pathThrough(corners)} />;
      })}
    </svg>
  );
}
