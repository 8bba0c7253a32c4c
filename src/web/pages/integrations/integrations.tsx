// The page "Integrations": a card for each, with how it is and what asks for attention; and connecting another one.
import { Button, Group, SimpleGrid, Skeleton, Stack, Text } from '@mantine/core';
import { IconPlugConnected, IconPlus } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useMay } from '../../api/session.ts';
import { Answered } from '../../parts/answered.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { Page } from '../../parts/page.tsx';
import { ReadOnly } from '../../parts/read-only.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { IntegrationCard } from './card.tsx';
import { ConnectDialog, connectParam } from './connect.tsx';
import { integrationsQuery, providersQuery } from './queries.ts';
import type { Integration } from './words.ts';

const t = texts.integrations;

export function IntegrationsPage() {
  const may = useMay();
  const [, change] = useUrlState();
  const query = useQuery(integrationsQuery);
  const { data, error } = query;
  const connect = may('feature_settings') ? (
    <Button
      leftSection={<IconPlus size={16} aria-hidden />}
      onClick={() => change({ [connectParam]: 'choose' })}
      variant="filled"
    >
      {t.connect}
    </Button>
  ) : null;
  const isEmpty = data?.length === 0;
  return (
    <Page title={t.title} about={t.about} actions={isEmpty ? undefined : connect}>
      <Answered query={query}>
        {error === null && data === undefined && <CardsLoading />}
        {isEmpty && (
          <Nothing icon={IconPlugConnected} title={t.none.title}>
            <Text>{t.none.about}</Text>
            <Text c="dimmed" size="sm">
              {connect === null ? t.none.mayNot : t.none.steps}
            </Text>
            {connect}
          </Nothing>
        )}
        {!isEmpty && <ReadOnly scope="feature_settings" />}
        {data !== undefined && !isEmpty && <Cards integrations={data} />}
      </Answered>
      {connect !== null && <ConnectDialog existing={data ?? []} />}
    </Page>
  );
}

const columns = { base: 1, md: 2, xl: 3 };

function Cards({ integrations }: { integrations: readonly Integration[] }) {
  const { data: providers } = useQuery(providersQuery);
  const titles = new Map(providers?.map(({ id, title }) => [id, title]));
  return (
    <SimpleGrid cols={columns} spacing="md">
      {integrations.map(integration => (
        <IntegrationCard
          key={integration.id}
          integration={integration}
          provider={titles.get(integration.provider) ?? integration.provider}
        />
      ))}
    </SimpleGrid>
  );
}

function CardsLoading() {
  return (
    <SimpleGrid cols={columns} spacing="md" aria-busy>
      {['first', 'second'].map(name => (
        <Stack key={name} className="card panel" gap="sm">
          <Group justify="space-between">
            <Skeleton h={22} w="40%" />
            <Skeleton h={22} w={80} />
          </Group>
          <Skeleton h={124} />
        </Stack>
      ))}
    </SimpleGrid>
  );
}
