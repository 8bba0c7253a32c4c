// What the overview asks the service for.
import { keepPreviousData, queryOptions } from '@tanstack/react-query';
import { api, ask, here, type Schemas } from '../../api/client.ts';

export type Overview = Schemas['Overview'];
export type OverviewHistory = Schemas['OverviewHistory'];
export type Attention = Overview['attention'][number];

/** Evidence gets older though nothing changes. */
const againMs = 30_000;

export const overviewQuery = queryOptions({
  queryKey: ['overview', 'now'],
  queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/overview', { params: { path: here }, signal })),
  refetchInterval: againMs,
});

export const periods = ['24h', '7d', '30d'] as const;
export type Period = (typeof periods)[number];

/** Sampled each five minutes. */
const sampledMs = 150_000;

/** While another period is fetched the one before stays. */
export const historyQuery = (period: Period) =>
  queryOptions({
    queryKey: ['overview-history', period],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/tailnet/{tailnet}/overview/history', {
          params: { path: here, query: { period } },
          signal,
        }),
      ),
    // The first point is not long in coming.
    refetchInterval: ({ state }) => (state.data?.devices.total.some(total => total !== null) ? sampledMs : againMs),
    staleTime: sampledMs,
    placeholderData: keepPreviousData,
  });
