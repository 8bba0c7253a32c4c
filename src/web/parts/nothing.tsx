// An empty place: says why it is empty, and the next step.
import { Center, Stack, Title } from '@mantine/core';
import type { TablerIcon } from '@tabler/icons-react';
import type { ReactNode } from 'react';

interface NothingProps {
  icon: TablerIcon;
  title: string;
  /** 1 where it stands in the place of a whole page. */
  order?: 1 | 2;
  children?: ReactNode;
}

export function Nothing({ icon: Icon, title, order = 2, children }: NothingProps) {
  return (
    <Center mih={240} p="xl">
      <Stack align="center" gap="sm" maw="32rem" ta="center">
        <Icon size={40} stroke={1.3} aria-hidden color="var(--mantine-color-dimmed)" />
        <Title order={order}>{title}</Title>
        {children}
      </Stack>
    </Center>
  );
}
