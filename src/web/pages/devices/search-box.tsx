// The search for devices, which follows what is typed after a moment, and how many devices a page has.
import { CloseButton, Group, SegmentedControl, Text, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { texts } from '../../texts.ts';
import type { TableState } from './table-state.ts';

const words = texts.devices;
const afterMs = 250;

export function SearchBox({ state }: { state: TableState }) {
  const { search, change } = state;
  const [typed, setTyped] = useState(search);
  const follow = useDebouncedCallback((text: string) => change({ q: text.trim() }, { replace: true }), afterMs);
  // The back button, a saved view and "clear" change it too.
  useEffect(() => setTyped(now => (now.trim() === search ? now : search)), [search]);
  const take = (text: string) => {
    setTyped(text);
    follow(text);
  };
  return (
    <TextInput
      className="devices-search"
      type="search"
      aria-label={words.searchLabel}
      placeholder={words.search}
      leftSection={<IconSearch size={16} aria-hidden />}
      value={typed}
      maxLength={200}
      dir="auto"
      onChange={event => take(event.currentTarget.value)}
      rightSection={
        typed === '' ? null : <CloseButton size="sm" aria-label={words.clearSearch} onClick={() => take('')} />
      }
    />
  );
}

export function PageSize({ state }: { state: TableState }) {
  return (
    <Group gap="xs">
      <Text size="sm" c="dimmed" id="devices-a-page">
        {words.perPage}
      </Text>
      <SegmentedControl
        size="xs"
        aria-labelledby="devices-a-page"
        data={['25', '50', '100']}
        value={state.limit}
        onChange={limit => state.change({ limit: limit === '50' ? null : limit })}
      />
    </Group>
  );
}
