// The list of writes as the page shows it: from the newest back, page by page, and what came since at the top, at once or when asked for.
import { type InfiniteData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useState } from 'react';
import { api, ask, here, type Schemas } from '../../api/client.ts';
import type { AuditFilter } from './filters.tsx';
import type { Group } from './words.ts';

type Found = Schemas['AuditGroups'];
export const pageOfGroups = 50;
/** Followed for days, the list would grow for ever: with so many it begins anew, which shows the newest page. */
const mostShown = 500;

const askGroups = (filter: AuditFilter, cursor: string | null, signal: AbortSignal) =>
  ask(
    api.GET('/api/v2/tailnet/{tailnet}/logging/configuration/groups', {
      params: { path: here, query: { ...filter, limit: pageOfGroups, ...(cursor === null ? {} : { cursor }) } },
      signal,
    }),
  );

/**
 * @param isFollowed whether what comes is shown at once
 * @returns the list, why it could not be had as far as it was asked for, and how many writes wait to be shown at its top
 */
export function useGroups(filter: AuditFilter, isFollowed: boolean) {
  const queries = useQueryClient();
  // Not asked anew by its topic: what comes must not move what somebody reads.
  const key = ['auditGroups', filter];
  const list = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ signal, pageParam }) => askGroups(filter, pageParam, signal),
    initialPageParam: null as string | null,
    getNextPageParam: last => last.nextCursor,
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  // Until it is asked for again: what comes meanwhile makes a success of the list, although nothing more of it was had.
  const failure = list.isFetching ? null : list.failureReason;
  const groups = list.data?.pages.flatMap(page => page.groups) ?? [];
  const top = Number(groups[0]?.eventGroupID ?? 0);
  const shown = groups.length;
  const isOpenEnded = filter.end === undefined;
  const newest = useQuery({
    queryKey: ['audit', 'newest', filter],
    queryFn: ({ signal }) => askGroups(filter, null, signal),
    // Also where what is older could not be had.
    enabled: list.data !== undefined && isOpenEnded,
    staleTime: 0,
  });
  const fresh = list.data ? (newest.data?.groups.filter(({ eventGroupID }) => Number(eventGroupID) > top) ?? []) : [];
  const [arrived, setArrived] = useState<ReadonlySet<string>>(new Set());
  const hash = JSON.stringify(key);
  const show = useCallback(() => {
    const name = JSON.parse(hash) as typeof key;
    setArrived(new Set(fresh.map(({ eventGroupID }) => eventGroupID)));
    // More than a page came: there may be others in between.
    if (fresh.length >= pageOfGroups || shown + fresh.length > mostShown)
      return void queries.resetQueries({ queryKey: name });
    queries.setQueryData<InfiniteData<Found, string | null>>(name, known => known && withFresh(known, fresh));
  }, [queries, hash, fresh, shown]);
  const waiting = fresh.length;
  useEffect(() => {
    if (isFollowed && waiting > 0) show();
  }, [isFollowed, waiting, show]);
  return { list, failure, groups, arrived, waiting: isFollowed ? 0 : waiting, show };
}

function withFresh(known: InfiniteData<Found, string | null>, fresh: Group[]): InfiniteData<Found, string | null> {
  const [first, ...rest] = known.pages;
  if (first === undefined) return known;
  return { ...known, pages: [{ ...first, groups: [...fresh, ...first.groups] }, ...rest] };
}
