// Who is signed in, and what they may do.
import { queryOptions, useQuery } from '@tanstack/react-query';
import { api, ask } from './client.ts';
import { rememberSession } from './session-end.ts';

/** Failing with 401 means that nobody is signed in. */
export const sessionQuery = queryOptions({
  queryKey: ['session'],
  queryFn: async ({ signal }) => {
    const session = await ask(api.GET('/api/v2/session', { signal }));
    rememberSession(session);
    return session;
  },
  staleTime: 60_000,
});

/**
 * @returns whether who is signed in may do what needs a scope; for what a page offers, since the service decides again. A page's
 *   parts are shown only once somebody is signed in
 */
export function useMay(): (scope: string) => boolean {
  const { data } = useQuery(sessionQuery);
  // With those that they include.
  const held = new Set(data?.scopes ?? []);
  return scope => held.has(scope);
}
