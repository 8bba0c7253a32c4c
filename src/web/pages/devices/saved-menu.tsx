// Views of the table that were saved under a name, in this browser. What is shared is the address.
import { ActionIcon, Button, Divider, Group, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { IconBookmark, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { texts } from '../../texts.ts';
import { TableMenu } from './table-menu.tsx';
import type { TableState } from './table-state.ts';

const words = texts.devices.saved;

interface Saved {
  name: string;
  /** Search parameters. */
  address: string;
}

export function SavedMenu({ state }: { state: TableState }) {
  return (
    <TableMenu label={words.button} icon={IconBookmark} position="bottom-start">
      {close => <SavedViews state={state} onClose={close} />}
    </TableMenu>
  );
}

function SavedViews({ state, onClose }: { state: TableState; onClose: () => void }) {
  const [saved, setSaved] = useLocalStorage<Saved[]>({ key: 'posture-sync devices saved', defaultValue: [] });
  const [name, setName] = useState('');
  const save = () => {
    const trimmed = name.trim();
    if (trimmed === '') return;
    const others = saved.filter(other => other.name !== trimmed);
    setSaved([...others, { name: trimmed, address: state.address }].sort((a, b) => a.name.localeCompare(b.name)));
    setName('');
  };
  return (
    <Stack gap="xs">
      {saved.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.none}
        </Text>
      )}
      {saved.map(each => (
        <Group key={each.name} gap="xs" wrap="nowrap" justify="space-between">
          <UnstyledButton component={Link} to={{ search: each.address }} className="cut saved-view" onClick={onClose}>
            <bdi>{each.name}</bdi>
          </UnstyledButton>
          <ActionIcon
            variant="subtle"
            color="gray"
            aria-label={words.remove(each.name)}
            onClick={() => setSaved(saved.filter(other => other !== each))}
          >
            <IconTrash size={16} aria-hidden />
          </ActionIcon>
        </Group>
      ))}
      <Divider />
      <form
        onSubmit={event => {
          event.preventDefault();
          save();
        }}
      >
        <Group gap="xs" align="flex-end" wrap="nowrap">
          <TextInput
            flex={1}
            label={words.name}
            value={name}
            maxLength={60}
            onChange={event => setName(event.currentTarget.value)}
          />
          <Button type="submit" variant="default" disabled={name.trim() === ''}>
            {words.save}
          </Button>
        </Group>
      </form>
    </Stack>
  );
}
