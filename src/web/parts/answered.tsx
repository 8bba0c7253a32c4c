// What stays shown of an answer that could not be asked for anew: it is of before, and nothing in it may be called good.
import type { ReactNode } from 'react';
import { LiveContext, useLive } from '../api/live.ts';
import { Failure } from './failure.tsx';

/** As TanStack Query has it. */
export interface AnsweredQuery {
  error: unknown;
  data: unknown;
  dataUpdatedAt: number;
  refetch: () => unknown;
}

interface AnsweredProps {
  query: AnsweredQuery;
  children: ReactNode;
}

export function Answered({ query, children }: AnsweredProps) {
  const { error, data, refetch } = query;
  const { state } = useLive();
  // While the service cannot be reached the frame says so, and nothing jumps.
  const isTold = data !== undefined && state !== 'live';
  return (
    <>
      {error !== null && !isTold && <Failure error={error} onRetry={() => void refetch()} />}
      <Doubted since={oldSince(query)}>{children}</Doubted>
    </>
  );
}

/** @returns since when an answer is of before, in RFC 3339; null: it is not, or there is none */
export function oldSince({ error, dataUpdatedAt }: Pick<AnsweredQuery, 'error' | 'dataUpdatedAt'>): string | null {
  return error === null || dataUpdatedAt === 0 ? null : new Date(dataUpdatedAt).toISOString();
}

interface DoubtedProps {
  /** Nothing is known of what stands in it since then, in RFC 3339; null: it is. */
  since: string | null;
  children: ReactNode;
}

/** What is known of the whole page is known of each part of it at most. */
export function Doubted({ since, children }: DoubtedProps) {
  const live = useLive();
  const isOlder = since !== null && live.doubt === null;
  return <LiveContext value={isOlder ? { ...live, doubt: { since, why: 'lost' } } : live}>{children}</LiveContext>;
}
