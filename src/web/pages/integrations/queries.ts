// What the pages of integrations ask for, and what they have done. Keys begin with the topic by which the service tells of changes.
import { queryOptions, type UseMutationResult, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import type { RunProgress } from '../../api/live.ts';
import { keepRows } from '../../api/queries.ts';
import type { Integration } from './words.ts';

export const integrationsQuery = queryOptions({
  queryKey: ['integrations', 'all'],
  queryFn: async ({ signal }) => {
    const path = '/api/v2/tailnet/{tailnet}/posture/integrations';
    return (await ask(api.GET(path, { params: { path: here }, signal }))).integrations;
  },
});

export const providersQuery = queryOptions({
  queryKey: ['integrations', 'providers'],
  queryFn: async ({ signal }) => {
    const path = '/api/v2/tailnet/{tailnet}/posture/providers';
    return (await ask(api.GET(path, { params: { path: here }, signal }))).providers;
  },
  staleTime: Number.POSITIVE_INFINITY,
});

export const integrationQuery = (integrationId: string) =>
  queryOptions({
    queryKey: ['integrations', integrationId],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/posture/integrations/{integrationId}', { params: { path: { integrationId } }, signal })),
  });

export const lossesQuery = (integrationId: string, isAsked: boolean) =>
  queryOptions({
    queryKey: ['integrations', integrationId, 'losses'],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/posture/integrations/{integrationId}/losses', { params: { path: { integrationId } }, signal }),
      ),
    enabled: isAsked,
    staleTime: 0,
  });

interface Paged {
  limit?: number;
  cursor?: string;
}

export const runsQuery = (integrationId: string, query: Paged) =>
  queryOptions({
    queryKey: ['runs', integrationId, query],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/posture/integrations/{integrationId}/runs', {
          params: { path: { integrationId }, query },
          signal,
        }),
      ),
    placeholderData: before => keepRows(before, before?.runs),
  });

export const runQuery = (integrationId: string, runId: number) =>
  queryOptions({
    queryKey: ['runs', integrationId, 'one', runId],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/posture/integrations/{integrationId}/runs/{runId}', {
          params: { path: { integrationId, runId } },
          signal,
        }),
      ),
  });

export const heldQuery = (integrationId: string, query: Paged & { search?: string }) =>
  queryOptions({
    queryKey: ['integrations', integrationId, 'held', query],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/posture/integrations/{integrationId}/held', {
          params: { path: { integrationId }, query },
          signal,
        }),
      ),
    placeholderData: before => keepRows(before, before?.devices),
  });

/**
 * Who would stop passing what. It takes long, and people decide by it: it is asked when the dialog opens, and anew when the policy or the
 * number of devices is another one, but not at each change of integrations; no answer is kept.
 */
export const heldImpactQuery = (integrationId: string, devices: number, isAsked: boolean) =>
  queryOptions({
    queryKey: ['policy', 'held-impact', integrationId, devices],
    queryFn: async ({ signal }) => {
      const params = { path: { integrationId }, query: { limit: 1, impact: 'true' as const } };
      return (
        (await ask(api.GET('/api/v2/posture/integrations/{integrationId}/held', { params, signal }))).impact ?? null
      );
    },
    enabled: isAsked,
    staleTime: 0,
    gcTime: 0,
    // What changed meanwhile is told when the window is looked at again.
    refetchOnWindowFocus: false,
  });

export interface AgentFilters {
  match?: 'matched' | 'unmatched' | 'gone';
  reason?: string;
  search?: string;
}

/** A search looks through so many agents a request: it is gone on with until a page is full, or that was all. */
const mostRequests = 20;

export const agentsQuery = (integrationId: string, filters: AgentFilters, { limit = 50, cursor }: Paged) =>
  queryOptions({
    queryKey: ['integrations', integrationId, 'agents', filters, cursor],
    queryFn: async ({ signal }) => {
      const agents: Schemas['Agent'][] = [];
      let next: string | null | undefined = cursor;
      for (let request = 0; request < mostRequests; request++) {
        const left = limit - agents.length;
        const query = { ...filters, limit: left, ...(next ? { cursor: next } : {}) };
        const page: Schemas['Agents'] = await ask(
          api.GET('/api/v2/posture/integrations/{integrationId}/agents', {
            params: { path: { integrationId }, query },
            signal,
          }),
        );
        agents.push(...page.agents);
        next = page.nextCursor;
        if (next === null || agents.length >= limit) break;
      }
      return { agents, nextCursor: next ?? null };
    },
    placeholderData: before => keepRows(before, before?.agents),
  });

/** Where a run is, as the service tells it while it is on; kept by the connection for changes. */
export function useProgress(integrationId: string): RunProgress | null {
  const { data } = useQuery<RunProgress | null>({
    queryKey: ['run', integrationId],
    queryFn: () => null,
    enabled: false,
  });
  return data ?? null;
}

/** Does something, and has everything of integrations asked anew, whatever came of it. */
export function useAct<T, R>(act: (given: T) => Promise<R>): UseMutationResult<R, Error, T> {
  const queries = useQueryClient();
  return useMutation({
    mutationFn: act,
    onSettled: async () => {
      await Promise.all([
        queries.invalidateQueries({ queryKey: ['integrations'] }),
        queries.invalidateQueries({ queryKey: ['runs'] }),
      ]);
    },
  });
}

const one = (integrationId: string) => ({ params: { path: { integrationId } } });

/** What may be done with an integration. */
export const acts = {
  sync: ({ id }: Integration) => ask(api.POST('/api/v2/posture/integrations/{integrationId}/sync', one(id))),
  resume: ({ id }: Integration) => ask(api.POST('/api/v2/posture/integrations/{integrationId}/resume', one(id))),
  pause: (id: string, until: string | null) =>
    ask(api.POST('/api/v2/posture/integrations/{integrationId}/pause', { ...one(id), body: { until } })),
  accept: (integrationId: string, confirm: number) =>
    ask(
      api.POST('/api/v2/posture/integrations/{integrationId}/accept', {
        params: { path: { integrationId }, query: { confirm } },
      }),
    ),
  remove: (integrationId: string, confirm: number) =>
    ask(
      api.DELETE('/api/v2/posture/integrations/{integrationId}', {
        params: { path: { integrationId }, query: { confirm } },
      }),
    ),
};
