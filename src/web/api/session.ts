// Who is signed in, and what they may do.
import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, ask } from './client.ts';

/** Failing with 401 means that nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: ({ signal }) => ask(api.GET('/gateway/whoami', { signal })),
  staleTime: 60_000,
});

/**
 * @returns whether who is signed in may do what needs a scope; for what a page offers, since the service decides again. A page's
 *   parts are shown only once somebody is signed in
 */
export function useMay(): (scope: string) => boolean {
  const { data } = useQuery(sessionQuery);
  const held = new Set(data?.key.scopes ?? []);
  return scope => {
    if (held.has('all') || held.has(scope)) return true;
    if (!scope.endsWith(':read')) return false;
    return held.has('all:read') || held.has(scope.slice(0, -':read'.length));
  };
}
