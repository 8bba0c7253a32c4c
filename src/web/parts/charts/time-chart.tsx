// Figures over time: stacked areas, lines, or stacked bars. Gaps stay gaps. The exact figures of a time are told where the pointer is,
// with the arrow keys, and in a table.
import { Box, Button, Group, Text } from '@mantine/core';
import { useElementSize } from '@mantine/hooks';
import { useId, useState } from 'react';
import { texts } from '../../texts.ts';
import { exactTime } from '../times.ts';
import './charts.css';
import { type Layout, layoutOf } from './layout.ts';
import { tickText } from './scales.ts';
import type { ChartSeries } from './series.ts';
import { Hatching, Shapes } from './shapes.tsx';
import { ChartTable } from './table.tsx';

export interface TimeChartProps {
  /** What is shown, as a sentence without an end. */
  label: string;
  /** In ms, in order; `gridTimes` makes those of a grid. */
  times: readonly number[];
  /** Of a stack the lowest first. */
  series: readonly ChartSeries[];
  kind: 'stack' | 'lines' | 'bars';
  format?: (figure: number) => string;
  /** The least that the upper end of the scale is. */
  max?: number;
  /** False: ticks may stand between whole figures. */
  whole?: boolean;
  height?: number;
}

const usual = new Intl.NumberFormat('en');

export function TimeChart(props: TimeChartProps) {
  const { label, times, series, kind, format = usual.format, height = 176 } = props;
  const { ref, width } = useElementSize();
  const [chosen, setChosen] = useState<number | null>(null);
  const [isTable, setTable] = useState(false);
  const isEmpty = series.every(({ values }) => values.every(value => value === null));
  return (
    <Box component="figure" m={0} className="chart">
      <Box ref={ref} pos="relative" h={height}>
        {width > 0 && <Drawing {...props} layout={layoutOf(props, width, height, format)} {...{ chosen, setChosen }} />}
        {isEmpty && (
          <Text size="sm" c="dimmed" className="chart-empty">
            {texts.charts.empty}
          </Text>
        )}
        {chosen !== null && width > 0 && (
          <Told
            {...{ times, series, format, chosen }}
            x={layoutOf(props, width, height, format).x(times[chosen] ?? 0)}
            width={width}
          />
        )}
      </Box>
      <Group justify="space-between" align="flex-start" gap="xs" mt={4} wrap="nowrap">
        <Legend series={series} isLines={kind === 'lines'} />
        <Button
          size="compact-xs"
          variant="subtle"
          color="gray"
          aria-expanded={isTable}
          aria-label={`${isTable ? texts.charts.hideTable : texts.charts.showTable}: ${label}`}
          onClick={() => setTable(!isTable)}
        >
          {isTable ? texts.charts.hideTable : texts.charts.showTable}
        </Button>
      </Group>
      {isTable && <ChartTable {...{ label, times, series, format }} />}
    </Box>
  );
}

interface DrawingProps extends TimeChartProps {
  layout: Layout;
  chosen: number | null;
  setChosen: (n: number | null) => void;
}

