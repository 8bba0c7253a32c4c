// A device to be chosen. They are looked up by the service: there may be 100,000.
import { Box, type MantineStyleProps, Select, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api, ask, here } from '../api/client.ts';
import { texts } from '../texts.ts';

const words = texts.deviceChoice;
const mostShown = 20;

interface DeviceChoiceProps extends Pick<MantineStyleProps, 'w'> {
  /** Its id; '' where none is chosen. */
  device: string;
  onChoose: (device: string | null) => void;
  /** In a dialog: it is what one begins with. */
  isFirst?: boolean;
}

export function DeviceChoice({ device, onChoose, isFirst = false, w }: DeviceChoiceProps) {
  const [typed, setTyped] = useState(device);
  const [search] = useDebouncedValue(typed.trim(), 250);
  const found = useQuery({
    queryKey: ['devices', 'choose', search],
    queryFn: ({ signal }) => {
      const query = { limit: mostShown, ...(search === '' ? {} : { search }) };
      return ask(api.GET('/api/v2/tailnet/{tailnet}/devices', { params: { path: here, query }, signal }));
    },
    placeholderData: keepPreviousData,
  });
  const options = (found.data?.devices ?? []).map(({ nodeId, hostname, user }) => ({
    value: nodeId,
    label: nodeId,
    hostname,
    user,
  }));
  const named = new Map(options.map(option => [option.value, option]));
  // What was chosen stays to be shown, whatever is searched for.
  const data = device === '' || named.has(device) ? options : [{ value: device, label: device }, ...options];
  return (
    <Select
      label={words.device}
      placeholder={words.placeholder}
      w={w}
      searchable
      clearable
      data={data}
      value={device === '' ? null : device}
      onChange={onChoose}
      searchValue={typed}
      onSearchChange={setTyped}
      data-autofocus={isFirst || undefined}
      filter={({ options: all }) => all}
      nothingFoundMessage={found.isFetching ? words.searching : found.error !== null ? words.failed : words.noDevice}
      renderOption={({ option }) => {
        const { hostname = null, user = null } = named.get(option.value) ?? {};
        return (
          <Box miw={0}>
            <Text size="sm" className="wrap">
              <bdi>{option.value}</bdi>
            </Text>
            <Text size="xs" c="dimmed" className="wrap">
              <bdi>{[hostname, user].filter(part => part !== null && part !== '').join(' · ')}</bdi>
            </Text>
          </Box>
        );
      }}
    />
  );
}
