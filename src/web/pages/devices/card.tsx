// A part of the page of a device: its title, what can be done, and what it has; failures and waiting look alike in all of them.
import { Box, Group, Paper, Skeleton, Stack, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { Answered, type AnsweredQuery } from '../../parts/answered.tsx';

interface CardProps {
  title: string;
  action?: ReactNode;
  /** What it shows the answer of. */
  query?: AnsweredQuery;
  /** Lines that stand in its place until it is there; 0: it is. */
  waits?: number;
  children: ReactNode;
}

const known: AnsweredQuery = { error: null, data: null, dataUpdatedAt: 0, refetch: () => {} };

export function Card({ title, action, query = known, waits = 0, children }: CardProps) {
  const isWaiting = query.error === null && waits > 0;
  return (
    <Paper component="section" className="card device-card" aria-label={title} aria-busy={isWaiting}>
      <Group justify="space-between" mih={36} mb="xs" gap="xs">
        <Title order={2}>{title}</Title>
        {action}
      </Group>
      <Answered query={query}>
        {isWaiting && (
          <Stack gap="sm">
            {Array.from({ length: waits }, (_, n) => n).map(n => (
              <Skeleton key={n} height={20} width={`${90 - ((n * 17) % 40)}%`} />
            ))}
          </Stack>
        )}
        {waits === 0 && <Box>{children}</Box>}
      </Answered>
    </Paper>
  );
}

/** What is wider than its card scrolls within it, also by the keyboard. */
export function Within({ label, children }: { label: string; children: ReactNode }) {
  return (
    <Box role="group" className="within" tabIndex={0} aria-label={label}>
      {children}
    </Box>
  );
}
