// How an integration is: what is wrong and what to do, how far a sync is, its schedule and figures, and why agents match nothing.
import { Alert, Anchor, Group, Progress, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconInfoCircle } from '@tabler/icons-react';
import { Link } from 'react-router';
import { Age } from '../../parts/age.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { agentsOf, type Fact, Facts, timesOf } from './facts.tsx';
import { RunProgress } from './progress.tsx';
import { Scope } from './scope.tsx';
import { counted, figure, type Integration, reasonOf, wasRead } from './words.ts';

const t = texts.integrations;

export function OverviewTab({ integration }: { integration: Integration }) {
  const isRead = integration.state !== 'unsupported';
  return (
    <>
      <Wrong integration={integration} />
      {integration.run !== null && (
        <div className="card panel">
          <RunProgress integration={integration} />
        </div>
      )}
      {isRead && (
        <SimpleGrid cols={{ base: 1, md: 3 }} spacing="md">
          <Panel title={t.schedule} facts={scheduleOf(integration)} />
          <Panel title={t.counts} facts={countsOf(integration)} />
          <Panel title={t.access} facts={accessOf(integration)} />
        </SimpleGrid>
      )}
      {isRead && <ByReason integration={integration} />}
    </>
  );
}

function Panel({ title, facts }: { title: string; facts: readonly Fact[] }) {
  return (
    <Stack gap="sm" className="card panel">
      <Title order={2}>{title}</Title>
      <Facts facts={facts} />
    </Stack>
  );
}

function scheduleOf(integration: Integration): Fact[] {
  return [...timesOf(integration), [t.facts.valuesEnd, <Age key="end" at={integration.evidenceExpires} />]];
}

function countsOf(integration: Integration): Fact[] {
  const { status } = integration;
  const agents = agentsOf(integration);
  if (status === undefined || agents.length === 0) return [[t.facts.agents, t.noneYet]];
  return [...agents, [t.facts.devices, figure(status.possibleMatchedCount)]];
}

function accessOf({ cloudId, scope, tokenExpires }: Integration): Fact[] {
  return [
    [t.facts.address, <bdi key="address">{cloudId}</bdi>, 'wide'],
    [t.facts.token, <Age key="token" at={tokenExpires} never={t.test.never} />, 'wide'],
    [t.facts.scope, <Scope key="scope" scope={scope} />, 'wide'],
  ];
}

/** Each of what is wrong, with what to do. Nothing where nothing is. */
function Wrong({ integration }: { integration: Integration }) {
  const { id, state, pauseReason, pausedUntil, error, held, warnings, failingSince, lastSuccess, run } = integration;
  if (state === 'unsupported') return <Notice color="gray" lines={[t.unprotected]} />;
  const isWaiting = state === 'active' && lastSuccess === null && run === null;
  const isByHand = pauseReason === 'administrator';
  return (
    <>
      {isWaiting && <Notice color="gray" lines={[t.wrong.waiting]} />}
      {isByHand && (
        <Notice color="orange" lines={[t.wrong.pausedByHand]}>
          {pausedUntil !== null && (
            <Text size="sm">
              {t.wrong.until} <Age at={pausedUntil} />.
            </Text>
          )}
        </Notice>
      )}
      {error !== null && (
        <Notice
          color="red"
          title={error.message}
          lines={[
            error.advice,
            ...(pauseReason === 'auth' || pauseReason === 'permission' ? [t.wrong.refused] : []),
            ...(error.requestId === null ? [] : [t.wrong.requestId(error.requestId)]),
          ]}
        >
          {failingSince !== null && (
            <Text size="sm">
              {t.wrong.failingSince} <Age at={failingSince} as="span" />.
            </Text>
          )}
          <Anchor component={Link} size="sm" to={`/integrations/${id}?tab=settings`}>
            {t.wrong.mend}
          </Anchor>
        </Notice>
      )}
      {held !== null && (
        <Notice
          color="orange"
          lines={[held.acceptedLosses === null ? t.wrong.held(counted(held.devices, 'device')) : t.wrong.accepted]}
        >
          <Anchor component={Link} size="sm" to={`/integrations/${id}?tab=held`}>
            {t.wrong.lookThrough}
          </Anchor>
        </Notice>
      )}
      {warnings.length > 0 && <Notice color="orange" lines={warnings} />}
    </>
  );
}

interface NoticeProps {
  color: 'red' | 'orange' | 'gray';
  title?: string;
  lines: readonly string[];
  children?: React.ReactNode;
}

function Notice({ color, title, lines, children }: NoticeProps) {
  const Icon = color === 'gray' ? IconInfoCircle : IconAlertTriangle;
  return (
    <Alert
      color={color}
      icon={<Icon aria-hidden />}
      {...(title === undefined
        ? {}
        : {
            title: (
              <bdi>
                <Told>{title}</Told>
              </bdi>
            ),
          })}
    >
      <Stack gap={4} align="flex-start">
        {lines.map(line => (
          <Text key={line} size="sm" className="wrap">
            <Told>{line}</Told>
          </Text>
        ))}
        {children}
      </Stack>
    </Alert>
  );
}

function ByReason({ integration }: { integration: Integration }) {
  const rows = Object.entries(integration.unmatched).sort(([, a], [, b]) => b - a);
  const most = Math.max(1, ...rows.map(([, n]) => n));
  if (integration.status === undefined) return null;
  return (
    <Stack gap="sm" className="card panel">
      <Group justify="space-between">
        <Title order={2}>{t.byReason}</Title>
      </Group>
      {rows.length === 0 ? (
        <Text c="dimmed" size="sm">
          {wasRead(integration) ? t.allMatched : t.noneYet}
        </Text>
      ) : (
        <Table verticalSpacing="xs" horizontalSpacing={0}>
          <Table.Tbody>
            {rows.map(([code, n]) => (
              <Table.Tr key={code}>
                <Table.Td>
                  <Anchor
                    component={Link}
                    size="sm"
                    to={`/integrations/${integration.id}?tab=agents&match=unmatched&reason=${encodeURIComponent(code)}`}
                  >
                    {reasonOf(code).title}
                  </Anchor>
                  <Text size="sm" c="dimmed">
                    {reasonOf(code).about}
                  </Text>
                </Table.Td>
                <Table.Td w="25%" visibleFrom="sm">
                  <Progress value={(100 * n) / most} color="var(--mantine-color-dimmed)" size="sm" aria-hidden />
                </Table.Td>
                <Table.Td className="num">{figure(n)}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      )}
    </Stack>
  );
}
