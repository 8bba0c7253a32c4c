// The head of a page: its title, also of the window, one sentence about it, and what can be done there.
import { Box, Group, Stack, Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';

interface PageProps {
  title: string;
  /** Names from outside stand in it as text of their own direction. */
  shownTitle?: ReactNode;
  about?: ReactNode;
  /** Above the title: where this page belongs to. */
  above?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, shownTitle, about, above, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} – posture-sync`;
  }, [title]);
  return (
    <Stack gap="lg">
      <Box>
        {above}
        <Group justify="space-between" align="flex-start" gap="sm">
          <Box miw={0} flex="1 1 16rem">
            <Title order={1} className="wrap">
              {shownTitle ?? title}
            </Title>
            {about !== undefined && (
              <Text component="div" c="dimmed" maw="52rem" mt={2}>
                {about}
              </Text>
            )}
          </Box>
          {actions !== undefined && <Group gap="xs">{actions}</Group>}
        </Group>
      </Box>
      {children}
    </Stack>
  );
}
