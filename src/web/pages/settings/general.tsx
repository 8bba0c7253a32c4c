// The general settings: identity collection, which says what switching it off would take before it does; how long what is kept; the rest.
import { Button, Collapse, Skeleton, Stack, Switch, Table, Text } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { ReadOnly } from '../../parts/read-only.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import { Card, Forbidden } from './parts.tsx';

const words = texts.settings;
type Settings = Schemas['Settings'];
type Retention = Schemas['Retention'];
const path = '/api/v2/tailnet/{tailnet}/settings';
const dayMs = 86_400_000;

function useSettings() {
  return useQuery({
    queryKey: ['settings'],
    queryFn: ({ signal }) => ask(api.GET(path, { params: { path: here }, signal })),
  });
}

function useChange(onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ confirm, ...body }: Schemas['SettingsChanges'] & { confirm?: number }) =>
      ask(api.PATCH(path, { params: { path: here, query: confirm === undefined ? {} : { confirm } }, body })),
    onSuccess: settings => {
      queries.setQueryData(['settings'], settings);
      void queries.invalidateQueries({ queryKey: ['settings'] });
      onDone();
    },
  });
}

function IdentityCollection({ settings, mayChange }: { settings: Settings; mayChange: boolean }) {
  const isOn = settings.postureIdentityCollectionOn;
  const [isAsking, { open, close }] = useDisclosure();
  const losses = useQuery({
    queryKey: ['settings', 'losses'],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/tailnet/{tailnet}/settings/losses', { params: { path: here }, signal })),
    enabled: isAsking,
    staleTime: 0,
  });
  const change = useChange(() => {
    close();
    notifications.show({ message: isOn ? words.identity.switchedOff : words.identity.switchedOn });
  });
  const { data: lost } = losses;
  const switchOff = (devices: number) =>
    change.mutate(
      { postureIdentityCollectionOn: false, confirm: devices },
      // It may be another number by now: the service said so, and it is shown anew.
      { onError: () => void losses.refetch() },
    );
  return (
    <>
      <Card
        title={words.identity.title}
        mark={<StateMark tone={isOn ? 'plain' : 'warning'}>{isOn ? words.identity.on : words.identity.off}</StateMark>}
        about={isOn ? words.identity.onAbout : words.identity.offAbout}
        actions={
          mayChange &&
          (isOn ? (
            <Button variant="default" onClick={open}>
              {words.identity.switchOff}
            </Button>
          ) : (
            <Button loading={change.isPending} onClick={() => change.mutate({ postureIdentityCollectionOn: true })}>
              {words.identity.switchOn}
            </Button>
          ))
        }
      >
        {change.isError && !isAsking ? <Failure error={change.error} /> : undefined}
      </Card>
      <AskFirst
        isOpen={isAsking}
        onClose={() => {
          change.reset();
          close();
        }}
        title={words.identity.askOff}
        action={words.identity.switchOff}
        onConfirm={() => lost && switchOff(lost.devices)}
        isBusy={change.isPending || losses.isFetching || lost === undefined}
        error={change.error}
        {...(lost !== undefined && lost.devices > 0 ? { typed: String(lost.devices) } : {})}
      >
        {losses.error !== null && <Failure error={losses.error} onRetry={() => void losses.refetch()} />}
        {losses.isPending && <Skeleton height={24} />}
        {lost !== undefined && (
          <Text fw={500}>
            {lost.devices > 0 ? words.identity.losses(lost.devices, lost.attributes) : words.identity.noLosses}
          </Text>
        )}
        <Text size="sm">{words.identity.lossesAbout}</Text>
      </AskFirst>
    </>
  );
}

