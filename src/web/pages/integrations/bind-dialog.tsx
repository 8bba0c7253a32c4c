// Binds an agent that matches no device to one that is searched for, and says what that means.
import { Button, Group, List, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useState } from 'react';
import { type AgentRef, nameOf, useBinding } from '../../parts/binding.tsx';
import { DeviceChoice } from '../../parts/device-choice.tsx';
import { Failure } from '../../parts/failure.tsx';
import { CancelButton, FormModal } from '../../parts/form-modal.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { texts } from '../../texts.ts';

const words = texts.binding;

/** Mounted while it is open. */
export function BindDialog({ agent, onClose }: { agent: AgentRef; onClose: () => void }) {
  const [device, setDevice] = useState('');
  const unsaved = useUnsaved(device);
  const bind = useBinding(agent, true, bound => {
    unsaved.forget();
    onClose();
    notifications.show({ color: 'teal', message: words.done(nameOf(agent), bound) });
  });
  return (
    <FormModal unsaved={unsaved} onClose={onClose} title={words.title}>
      <form
        onSubmit={event => {
          event.preventDefault();
          if (device !== '') bind.mutate(device);
        }}
      >
        <Stack gap="md">
          <Text size="sm" className="wrap">
            {words.agent} <bdi>{nameOf(agent)}</bdi>
          </Text>
          <DeviceChoice device={device} onChoose={chosen => setDevice(chosen ?? '')} isFirst />
          <List size="sm" spacing={4} c="dimmed">
            {words.means.map(sentence => (
              <List.Item key={sentence}>{sentence}</List.Item>
            ))}
          </List>
          {bind.error !== null && <Failure error={bind.error} />}
          <Group justify="flex-end">
            <CancelButton />
            <Button type="submit" loading={bind.isPending} disabled={device === ''}>
              {words.bind}
            </Button>
          </Group>
        </Stack>
      </form>
    </FormModal>
  );
}
