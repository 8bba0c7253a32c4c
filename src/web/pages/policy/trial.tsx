// The policy tried on a device: each posture with each condition, what was expected and what was found; by the text in the editor where there
// is one that is not in force.
import { Anchor, Box, Group, Skeleton, Stack, Text, Title } from '@mantine/core';
import { IconDeviceLaptop } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Link } from 'react-router';
import type { Schemas } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Age } from '../../parts/age.tsx';
import { Answered } from '../../parts/answered.tsx';
import { DeviceChoice } from '../../parts/device-choice.tsx';
import { Failure } from '../../parts/failure.tsx';
import { Nothing } from '../../parts/nothing.tsx';
import { RestsOnOld, standingTone } from '../../parts/rests-on-old.tsx';
import { StateMark } from '../../parts/state-mark.tsx';
import { useUrlState } from '../../parts/url-state.ts';
import { texts } from '../../texts.ts';
import { useDraft } from './draft.ts';
import { Found } from './found.tsx';
import { NoPolicy } from './postures.tsx';
import { trialQuery, useHasPolicy } from './queries.ts';

type Trial = Schemas['SimulatedPostures'];
type Tried = Trial['postures'][number];
type Part = Schemas['SimulatedPart'];

export function TrialTab() {
  const may = useMay();
  const [url, change] = useUrlState();
  const { draft } = useDraft();
  const device = url.get('device') ?? '';
  const hasPolicy = useHasPolicy();
  const words = texts.policy.trial;
  if (!may('policy_file:read') || !may('devices:posture_attributes:read'))
    return <Nothing icon={IconDeviceLaptop} title={words.notAllowed} />;
  if (draft === null && hasPolicy === false) return <NoPolicy />;
  if (draft === null && hasPolicy === null) return <Skeleton h={320} />;
  return (
    <Stack gap="md">
      <Group align="flex-end" gap="md">
        <DeviceChoice device={device} onChoose={chosen => change({ device: chosen })} w={{ base: '100%', xs: 360 }} />
        <Text size="sm" c="dimmed" pb={6}>
          {draft === null ? words.byInForce : words.byDraft}
        </Text>
      </Group>
      {device === '' ? (
        <Nothing icon={IconDeviceLaptop} title={words.choose}>
          <Text c="dimmed">{words.chooseAbout}</Text>
        </Nothing>
      ) : (
        <TrialOf device={device} text={draft?.text ?? null} />
      )}
    </Stack>
  );
}

function TrialOf({ device, text }: { device: string; text: string | null }) {
  const trial = useQuery(trialQuery(device, text));
  const words = texts.policy.trial;
  if (trial.isPending) return <Skeleton h={320} />;
  if (trial.data === undefined) return <Failure error={trial.error} onRetry={() => trial.refetch()} />;
  const { postures, posturesTotal, user, tags } = trial.data;
  return (
    <Stack gap="md">
      <Answered query={trial}>
        <Text size="sm" c="dimmed">
          <Anchor component={Link} to={`/devices/${encodeURIComponent(device)}`}>
            <bdi>{device}</bdi>
          </Anchor>{' '}
          <bdi>{[user ?? words.noUser, ...tags].join(' · ')}</bdi>
        </Text>
        {postures.length === 0 && <Text>{words.noPostures}</Text>}
        {postures.map(posture => (
          <TriedPosture key={posture.posture} tried={posture} freshWithinMs={trial.data.freshWithinMs} />
        ))}
        {posturesTotal > postures.length && (
          <Text size="sm" c="dimmed">
            {words.morePostures(posturesTotal - postures.length)}
          </Text>
        )}
        <Reaches trial={trial.data} isDraft={text !== null} />
      </Answered>
    </Stack>
  );
}

function TriedPosture({ tried, freshWithinMs }: { tried: Tried; freshWithinMs: number }) {
  const { posture, state, description, isForDevice, tags, conditions, validUntil, restsOn } = tried;
  const words = texts.policy.trial;
  return (
    <Box className="card" component="section" aria-label={posture}>
      <Group p="sm" gap="sm" wrap="wrap">
        <StateMark tone={standingTone(state, restsOn?.isFresh)}>{texts.policy.postures.states[state]}</StateMark>
        <Title order={2} fz="md" className="wrap code">
          <bdi>{posture}</bdi>
        </Title>
        {description !== null && (
          <Text size="sm" c="dimmed" className="wrap">
            <bdi>{description}</bdi>
          </Text>
        )}
      </Group>
      {state === 'passing' && restsOn?.isFresh === false && (
        <Text size="sm" px="sm" pb="xs">
          <RestsOnOld confirmedAt={restsOn.confirmedAt} freshWithinMs={freshWithinMs} />
        </Text>
      )}
      {!isForDevice && (
        <Text size="sm" px="sm" pb="xs">
          {words.notForDevice(tags)}
        </Text>
      )}
      <ul className="policy-list">
        {conditions.map(({ condition, state: its, parts, partsTotal }) => {
          const [only] = parts;
          const isFresh = !parts.some(part => part.state === 'passing' && part.isFresh === false);
          if (parts.length === 1 && only !== undefined)
            return <PartItem key={condition} part={only} written={condition} isWhole />;
          return [
            <li key={condition} className="policy-item">
              <StateMark tone={standingTone(its, isFresh)}>{texts.policy.postures.states[its]}</StateMark>
              <span className="wrap code">
                <bdi>{condition}</bdi>
              </span>
            </li>,
            ...parts.map((part, i) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the same comparison may stand in a condition twice, in one order
              <PartItem key={`${condition} ${i}`} part={part} written={part.condition} isWhole={false} />
            )),
            ...(partsTotal > parts.length
              ? [
                  <li key={`${condition} more`} className="policy-item" data-part>
                    <span />
                    <span>{words.moreParts(partsTotal - parts.length)}</span>
                  </li>,
                ]
              : []),
          ];
        })}
      </ul>
      {validUntil !== null && (
        <Text size="xs" c="dimmed" px="sm" pb="sm">
          {words.changesBy} <Age at={validUntil} />
        </Text>
      )}
    </Box>
  );
}