function SeveralIntegrations({ settings, mayChange }: { settings: Settings; mayChange: boolean }) {
  const change = useChange(() => notifications.show({ message: words.saved }));
  return (
    <Card title={words.several.title} about={words.several.about}>
      <Stack gap="sm">
        <Switch
          label={words.several.label}
          checked={
            change.isPending ? change.variables.allowMultipleIntegrations === true : settings.allowMultipleIntegrations
          }
          disabled={!mayChange || change.isPending}
          onChange={event => change.mutate({ allowMultipleIntegrations: event.currentTarget.checked })}
        />
        {change.isError && <Failure error={change.error} />}
      </Stack>
    </Card>
  );
}

function RetentionRow({ retention: { what, keptMs, newest, variable, oldest } }: { retention: Retention }) {
  return (
    <Table.Tr>
      <Table.Td>
        <Text size="sm">{words.retention.names[what]}</Text>
        {variable !== null && (
          <Text size="xs" c="dimmed">
            {words.retention.variable(variable)}
          </Text>
        )}
        {oldest !== null && (
          <Text size="xs" c="dimmed">
            {words.retention.oldest}: <Age at={oldest} />
          </Text>
        )}
        {newest !== null && (
          <Text size="xs" c="dimmed">
            {words.retention.newest(newest)}
          </Text>
        )}
      </Table.Td>
      <Table.Td className="figures">{words.retention.days(Math.round(keptMs / dayMs))}</Table.Td>
    </Table.Tr>
  );
}

function RetentionCard() {
  const found = useQuery({
    queryKey: ['settings', 'retention'],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/tailnet/{tailnet}/settings/retention', { params: { path: here }, signal })),
  });
  return (
    <Card title={words.retention.title} about={words.retention.about}>
      <Answered query={found}>
        {found.isPending && <Skeleton height={290} />}
        {found.data !== undefined && (
          <Table verticalSpacing="xs" aria-label={words.retention.title}>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{words.retention.what}</Table.Th>
                <Table.Th w="9rem">{words.retention.kept}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {found.data.retention.map(retention => (
                <RetentionRow key={retention.what} retention={retention} />
              ))}
            </Table.Tbody>
          </Table>
        )}
      </Answered>
    </Card>
  );
}

function shown(value: unknown): string {
  if (typeof value === 'boolean') return value ? words.others.yes : words.others.no;
  return value === '' ? words.others.none : String(value);
}

function Others({ settings }: { settings: Settings }) {
  const [isOpen, setOpen] = useState(false);
  const { postureIdentityCollectionOn: _on, allowMultipleIntegrations: _several, ...others } = settings;
  return (
    <Card
      title={words.others.title}
      about={words.others.about}
      actions={
        <Button variant="default" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
          {isOpen ? words.others.hide : words.others.show}
        </Button>
      }
    >
      <Collapse expanded={isOpen}>
        <Table aria-label={words.others.title}>
          <Table.Tbody>
            {Object.entries(others).map(([name, value]) => (
              <Table.Tr key={name}>
                <Table.Th scope="row" fw={400} ff="monospace" fz="sm" className="wrap">
                  {name}
                </Table.Th>
                <Table.Td className="wrap">
                  <bdi>{shown(value)}</bdi>
                </Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Collapse>
    </Card>
  );
}

export function GeneralTab() {
  const may = useMay();
  const settings = useSettings();
  if (!may('feature_settings:read')) return <Forbidden scope="feature_settings:read" />;
  const mayChange = may('feature_settings');
  if (settings.isPending)
    return (
      <Stack gap="md" aria-busy aria-label={texts.shell.loading} role="status">
        <Skeleton height={100} />
        <Skeleton height={130} />
        <Skeleton height={390} />
      </Stack>
    );
  const { data } = settings;
  return (
    <Stack gap="md" maw="60rem">
      <Answered query={settings}>
        {data !== undefined && (
          <>
            <ReadOnly scope="feature_settings" />
            <IdentityCollection settings={data} mayChange={mayChange} />
            <SeveralIntegrations settings={data} mayChange={mayChange} />
            <RetentionCard />
            <Others settings={data} />
          </>
        )}
      </Answered>
    </Stack>
  );
}
