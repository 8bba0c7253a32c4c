// Who gains and who loses what: how many first, then by destination and posture, then each by name, as many as are asked for.
import { Alert, Anchor, Button, SegmentedControl, Stack, Table, Text } from '@mantine/core';
import { IconCircleCheck, IconUserMinus, IconUserPlus } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'react-router';
import type { Schemas } from '../../api/client.ts';
import { Failure } from '../../parts/failure.tsx';
import { More } from '../../parts/more.tsx';
import { texts } from '../../texts.ts';
import { Why } from './impact-why.tsx';
import { type ChangeKind, changesQuery } from './queries.ts';

type ImpactBody = Schemas['PolicyImpact'];
const fewest = 5;
/** Its own colour has too little contrast. */
const alert = { title: 'policy-alert-title' };

export function Impact({ text, impact }: { text: string; impact: ImpactBody }) {
  const { losing, gaining, devices, comparedWith } = impact;
  const words = texts.policy.impact;
  return (
    <Stack gap="md">
      {losing + gaining === 0 ? (
        <Alert classNames={alert} color="gray" icon={<IconCircleCheck aria-hidden />} title={words.none}>
          {words.against(devices, comparedWith)}
        </Alert>
      ) : (
        <Alert
          classNames={alert}
          color={losing > 0 ? 'orange' : 'blue'}
          icon={losing > 0 ? <IconUserMinus aria-hidden /> : <IconUserPlus aria-hidden />}
          title={words.title(losing, gaining)}
        >
          {words.against(devices, comparedWith)}
        </Alert>
      )}
      <Destinations destinations={impact.destinations} />
      <PostureCounts postures={impact.postures} />
      {losing + gaining > 0 && <Changes text={text} impact={impact} />}
    </Stack>
  );
}

function Destinations({ destinations }: Pick<ImpactBody, 'destinations'>) {
  const [isWhole, setWhole] = useState(false);
  const words = texts.policy.impact;
  if (destinations.length === 0) return null;
  const sorted = destinations.toSorted((a, b) => b.loses - a.loses || b.gains - a.gains);
  const shown = isWhole ? sorted.slice(0, 200) : sorted.slice(0, fewest);
  return (
    <Table.ScrollContainer minWidth={300}>
      <Table verticalSpacing={4} captionSide="top">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.destination}</Table.Th>
            <Table.Th ta="right">{words.lose}</Table.Th>
            <Table.Th ta="right">{words.gain}</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {shown.map(({ destination, loses, gains }) => (
            <Table.Tr key={destination}>
              <Table.Td className="wrap code">
                <bdi>{destination}</bdi>
              </Table.Td>
              <Table.Td ta="right" className="figures">
                {loses.toLocaleString('en')}
              </Table.Td>
              <Table.Td ta="right" className="figures">
                {gains.toLocaleString('en')}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
      {sorted.length > shown.length && (
        <Button variant="subtle" size="xs" onClick={() => setWhole(true)}>
          {words.more(sorted.length - shown.length)}
        </Button>
      )}
    </Table.ScrollContainer>
  );
}

/** Those of which anything changes. */
function PostureCounts({ postures }: Pick<ImpactBody, 'postures'>) {
  const words = texts.policy.impact;
  const told = postures.filter(({ before, after }) => JSON.stringify(before) !== JSON.stringify(after));
  if (told.length === 0) return null;
  const count = (counts: ImpactBody['postures'][number]['before'], of: 'pass' | 'fail' | 'unknown') =>
    counts === null ? '–' : counts[of].toLocaleString('en');
  return (
    <Table.ScrollContainer minWidth={420}>
      <Table verticalSpacing={4}>
        <Table.Thead>
          <Table.Tr>
            <Table.Th>{words.posture}</Table.Th>
            {(['pass', 'fail', 'unknown'] as const).map(of => (
              <Table.Th key={of} ta="right">
                {words.counts[of]}
              </Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {told.slice(0, 50).map(({ posture, before, after }) => (
            <Table.Tr key={posture}>
              <Table.Td className="wrap code">
                <bdi>{posture}</bdi>
              </Table.Td>
              {(['pass', 'fail', 'unknown'] as const).map(of => (
                <Table.Td key={of} ta="right" className="figures">
                  {count(before, of)} → {count(after, of)}
                </Table.Td>
              ))}
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

const none = { changes: [], nextCursor: null };

function Changes({ text, impact }: { text: string; impact: ImpactBody }) {
  const { losing, gaining } = impact;
  const words = texts.policy.impact;
  const [chosen, setChosen] = useState<ChangeKind | null>(null);
  const kind = chosen ?? (losing > 0 ? 'loses' : 'gains');
  const changes = useInfiniteQuery(changesQuery(text, kind, impact[kind] ?? none));
  const rows = changes.data.pages.flatMap(page => page.changes);
  return (
    <Stack gap="xs">
      <SegmentedControl
        size="xs"
        value={kind}
        onChange={value => setChosen(value as ChangeKind)}
        data={[
          { value: 'loses', label: words.losing(losing), disabled: losing === 0 },
          { value: 'gains', label: words.gaining(gaining), disabled: gaining === 0 },
        ]}
        aria-label={words.who}
      />
      {changes.isError && !changes.isFetchNextPageError && (
        <Failure error={changes.error} onRetry={() => changes.refetch()} />
      )}
      {rows.length > 0 && (
        <Table.ScrollContainer minWidth={500} mah={400}>
          <Table verticalSpacing={4} stickyHeader>
            <Table.Thead>
              <Table.Tr>
                <Table.Th>{words.device}</Table.Th>
                <Table.Th>{words.destination}</Table.Th>
                <Table.Th>{words.why}</Table.Th>
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map(change => (
                <Table.Tr key={`${change.device} ${change.destination}`} className="policy-change">
                  <Table.Td className="wrap">
                    <Anchor
                      component={Link}
                      size="sm"
                      to={`/devices/${encodeURIComponent(change.device)}`}
                      target="_blank"
                      rel="noreferrer"
                    >
                      <bdi>{change.hostname ?? change.device}</bdi>
                    </Anchor>
                    {change.user !== null && (
                      <Text size="xs" c="dimmed">
                        <bdi>{change.user}</bdi>
                      </Text>
                    )}
                  </Table.Td>
                  <Table.Td className="wrap code">
                    <bdi>{change.destination}</bdi>
                  </Table.Td>
                  <Table.Td className="wrap">
                    <Why of={change} />
                  </Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      <More query={changes} label={words.showMore} />
    </Stack>
  );
}
