// The foot of a list that is loaded part by part: the button for the next part, or why that could not be had; what is loaded stays.
import { Button, Group } from '@mantine/core';
import type { UseInfiniteQueryResult } from '@tanstack/react-query';
import { Failure } from './failure.tsx';

interface MoreProps {
  query: Pick<
    UseInfiniteQueryResult,
    'error' | 'isFetchNextPageError' | 'isFetching' | 'hasNextPage' | 'isFetchingNextPage' | 'fetchNextPage'
  >;
  label: string;
}

export function More({ query, label }: MoreProps) {
  const { error, isFetchNextPageError, isFetching, hasNextPage, isFetchingNextPage, fetchNextPage } = query;
  const next = () => void fetchNextPage();
  if (isFetchNextPageError && !isFetching) return <Failure error={error} onRetry={next} />;
  if (!hasNextPage) return null;
  return (
    <Group>
      <Button variant="default" size="xs" loading={isFetchingNextPage} onClick={next}>
        {label}
      </Button>
    </Group>
  );
}
