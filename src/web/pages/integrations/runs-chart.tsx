// Recent syncs over time: how many agents each read and matched, and how long it took. What read nothing is a gap.
import { SimpleGrid, Stack, Title } from '@mantine/core';
import { TimeChart } from '../../parts/charts/time-chart.tsx';
import { texts } from '../../texts.ts';
import { duration, type Run } from './words.ts';

const t = texts.integrations.runs;

export function RunsChart({ runs }: { runs: readonly Run[] }) {
  const shown = runs.filter(({ finishedAt }) => finishedAt !== null).toReversed();
  const times = shown.map(({ startedAt }) => new Date(startedAt).getTime());
  const didRead = ({ outcome, agents }: Run) => outcome !== 'failed' && outcome !== 'abandoned' && agents > 0;
  const of = (figure: (run: Run) => number | null) => shown.map(run => (didRead(run) ? figure(run) : null));
  return (
    <SimpleGrid cols={{ base: 1, lg: 2 }} spacing="md">
      <Stack gap="xs" className="card panel" miw={0}>
        <Title order={2}>{t.agentsChart}</Title>
        <TimeChart
          label={t.agentsChart}
          kind="lines"
          times={times}
          series={[
            { key: 'agents', label: t.columns.agents, tone: 'one', values: of(({ agents }) => agents) },
            { key: 'matched', label: t.columns.matched, tone: 'good', values: of(({ matched }) => matched) },
          ]}
        />
      </Stack>
      <Stack gap="xs" className="card panel" miw={0}>
        <Title order={2}>{t.tookChart}</Title>
        <TimeChart
          label={t.tookChart}
          kind="lines"
          times={times}
          format={duration}
          series={[
            { key: 'took', label: t.columns.took, tone: 'two', values: shown.map(({ durationMs }) => durationMs) },
          ]}
        />
      </Stack>
    </SimpleGrid>
  );
}
