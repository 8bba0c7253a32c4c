// The delivery log of a webhook: each notice, what became of it, and what the receiver answered.
import { Anchor, Box, SegmentedControl, Skeleton, Stack, Table, Text } from '@mantine/core';
import { IconMailOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { api, ask, type Schemas } from '../../api/client.ts';
import { keepRows } from '../../api/queries.ts';
import { Age, useNowMs } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { cursorParam, Pager, useNone } from '../../parts/pager.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { Told } from '../../parts/told.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { Card } from './parts.tsx';
import { noticeWords } from './webhook-parts.tsx';

const words = texts.settings.webhooks.log;
type Delivery = Schemas['WebhookDelivery'];
type State = Delivery['state'];

const tones = { delivered: 'good', given_up: 'bad', waiting: 'unknown' } as const;
const pageSize = 25;
const testNotice = 'webhook.test';
const isState = (text: string | null): text is State => text !== null && text in tones;

function answerOf({ status, error, attempts }: Delivery): string {
  if (attempts === 0) return words.untried;
  return [status, error].filter(part => part !== null).join(' · ') || '–';
}

function Row({ delivery }: { delivery: Delivery }) {
  const { notice, target, state, attempts, at, lastAttempt, nextAttempt, revision } = delivery;
  const now = useNowMs();
  const isDue = nextAttempt !== null && Date.parse(nextAttempt) <= now;
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} to={`/audit?group=${revision}`} size="sm" title={words.write}>
          {noticeWords(notice)}
        </Anchor>
        {notice !== testNotice && (
          <Text size="xs" c="dimmed" className="wrap">
            <bdi>{target}</bdi>
          </Text>
        )}
      </Table.Td>
      <Table.Td>
        <Age at={at} />
      </Table.Td>
      <Table.Td>
        <StateMark tone={state === 'waiting' && attempts > 0 ? 'warning' : tones[state]}>
          {words.states[state]}
        </StateMark>
      </Table.Td>
      <Table.Td ta="right" className="figures">
        {attempts}
      </Table.Td>
      <Table.Td className="wrap" maw={320}>
        <bdi>
          <Told>{answerOf(delivery)}</Told>
        </bdi>
      </Table.Td>
      <Table.Td>
        <Age at={lastAttempt} never="–" />
      </Table.Td>
      <Table.Td>{isDue ? words.inTurn : <Age at={nextAttempt} never="–" />}</Table.Td>
    </Table.Tr>
  );
}

export function Deliveries({ webhookId }: { webhookId: string }) {
  const [params, change] = useUrlState();
  const given = params.get('state');
  const state = isState(given) ? given : undefined;
  const cursor = params.get(cursorParam) ?? undefined;
  const found = useQuery({
    queryKey: ['webhooks', 'deliveries', webhookId, state, cursor],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/webhooks/{endpointId}/deliveries', {
          params: {
            path: { endpointId: webhookId },
            query: {
              limit: pageSize,
              ...(state === undefined ? {} : { state }),
              ...(cursor === undefined ? {} : { cursor }),
            },
          },
          signal,
        }),
      ),
    placeholderData: before => keepRows(before, before?.deliveries),
  });
  const isNone = useNone(found.data?.deliveries, found.data?.nextCursor);
  return (
    <Card
      title={words.title}
      actions={
        <SegmentedControl
          size="xs"
          aria-label={words.filter}
          data={Object.entries(words.states).map(([value, label]) => ({ value, label }))}
          value={state ?? 'all'}
          onChange={value => change({ state: value === 'all' ? null : value })}
        />
      }
    >
      <Answered query={found}>
        {found.isPending && <Skeleton height={320} />}
        {isNone && (
          <Nothing icon={IconMailOff} title={words.none}>
            <Text c="dimmed">{state === undefined ? words.noneAbout : words.noneOfState}</Text>
          </Nothing>
        )}
        {found.data !== undefined && found.data.deliveries.length > 0 && (
          <Stack gap="sm">
            <Table.ScrollContainer minWidth={820} type="native">
              <Table verticalSpacing="xs" fz="sm" aria-label={words.title}>
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>{words.notice}</Table.Th>
                    <Table.Th>{words.at}</Table.Th>
                    <Table.Th>{words.state}</Table.Th>
                    <Table.Th ta="right">{words.attempts}</Table.Th>
                    <Table.Th>{words.answer}</Table.Th>
                    <Table.Th>{words.last}</Table.Th>
                    <Table.Th>{words.next}</Table.Th>
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {found.data.deliveries.map(delivery => (
                    <Row key={delivery.id} delivery={delivery} />
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
            <Box>
              <Pager nextCursor={found.data.nextCursor} />
            </Box>
          </Stack>
        )}
      </Answered>
    </Card>
  );
}
