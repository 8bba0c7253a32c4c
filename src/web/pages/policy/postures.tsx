// How many devices pass each posture of the policy in force, and what keeps the others from it. What is not known is never counted as passing.
import { Anchor, Box, Collapse, Group, Progress, Skeleton, Stack, Text, Tooltip, UnstyledButton } from '@mantine/core';
import { IconChevronDown, IconChevronRight, IconShieldQuestion } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import { RequestError, type Schemas } from '../../api/client.ts';
import { useLive } from '../../api/live.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered, Doubted } from '../../parts/answered.tsx';
import { Failure } from '../../parts/failure.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { postureQuery, posturesQuery, useHasPolicy } from './queries.ts';

type Counts = Schemas['PostureCounts'];
type Cause = Schemas['Posture']['causes'][number];
const states = [
  { state: 'passing', color: 'teal' },
  { state: 'failing', color: 'red' },
  { state: 'unknown', color: 'gray.5' },
] as const;

export function PosturesTab() {
  const mayLook = useMay()('devices:posture_attributes:read');
  const hasPolicy = useHasPolicy();
  const found = useQuery({ ...posturesQuery, enabled: mayLook && hasPolicy === true });
  const words = texts.policy.postures;
  if (!mayLook) return <Nothing icon={IconShieldQuestion} title={words.notAllowed} />;
  if (hasPolicy === false) return <NoPolicy />;
  if (found.isPending) return <Skeleton h={260} />;
  if (found.data === undefined) {
    if (found.error instanceof RequestError && found.error.status === 404) return <NoPolicy />;
    return <Failure error={found.error} onRetry={() => found.refetch()} />;
  }
  const { postures, asOf } = found.data;
  if (postures.length === 0) return <NoPolicy />;
  return (
    <Stack gap="sm">
      <Answered query={found}>
        <Text size="sm" c="dimmed" role="status">
          {!asOf.hasWorker ? words.noWorker : asOf.isCurrent ? words.current : words.waiting(asOf.waiting)}{' '}
          {asOf.at !== null && <Age at={asOf.at} />}
        </Text>
        <Doubted since={asOf.hasWorker ? null : (asOf.at ?? new Date(0).toISOString())}>
          <Box className="card">
            {postures.map(posture => (
              <PostureRow key={posture.posture} counts={posture} />
            ))}
          </Box>
        </Doubted>
      </Answered>
    </Stack>
  );
}

/** There is none to judge by, and where to write one. */
export function NoPolicy() {
  const mayWrite = useMay()('policy_file');
  const words = texts.policy.postures;
  return (
    <Nothing icon={IconShieldQuestion} title={words.none}>
      <Text c="dimmed">{words.noneAbout}</Text>
      {mayWrite && (
        <Anchor component={Link} to="/policy">
          {words.write}
        </Anchor>
      )}
    </Nothing>
  );
}

/** @returns where the devices of a posture in a state are listed */
function devicesIn(posture: string, state: string): string {
  return `/devices?posture=${encodeURIComponent(posture)}&standing=${state}`;
}

/** @returns where the devices that a condition keeps from a posture are listed */
function devicesKeptBy(posture: string, condition: string): string {
  return `/devices?posture=${encodeURIComponent(posture)}&condition=${encodeURIComponent(condition)}`;
}

