// What the page of a device asks, by parts, so that each is there as soon as it can be and only what may be asked is.
import { infiniteQueryOptions, queryOptions } from '@tanstack/react-query';
import { api, ask, here } from '../../api/client.ts';
import { olderMs } from '../../api/queries.ts';

const path = (deviceId: string) => ({ path: { deviceId } });

export const deviceQuery = (id: string) =>
  queryOptions({
    queryKey: ['devices', 'one', id],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/device/{deviceId}', { params: { ...path(id), query: { fields: 'all' } }, signal })),
  });

export const freshnessQuery = (id: string) =>
  queryOptions({
    queryKey: ['devices', 'freshness', id],
    queryFn: async ({ signal }) => {
      const query = { id: [id], column: ['freshness'] };
      const found = await ask(
        api.GET('/api/v2/tailnet/{tailnet}/devices/table', { params: { path: here, query }, signal }),
      );
      return found.devices[0]?.freshness ?? null;
    },
    refetchInterval: olderMs,
  });

/** Why it has its posture: the agents around it, and its values with their sources. */
export const explanationQuery = (id: string) =>
  queryOptions({
    queryKey: ['devices', 'explanation', id],
    queryFn: ({ signal }) => ask(api.GET('/api/v2/device/{deviceId}/explain', { params: path(id), signal })),
  });

export const posturesQuery = (id: string) =>
  queryOptions({
    queryKey: ['devices', 'postures', id],
    queryFn: ({ signal }) => ask(api.GET('/api/v2/device/{deviceId}/postures', { params: path(id), signal })),
    refetchInterval: olderMs,
  });

export const seriesQuery = (id: string) =>
  queryOptions({
    queryKey: ['devices', 'series', id],
    queryFn: ({ signal }) =>
      ask(api.GET('/api/v2/device/{deviceId}/attributes/history/series', { params: path(id), signal })),
    staleTime: 60_000,
  });

export const eventsQuery = (id: string) =>
  infiniteQueryOptions({
    queryKey: ['devices', 'events', id],
    queryFn: ({ signal, pageParam }) =>
      ask(
        api.GET('/api/v2/device/{deviceId}/events', {
          params: { ...path(id), query: { limit: 20, ...(pageParam === null ? {} : { cursor: pageParam }) } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: last => last.nextCursor,
  });
