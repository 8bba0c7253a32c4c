// The agents around the device: which speaks for it, and of the others why they do not.
import { Anchor, Button, Group, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { type AgentRef, UnbindDialog } from '../../parts/binding.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import { Card } from './card.tsx';
import { explanationQuery } from './device-queries.ts';
import { pathOf } from './table-state.ts';

const words = texts.devices.page.agents;

export function AgentsCard({ id }: { id: string }) {
  const may = useMay();
  const query = useQuery(explanationQuery(id));
  const { data } = query;
  const [asked, setAsked] = useState<AgentRef | null>(null);
  return (
    <Card title={words.title} query={query} waits={data === undefined ? 3 : 0}>
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
              {agent.boundDevice === id && may('devices:core') && (
                <Button
                  size="compact-xs"
                  variant="default"
                  ms="auto"
                  flex="0 0 auto"
                  aria-label={texts.binding.undoFor(agent.hostname ?? agent.id)}
                  onClick={() => setAsked(agent)}
                >
                  {texts.binding.undo}
                </Button>
              )}
            </Group>
            <Text size="sm" className="wrap">
              {agent.explanation ?? ownMatch(agent, id)}
              {agent.boundDevice !== null && agent.boundDevice !== id && (
                <>
                  {' '}
                  {words.boundElsewhere}{' '}
                  <Anchor component={Link} to={pathOf(agent.boundDevice)} inherit>
                    <bdi>{agent.boundDevice}</bdi>
                  </Anchor>
                </>
              )}
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
      {asked !== null && <UnbindDialog agent={asked} device={id} onClose={() => setAsked(null)} />}
    </Card>
  );
}

/** @returns how an agent that has its device came to this one */
function ownMatch({ boundDevice }: Schemas['DeviceExplanation']['agents'][number], id: string): string {
  if (boundDevice === null) return words.matched;
  return boundDevice === id ? words.bound : '';
}
