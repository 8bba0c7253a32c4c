// How the device stands in each posture, and of those that it does not pass which condition is not true: expected, found, from where.
import { Anchor, Button, Group, Stack, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import type { Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { RestsOnOld, standingTone } from '../../parts/rests-on-old.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { Told } from '../../parts/told.tsx';
import { texts } from '../../texts.ts';
import { Card, Within } from './card.tsx';
import { posturesQuery } from './device-queries.ts';
import { expectedOf } from './expected.ts';

const words = texts.devices.page.postures;
type Posture = Schemas['DevicePostures']['postures'][number];
type Reason = Schemas['UnmetCondition'];

export function PosturesCard({ id }: { id: string }) {
  const query = useQuery(posturesQuery(id));
  const { data } = query;
  const mayTry = useMay()('policy_file:read');
  const reach = mayTry && data !== undefined && data.policyRevision !== null && (
    <Button component={Link} to={`/policy?tab=try&device=${encodeURIComponent(id)}`} size="xs" variant="default">
      {words.reach}
    </Button>
  );
  return (
    <Card title={words.title} action={reach} query={query} waits={data === undefined ? 4 : 0}>
      {data?.isPolicyReadable === false && <Text size="sm">{words.unreadable}</Text>}
      {data?.isPolicyReadable && data.postures.length === 0 && (
        <Text size="sm" c="dimmed">
          {words.none}{' '}
          <Anchor component={Link} to="/policy" inherit underline="always">
            {words.toPolicy}
          </Anchor>
        </Text>
      )}
      <Stack gap="md">
        {data?.postures.map(posture => (
          <PostureRow key={posture.posture} posture={posture} freshWithinMs={data.freshWithinMs} />
        ))}
      </Stack>
    </Card>
  );
}

function PostureRow({ posture, freshWithinMs }: { posture: Posture; freshWithinMs: number }) {
  const { state, reasons, since, resolution, description, restsOn } = posture;
  // Whoever passes by what is old is not known to pass now.
  const isOld = state === 'passing' && restsOn?.isFresh === false;
  return (
    <div className="device-posture">
      <Group gap="xs">
        <StateMark tone={standingTone(state, restsOn?.isFresh)}>{texts.devices.standings[state]}</StateMark>
        <Text fw={600} className="wrap">
          <bdi>{posture.posture.replace(/^posture:/, '')}</bdi>
        </Text>
        {since !== null && (
          <Text size="sm" c="dimmed">
            <Age at={since} as="span" />
          </Text>
        )}
      </Group>
      {description !== null && (
        <Text size="sm" c="dimmed">
          <bdi>{description}</bdi>
        </Text>
      )}
      {state === 'passing' && (
        <Text size="sm" c="dimmed">
          {isOld ? <RestsOnOld confirmedAt={restsOn.confirmedAt} freshWithinMs={freshWithinMs} /> : words.holds}
        </Text>
      )}
      {!posture.isForDevice && (
        <Text size="sm" c="dimmed">
          {words.notForIt}
        </Text>
      )}
      {reasons.some(({ attribute }) => attribute !== null) && <Reasons reasons={reasons} />}
      {state !== 'passing' && resolution !== null && (
        <Text size="sm" mt={4}>
          <bdi>{resolution}</bdi>
        </Text>
      )}
    </div>
  );
}

function Reasons({ reasons }: { reasons: readonly Reason[] }) {
  return (
    <Within label={words.columns.condition}>
      <Table verticalSpacing={4} className="device-table figures">
        <Table.Thead>
          <Table.Tr>
            {Object.values(words.columns).map(column => (
              <Table.Th key={column}>{column}</Table.Th>
            ))}
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {reasons.map(reason => (
            <Table.Tr key={`${reason.posture} ${reason.condition}`}>
              <Table.Td>
                <code className="words">{reason.condition}</code>
              </Table.Td>
              <Table.Td>
                <Expected reason={reason} />
              </Table.Td>
              <Table.Td>
                {reason.found === null ? (
                  <Text size="sm" c="dimmed" className="one-line">
                    {words.notSet}
                  </Text>
                ) : (
                  <bdi className="words">
                    <Told>{String(reason.found)}</Told>
                  </bdi>
                )}
                {reason.unknown !== null && reason.unknown !== 'unset' && (
                  <Text size="xs" c="dimmed">
                    {(words.unknowns as Readonly<Record<string, string>>)[reason.unknown] ?? reason.unknown}
                  </Text>
                )}
              </Table.Td>
              <Table.Td>
                <bdi className="wrap">{reason.integration ?? '–'}</bdi>
                {reason.confirmedAt !== null && (
                  <Text size="xs" c="dimmed" component="div" className="one-line">
                    <Age at={reason.confirmedAt} />
                  </Text>
                )}
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Within>
  );
}

function Expected({ reason }: { reason: Reason }) {
  const { value, confirmed } = expectedOf(reason);
  return (
    <>
      <bdi className="words">{value}</bdi>
      {confirmed !== null && (
        <Text size="xs" c="dimmed">
          {confirmed}
        </Text>
      )}
    </>
  );
}
