// How each integration does: state, time since its last success, and how many of its agents match.
import { Anchor, Box, Group, Paper, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { Age, useNowMs } from '../../parts/age.tsx';
import { Proportion } from '../../parts/charts/proportion.tsx';
import { Sparkline } from '../../parts/charts/sparkline.tsx';
import { stateOf } from '../../parts/integration-state.ts';
import { LongText } from '../../parts/long-text.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import { figure, share } from './figures.ts';
import { historyQuery, type Overview } from './queries.ts';

type Integration = Overview['integrations'][number];

export function IntegrationsStrip({ integrations }: Pick<Overview, 'integrations'>) {
  const { data } = useQuery(historyQuery('24h'));
  if (integrations.length === 0) return null;
  const matchedOf = (id: string) => data?.integrations.find(each => each.id === id)?.matched ?? [];
  return (
    <section aria-labelledby="integrations">
      <Title order={2} id="integrations" mb="xs">
        {texts.overview.integrations.title}
      </Title>
      <div className="integration-cards">
        {integrations.map(each => (
          <IntegrationCard key={each.id} integration={each} matchedBefore={matchedOf(each.id)} />
        ))}
      </div>
    </section>
  );
}

interface CardProps {
  integration: Integration;
  /** Over the last day. */
  matchedBefore: readonly (number | null)[];
}

function IntegrationCard({ integration, matchedBefore }: CardProps) {
  const { id, name, state, lastSuccess, lastAttempt, nextSync, agents, matched, matchRate, matchRateBefore, run } =
    integration;
  const words = texts.overview.integrations;
  const { tone, word } = stateOf(integration, useNowMs());
  // Without agents nothing is matched, and nothing unmatched.
  const known = agents !== null && matched !== null && agents > 0;
  return (
    <Paper className="card integration" p="md">
      <Group justify="space-between" wrap="nowrap" gap="xs">
        <Anchor component={Link} to={`/integrations/${encodeURIComponent(id)}`} fw={600} miw={0} c="inherit">
          <LongText fw={600}>{name}</LongText>
        </Anchor>
        <Box flex="none">
          <StateMark tone={tone}>{word}</StateMark>
        </Box>
      </Group>
      <Text size="sm" c="dimmed" mt={4}>
        {words.lastSuccess} <Age at={lastSuccess} />
      </Text>
      {state === 'failing' && (
        <Text size="sm" c="dimmed">
          {words.lastAttempt} <Age at={lastAttempt} />
        </Text>
      )}
      <Text size="sm" c="dimmed">
        {run === null ? (
          <>
            {words.next} <Age at={nextSync} never={words.notByItself} />
          </>
        ) : (
          words.reading(run.agents)
        )}
      </Text>
      {matchedBefore.some(value => value !== null) && (
        <Box className="integration-trend">
          <Sparkline label={words.trend} values={matchedBefore} />
        </Box>
      )}
      <Box mt="sm" mb={6}>
        <Proportion
          label={words.matched}
          height={6}
          parts={
            known
              ? [
                  { key: 'matched', label: words.matched, count: matched, tone: 'good' },
                  { key: 'unmatched', label: words.unmatched, count: agents - matched, tone: 'unknown' },
                ]
              : []
          }
        />
      </Box>
      <Text size="sm" className="figures">
        {known ? words.matches(figure(matched), figure(agents)) : words.unknown}
        {matchRate !== null && (
          <Text span c="dimmed" inherit>
            {` · ${share(matchRate)}`}
            {matchRateBefore !== null &&
              Math.abs(matchRateBefore.rate - matchRate) >= 0.001 &&
              ` (${words.before(share(matchRateBefore.rate))})`}
          </Text>
        )}
      </Text>
    </Paper>
  );
}
