// The audit log: each write a row that opens, newest first, filtered by what stands in the address, and followed as it grows.
import { Box, Button, Group, Skeleton, Stack, Switch, Text } from '@mantine/core';
import { IconArrowUp, IconHistory, IconSearchOff } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useMemo, useState } from 'react';
import { api, ask, here } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { Page } from '../../parts/page.tsx';
import { exactTime } from '../../parts/times.ts';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import './audit.css';
import { type AuditFilter, ExportMenu, Filters, filterOf, isFiltered } from './filters.tsx';
import { GroupItem } from './group-item.tsx';
import { pageOfGroups, useGroups } from './groups.ts';

const words = texts.audit;
/** Who has scrolled so far reads something. */
const scrolledPx = 120;
const nothingAsked: AuditFilter = {};

function useIsScrolled(): boolean {
  const [isScrolled, setScrolled] = useState(false);
  useEffect(() => {
    const look = () => setScrolled(window.scrollY > scrolledPx);
    window.addEventListener('scroll', look, { passive: true });
    return () => window.removeEventListener('scroll', look);
  }, []);
  return isScrolled;
}

/** The write that the address names, where it is not among those that are listed. */
function LinkedGroup({ id, onClose }: { id: string; onClose: () => void }) {
  const found = useQuery({
    queryKey: ['auditGroup', id, 'head'],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/tailnet/{tailnet}/logging/configuration/groups/{groupId}', {
          params: { path: { ...here, groupId: id }, query: { limit: 1 } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
  });
  if (found.isError) return <Failure error={found.error} />;
  if (found.isPending) return <Skeleton height={40} />;
  return (
    <Box component="ul" className="card writes" aria-label={words.linked}>
      <GroupItem group={found.data.group} filter={nothingAsked} isOpen isNew={false} onToggle={onClose} />
    </Box>
  );
}

function Rows({ filter, isFollowing }: { filter: AuditFilter; isFollowing: boolean }) {
  const [params, change] = useUrlState();
  const opened = params.get('group');
  const isScrolled = useIsScrolled();
  const isPaused = isScrolled || opened !== null;
  const found = useGroups(filter, isFollowing && !isPaused);
  const { list, failure, groups, arrived, waiting, show } = found;
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  // A search that has found too little yet goes on by itself, unless it was refused: then somebody must want it.
  const isSearching = hasNextPage && failure === null && groups.length < pageOfGroups / 2;
  useEffect(() => {
    if (isSearching && !isFetchingNextPage) void fetchNextPage();
  }, [isSearching, isFetchingNextPage, fetchNextPage]);
  const toggle = (id: string) => change({ group: opened === id ? null : id }, { replace: true });
  const isElsewhere = opened !== null && !list.isPending && !groups.some(({ eventGroupID }) => eventGroupID === opened);
  return (
    <Stack gap="sm">
      {isElsewhere && <LinkedGroup id={opened} onClose={() => change({ group: null })} />}
      {waiting > 0 && (
        <Group justify="center" className="fresh">
          <Button
            size="xs"
            radius="xl"
            leftSection={<IconArrowUp size={14} aria-hidden />}
            onClick={() => {
              show();
              window.scrollTo({ top: 0 });
            }}
          >
            {words.waiting(waiting, waiting >= pageOfGroups)}
          </Button>
        </Group>
      )}
      {list.isPending || (groups.length === 0 && isSearching) ? (
        <Stack gap={1} aria-busy aria-label={texts.shell.loading} role="status">
          {Array.from({ length: 12 }, (_, row) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: they are all the same
            <Skeleton key={row} height={40} radius={0} />
          ))}
        </Stack>
      ) : groups.length === 0 ? (
        failure === null && <Empty isFiltered={isFiltered(filter)} />
      ) : (
        <Box component="ul" className="card writes" aria-label={words.list}>
          {groups.map(group => (
            <GroupItem
              key={group.eventGroupID}
              group={group}
              filter={filter}
              isOpen={group.eventGroupID === opened}
              isNew={arrived.has(group.eventGroupID)}
              onToggle={() => toggle(group.eventGroupID)}
            />
          ))}
        </Box>
      )}
      <Foot found={found} />
    </Stack>
  );
}

/** What is older, or why it could not be had: what is loaded stays above it. */
function Foot({ found: { list, failure, groups } }: { found: ReturnType<typeof useGroups> }) {
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = list;
  const last = list.data?.pages.at(-1);
  if (failure !== null)
    return <Failure error={failure} onRetry={() => void (hasNextPage ? fetchNextPage() : list.refetch())} />;
  return (
    <Group justify="space-between" mih={36}>
      <Text size="sm" c="dimmed" role="status">
        {isFetchingNextPage && last?.searchedTo ? words.searchedTo(exactTime(last.searchedTo)) : ''}
        {!hasNextPage && groups.length > 0 ? words.end : ''}
      </Text>
      {hasNextPage && (
        <Button variant="default" size="sm" loading={isFetchingNextPage} onClick={() => fetchNextPage()}>
          {words.older}
        </Button>
      )}
    </Group>
  );
}

function Empty({ isFiltered: isSome }: { isFiltered: boolean }) {
  const [, change] = useUrlState();
  const none = { period: null, from: null, to: null, actor: null, event: null, target: null, targetId: null };
  return (
    <Box className="card">
      <Nothing icon={isSome ? IconSearchOff : IconHistory} title={isSome ? words.noneFound : words.none}>
        <Text c="dimmed">{isSome ? words.noneFoundAbout : words.noneAbout}</Text>
        {isSome && (
          <Button variant="default" onClick={() => change(none)}>
            {words.filters.clear}
          </Button>
        )}
      </Nothing>
    </Box>
  );
}

export function AuditPage() {
  const may = useMay();
  const [params, change] = useUrlState();
  const asked = ['period', 'from', 'to', 'actor', 'event', 'target', 'targetId']
    .map(name => `${name}=${params.getAll(name)}`)
    .join('&');
  // A span lies before the time when it was chosen: what is listed must not slip away while it is read.
  // biome-ignore lint/correctness/useExhaustiveDependencies: only what is asked for makes another filter
  const filter = useMemo(() => filterOf(params, Math.floor(Date.now() / 60_000) * 60_000), [asked]);
  const isFollowing = params.get('follow') !== 'no';
  if (!may('logs:configuration:read'))
    return (
      <Page title={words.title}>
        <Nothing icon={IconHistory} title={words.forbidden}>
          <Text c="dimmed">{words.forbiddenAbout}</Text>
        </Nothing>
      </Page>
    );
  return (
    <Page title={words.title} about={words.about} actions={<ExportMenu filter={filter} />}>
      <Stack gap="sm">
        <Filters filter={filter} />
        <Group>
          <Switch
            label={words.follow}
            description={filter.end === undefined ? undefined : words.followEnded}
            disabled={filter.end !== undefined}
            checked={isFollowing && filter.end === undefined}
            onChange={event => change({ follow: event.currentTarget.checked ? null : 'no' }, { replace: true })}
          />
        </Group>
      </Stack>
      <Rows key={JSON.stringify(filter)} filter={filter} isFollowing={isFollowing} />
    </Page>
  );
}
