// A write in the audit log as one row: when, who, what, and whom it is about; opened it has its entries with what each changed.
import { Anchor, Box, Collapse, Group, Loader, Stack, Text, UnstyledButton } from '@mantine/core';
import { IconChevronRight, IconLink } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Link, useHref } from 'react-router';
import { api, ask, here } from '../../api/client.ts';
import { Age } from '../../parts/age.tsx';
import { CopyIcon } from '../../parts/copy.tsx';
import { Failure } from '../../parts/failure.tsx';
import { More } from '../../parts/more.tsx';
import { exactTime } from '../../parts/times.ts';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { Diff } from './diff.tsx';
import type { AuditFilter } from './filters.tsx';
import { type Group as AuditGroup, type Entry, eventWords, targetPath } from './words.ts';

const words = texts.audit;
const pageOfEntries = 50;
/** A write with more entries is shown as what was done, not as its first entry. */
const few = 3;
const causes: Readonly<Record<string, string>> = words.causes;
const causeWords = (cause: string) => causes[cause] ?? cause.charAt(0).toUpperCase() + cause.slice(1);

function Target({ entry, isLink }: { entry: Entry; isLink: boolean }) {
  const path = targetPath(entry);
  const { id, name } = entry.target;
  const shown = id === 'settings' ? words.settingsTarget : name;
  if (!isLink || path === null || entry.action === 'DELETE') return <bdi className="wrap">{shown}</bdi>;
  return (
    <Anchor component={Link} to={path} size="sm" className="wrap" title={name === id ? undefined : id}>
      <bdi>{shown}</bdi>
    </Anchor>
  );
}

function EntryItem({ entry }: { entry: Entry }) {
  return (
    <Box component="li" className="entry">
      <Group gap="xs" wrap="wrap" align="baseline">
        <Text size="sm" fw={500}>
          {eventWords(entry.event)}
        </Text>
        <Target entry={entry} isLink />
        <Text size="xs" c="dimmed" ff="monospace" className="wrap">
          {entry.event}
        </Text>
      </Group>
      {entry.actionDetails !== undefined && (
        <Text size="sm" c="dimmed" className="wrap">
          <bdi>
            <Told>{entry.actionDetails}</Told>
          </bdi>
        </Text>
      )}
      {entry.error !== undefined && (
        <Text size="sm" c="red" className="wrap">
          <bdi>
            <Told>{entry.error}</Told>
          </bdi>
        </Text>
      )}
      <Diff old={entry.old} young={entry.new} />
    </Box>
  );
}

/** Only what is filtered by, as the group was found by it; nothing else of a write of thousands is of interest. */
function Entries({ id, filter }: { id: string; filter: AuditFilter }) {
  const { actor: _actor, start: _start, end: _end, ...asked } = filter;
  const found = useInfiniteQuery({
    queryKey: ['auditGroup', id, asked],
    queryFn: ({ signal, pageParam }) =>
      ask(
        api.GET('/api/v2/tailnet/{tailnet}/logging/configuration/groups/{groupId}', {
          params: {
            path: { ...here, groupId: id },
            query: { ...asked, limit: pageOfEntries, ...(pageParam === null ? {} : { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: last => last.nextCursor,
    // What was written does not change.
    staleTime: Number.POSITIVE_INFINITY,
  });
  const { error, data } = found;
  if (data === undefined && error !== null) return <Failure error={error} onRetry={() => found.refetch()} />;
  if (data === undefined)
    return (
      <Box role="status" aria-label={texts.shell.loading}>
        <Loader size="sm" m="md" />
      </Box>
    );
  const entries = data.pages.flatMap(({ logs }) => logs);
  return (
    <Stack gap="xs" align="flex-start">
      <Box component="ol" className="entries">
        {entries.map((entry, place) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: entries have no other name than their place, which stays
          <EntryItem key={place} entry={entry} />
        ))}
      </Box>
      <More query={found} label={words.moreEntries} />
    </Stack>
  );
}

function CopyLink({ id }: { id: string }) {
  const href = useHref(`/audit?group=${id}`);
  const said = { copy: words.copyLink, copied: words.linkCopied };
  return <CopyIcon text={new URL(href, window.location.href).href} words={said} icon={IconLink} />;
}

interface GroupItemProps {
  group: AuditGroup;
  filter: AuditFilter;
  isOpen: boolean;
  /** It came while the page was open. */
  isNew: boolean;
  onToggle: () => void;
}

export function GroupItem({ group, filter, isOpen, isNew, onToggle }: GroupItemProps) {
  const { eventGroupID: id, eventTime, actor, cause, entries, logs } = group;
  const [first] = logs;
  // What a sync or an import did is not told by the first of its entries, unless that is what was looked for.
  const isLookedFor = filter.event !== undefined || filter.target !== undefined || filter.targetId !== undefined;
  const isMany = first === undefined || (entries > few && !isLookedFor);
  return (
    <Box component="li" className="write" data-open={isOpen} data-new={isNew}>
      <UnstyledButton className="write-head" aria-expanded={isOpen} aria-controls={`group-${id}`} onClick={onToggle}>
        <IconChevronRight size={16} aria-hidden className="write-sign" />
        <Text size="sm" c="dimmed" className="write-when">
          <Age at={eventTime} />
        </Text>
        <Text size="sm" className="write-who cut" title={actor.loginName}>
          <bdi>{actor.displayName || actor.loginName}</bdi>
        </Text>
        <Text size="sm" component="span" className="write-what">
          {isMany ? causeWords(cause) : eventWords(first?.event ?? '')}
        </Text>
        <Text size="sm" component="span" className="write-target">
          {isMany ? words.entries(entries) : first !== undefined && <Target entry={first} isLink={false} />}
          {!isMany && entries > 1 && (
            <Text span size="sm" c="dimmed">
              {' '}
              {words.andMore(entries - 1)}
            </Text>
          )}
        </Text>
      </UnstyledButton>
      <Collapse expanded={isOpen}>
        <Box id={`group-${id}`} className="write-body">
          {isOpen && (
            <Stack gap="sm">
              <Group gap="xs" justify="space-between" wrap="nowrap" align="flex-start">
                <Text size="xs" c="dimmed" className="wrap">
                  {words.origin(exactTime(eventTime), actor.loginName, cause, id)}
                </Text>
                <CopyLink id={id} />
              </Group>
              <Entries id={id} filter={filter} />
            </Stack>
          )}
        </Box>
      </Collapse>
    </Box>
  );
}
