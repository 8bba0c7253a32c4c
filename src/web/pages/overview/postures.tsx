// The postures of the policy in force, with how many devices pass, fail, and are unknown; each figure leads to these devices.
import { Anchor, Box, Group, Paper, Title } from '@mantine/core';
import { Link } from 'react-router';
import { type Part, Proportion } from '../../parts/charts/proportion.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import { figure } from './figures.ts';
import { Legend } from './legend.tsx';
import type { Overview } from './queries.ts';

type Posture = Overview['postures'][number];

export function PosturesCard({ overview: { postures, asOf, policy } }: { overview: Overview }) {
  const words = texts.overview.postures;
  if (postures.length === 0) return null;
  return (
    <Paper className="card" p="md" component="section" aria-labelledby="postures">
      <Group justify="space-between" gap="xs">
        <Title order={2} id="postures">
          {words.title}
        </Title>
        {policy.state === 'unreadable' && <StateMark tone="bad">{words.unreadable}</StateMark>}
        {policy.state === 'in_force' && !asOf.isCurrent && (
          <StateMark tone="busy">
            {asOf.revision === null ? words.notJudged : words.waiting(figure(asOf.waiting))}
          </StateMark>
        )}
      </Group>
      <Box component="ul" className="postures" mt="xs">
        {postures.map(posture => (
          <PostureLine key={posture.posture} posture={posture} />
        ))}
      </Box>
    </Paper>
  );
}

function PostureLine({ posture: { posture, description, passing, failing, unknown, devices } }: { posture: Posture }) {
  const words = texts.overview.postures;
  const name = posture.replace(/^posture:/, '');
  // Judged by nobody yet is unknown too.
  const unjudged = Math.max(0, devices - passing - failing - unknown);
  const parts: Part[] = [
    { key: 'passing', label: words.passing, count: passing, tone: 'good' },
    { key: 'failing', label: words.failing, count: failing, tone: 'bad' },
    { key: 'unknown', label: words.unknown, count: unknown + unjudged, tone: 'unknown' },
  ];
  return (
    <li className="posture">
      <Box miw={0}>
        <Anchor
          component={Link}
          to={`/policy?tab=postures&posture=${encodeURIComponent(posture)}`}
          c="inherit"
          fw={500}
        >
          <LongText fw={500}>{name}</LongText>
        </Anchor>
        {description !== null && (
          <LongText size="xs" c="dimmed">
            {description}
          </LongText>
        )}
      </Box>
      <Proportion label={name} parts={parts} />
      <Legend
        gap="sm"
        wrap="nowrap"
        className="posture-figures"
        parts={parts}
        placeOf={key => `/devices?posture=${encodeURIComponent(name)}&standing=${key}`}
      />
    </li>
  );
}
