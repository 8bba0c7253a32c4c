// The areas, lines and bars of a chart. What is known of one time alone, with gaps on both sides, is drawn as a thin bar or a dot.
import type { Layout } from './layout.ts';
import { pathThrough, stacked, stretches } from './scales.ts';
import type { ChartSeries } from './series.ts';

/** Lines over what is not known, so that it is told apart without colours. */
export function Hatching({ id }: { id: string }) {
  return (
    <defs>
      <pattern id={id} width={6} height={6} patternUnits="userSpaceOnUse" patternTransform="rotate(45)">
        <rect width={6} height={6} className="chart-hatching-ground" />
        <line x1={0} y1={0} x2={0} y2={6} className="chart-hatching" />
      </pattern>
    </defs>
  );
}

interface ShapesProps {
  times: readonly number[];
  series: readonly ChartSeries[];
  kind: 'stack' | 'lines' | 'bars';
  layout: Layout;
  hatching: string;
}

export function Shapes(props: ShapesProps) {
  if (props.kind === 'lines') return props.series.map(each => <Line key={each.key} {...props} line={each} />);
  const sums = stacked(props.series.map(({ values }) => values));
  return props.series.map((each, layer) => (
    <Layer key={each.key} {...props} layer={each} upper={sums[layer] ?? []} lower={sums[layer - 1] ?? null} />
  ));
}

function Line({ times, line, layout: { x, y } }: ShapesProps & { line: ChartSeries }) {
  const point = (n: number) => [x(times[n] ?? 0), y(line.values[n] ?? 0)] as const;
  return stretches(line.values).map(({ from, to }) => {
    const points = Array.from({ length: to - from + 1 }, (_, i) => point(from + i));
    const [cx, cy] = points[0] ?? [0, 0];
    return from === to ? (
      <circle key={from} className="chart-dot" data-tone={line.tone} cx={cx} cy={cy} r={2.5} />
    ) : (
      <path key={from} className="chart-line" data-tone={line.tone} d={pathThrough(points)} />
    );
  });
}

interface LayerProps extends ShapesProps {
  layer: ChartSeries;
  upper: readonly (number | null)[];
  lower: readonly (number | null)[] | null;
}

function Layer({ times, kind, layer, upper, lower, layout: { x, y, barWidth }, hatching }: LayerProps) {
  const fill = layer.tone === 'unknown' ? { style: { fill: `url(#${hatching})`, fillOpacity: 1 } } : {};
  const place = (n: number) => x(times[n] ?? 0);
  const top = (n: number) => y(upper[n] ?? 0);
  const ground = (n: number) => y(lower?.[n] ?? 0);
  const bar = (n: number, width: number) => {
    const height = ground(n) - top(n);
    if (height <= 0) return null;
    const shape = { x: place(n) - width / 2, y: top(n), width, height };
    return <rect key={n} className="chart-area" data-tone={layer.tone} {...shape} {...fill} />;
  };
  return stretches(upper).map(({ from, to }) => {
    const all = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    if (kind === 'bars') return all.map(n => bar(n, barWidth));
    if (from === to) return bar(from, 2);
    // What is none at all times has no edge either.
    if (all.every(n => ground(n) - top(n) < 0.05)) return null;
    const edge = all.map(n => [place(n), top(n)] as const);
    const back = all.toReversed().map(n => [place(n), ground(n)] as const);
    return (
      <g key={from}>
        <path className="chart-area" data-tone={layer.tone} d={`${pathThrough([...edge, ...back])}Z`} {...fill} />
        <path className="chart-edge" data-tone={layer.tone} d={pathThrough(edge)} />
      </g>
    );
  });
}
