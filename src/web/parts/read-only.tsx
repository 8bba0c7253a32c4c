// For who may look at a page and change nothing there: why its buttons are missing, and what would bring them.
import { Group, Text } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import { useMay } from '../api/session.ts';
import { texts } from '../texts.ts';

/** Nothing for who has the scope. */
export function ReadOnly({ scope }: { scope: string }) {
  if (useMay()(scope)) return null;
  return (
    <Group gap={6} wrap="nowrap" c="dimmed">
      <IconLock size={16} aria-hidden style={{ flex: 'none' }} />
      <Text size="sm">{texts.readOnly(scope)}</Text>
    </Group>
  );
}