function PostureRow({ counts }: { counts: Counts }) {
  const [url, change] = useUrlState();
  const { posture, description, devices } = counts;
  const isOpen = url.get('posture') === posture;
  const Chevron = isOpen ? IconChevronDown : IconChevronRight;
  const words = texts.policy.postures;
  const isKnown = useLive().doubt === null;
  const judged = counts.passing + counts.failing + counts.unknown;
  return (
    <Box className="policy-row">
      <Group gap="md" p="sm" wrap="wrap" align="center">
        <UnstyledButton
          onClick={() => change({ posture: isOpen ? null : posture }, { replace: true })}
          aria-expanded={isOpen}
          flex="1 1 18rem"
          miw={0}
        >
          <Group gap="xs" wrap="nowrap" align="flex-start">
            <Chevron size={16} aria-hidden className="policy-chevron" />
            <Box miw={0}>
              <Text className="wrap code" fw={600}>
                <bdi>{posture}</bdi>
              </Text>
              {description !== null && (
                <Text size="sm" c="dimmed" className="wrap">
                  <bdi>{description}</bdi>
                </Text>
              )}
            </Box>
          </Group>
        </UnstyledButton>
        <Box flex="1 1 14rem" maw={420} miw={0}>
          <Progress.Root size="md" aria-label={words.bar(counts.passing, counts.failing, counts.unknown)} role="img">
            {states.map(({ state, color }) => (
              <Tooltip key={state} label={words.share(state, counts[state], devices)}>
                <Progress.Section
                  value={devices === 0 ? 0 : (100 * counts[state]) / devices}
                  color={isKnown || state !== 'passing' ? color : 'gray.4'}
                  withAria={false}
                />
              </Tooltip>
            ))}
          </Progress.Root>
        </Box>
        <Group gap="md" wrap="wrap">
          {states.map(({ state }) => (
            <Box key={state} ta="right" w={76}>
              <Anchor component={Link} to={devicesIn(posture, state)} className="figures" fw={500}>
                {counts[state].toLocaleString('en')}
              </Anchor>
              <Text size="xs" c="dimmed">
                {words.states[state]}
              </Text>
            </Box>
          ))}
        </Group>
      </Group>
      {judged < devices && (
        <Text size="xs" c="dimmed" px="sm" pb="sm" ms={24}>
          {words.notJudged(devices - judged)}
        </Text>
      )}
      <Collapse expanded={isOpen}>{isOpen && <PostureDetails posture={posture} />}</Collapse>
    </Box>
  );
}

function PostureDetails({ posture }: { posture: string }) {
  const found = useQuery(postureQuery(posture));
  const words = texts.policy.postures;
  if (found.isPending) return <Skeleton h={160} m="sm" />;
  if (found.data === undefined) return <Failure error={found.error} onRetry={() => found.refetch()} />;
  const { conditions, resolution, tags, causes, causesTotal } = found.data;
  return (
    <Stack gap="sm" px="md" pb="md" ms={{ base: 0, sm: 24 }}>
      <Box>
        <Text size="sm" fw={500}>
          {words.asks}
        </Text>
        {conditions === null ? (
          <Text size="sm">{words.unreadable}</Text>
        ) : (
          conditions.map(condition => (
            <Text key={condition} className="wrap code">
              <bdi>{condition}</bdi>
            </Text>
          ))
        )}
        {tags.length > 0 && <Text size="sm">{words.onlyFor(tags)}</Text>}
      </Box>
      {resolution !== null && (
        <Box>
          <Text size="sm" fw={500}>
            {words.resolution}
          </Text>
          <Text size="sm" className="wrap">
            <bdi>{resolution}</bdi>
          </Text>
        </Box>
      )}
      <Causes posture={posture} causes={causes} total={causesTotal} />
    </Stack>
  );
}

function Causes({ posture, causes, total }: { posture: string; causes: Cause[]; total: number }) {
  const words = texts.policy.postures;
  if (causes.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {words.noCauses}
      </Text>
    );
  return (
    <Box>
      <Text size="sm" fw={500}>
        {words.causes}
      </Text>
      <ul className="policy-list">
        {causes.map(cause => (
          <li
            key={JSON.stringify([cause.posture, cause.condition, cause.found, cause.unknown])}
            className="policy-item policy-cause"
          >
            <Text fw={500} ta="right" className="figures">
              {cause.devices.toLocaleString('en')}
            </Text>
            <span className="wrap">
              <Anchor
                component={Link}
                to={devicesKeptBy(posture, cause.condition)}
                className="code"
                aria-label={words.causeDevices(cause.condition)}
              >
                <bdi>{cause.condition}</bdi>
              </Anchor>
              {cause.posture !== posture && (
                <Text size="xs" c="dimmed" className="wrap">
                  {words.of(cause.posture)}
                </Text>
              )}
            </span>
            <Text size="sm" className="wrap">
              <bdi>{texts.policy.found(cause.found, cause.unknown)}</bdi>
            </Text>
            <Text size="sm" c="dimmed" className="wrap">
              {words.examples}{' '}
              {cause.examples.slice(0, 3).map((device, i) => (
                <span key={device}>
                  {i > 0 && ', '}
                  <Anchor component={Link} size="sm" to={`/devices/${encodeURIComponent(device)}`}>
                    <bdi>{device}</bdi>
                  </Anchor>
                </span>
              ))}
            </Text>
          </li>
        ))}
      </ul>
      {total > causes.length && (
        <Text size="xs" c="dimmed">
          {words.moreCauses(total - causes.length)}
        </Text>
      )}
    </Box>
  );
}
