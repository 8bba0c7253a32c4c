// Says over the foot of every page that nothing is known any more, since when, and what to do. It lies over the page, so that nothing moves.
import { Group, Text } from '@mantine/core';
import { IconPlugConnectedX } from '@tabler/icons-react';
import type { Doubt } from '../api/doubt.ts';
import { Age } from '../parts/age.tsx';
import { texts } from '../texts.ts';

export function DoubtBar({ doubt }: { doubt: Doubt | null }) {
  const words = texts.shell.doubt;
  return (
    // There before it says anything: else it is not read out.
    <div role="status" className="doubt-place">
      {doubt !== null && (
        <Group className="doubt" gap="sm" wrap="nowrap" align="flex-start">
          <IconPlugConnectedX size={20} stroke={1.7} aria-hidden className="doubt-icon" />
          <Text size="sm">
            <Text span inherit fw={600}>
              {words.why[doubt.why]}
            </Text>{' '}
            {words.asOf} <Age at={doubt.since} />
            {words.since} {words.todo[doubt.why]}
          </Text>
        </Group>
      )}
    </div>
  );
}
