// One sync: what came of it, its error, what it found, what it changed, and how long it took. Opened by the address, and closed by going
// back to the list, where it was opened there: the way back from there stays as it was.
import { Alert, Anchor, Drawer, Group, Skeleton, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { type ReactNode, useEffect, useRef } from 'react';
import { Link, useLocation, useNavigate, useSearchParams } from 'react-router';
import { Age } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { Failure } from '../../parts/failure.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { exactTime } from '../../parts/times.ts';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { type Fact, Facts } from './facts.tsx';
import { RunProgress } from './progress.tsx';
import { runQuery } from './queries.ts';
import { duration, figure, type Integration, outcomeOf, type Run, reasonOf } from './words.ts';

const t = texts.integrations.runs;
export const runParam = 'run';
/** What the history has with a run that was opened from the list: the list is what stands before it. */
export const fromList = { isFromList: true };

export function RunDrawer({ integration }: { integration: Integration }) {
  const [params, setParams] = useSearchParams();
  const id = Number(params.get(runParam) ?? Number.NaN);
  const isOpen = Number.isSafeInteger(id) && id > 0;
  const { state } = useLocation();
  const navigate = useNavigate();
  const isClosing = useRef(false);
  useEffect(() => {
    if (!isOpen) isClosing.current = false;
  }, [isOpen]);
  const drop = () =>
    setParams(
      given => {
        const next = new URLSearchParams(given);
        next.delete(runParam);
        return next;
      },
      { replace: true, preventScrollReset: true },
    );
  const close = () => {
    // Going back takes a moment, in which a second click would go back further.
    if (isClosing.current) return;
    isClosing.current = true;
    if ((state as Partial<typeof fromList> | null)?.isFromList) navigate(-1);
    else drop();
  };
  return (
    <Drawer opened={isOpen} onClose={close} position="right" size="lg" title={isOpen ? t.run(String(id)) : ''}>
      {isOpen && <RunShown integration={integration} id={id} />}
    </Drawer>
  );
}

function RunShown({ integration, id }: { integration: Integration; id: number }) {
  const query = useQuery(runQuery(integration.id, id));
  const { data: run, error, refetch } = query;
  if (run === undefined)
    return error === null ? <Skeleton h={360} aria-busy /> : <Failure error={error} onRetry={() => void refetch()} />;
  const { tone, word } = outcomeOf(run);
  return (
    <Stack gap="lg">
      <Answered query={query}>
        <Group gap="sm">
          <StateMark tone={tone}>{word}</StateMark>
          <Text size="sm">
            <Age at={run.startedAt} />
          </Text>
        </Group>
      </Answered>
      {run.outcome === null ? (
        integration.run?.id === run.id && <RunProgress integration={integration} />
      ) : (
        <Text size="sm" c="dimmed">
          {texts.integrations.outcomesAbout[run.outcome]}
        </Text>
      )}
      {run.error !== null && (
        <Alert
          color="red"
          title={
            <bdi>
              <Told>{run.error.message}</Told>
            </bdi>
          }
        >
          <Text size="sm">{run.error.advice}</Text>
          {run.error.requestId !== null && (
            <Text size="sm" className="wrap">
              {texts.integrations.wrong.requestId(run.error.requestId)}
            </Text>
          )}
        </Alert>
      )}
      <Section title={t.found} facts={foundOf(run)}>
        <Counts counts={run.unmatched} nameOf={code => reasonOf(code).title} />
      </Section>
      <Section title={t.did} facts={didOf(run)}>
        {run.revision !== null && run.events > 0 && (
          <Anchor component={Link} size="sm" to={`/audit?group=${run.revision}`}>
            {t.audit}
          </Anchor>
        )}
      </Section>
      <Section title={t.timing} facts={timingOf(run)} />
      {Object.keys(run.unset).length > 0 && (
        <Section title={t.fields} facts={[]}>
          <Counts counts={run.unset} nameOf={name => name} />
        </Section>
      )}
    </Stack>
  );
}

function Section({ title, facts, children }: { title: string; facts: readonly Fact[]; children?: ReactNode }) {
  return (
    <Stack gap="xs">
      <Title order={3} size="sm">
        {title}
      </Title>
      {facts.length > 0 && <Facts facts={facts} />}
      {children}
    </Stack>
  );
}

function Counts({ counts, nameOf }: { counts: Readonly<Record<string, number>>; nameOf: (key: string) => string }) {
  const rows = Object.entries(counts).sort(([, a], [, b]) => b - a);
  if (rows.length === 0) return null;
  return (
    <Table verticalSpacing={4} horizontalSpacing={0}>
      <Table.Tbody>
        {rows.map(([key, n]) => (
          <Table.Tr key={key}>
            <Table.Td className="wrap">
              <bdi>{nameOf(key)}</bdi>
            </Table.Td>
            <Table.Td className="num">{figure(n)}</Table.Td>
          </Table.Tr>
        ))}
      </Table.Tbody>
    </Table>
  );
}

function foundOf(run: Run): Fact[] {
  return [
    [t.columns.agents, figure(run.agents)],
    [t.columns.matched, figure(run.matched)],
    [t.skipped, figure(run.skipped)],
    [t.complete, run.complete ? t.yes : t.no],
  ];
}

function didOf({ attributes, lostDevices, events }: Run): Fact[] {
  const { set, changed, removed, withheld } = attributes;
  return [
    [t.columns.values, [t.set(figure(set)), t.changed(figure(changed)), t.removed(figure(removed))].join(', ')],
    ...(withheld > 0 ? [[t.valuesHeld, figure(withheld)] as const] : []),
    [t.lost, figure(lostDevices)],
    [t.events, figure(events)],
  ];
}

function timingOf(run: Run): Fact[] {
  return [
    [t.columns.started, exactTime(run.startedAt)],
    ...(run.finishedAt === null ? [] : [[t.finished, exactTime(run.finishedAt)] as const]),
    ...(run.durationMs === null ? [] : [[t.columns.took, duration(run.durationMs)] as const]),
    ...(run.headMs === null ? [] : [[t.head, `${figure(run.headMs)} ms`] as const]),
    [t.pages, figure(run.pages)],
    [t.worker, <bdi key="worker">{run.worker}</bdi>],
  ];
}
