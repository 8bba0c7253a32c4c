// Says whether what is shown follows what changes.
import { Group, Text, Tooltip } from '@mantine/core';
import { useLive } from '../api/live.ts';
import { texts } from '../texts.ts';

export function LiveMark() {
  const { state } = useLive();
  return (
    <Tooltip label={texts.shell.live[state].about} multiline maw={280}>
      <Group gap={6} wrap="nowrap" role="status" className="live" data-state={state} tabIndex={0}>
        <span className="live-dot" aria-hidden />
        <Text size="sm" c="dimmed" visibleFrom="xs">
          {texts.shell.live[state].label}
        </Text>
      </Group>
    </Tooltip>
  );
}
