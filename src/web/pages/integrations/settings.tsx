// The settings of an integration: its connection, tried before it is saved; its limits; and its removal.
import { Button, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { ConnectionForm } from './connection-form.tsx';
import { LimitsForm } from './limits-form.tsx';
import { providersQuery } from './queries.ts';
import { RemoveDialog } from './remove-dialog.tsx';
import type { Integration } from './words.ts';

const t = texts.integrations.edit;

export function SettingsTab({ integration }: { integration: Integration }) {
  const may = useMay();
  const { data: providers, error, refetch } = useQuery(providersQuery);
  const provider = providers?.find(({ id }) => id === integration.provider);
  const mayChange = may('feature_settings');
  // What is stored may have been changed elsewhere: then the form of just that begins anew, and what is typed in the other one stays.
  const { name, settings, expireAfter, holdFloor, holdShare } = integration;
  return (
    <Stack gap="md" maw="46rem">
      {providers === undefined && error === null && <Skeleton h={400} aria-busy />}
      {providers === undefined && error !== null && <Failure error={error} onRetry={() => void refetch()} />}
      {provider !== undefined && (
        <ConnectionForm
          key={`connection ${JSON.stringify([name, settings])}`}
          integration={integration}
          provider={provider}
          mayChange={mayChange}
        />
      )}
      {integration.state !== 'unsupported' && (
        <LimitsForm
          key={`limits ${expireAfter} ${holdFloor} ${holdShare}`}
          integration={integration}
          mayChange={mayChange}
        />
      )}
      {mayChange && <Removal integration={integration} />}
    </Stack>
  );
}

function Removal({ integration }: { integration: Integration }) {
  const [isAsked, setAsked] = useState(false);
  return (
    <Stack gap="sm" className="card panel">
      <Title order={2}>{t.danger}</Title>
      <Group justify="space-between" gap="sm">
        <Text size="sm" c="dimmed">
          {t.dangerAbout}
        </Text>
        <Button color="red.8" variant="outline" onClick={() => setAsked(true)}>
          {texts.integrations.remove.action}
        </Button>
      </Group>
      <RemoveDialog integration={integration} isOpen={isAsked} onClose={() => setAsked(false)} />
    </Stack>
  );
}
