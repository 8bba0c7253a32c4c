// How it went over the last day, week or month.
import { Box, Group, Paper, SegmentedControl, SimpleGrid, Skeleton, Text, Title } from '@mantine/core';
import { IconChartAreaLine } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { Age, useNowMs } from '../../parts/age.tsx';
import { type ChartSeries, gridTimes, plainTone } from '../../parts/charts/series.ts';
import { TimeChart } from '../../parts/charts/time-chart.tsx';
import { Failure } from '../../parts/failure.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { share, unitOf } from './figures.ts';
import { historyQuery, type OverviewHistory, type Period, periods } from './queries.ts';

const words = texts.overview.history;
/** More lines than that nobody tells apart; the service gives those that stand worst first. */
const mostLines = 6;

export function HistoryCards() {
  const [params, change] = useUrlState();
  const period = periods.find(each => each === params.get('period')) ?? '24h';
  const { data, error, refetch } = useQuery(historyQuery(period));
  return (
    <section aria-labelledby="history">
      <Group justify="space-between" mb="xs" gap="xs">
        <Title order={2} id="history">
          {words.title}
        </Title>
        <SegmentedControl
          size="xs"
          aria-label={words.period}
          value={period}
          onChange={value => change({ period: value === '24h' ? null : value })}
          data={periods.map(value => ({ value, label: words.periods[value as Period] }))}
        />
      </Group>
      {data !== undefined && <SampledSince history={data} />}
      {error !== null && <Failure error={error} onRetry={() => void refetch()} />}
      {data !== undefined && isBare(data) && (
        <Paper className="card">
          <Nothing icon={IconChartAreaLine} title={words.bare}>
            <Text c="dimmed">
              {words.bareAbout} <NextSample everyMs={data.sampledEveryMs} />.
            </Text>
          </Nothing>
        </Paper>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }} spacing="sm">
        {data === undefined
          ? ['devices', 'matched', 'oldest', 'failing', 'unknown'].map(key => (
              <Skeleton key={key} height={272} radius="md" className={key === 'devices' ? 'whole-row' : ''} />
            ))
          : (isBare(data) ? [] : charts(data)).map(({ key, title, about, chart }) => (
              <Paper key={key} className={key === 'devices' ? 'card whole-row' : 'card'} p="md">
                <Text fw={600}>{title}</Text>
                <Text size="xs" c="dimmed" mb="xs">
                  {about}
                </Text>
                <Box>{chart}</Box>
              </Paper>
            ))}
      </SimpleGrid>
    </section>
  );
}

/** Workers look each minute whether the step under way is sampled. */
function NextSample({ everyMs }: { everyMs: number }) {
  const next = (Math.floor(useNowMs() / everyMs) + 1) * everyMs;
  return <Age at={new Date(next).toISOString()} />;
}

/** Nobody sampled, or there were no devices: five empty charts would say no more. */
function isBare({ devices }: OverviewHistory): boolean {
  return devices.total.every(total => total === null || total === 0);
}

/** Says why charts are nearly empty while they are. */
function SampledSince({ history: { from, stepMs, steps, devices } }: { history: OverviewHistory }) {
  const first = devices.total.findIndex(total => total !== null && total > 0);
  if (first < steps / 2) return null;
  return (
    <Text size="sm" c="dimmed" mb="xs">
      {words.since} <Age at={new Date(Date.parse(from) + first * stepMs).toISOString()} />. {words.sinceAbout}
    </Text>
  );
}

interface Chart {
  key: string;
  title: string;
  about: string;
  chart: ReactNode;
}

function charts({ from, stepMs, steps, devices, postures, integrations }: OverviewHistory): Chart[] {
  const times = gridTimes(from, stepMs, steps);
  const chart = (
    key: 'devices' | 'failing' | 'unknown' | 'matched' | 'oldest',
    node: (label: string) => ReactNode,
  ): Chart => {
    const [title, about] = words[key];
    return { key, title, about, chart: node(title) };
  };
  const names = texts.overview.freshness;
  const freshness: ChartSeries[] = [
    { key: 'fresh', label: names.fresh, tone: 'good', values: devices.fresh },
    { key: 'stale', label: names.stale, tone: 'old', values: devices.stale },
    { key: 'none', label: names.none, tone: 'unknown', values: devices.none },
  ];
  const linesOf = (what: 'failing' | 'unknown'): ChartSeries[] =>
    postures.slice(0, mostLines).map((each, n) => ({
      ...{ key: each.posture, label: each.posture.replace(/^posture:/, ''), tone: plainTone(n), values: each[what] },
    }));
  const matched = integrations.slice(0, mostLines).map(
    ({ id, name, agents, matched: ours }, n): ChartSeries => ({
      ...{ key: id, label: name ?? words.removed(id), tone: plainTone(n) },
      values: ours.map((value, i) => shareOf(value, agents[i] ?? null)),
    }),
  );
  const ages = devices.oldestEvidenceAgeMs;
  const [unit, size] = unitOf(Math.max(0, ...ages.map(age => age ?? 0)));
  const oldest: ChartSeries[] = [
    { key: 'oldest', label: words.oldest[0], tone: 'old', values: ages.map(age => (age === null ? null : age / size)) },
  ];
  return [
    chart('devices', label => <TimeChart {...{ label, times, series: freshness }} kind="stack" />),
    chart('matched', label => (
      <TimeChart {...{ label, times, series: matched }} kind="lines" max={1} whole={false} format={share} />
    )),
    chart('oldest', label => (
      <TimeChart
        {...{ label, times, series: oldest }}
        kind="lines"
        format={age => `${Math.round(age * 10) / 10} ${unit}`}
      />
    )),
    chart('failing', label => <TimeChart {...{ label, times, series: linesOf('failing') }} kind="lines" />),
    chart('unknown', label => <TimeChart {...{ label, times, series: linesOf('unknown') }} kind="lines" />),
  ];
}

function shareOf(part: number | null, whole: number | null): number | null {
  return part === null || whole === null || whole === 0 ? null : part / whole;
}
