// An integration as a card: how it is, what asks for attention, and its figures. The whole card leads to its page.
import { Alert, Box, Group, Text } from '@mantine/core';
import { Link } from 'react-router';
import { useNowMs } from '../../parts/age.tsx';
import { stateOf } from '../../parts/integration-state.ts';
import { LongText } from '../../parts/long-text.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { agentsOf, Facts, timesOf } from './facts.tsx';
import { RunProgress } from './progress.tsx';
import { counted, type Integration } from './words.ts';

const t = texts.integrations;

interface CardProps {
  integration: Integration;
  /** The provider's title. */
  provider: string;
}

export function IntegrationCard({ integration, provider }: CardProps) {
  const { tone, word } = stateOf(integration, useNowMs());
  return (
    <Link to={`/integrations/${integration.id}`} className="card integration-card">
      <Group justify="space-between" align="flex-start" wrap="nowrap" gap="xs">
        <Box miw={0}>
          <LongText fw={600}>{integration.name}</LongText>
          <Text size="sm" c="dimmed">
            {provider}
          </Text>
        </Box>
        <Box flex="none">
          <StateMark tone={tone}>{word}</StateMark>
        </Box>
      </Group>
      <RunProgress integration={integration} />
      <Attention integration={integration} />
      {integration.state !== 'unsupported' && <Facts facts={[...timesOf(integration), ...agentsOf(integration)]} />}
    </Link>
  );
}

/** One sentence: the first thing that asks for somebody. */
function Attention({ integration }: { integration: Integration }) {
  const { state, held, error, warnings } = integration;
  const said =
    state === 'unsupported'
      ? t.unprotected
      : state === 'held' && held !== null
        ? t.held.title(counted(held.devices, 'device'))
        : (error?.advice ?? warnings[0]);
  if (said === undefined || said === '') return null;
  const color = state === 'unsupported' ? 'gray' : error === null ? 'orange' : 'red';
  return (
    <Alert color={color} p="xs" variant="light">
      <Text size="sm" className="wrap" lineClamp={3}>
        <Told>{said}</Told>
      </Text>
    </Alert>
  );
}
