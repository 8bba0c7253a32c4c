// The syncs of an integration, newest first: as charts and as a table. Each leads to what that one found and did.
import { Anchor, Skeleton, Table, Text } from '@mantine/core';
import { IconHistory } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link, useSearchParams } from 'react-router';
import { Age } from '../../parts/age.tsx';
import { Answered, Doubted, oldSince } from '../../parts/answered.tsx';
import { Failure } from '../../parts/failure.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { cursorParam, Pager, useNone } from '../../parts/pager.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import { runsQuery } from './queries.ts';
import { fromList, runParam } from './run-drawer.tsx';
import { RunsChart } from './runs-chart.tsx';
import { duration, figure, type Integration, outcomeOf, type Run } from './words.ts';

const t = texts.integrations.runs;
const inChart = 60;
const onPage = 25;

export function RunsTab({ integration }: { integration: Integration }) {
  const [params] = useSearchParams();
  const cursor = params.get(cursorParam) ?? undefined;
  const recent = useQuery(runsQuery(integration.id, { limit: inChart }));
  const query = useQuery(runsQuery(integration.id, { limit: onPage, ...(cursor === undefined ? {} : { cursor }) }));
  const { data, error, refetch } = query;
  const isNone = useNone(data?.runs, data?.nextCursor);
  if (error !== null && data === undefined) return <Failure error={error} onRetry={() => void refetch()} />;
  if (recent.error !== null && recent.data === undefined)
    return <Failure error={recent.error} onRetry={() => void recent.refetch()} />;
  if (data === undefined || recent.data === undefined) return <Skeleton h={480} aria-busy />;
  if (isNone)
    return (
      <Nothing icon={IconHistory} title={t.none}>
        <Text c="dimmed">{t.noneAbout}</Text>
      </Nothing>
    );
  return (
    <Answered query={query}>
      <Doubted since={oldSince(recent)}>
        <RunsChart runs={recent.data.runs} />
      </Doubted>
      <div className="card">
        <RunsTable runs={data.runs} />
      </div>
      <Pager nextCursor={data.nextCursor} />
    </Answered>
  );
}

/** @returns an address with everything as it is, and a run opened */
function useRunAddress(): (run: Run) => string {
  const [params] = useSearchParams();
  return run => {
    const next = new URLSearchParams(params);
    next.set(runParam, String(run.id));
    return `?${next}`;
  };
}

function RunsTable({ runs }: { runs: readonly Run[] }) {
  return (
    <Table.ScrollContainer minWidth={760}>
      <Table verticalSpacing="xs" highlightOnHover>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{t.columns.started}</Table.Th>
            <Table.Th>{t.columns.outcome}</Table.Th>
            <Table.Th className="num">{t.columns.took}</Table.Th>
            <Table.Th className="num">{t.columns.agents}</Table.Th>
            <Table.Th className="num">{t.columns.matched}</Table.Th>
            <Table.Th>{t.columns.values}</Table.Th>
            <Table.Th w="30%">{t.columns.error}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {runs.map(run => (
            <RunRow key={run.id} run={run} />
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function RunRow({ run }: { run: Run }) {
  const address = useRunAddress();
  const { tone, word } = outcomeOf(run);
  return (
    <Table.Tr>
      <Table.Td>
        <Anchor component={Link} to={address(run)} state={fromList} size="sm" preventScrollReset>
          <Age at={run.startedAt} />
        </Anchor>
      </Table.Td>
      <Table.Td>
        <StateMark tone={tone}>{word}</StateMark>
      </Table.Td>
      <Table.Td className="num">{run.durationMs === null ? '' : duration(run.durationMs)}</Table.Td>
      <Table.Td className="num">{figure(run.agents)}</Table.Td>
      <Table.Td className="num">{run.finishedAt === null ? '' : figure(run.matched)}</Table.Td>
      <Table.Td>
        <Text size="sm" {...(valuesOf(run) === t.unchanged ? { c: 'dimmed' } : {})}>
          {run.finishedAt === null ? '' : valuesOf(run)}
        </Text>
      </Table.Td>
      <Table.Td maw={0}>{run.error !== null && <LongText size="sm">{run.error.message}</LongText>}</Table.Td>
    </Table.Tr>
  );
}

/** @returns as in "12 set, 3 removed" */
function valuesOf({ attributes }: Run): string {
  const { set, changed, removed, withheld } = attributes;
  const parts = [
    ...(set > 0 ? [t.set(figure(set))] : []),
    ...(changed > 0 ? [t.changed(figure(changed))] : []),
    ...(removed > 0 ? [t.removed(figure(removed))] : []),
    ...(withheld > 0 ? [t.withheld(figure(withheld))] : []),
  ];
  return parts.length === 0 ? t.unchanged : parts.join(', ');
}