function PartItem({ part, written, isWhole }: { part: Part; written: string; isWhole: boolean }) {
  const { state, condition, named, attribute, integration, confirmedAt, isFresh } = part;
  const words = texts.policy.trial;
  return (
    <li className="policy-item" data-part={!isWhole}>
      <StateMark tone={standingTone(state, isFresh)}>{texts.policy.postures.states[state]}</StateMark>
      <span className="wrap code">
        <bdi>{written}</bdi>
        {isWhole && written !== condition && attribute !== null && (
          <Text size="xs" c="dimmed" className="wrap">
            {words.means} <bdi>{condition}</bdi>
          </Text>
        )}
      </span>
      <Text size="sm" className="wrap">
        {named === null ? <Found of={part} /> : words.seePosture}
      </Text>
      <Text size="xs" c="dimmed" className="wrap">
        {integration !== null && (
          <>
            {words.from} <bdi>{integration}</bdi>
          </>
        )}
        {integration !== null && confirmedAt !== null && ', '}
        {confirmedAt !== null && (
          <>
            {words.confirmed} <Age at={confirmedAt} />
          </>
        )}
      </Text>
    </li>
  );
}

function Reaches({ trial, isDraft }: { trial: Trial; isDraft: boolean }) {
  const { reaches, reachesTotal, changes, changesTotal } = trial;
  const words = texts.policy.trial;
  return (
    <Box className="card" p="sm" component="section" aria-label={words.reaches}>
      <Title order={2} fz="md" mb={6}>
        {words.reaches}
      </Title>
      {reaches.length === 0 && <Text size="sm">{trial.rulesTotal === 0 ? words.noRules : words.reachesNothing}</Text>}
      {reaches.map(({ destination, rule }) => (
        <Text key={destination} size="sm" className="wrap">
          <span className="code">
            <bdi>{destination}</bdi>
          </span>{' '}
          <Text span c="dimmed" size="sm">
            {words.by(rule)}
          </Text>
        </Text>
      ))}
      {reachesTotal > reaches.length && <Text size="sm">{words.moreDestinations(reachesTotal - reaches.length)}</Text>}
      <Refusals trial={trial} />
      {isDraft && (
        <Text size="sm" mt="sm" fw={500}>
          {changesTotal === 0 ? words.noChange : words.changed}
        </Text>
      )}
      {changes.map(({ change, destination, rule, outcome, postures }) => (
        <Group key={destination} gap="xs" mt={4} wrap="nowrap" align="baseline">
          <StateMark tone={change === 'loses' ? 'warning' : 'plain'}>{words.change[change]}</StateMark>
          <Text size="sm" className="wrap">
            <span className="code">
              <bdi>{destination}</bdi>
            </span>{' '}
            <Text span c="dimmed" size="sm">
              {texts.policy.impact.reason(change, outcome, rule, postures)}
            </Text>
          </Text>
        </Group>
      ))}
      {changesTotal > changes.length && <Text size="sm">{words.moreDestinations(changesTotal - changes.length)}</Text>}
    </Box>
  );
}

/** Which rules do not let it through, and why. */
function Refusals({ trial: { refusals, refusalsTotal } }: { trial: Trial }) {
  const words = texts.policy.trial;
  if (refusals.length === 0) return null;
  return (
    <Box mt="sm">
      <Text size="sm" fw={500}>
        {words.refusals}
      </Text>
      <ul className="policy-refusals">
        {refusals.map(({ rule, line, destinations, reason, postures }) => (
          <li key={rule}>
            <Text size="sm" className="wrap">
              <span className="code">{rule}</span>{' '}
              <Text span c="dimmed" size="sm">
                {words.line(line)} · <bdi>{destinations.join(', ')}</bdi>
              </Text>
            </Text>
            <Text size="sm" component="div" className="wrap">
              {reason === 'not_about_it' ? words.notAboutIt : words.asksFor(postures.length)}
              {postures.map(({ posture, state }) => (
                <Group key={posture} gap={6} mt={2}>
                  <StateMark tone={standingTone(state, null)}>{texts.policy.postures.states[state]}</StateMark>
                  <bdi className="code">{posture}</bdi>
                </Group>
              ))}
            </Text>
          </li>
        ))}
      </ul>
      {refusalsTotal > refusals.length && <Text size="sm">{words.moreRules(refusalsTotal - refusals.length)}</Text>}
    </Box>
  );
}
