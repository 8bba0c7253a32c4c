// How many devices a page of the table has.
import { Group, SegmentedControl, Text } from '@mantine/core';
import { texts } from '../../texts.ts';
import type { TableState } from './table-state.ts';

const words = texts.devices;

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
