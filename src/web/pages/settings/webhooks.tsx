// The webhooks that there are: whom notices go to, and whether they take them.
import { Anchor, Box, Button, Group, Skeleton, Stack, Table, Text } from '@mantine/core';
import { IconPlus, IconWebhook } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { api, ask, here } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Answered } from '../../parts/answered.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { ReadOnly } from '../../parts/read-only.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { Forbidden } from './parts.tsx';
import { WebhookForm } from './webhook-form.tsx';
import { noticesInShort, SecretOnce, type Webhook, WebhookState } from './webhook-parts.tsx';

const words = texts.settings.webhooks;
const figure = (count: number) => count.toLocaleString('en');

function Rows({ webhooks }: { webhooks: readonly Webhook[] }) {
  return (
    <Box className="card">
      <Table.ScrollContainer minWidth={760} type="native">
        <Table verticalSpacing="sm" highlightOnHover aria-label={texts.settings.tabs.webhooks}>
          <Table.Thead>
            <Table.Tr>
              {[words.name, words.state, words.notices].map(label => (
                <Table.Th key={label}>{label}</Table.Th>
              ))}
              {[words.waiting, words.delivered, words.givenUp].map(label => (
                <Table.Th key={label} ta="right">
                  {label}
                </Table.Th>
              ))}
            </Table.Tr>
          </Table.Thead>
          <Table.Tbody>
            {webhooks.map(webhook => (
              <Table.Tr key={webhook.endpointId}>
                <Table.Td maw={340}>
                  <Anchor component={Link} to={`/settings/webhooks/${webhook.endpointId}`} fw={500}>
                    <bdi>{webhook.name}</bdi>
                  </Anchor>
                  <LongText size="xs" c="dimmed">
                    {webhook.endpointUrl}
                  </LongText>
                </Table.Td>
                <Table.Td>
                  <WebhookState webhook={webhook} />
                </Table.Td>
                <Table.Td>{noticesInShort(webhook.subscriptions)}</Table.Td>
                {[webhook.waiting, webhook.delivered, webhook.givenUp].map((count, column) => (
                  // biome-ignore lint/suspicious/noArrayIndexKey: columns stay where they are
                  <Table.Td key={column} ta="right" className="figures">
                    {figure(count)}
                  </Table.Td>
                ))}
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Table.ScrollContainer>
    </Box>
  );
}

export function WebhooksTab() {
  const may = useMay();
  const navigate = useNavigate();
  const [params, change] = useUrlState();
  const [made, setMade] = useState<Webhook | null>(null);
  const found = useQuery({
    queryKey: ['webhooks', 'list'],
    queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/webhooks', { params: { path: here }, signal })),
    enabled: may('webhooks:read'),
  });
  if (!may('webhooks:read')) return <Forbidden scope="webhooks:read" />;
  const add = may('webhooks') && (
    <Button leftSection={<IconPlus size={16} aria-hidden />} onClick={() => change({ add: 'yes' })}>
      {words.add}
    </Button>
  );
  const webhooks = found.data?.webhooks ?? [];
  return (
    <Stack gap="md">
      {(found.isPending || webhooks.length > 0) && (
        <Group justify="space-between">
          <Text c="dimmed" flex="1 1 16rem">
            {words.about}
          </Text>
          {add || <ReadOnly scope="webhooks" />}
        </Group>
      )}
      <Answered query={found}>
        {found.isPending && <Skeleton height={180} />}
        {found.data?.webhooks.length === 0 && (
          <Box className="card">
            <Nothing icon={IconWebhook} title={words.none}>
              <Text c="dimmed">{words.noneAbout}</Text>
              {add || <ReadOnly scope="webhooks" />}
            </Nothing>
          </Box>
        )}
        {webhooks.length > 0 && <Rows webhooks={webhooks} />}
      </Answered>
      {params.get('add') === 'yes' && may('webhooks') && (
        <WebhookForm
          webhook={null}
          onClose={() => change({ add: null }, { replace: true })}
          onSaved={webhook => {
            change({ add: null }, { replace: true });
            setMade(webhook);
          }}
        />
      )}
      <SecretOnce
        secret={made?.secret ?? null}
        onClose={() => {
          const { endpointId } = made ?? {};
          setMade(null);
          if (endpointId !== undefined) navigate(`/settings/webhooks/${endpointId}`);
        }}
      />
    </Stack>
  );
}
