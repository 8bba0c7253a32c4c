// Every policy that was in force: who applied it and when, what it changed beside any other one, and putting it in force again.
import { Badge, Button, Group, Select, Skeleton, Stack, Table, Text, Title } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import type { Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Failure } from '../../parts/failure.tsx';
import { More } from '../../parts/more.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { useDraft } from './draft.ts';
import { historyQuery, inForceQuery, revisionQuery } from './queries.ts';
import { SaveDialog } from './save.tsx';

type Revision = Schemas['PolicyRevision'];

const PolicyDiff = lazy(async () => ({ default: (await import('./diff.tsx')).PolicyDiff }));

/** Instead of a revision: the text that is being written; no text at all. */
const draftSide = 'draft';
const nothingSide = 'nothing';

export function HistoryTab() {
  const may = useMay();
  const history = useInfiniteQuery(historyQuery);
  const [restoring, setRestoring] = useState<number | null>(null);
  const [isOutdated, setOutdated] = useState(false);
  const words = texts.policy.history;
  if (history.isPending) return <Skeleton h={320} />;
  if (history.data === undefined) return <Failure error={history.error} onRetry={() => history.refetch()} />;
  const restore = (revision: number) => {
    setOutdated(false);
    setRestoring(revision);
  };
  const revisions = history.data.pages.flatMap(page => page.revisions);
  if (revisions.length === 0)
    return (
      <Nothing icon={IconHistory} title={words.none}>
        <Text c="dimmed">{words.noneAbout}</Text>
      </Nothing>
    );
  return (
    <Stack gap="lg">
      {isOutdated && <Failure error={new Error(words.changed)} />}
      <RevisionTable revisions={revisions} onRestore={may('policy_file') ? restore : null} />
      <More query={history} label={words.older} />
      <Comparison revisions={revisions} />
      {restoring !== null && (
        <Restoring
          key={restoring}
          revision={restoring}
          onClose={() => setRestoring(null)}
          onOutdated={() => {
            setRestoring(null);
            setOutdated(true);
          }}
        />
      )}
    </Stack>
  );
}

function nameOf({ actor }: Revision): string {
  return actor.displayName || actor.loginName || actor.id;
}

interface RevisionTableProps {
  revisions: readonly Revision[];
  /** Null where who is signed in may not. */
  onRestore: ((revision: number) => void) | null;
}

