// What may be done with an integration from anywhere on its page: sync it, pause or resume it, remove it.
import { Button, Group, Menu } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconDots, IconPlayerPause, IconPlayerPlay, IconRefresh, IconSettings, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { useMay } from '../../api/session.ts';
import { tellFailure } from '../../parts/failure.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { PauseDialog } from './pause-dialog.tsx';
import { acts, useAct } from './queries.ts';
import { RemoveDialog } from './remove-dialog.tsx';
import type { Integration } from './words.ts';

const t = texts.integrations;

export function Actions({ integration }: { integration: Integration }) {
  const may = useMay();
  const [, change] = useUrlState();
  const [asked, setAsked] = useState<'pause' | 'remove' | null>(null);
  if (!may('feature_settings')) return null;
  const { state } = integration;
  const isRead = state !== 'unsupported';
  const close = () => setAsked(null);
  return (
    <Group gap="xs">
      {isRead && (state === 'paused' ? <Resume integration={integration} /> : <Sync integration={integration} />)}
      <Menu position="bottom-end" withinPortal>
        <Menu.Target>
          <Button variant="default" px="xs" aria-label={t.actions.more}>
            <IconDots size={18} aria-hidden />
          </Button>
        </Menu.Target>
        <Menu.Dropdown>
          {isRead && (
            <Menu.Item leftSection={<IconPlayerPause size={16} aria-hidden />} onClick={() => setAsked('pause')}>
              {t.actions.pause}
            </Menu.Item>
          )}
          <Menu.Item
            leftSection={<IconSettings size={16} aria-hidden />}
            onClick={() => change({ tab: 'settings', match: null, reason: null, search: null })}
          >
            {t.actions.edit}
          </Menu.Item>
          <Menu.Item color="red" leftSection={<IconTrash size={16} aria-hidden />} onClick={() => setAsked('remove')}>
            {t.actions.remove}
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
      <PauseDialog integration={integration} isOpen={asked === 'pause'} onClose={close} />
      <RemoveDialog integration={integration} isOpen={asked === 'remove'} onClose={close} />
    </Group>
  );
}

function Sync({ integration }: { integration: Integration }) {
  const sync = useAct(acts.sync);
  const start = () =>
    sync.mutate(integration, {
      onError: error => tellFailure(error),
      onSuccess: ({ run }) =>
        notifications.show({
          color: run === null ? 'orange' : 'blue',
          message: run === null ? t.actions.notStarted : t.actions.started,
        }),
    });
  return (
    <Button
      leftSection={<IconRefresh size={16} aria-hidden />}
      onClick={start}
      loading={sync.isPending}
      disabled={integration.run !== null}
    >
      {t.actions.sync}
    </Button>
  );
}

function Resume({ integration }: { integration: Integration }) {
  const resume = useAct(acts.resume);
  return (
    <Button
      leftSection={<IconPlayerPlay size={16} aria-hidden />}
      onClick={() =>
        resume.mutate(integration, {
          onError: error => tellFailure(error),
          onSuccess: () => notifications.show({ color: 'blue', message: t.actions.resumed }),
        })
      }
      loading={resume.isPending}
    >
      {t.actions.resume}
    </Button>
  );
}
