// The page of a device: whether its posture can be trusted, why it has it, and what can be done about it.
import { Anchor, Button, Group, Skeleton, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconArrowLeft, IconDeviceUnknown, IconTrash } from '@tabler/icons-react';
import { useIsFetching, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Link, useNavigate, useParams } from 'react-router';
import { api, ask, RequestError, type Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered, Doubted, oldSince } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { Page } from '../../parts/page.tsx';
import { ReadOnly } from '../../parts/read-only.tsx';
import { texts } from '../../texts.ts';
import { FreshnessMark } from './cells.tsx';
import { AgentsCard } from './device-agents.tsx';
import { AttributesCard } from './device-attributes.tsx';
import { HistoryCard } from './device-history.tsx';
import { IdentityCard } from './device-identity.tsx';
import { PosturesCard } from './device-postures.tsx';
import { deviceQuery, explanationQuery, freshnessQuery } from './device-queries.ts';
import { RefetchButton } from './device-refetch.tsx';
import './devices.css';
import './device.css';

const words = texts.devices.page;

export function DevicePage() {
  const { deviceId = '' } = useParams();
  const may = useMay();
  const query = useQuery(deviceQuery(deviceId));
  const { data, error, refetch } = query;
  const isWaiting = useIsWaiting(deviceId, query.isLoading);
  const shown = isWaiting ? undefined : data;
  const maySeeValues = may('devices:posture_attributes:read');
  const back = (
    <Anchor component={Link} to="/devices" size="sm" className="back-link">
      <IconArrowLeft size={14} aria-hidden /> {words.back}
    </Anchor>
  );
  if (error instanceof RequestError && error.status === 404)
    return (
      <Page title={words.missing} above={back}>
        <Nothing icon={IconDeviceUnknown} title={deviceId}>
          <Text c="dimmed">{error.message}</Text>
        </Nothing>
        {may('logs:configuration:read') && <HistoryCard id={deviceId} />}
      </Page>
    );
  if (error !== null && data === undefined)
    return (
      <Page title={deviceId} shownTitle={<bdi>{deviceId}</bdi>} above={back}>
        <Failure error={error} onRetry={() => void refetch()} />
      </Page>
    );
  const actions = shown && may('devices:core') && (
    <>
      <RefetchButton id={deviceId} />
      <DeleteButton device={shown} />
    </>
  );
  return (
    <Page
      title={shown?.name ?? deviceId}
      shownTitle={<bdi>{shown?.name ?? deviceId}</bdi>}
      above={back}
      about={<Facts id={deviceId} device={shown} />}
      {...(actions ? { actions } : {})}
    >
      <ReadOnly scope="devices:core" />
      <Answered query={query}>
        {isWaiting && <Waiting />}
        <div className="device-grid" hidden={isWaiting}>
          <Stack gap="md" className="device-column">
            {maySeeValues && <PosturesCard id={deviceId} />}
            {maySeeValues && <AttributesCard id={deviceId} />}
          </Stack>
          <Stack gap="md" className="device-column">
            <IdentityCard id={deviceId} device={data} />
            {maySeeValues && <AgentsCard id={deviceId} />}
            {may('logs:configuration:read') && <HistoryCard id={deviceId} />}
          </Stack>
        </div>
      </Answered>
    </Page>
  );
}

/** Longer than that no part of the page waits for another one. */
const togetherMs = 1_000;

/**
 * Its parts, shown one by one, would push each other down.
 * @param isLoading whether the device itself was not answered yet, which is so before any part asks
 * @returns whether some part was not answered yet, for a moment; never again once all were shown
 */
function useIsWaiting(id: string, isLoading: boolean): boolean {
  const [isShown, setShown] = useState(false);
  const asked = useIsFetching({
    queryKey: ['devices'],
    predicate: ({ queryKey: [, what, of], state }) => of === id && what !== 'series' && state.status === 'pending',
  });
  const isWaiting = (asked > 0 || isLoading) && !isShown;
  useEffect(() => {
    if (!isWaiting) return setShown(true);
    const timer = setTimeout(() => setShown(true), togetherMs);
    return () => clearTimeout(timer);
  }, [isWaiting]);
  return isWaiting;
}

function Waiting() {
  return (
    <div className="device-grid" aria-busy>
      {[
        [160, 320],
        [150, 130, 240],
      ].map(heights => (
        <Stack key={heights.length} gap="md" className="device-column">
          {heights.map(height => (
            <Skeleton key={height} h={height} radius="md" />
          ))}
        </Stack>
      ))}
    </div>
  );
}

/** What it is, in a line; of the height that it will have before it is there. */
function Facts({ id, device }: { id: string; device: Schemas['Device'] | undefined }) {
  const query = useQuery(freshnessQuery(id));
  const { data: freshness } = query;
  if (device === undefined) return <Skeleton component="span" height={22} width="60%" display="block" mt={6} />;
  const facts = [
    [words.id, device.name === device.id ? '' : device.id],
    [words.user, device.user],
    [words.system, device.os],
  ].filter(([, value]) => value !== '');
  return (
    <span className="device-facts">
      {freshness && (
        <span>
          <Doubted since={oldSince(query)}>
            <FreshnessMark freshness={freshness} />
          </Doubted>{' '}
          {freshness.confirmedAt !== null && (
            <>
              {words.confirmed} <Age at={freshness.confirmedAt} />
            </>
          )}
        </span>
      )}
      {facts.map(([name, value]) => (
        <span key={name}>
          {name} <bdi className="device-fact">{value}</bdi>
        </span>
      ))}
      {device.lastSeen !== undefined && (
        <span>
          {words.lastSeen} <Age at={device.lastSeen} />
        </span>
      )}
      <span>
        {words.added} <Age at={device.created} />
      </span>
      {device.tags.length > 0 && <bdi className="wrap">{device.tags.join(' ')}</bdi>}
    </span>
  );
}

function DeleteButton({ device }: { device: Schemas['Device'] }) {
  const [isOpen, setOpen] = useState(false);
  const navigate = useNavigate();
  const queries = useQueryClient();
  const mayExplain = useMay()('devices:posture_attributes:read');
  const { data } = useQuery({ ...explanationQuery(device.id), enabled: mayExplain });
  const removal = useMutation({
    mutationFn: () => ask(api.DELETE('/api/v2/device/{deviceId}', { params: { path: { deviceId: device.id } } })),
    onSuccess: async () => {
      notifications.show({ message: words.delete.done });
      await navigate('/devices');
      await queries.invalidateQueries({ queryKey: ['devices'] });
    },
  });
  return (
    <>
      <Button
        variant="default"
        leftSection={<IconTrash size={16} aria-hidden />}
        onClick={() => {
          removal.reset();
          setOpen(true);
        }}
      >
        {words.delete.action}
      </Button>
      <AskFirst
        isOpen={isOpen}
        onClose={() => setOpen(false)}
        title={words.delete.title}
        action={words.delete.action}
        onConfirm={() => removal.mutate()}
        isBusy={removal.isPending}
        error={removal.error}
      >
        <Group gap="xs">
          <Text fw={600}>
            <bdi>{device.name}</bdi>
          </Text>
        </Group>
        <Text size="sm">{words.delete.about(data === undefined ? null : Object.keys(data.attributes).length)}</Text>
      </AskFirst>
    </>
  );
}
