// How far a sync is: a bar while pages are read, and words for what follows.
import { Progress, Stack, Text } from '@mantine/core';
import { progressOf } from '../../parts/integration-state.ts';
import { texts } from '../../texts.ts';
import { useProgress } from './queries.ts';
import { figure, type Integration } from './words.ts';

const t = texts.integrations;

export function RunProgress({ integration }: { integration: Integration }) {
  const told = useProgress(integration.id);
  const { run } = integration;
  if (run === null) return null;
  const { agents, claimedTotal, phase } = progressOf(run, told);
  const total = claimedTotal ?? 0;
  const isReading = phase === 'reading';
  const share = total > 0 ? Math.min(100, (100 * agents) / total) : 0;
  const words = isReading
    ? claimedTotal === null
      ? t.progress.counted(figure(agents))
      : t.progress.of(figure(agents), figure(claimedTotal))
    : (t.phases[phase as keyof typeof t.phases] ?? t.phases.merging);
  return (
    <Stack gap={4} className="progress">
      <Progress
        value={isReading ? share : 100}
        striped={!isReading || total === 0}
        animated={!isReading || total === 0}
        aria-label={t.progress.label(integration.name)}
        size="md"
      />
      <Text size="xs" c="dimmed" className="figures" aria-live="off">
        {words}
      </Text>
    </Stack>
  );
}
