// The overview's places while it is asked for, so that nothing jumps when it comes.
import { Skeleton, Stack } from '@mantine/core';
import { texts } from '../../texts.ts';

export function OverviewLoading() {
  return (
    <Stack gap="md" aria-busy aria-label={texts.shell.loading} role="status">
      <Skeleton height={150} radius="md" />
      <div className="overview-top">
        <Skeleton height={260} radius="md" />
        <Skeleton height={260} radius="md" />
      </div>
      <Skeleton height={170} radius="md" />
      <Skeleton height={180} radius="md" />
    </Stack>
  );
}
