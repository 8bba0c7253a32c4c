// What is held of an integration: each device that would lose something, with what and why; to be accepted, or left held.
import { Alert, Anchor, Badge, Box, Button, Group, Skeleton, Stack, Table, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle, IconShieldCheck } from '@tabler/icons-react';
import { type UseQueryResult, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useSearchParams } from 'react-router';
import type { Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { cursorParam, Pager, useNone } from '../../parts/pager.tsx';
import { SearchBox } from '../../parts/search-box.tsx';
import { texts } from '../../texts.ts';
import { acts, heldImpactQuery, heldQuery, useAct } from './queries.ts';
import { counted, figure, type Integration, reasonOf } from './words.ts';

const t = texts.integrations.held;
const onPage = 25;
/** Of the values of one device, before the rest is counted. */
const mostValues = 4;
const mostPostures = 6;
/** Of what is told of an acceptance, in pixels: as of a sentence and two postures. */
const impactHeight = 72;

export function HeldTab({ integration }: { integration: Integration }) {
  const may = useMay();
  const { held } = integration;
  if (held === null)
    return (
      <Nothing icon={IconShieldCheck} title={t.none}>
        <Text c="dimmed">{t.noneAbout}</Text>
      </Nothing>
    );
  const isAccepted = held.acceptedLosses !== null;
  return (
    <>
      <Alert color="orange" icon={<IconAlertTriangle aria-hidden />} title={t.title(counted(held.devices, 'device'))}>
        <Stack gap="sm" align="flex-start">
          <Text size="sm">{isAccepted ? texts.integrations.wrong.accepted : t.about}</Text>
          <Text size="sm" c="dimmed">
            {t.began} <Age at={held.since} />
          </Text>
          {may('feature_settings') && !isAccepted && <Decide integration={integration} devices={held.devices} />}
        </Stack>
      </Alert>
      {may('devices:posture_attributes:read') ? <HeldList integration={integration} /> : <Text>{t.mayNot}</Text>}
    </>
  );
}

function Decide({ integration, devices }: { integration: Integration; devices: number }) {
  const [isAsked, setAsked] = useState(false);
  const mayLook = useMay()('devices:posture_attributes:read');
  const impact = useQuery(heldImpactQuery(integration.id, devices, isAsked && mayLook));
  const accept = useAct(() => acts.accept(integration.id, devices));
  const close = () => {
    accept.reset();
    setAsked(false);
  };
  return (
    <Group gap="xs">
      <Button color="red.8" onClick={() => setAsked(true)}>
        {t.accept}
      </Button>
      <Button variant="default" onClick={() => notifications.show({ message: t.left })}>
        {t.leave}
      </Button>
      <AskFirst
        isOpen={isAsked}
        onClose={close}
        title={t.acceptTitle}
        action={t.accept}
        isBusy={accept.isPending || impact.isFetching}
        error={accept.error}
        onConfirm={() => accept.mutate(undefined, { onSuccess: close })}
      >
        <Text size="sm">{t.acceptAbout(counted(devices, 'device'), figure(Math.floor((devices * 11) / 10)))}</Text>
        {mayLook ? <StopsPassing impact={impact} /> : <Text size="sm">{t.mayNotJudge}</Text>}
      </AskFirst>
    </Group>
  );
}

type Impact = UseQueryResult<Schemas['HeldImpact'] | null>;

/** An answer of before is not shown again: somebody decides by it. */
function StopsPassing({ impact }: { impact: Impact }) {
  return (
    <Box mih={impactHeight} role="status">
      {impact.isFetching ? <Skeleton h={impactHeight} aria-label={t.judging} /> : <Judged impact={impact} />}
    </Box>
  );
}

function Judged({ impact }: { impact: Impact }) {
  const { data, error, refetch } = impact;
  if (error !== null) return <Failure error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return null;
  if (data === null || data.policy === null) return <Text size="sm">{t.noPolicy}</Text>;
  if (!data.isPolicyReadable) return <Text size="sm">{t.unreadable}</Text>;
  const { stopping, judged, isWhole, postures } = data;
  return (
    <Stack gap={6}>
      <Text size="sm" fw={600}>
        {stopping === 0 ? t.nobodyStops : t.stops(counted(stopping, 'device'))}
      </Text>
      {!isWhole && <Text size="sm">{t.onlyFirst(figure(judged))}</Text>}
      {postures.slice(0, mostPostures).map(({ posture, devices, examples }) => (
        <Text key={posture} size="sm" className="wrap">
          <bdi>{posture}</bdi>: {counted(devices, 'device')} (
          {examples.map(({ device, hostname }, n) => (
            <span key={device}>
              {n > 0 && ', '}
              <bdi>{hostname ?? device}</bdi>
            </span>
          ))}
          {devices > examples.length && ' …'})
        </Text>
      ))}
      {postures.length > mostPostures && <Text size="sm">{t.more(figure(postures.length - mostPostures))}</Text>}
    </Stack>
  );
}

function HeldList({ integration }: { integration: Integration }) {
  const [params] = useSearchParams();
  const search = params.get('search') ?? undefined;
  const cursor = params.get(cursorParam) ?? undefined;
  const query = {
    limit: onPage,
    ...(search === undefined ? {} : { search }),
    ...(cursor === undefined ? {} : { cursor }),
  };
  const found = useQuery(heldQuery(integration.id, query));
  const { data, error } = found;
  const isNone = useNone(data?.devices, data?.nextCursor);
  return (
    <>
      <Group>
        <SearchBox param="search" label={t.search} flex="1 1 16rem" maw={420} />
      </Group>
      <Answered query={found}>
        {error === null && data === undefined && <Skeleton h={320} aria-busy />}
        {isNone && search !== undefined && <Text c="dimmed">{t.noneFound}</Text>}
        {data !== undefined && data.devices.length > 0 && (
          <>
            <div className="card">
              <HeldTable devices={data.devices} />
            </div>
            <Pager nextCursor={data.nextCursor} />
          </>
        )}
      </Answered>
    </>
  );
}

function HeldTable({ devices }: { devices: readonly Schemas['HeldDevice'][] }) {
  return (
    <Table.ScrollContainer minWidth={680}>
      <Table verticalSpacing="xs">
        <Table.Thead>
          <Table.Tr>
            <Table.Th w="30%">{t.columns.device}</Table.Th>
            <Table.Th w="25%">{t.columns.why}</Table.Th>
            <Table.Th>{t.columns.values}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {devices.map(({ device, hostname, losses }) => (
            <Table.Tr key={device}>
              <Table.Td maw={0}>
                <Anchor component={Link} to={`/devices/${encodeURIComponent(device)}`} size="sm">
                  <LongText size="sm">{hostname ?? device}</LongText>
                </Anchor>
                {hostname !== null && (
                  <LongText size="xs" c="dimmed">
                    {device}
                  </LongText>
                )}
              </Table.Td>
              <Table.Td>
                {losses.map(({ agent, reason }) => (
                  <Text key={agent} size="sm">
                    {reason === null ? t.noLonger : reasonOf(reason).title}
                  </Text>
                ))}
              </Table.Td>
              <Table.Td>
                <Values values={Object.assign({}, ...losses.map(({ values }) => values))} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Values({ values }: { values: Record<string, unknown> }) {
  const all = Object.entries(values);
  return (
    <Group gap={4}>
      {all.slice(0, mostValues).map(([name, value]) => (
        <Badge key={name} variant="default" radius="sm" fw={400}>
          <bdi>
            {name.slice(name.indexOf(':') + 1)} = {String(value)}
          </bdi>
        </Badge>
      ))}
      {all.length > mostValues && (
        <Text size="xs" c="dimmed">
          {t.more(figure(all.length - mostValues))}
        </Text>
      )}
    </Group>
  );
}
