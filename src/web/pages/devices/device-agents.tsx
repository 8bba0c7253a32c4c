// The agents around the device: which speaks for it, and of the others why they do not.
import { Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Age } from '../../parts/age.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import { Card } from './card.tsx';
import { explanationQuery } from './device-queries.ts';

const words = texts.devices.page.agents;

export function AgentsCard({ id }: { id: string }) {
  const { data, error, refetch } = useQuery(explanationQuery(id));
  return (
    <Card title={words.title} error={error} onRetry={() => void refetch()} waits={data === undefined ? 3 : 0}>
      {data?.match.explanation && (
        <Text size="sm" mb="xs" className="wrap">
          {data.match.explanation}
        </Text>
      )}
      {data?.agents.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      <Stack gap="md">
        {data?.agents.map(agent => (
          <div key={`${agent.integration} ${agent.id}`}>
            <Group gap="xs" wrap="nowrap">
              <StateMark tone={agent.chosen ? 'good' : 'plain'}>{agent.chosen ? words.speaks : words.silent}</StateMark>
              <LongText size="sm" fw={600}>
                {agent.hostname ?? agent.id}
              </LongText>
            </Group>
            <Text size="sm" className="wrap">
              {agent.explanation ?? (agent.bound ? words.bound : words.matched)}
            </Text>
            <Text size="sm" c="dimmed" className="wrap">
              <bdi>{agent.integration}</bdi> · <bdi>{agent.id}</bdi>
              {agent.serialNumbers.length > 0 && (
                <>
                  {' · '}
                  <bdi className="mono">{agent.serialNumbers.join(', ')}</bdi>
                </>
              )}
              {agent.confirmedAt !== null && (
                <>
                  {' · '}
                  {texts.devices.page.confirmed} <Age at={agent.confirmedAt} />
                </>
              )}
            </Text>
          </div>
        ))}
      </Stack>
    </Card>
  );
}
