// Views of the table that were saved under a name, in this browser. What is shared is the address.
import { ActionIcon, Button, Divider, Group, Popover, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { IconBookmark, IconTrash } from '@tabler/icons-react';
import { useState } from 'react';
import { Link } from 'react-router';
import { texts } from '../../texts.ts';
import type { TableState } from './table-state.ts';

const words = texts.devices.saved;

interface Saved {
  name: string;
  /** Search parameters. */
  address: string;
}

export function SavedMenu({ state }: { state: TableState }) {
  const [isOpen, setOpen] = useState(false);
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
    <Popover opened={isOpen} onChange={setOpen} position="bottom-start" width={300} trapFocus shadow="md">
      <Popover.Target>
        <Button
          variant="default"
          aria-expanded={isOpen}
          leftSection={<IconBookmark size={16} aria-hidden />}
          onClick={() => setOpen(open => !open)}
        >
          {words.button}
        </Button>
      </Popover.Target>
      <Popover.Dropdown aria-label={words.button}>
        <Stack gap="xs">
          {saved.length === 0 && (
            <Text size="sm" c="dimmed">
              {words.none}
            </Text>
          )}
          {saved.map(each => (
            <Group key={each.name} gap="xs" wrap="nowrap" justify="space-between">
              <UnstyledButton
                component={Link}
                to={{ search: each.address }}
                className="cut saved-view"
                onClick={() => setOpen(false)}
              >
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
      </Popover.Dropdown>
    </Popover>
  );
}
