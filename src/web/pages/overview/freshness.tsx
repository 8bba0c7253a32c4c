// How many devices have fresh posture, why others have none, and the oldest evidence.
import { Anchor, Box, Group, Paper, Stack, Text, Title } from '@mantine/core';
import { Link } from 'react-router';
import { useLive } from '../../api/live.ts';
import { Age } from '../../parts/age.tsx';
import { type Part, Proportion } from '../../parts/charts/proportion.tsx';
import { Hint } from '../../parts/hint.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { texts } from '../../texts.ts';
import { figure, share } from './figures.ts';
import { Legend } from './legend.tsx';
import type { Overview } from './queries.ts';

/** Reasons that the list of devices can be filtered by. */
const isFilter = (reason: string) => reason !== 'no_values';

export function FreshnessCard({ overview: { devices, oldestEvidence: oldest } }: { overview: Overview }) {
  const { fresh, stale, none, total, freshShare, freshMeans, without } = devices;
  const words = texts.overview.freshness;
  const isKnown = useLive().doubt === null;
  const parts: Part[] = [
    { key: 'fresh', label: words.fresh, count: fresh, tone: 'good' },
    { key: 'stale', label: words.stale, count: stale, tone: 'old' },
    { key: 'none', label: words.none, count: none, tone: 'unknown' },
  ];
  return (
    <Paper className="card" p="md" component="section" aria-labelledby="freshness">
      <Group justify="space-between" wrap="nowrap">
        <Title order={2} id="freshness">
          {words.title}
        </Title>
        <Hint>{freshMeans}</Hint>
      </Group>
      <Group gap={8} align="baseline" mt="xs">
        <Text className="big-figure figures" {...(isKnown ? {} : { c: 'dimmed' })}>
          {freshShare === null ? '–' : share(freshShare)}
        </Text>
        <Text c="dimmed">{words.of(total)}</Text>
      </Group>
      <Box my="sm">
        <Proportion label={words.title} parts={parts} height={12} />
      </Box>
      <Legend gap="md" parts={parts} placeOf={key => `/devices?freshness=${key}`} />
      <Without without={without} />
      <Oldest oldest={oldest} />
    </Paper>
  );
}

function Without({ without }: Pick<Overview['devices'], 'without'>) {
  if (without.length === 0) return null;
  return (
    <Stack gap={4} mt="md" component="ul" className="plain-list">
      {without.map(({ reason, sentence, devices: count }) => (
        <Group key={reason} component="li" gap="sm" wrap="nowrap" align="flex-start">
          {isFilter(reason) ? (
            <Anchor component={Link} to={`/devices?match=${reason}`} size="sm" className="figures count">
              {figure(count)}
            </Anchor>
          ) : (
            <Text size="sm" className="figures count">
              {figure(count)}
            </Text>
          )}
          <Text size="sm" c="dimmed">
            {sentence.replace(/ To match (them|agents again): .*$/, '')}
          </Text>
        </Group>
      ))}
    </Stack>
  );
}

function Oldest({ oldest }: { oldest: Overview['oldestEvidence'] }) {
  const words = texts.overview.freshness;
  return (
    <Box mt="md">
      <Text size="sm" c="dimmed">
        {words.oldest}
      </Text>
      {oldest === null ? (
        <Text size="sm">{words.noEvidence}</Text>
      ) : (
        <Group gap={6} wrap="nowrap">
          <Text size="sm" flex="none">
            <Age at={oldest.confirmedAt} />
          </Text>
          <Text size="sm" c="dimmed" flex="none">
            {words.on}
          </Text>
          <Anchor component={Link} to={`/devices/${encodeURIComponent(oldest.device)}`} size="sm" miw={0}>
            <LongText size="sm">{oldest.hostname ?? oldest.device}</LongText>
          </Anchor>
          {oldest.integration !== null && (
            <Text size="sm" c="dimmed" className="cut">
              {words.by} <bdi>{oldest.integration.name}</bdi>
            </Text>
          )}
        </Group>
      )}
    </Box>
  );
}
