// How answers are kept: the first part of each query's key is its topic, and what the service says has changed is asked anew by topic.
import { MutationCache, QueryCache, QueryClient } from '@tanstack/react-query';
import { RequestError } from './client.ts';
import { sessionQuery } from './session.ts';

/** First parts of query keys, as the service names what has changed. */
export type Topic = 'devices' | 'integrations' | 'runs' | 'policy' | 'audit' | 'webhooks' | 'keys' | 'settings';

/**
 * For `placeholderData` of a list: its rows stay until those of the next page, order or filter are there. That there was none says nothing
 * of what is asked now, and does not stay.
 * @param before the answer to what was asked before @param rows those of it
 */
export function keepRows<T>(before: T | undefined, rows: readonly unknown[] | undefined): T | undefined {
  return rows === undefined || rows.length === 0 ? undefined : before;
}

/** What is shown gets older although nothing changes, which no event tells: it is asked anew as often. */
export const olderMs = 60_000;

function isSignedOut(error: unknown): boolean {
  return error instanceof RequestError && error.status === 401;
}

/** @returns the one client of the pages */
export function createQueries(): QueryClient {
  // Whatever is asked: once nobody is signed in, the pages lead to signing in.
  const onError = (error: unknown) => {
    // Also where asking who is signed in told it first: that failed then, and still has who was signed in before.
    const known = queries.getQueryData(sessionQuery.queryKey);
    if (isSignedOut(error) && known !== undefined) void queries.resetQueries({ queryKey: sessionQuery.queryKey });
  };
  const queries = new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    // The service may be on this machine, or on a network of its own: whether it can be reached only asking tells. And what somebody would
    // have done is done now or not at all, not once a network is there again.
    defaultOptions: {
      mutations: { networkMode: 'always' },
      queries: {
        networkMode: 'always',
        refetchOnReconnect: true,
        staleTime: 10_000,
        // What was refused is refused again; what could not be reached may come back.
        retry: (failures, error) =>
          failures < 2 && error instanceof RequestError && (error.status === 0 || error.status >= 500),
        retryDelay: attempt => 500 * 2 ** attempt,
      },
    },
  });
  return queries;
}
