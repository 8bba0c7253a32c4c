// What the tabs of the settings share: a card with a heading, and what stands where somebody may not look.
import { Box, Group, Stack, Text, Title } from '@mantine/core';
import { IconLock } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Nothing } from '../../parts/nothing.tsx';
import { texts } from '../../texts.ts';

interface CardProps {
  title: string;
  /** Beside the title. */
  mark?: ReactNode;
  about?: ReactNode;
  actions?: ReactNode;
  children?: ReactNode;
}

export function Card({ title, mark, about, actions, children }: CardProps) {
  return (
    <Box className="card" p="md" component="section" aria-label={title}>
      <Group justify="space-between" align="flex-start" gap="sm">
        <Stack gap={4} flex="1 1 18rem" miw={0}>
          <Group gap="xs">
            <Title order={2}>{title}</Title>
            {mark}
          </Group>
          {about !== undefined && (
            <Text c="dimmed" size="sm" maw="46rem">
              {about}
            </Text>
          )}
        </Stack>
        {actions !== undefined && <Group gap="xs">{actions}</Group>}
      </Group>
      {children !== undefined && <Box mt="md">{children}</Box>}
    </Box>
  );
}

export function Forbidden({ scope }: { scope: string }) {
  return (
    <Nothing icon={IconLock} title={texts.settings.forbidden}>
      <Text c="dimmed">{texts.settings.forbiddenAbout(scope)}</Text>
    </Nothing>
  );
}
