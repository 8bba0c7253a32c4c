// Signing in and out: what was known of whoever was signed in before is forgotten.
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { api, ask, RequestError } from './client.ts';
import { sessionQuery } from './session.ts';
import { rememberSession } from './session-end.ts';

/** An API key, or the code of a link that signs in once. */
export type Credentials = { key: string } | { link: string };

/** The service signed somebody in, and the browser sent no cookie afterwards. */
export class CookieLost extends Error {}

/** Signs in. Fails with a RequestError, or CookieLost */
export function useSignIn(onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    // What was typed is not kept.
    gcTime: 0,
    mutationFn: async (credentials: Credentials) => {
      await ask(api.POST('/api/v2/session', { body: credentials }));
      return await ask(api.GET('/api/v2/session')).catch((error: unknown) => {
        throw error instanceof RequestError && error.status === 401 ? new CookieLost() : error;
      });
    },
    onSuccess: session => {
      rememberSession(session);
      queries.clear();
      queries.setQueryData(sessionQuery.queryKey, session);
      onDone();
    },
  });
}

/** Signs out. Whoever was signed out already is out too. */
export function useSignOut(onDone: () => void) {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: () =>
      ask(api.DELETE('/api/v2/session')).catch((error: unknown) => {
        if (!(error instanceof RequestError && error.status === 401)) throw error;
      }),
    onSuccess: () => {
      rememberSession(null);
      onDone();
      queries.clear();
    },
  });
}