function Drawing({ label, times, series, kind, format = usual.format, layout, chosen, setChosen }: DrawingProps) {
  const hatching = useId();
  const { width, height, x, y, plot } = layout;
  const at = chosen === null ? null : (times[chosen] ?? null);
  const last = times.length - 1;
  const move = (n: number) => setChosen(Math.min(last, Math.max(0, n)));
  const keys: Readonly<Record<string, () => void>> = {
    ArrowLeft: () => move((chosen ?? times.length) - 1),
    ArrowRight: () => move((chosen ?? -1) + 1),
    PageUp: () => move((chosen ?? times.length) - Math.ceil(times.length / 10)),
    PageDown: () => move((chosen ?? 0) + Math.ceil(times.length / 10)),
    Home: () => move(0),
    End: () => move(last),
    Escape: () => setChosen(null),
  };
  return (
    // A place on the line of time is chosen with it, as with a slider: so readers of screens tell the figures there.
    <div
      role="slider"
      tabIndex={0}
      className="chart-drawing"
      aria-label={label}
      aria-orientation="horizontal"
      aria-valuemin={0}
      aria-valuemax={Math.max(0, last)}
      aria-valuenow={chosen ?? Math.max(0, last)}
      aria-valuetext={spoken(times, series, format, chosen ?? last)}
      onPointerMove={event => {
        const left = event.currentTarget.getBoundingClientRect().left;
        move(layout.nearest(event.clientX - left));
      }}
      onPointerLeave={() => setChosen(null)}
      onBlur={() => setChosen(null)}
      onKeyDown={event => {
        const act = keys[event.key];
        if (act === undefined) return;
        event.preventDefault();
        act();
      }}
    >
      <svg width={width} height={height} aria-hidden>
        <Hatching id={hatching} />
        {y.ticks.map(tick => (
          <g key={tick}>
            <line className="chart-grid" x1={plot.left} x2={plot.right} y1={y(tick)} y2={y(tick)} />
            <text className="chart-tick" x={plot.left - 6} y={y(tick)} dy="0.32em" textAnchor="end">
              {format(tick)}
            </text>
          </g>
        ))}
        {x.ticks.map(tick => (
          <text key={tick} className="chart-tick" x={x(tick)} y={height - 4} textAnchor="middle">
            {tickText(tick)}
          </text>
        ))}
        <Shapes {...{ times, series, kind, layout, hatching }} />
        {at !== null && <line className="chart-cursor" x1={x(at)} x2={x(at)} y1={plot.top} y2={plot.bottom} />}
      </svg>
    </div>
  );
}

function spoken(
  times: readonly number[],
  series: readonly ChartSeries[],
  format: (figure: number) => string,
  n: number,
): string {
  const at = times[n];
  if (at === undefined) return texts.charts.empty;
  const known = series.filter(({ values }) => (values[n] ?? null) !== null);
  const figures = known.map(({ label, values }) => `${label} ${format(values[n] ?? 0)}`).join(', ');
  return `${exactTime(new Date(at).toISOString())}: ${figures === '' ? texts.charts.nothing : figures}`;
}

interface ToldProps {
  times: readonly number[];
  series: readonly ChartSeries[];
  format: (figure: number) => string;
  chosen: number;
  x: number;
  width: number;
}

/** The figures of a time, beside it on whichever side there is more room. */
function Told({ times, series, format, chosen, x, width }: ToldProps) {
  const side = x > width / 2 ? { right: width - x + 10 } : { left: x + 10 };
  const isKnown = series.some(({ values }) => (values[chosen] ?? null) !== null);
  return (
    <Box className="chart-told" aria-hidden style={side}>
      <Text size="xs" c="dimmed">
        {exactTime(new Date(times[chosen] ?? 0).toISOString())}
      </Text>
      {!isKnown && <Text size="xs">{texts.charts.nothing}</Text>}
      {isKnown &&
        series.toReversed().map(({ key, label, tone, values }) => (
          <Group key={key} gap={6} wrap="nowrap" justify="space-between">
            <Group gap={6} wrap="nowrap" miw={0}>
              <span className="chart-swatch" data-tone={tone} />
              <Text size="xs" className="cut" maw={180}>
                <bdi>{label}</bdi>
              </Text>
            </Group>
            <Text size="xs" fw={600} className="figures">
              {(values[chosen] ?? null) === null ? '–' : format(values[chosen] ?? 0)}
            </Text>
          </Group>
        ))}
    </Box>
  );
}

function Legend({ series, isLines }: { series: readonly ChartSeries[]; isLines: boolean }) {
  return (
    <Group gap="xs" miw={0}>
      {series.map(({ key, label, tone }) => (
        <Group key={key} gap={6} wrap="nowrap" miw={0}>
          {isLines ? (
            <svg width={20} height={10} aria-hidden>
              <line className="chart-line" data-tone={tone} x1={0} x2={20} y1={5} y2={5} />
            </svg>
          ) : (
            <span className="chart-swatch" data-tone={tone} aria-hidden />
          )}
          <Text size="xs" c="dimmed" className="cut" maw={220}>
            <bdi>{label}</bdi>
          </Text>
        </Group>
      ))}
    </Group>
  );
}
