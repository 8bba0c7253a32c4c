// The page of one integration: how it is, its runs, what is held, its agents, its settings. What is open stands in the address.
import { Anchor, Skeleton, Stack, Tabs, Text } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { Link, useParams } from 'react-router';
import { useNowMs } from '../../parts/age.tsx';
import { Answered, Doubted, oldSince } from '../../parts/answered.tsx';
import { Failure } from '../../parts/failure.tsx';
import { stateOf } from '../../parts/integration-state.ts';
import { Page } from '../../parts/page.tsx';
import { ReadOnly } from '../../parts/read-only.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { Actions } from './actions.tsx';
import { AgentsTab } from './agents.tsx';
import { HeldTab } from './held.tsx';
import { OverviewTab } from './overview.tsx';
import { integrationQuery, providersQuery } from './queries.ts';
import { RunDrawer } from './run-drawer.tsx';
import { RunsTab } from './runs.tsx';
import { figure, type Integration, unmatchedTotal } from './words.ts';

/** Its forms weigh as much as all other tabs. */
const SettingsTab = lazy(async () => ({ default: (await import('./settings.tsx')).SettingsTab }));

const t = texts.integrations;

export function IntegrationPage() {
  const { integrationId = '' } = useParams();
  const query = useQuery(integrationQuery(integrationId));
  const { data, error, refetch } = query;
  const above = (
    <Anchor component={Link} to="/integrations" size="sm">
      <IconArrowLeft size={14} aria-hidden /> {t.back}
    </Anchor>
  );
  if (data === undefined)
    return (
      <Page title={t.title} above={above}>
        {error === null ? <Skeleton h={320} aria-busy /> : <Failure error={error} onRetry={() => void refetch()} />}
      </Page>
    );
  return (
    <Page
      title={data.name}
      shownTitle={<bdi>{data.name}</bdi>}
      above={above}
      about={
        <Doubted since={oldSince(query)}>
          <Provider integration={data} />
        </Doubted>
      }
      actions={<Actions integration={data} />}
    >
      <Answered query={query}>
        <ReadOnly scope="feature_settings" />
        <IntegrationTabs integration={data} />
        <RunDrawer integration={data} />
      </Answered>
    </Page>
  );
}

function Provider({ integration }: { integration: Integration }) {
  const { data: providers } = useQuery(providersQuery);
  const { tone, word } = stateOf(integration, useNowMs());
  const title = providers?.find(({ id }) => id === integration.provider)?.title ?? integration.provider;
  return (
    <Text component="span" inherit>
      {title} <StateMark tone={tone}>{word}</StateMark>
    </Text>
  );
}

const tabs = ['overview', 'runs', 'held', 'agents', 'settings'] as const;

function IntegrationTabs({ integration }: { integration: Integration }) {
  const [params, change] = useUrlState();
  const isRead = integration.state !== 'unsupported';
  const asked = tabs.find(name => name === params.get('tab')) ?? 'overview';
  const shown = tabs.filter(name => isRead || name === 'overview' || name === 'settings');
  const tab = shown.includes(asked) ? asked : 'overview';
  const none = { match: null, reason: null, search: null, run: null };
  const count = {
    held: integration.held?.devices ?? 0,
    agents: unmatchedTotal(integration),
    overview: 0,
    runs: 0,
    settings: 0,
  };
  return (
    <Tabs
      value={tab}
      onChange={name => change({ ...none, tab: name === 'overview' ? null : name })}
      keepMounted={false}
    >
      <Tabs.List mb="md">
        {shown.map(name => (
          <Tabs.Tab
            key={name}
            value={name}
            rightSection={
              count[name] > 0 ? (
                <Text size="xs" c="dimmed">
                  {figure(count[name])}
                </Text>
              ) : undefined
            }
          >
            {t.tabs[name]}
          </Tabs.Tab>
        ))}
      </Tabs.List>
      <Tabs.Panel value={tab}>
        <Stack gap="md">
          {tab === 'overview' && <OverviewTab integration={integration} />}
          {tab === 'runs' && <RunsTab integration={integration} />}
          {tab === 'held' && <HeldTab integration={integration} />}
          {tab === 'agents' && <AgentsTab integration={integration} />}
          {tab === 'settings' && (
            <Suspense fallback={<Skeleton h={400} aria-busy />}>
              <SettingsTab integration={integration} />
            </Suspense>
          )}
        </Stack>
      </Tabs.Panel>
    </Tabs>
  );
}