function RevisionTable({ revisions, onRestore }: RevisionTableProps) {
  const [, change] = useUrlState();
  const words = texts.policy.history;
  const inForce = revisions.find(each => each.inForce);
  return (
    <Table.ScrollContainer minWidth={320} className="card" mah={420}>
      <Table verticalSpacing={6} stickyHeader highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.revision}</Table.Th>
            <Table.Th>{words.applied}</Table.Th>
            <Table.Th visibleFrom="sm">{words.by}</Table.Th>
            <Table.Th ta="right">{words.actions}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {revisions.map((each, i) => (
            <Table.Tr key={each.revision}>
              <Table.Td className="figures">
                <Group gap="xs">
                  {each.revision}
                  {each.inForce && (
                    <Badge color="blue" variant="light" size="sm">
                      {words.inForce}
                    </Badge>
                  )}
                  {!each.inForce && each.hash === inForce?.hash && (
                    <Badge color="gray" variant="light" size="sm">
                      {words.sameText}
                    </Badge>
                  )}
                </Group>
              </Table.Td>
              <Table.Td>
                <Age at={each.appliedAt} />
                <Text size="xs" c="dimmed" hiddenFrom="sm" className="wrap">
                  <bdi>{nameOf(each)}</bdi>
                </Text>
              </Table.Td>
              <Table.Td className="wrap" visibleFrom="sm">
                <bdi>{nameOf(each)}</bdi>
              </Table.Td>
              <Table.Td>
                <Group gap={4} justify="flex-end">
                  <Button
                    variant="subtle"
                    size="compact-sm"
                    onClick={() =>
                      change({ from: String(revisions[i + 1]?.revision ?? nothingSide), to: String(each.revision) })
                    }
                    aria-label={words.showOf(each.revision)}
                  >
                    {words.show}
                  </Button>
                  {onRestore !== null && (
                    <Button
                      variant="subtle"
                      size="compact-sm"
                      disabled={each.hash === inForce?.hash}
                      onClick={() => onRestore(each.revision)}
                      aria-label={words.restoreOf(each.revision)}
                    >
                      {words.restore}
                    </Button>
                  )}
                </Group>
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function Comparison({ revisions }: { revisions: readonly Revision[] }) {
  const [url, change] = useUrlState();
  const { draft } = useDraft();
  const words = texts.policy.history;
  const newest = String(revisions[0]?.revision ?? nothingSide);
  // What the address names may be gone: a draft was saved or dropped.
  const side = (name: string, otherwise: string) => {
    const named = url.get(name) ?? otherwise;
    const isThere = named === draftSide ? draft !== null : named === nothingSide || isRevision(named);
    return isThere ? named : otherwise;
  };
  const to = side('to', newest);
  const from = side('from', String(revisions[1]?.revision ?? nothingSide));
  const [before, after] = [useText(from), useText(to)];
  const named = (side: string) => {
    if (side === draftSide) return words.draft;
    if (side === nothingSide) return words.nothing;
    return side === newest ? words.nameInForce(side) : words.name(side);
  };
  const known = [...revisions.map(({ revision }) => String(revision)), from, to].filter(isRevision);
  const sides = [...(draft === null ? [] : [draftSide]), ...new Set(known), nothingSide];
  const data = sides.map(value => ({ value, label: named(value) }));
  const problem = before.error ?? after.error;
  return (
    <Stack gap="sm" component="section" aria-label={words.compare}>
      <Group gap="sm" align="flex-end">
        <Title order={2} fz="md" pb={6}>
          {words.compare}
        </Title>
        <Select
          label={words.from}
          size="xs"
          data={data}
          value={from}
          allowDeselect={false}
          onChange={value => change({ from: value })}
        />
        <Select
          label={words.to}
          size="xs"
          data={data}
          value={to}
          allowDeselect={false}
          onChange={value => change({ to: value })}
        />
      </Group>
      {problem !== null && <Failure error={problem} />}
      {before.text !== null && after.text !== null ? (
        before.text === after.text ? (
          <Text c="dimmed">{words.same}</Text>
        ) : (
          <Suspense fallback={<Skeleton h={320} />}>
            <PolicyDiff
              key={`${from} ${to}`}
              before={before.text}
              after={after.text}
              names={[named(from), named(to)]}
            />
          </Suspense>
        )
      ) : (
        problem === null && <Skeleton h={320} />
      )}
    </Stack>
  );
}

function isRevision(side: string): boolean {
  return /^\d{1,12}$/.test(side);
}

/** @returns the text of a side of a comparison; null while it is not there */
function useText(side: string): { text: string | null; error: unknown } {
  const { draft } = useDraft();
  const found = useQuery({ ...revisionQuery(Number(side)), enabled: isRevision(side) });
  if (side === draftSide) return { text: draft?.text ?? '', error: null };
  if (!isRevision(side)) return { text: '', error: null };
  return { text: found.data?.text ?? null, error: found.error };
}

interface RestoringProps {
  revision: number;
  onClose: () => void;
  /** Another policy came into force while it was looked at. */
  onOutdated: () => void;
}

/** As any other text it is put in force after a look at whom that concerns: in place of the policy that was in force at that look. */
function Restoring({ revision, onClose, onOutdated }: RestoringProps) {
  const old = useQuery(revisionQuery(revision));
  const inForce = useQuery(inForceQuery);
  const [etag, setEtag] = useState<string | null>(null);
  if (etag === null && inForce.data !== undefined) setEtag(inForce.data.etag);
  if (old.data === undefined || etag === null) {
    const failed = [old, inForce].filter(({ error, data }) => error !== null && data === undefined);
    const retry = () => void Promise.all(failed.map(({ refetch }) => refetch()));
    return failed.length === 0 ? null : <Failure error={failed[0]?.error} onRetry={retry} />;
  }
  return <SaveDialog text={old.data.text} etag={etag} onClose={onClose} onConflict={onOutdated} onSaved={onClose} />;
}
