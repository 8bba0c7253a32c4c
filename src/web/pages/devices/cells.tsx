// The cells of the table: what a column shows of a device. Names and serials are text of their own direction, cut where long.
import { Group, Text, Tooltip } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Age } from '../../parts/age.tsx';
import { LongText } from '../../parts/long-text.tsx';
import { StateMark, type Tone } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';
import { deviceReasonLabels } from './labels.ts';
import type { DeviceLine } from './table-state.ts';

const words = texts.devices;

interface CellProps {
  line: DeviceLine;
  column: string;
  /** Why a device has no posture is said along with that: no column of its own says it. */
  saysWhy: boolean;
}

export function Cell({ line, column, saysWhy }: CellProps) {
  if (column.includes(':')) return <ValueCell value={line.attributes?.[column]} />;
  switch (column) {
    case 'serials':
      return <Serials serials={line.serials ?? []} />;
    case 'freshness':
      return <FreshnessCell line={line} saysWhy={saysWhy} />;
    case 'match':
      return line.match ? <MatchCell match={line.match} /> : null;
    case 'postures':
      return <PosturesCell postures={line.postures ?? []} />;
    case 'lastSeen':
      return <Time at={line.lastSeen} />;
    case 'created':
      return <Time at={line.created} />;
    case 'tags':
    case 'addresses':
      return <Texts texts={line[column] ?? []} />;
    case 'postureIdentity':
      return <Text size="sm">{line.postureIdentity ? words.identities[line.postureIdentity] : ''}</Text>;
    case 'user':
    case 'os':
      return <Plain text={line[column]} />;
    default:
      return null;
  }
}

function Plain({ text }: { text: string | null | undefined }) {
  return text ? (
    <LongText size="sm" maw={{ base: 204, xl: 320 }}>
      {text}
    </LongText>
  ) : (
    <Nought />
  );
}

/** What is not there: a dash, and nothing for who cannot see it. */
function Nought() {
  return (
    <Text size="sm" c="dimmed" aria-hidden>
      –
    </Text>
  );
}

function Time({ at }: { at: string | null | undefined }) {
  return (
    <Text size="sm" component="span" className="one-line">
      <Age at={at} />
    </Text>
  );
}

function Texts({ texts: all }: { texts: readonly string[] }) {
  if (all.length === 0) return <Nought />;
  return <Plain text={all.join(', ')} />;
}

function ValueCell({ value }: { value: boolean | number | string | undefined }) {
  return value === undefined ? <Nought /> : <Plain text={String(value)} />;
}

function Serials({ serials }: { serials: NonNullable<DeviceLine['serials']> }) {
  const shown = serials.filter(({ problem }) => problem !== 'replaced_by_manual');
  const [first, ...others] = shown;
  if (first === undefined) return <Nought />;
  const problem = shown.find(each => each.problem !== null)?.problem;
  const why = problem ? (texts.devices.page.identity.problems as Readonly<Record<string, string>>)[problem] : undefined;
  return (
    <Group gap={4} wrap="nowrap">
      <LongText size="sm" ff="monospace" maw={140}>
        {first.serial}
      </LongText>
      {others.length > 0 && (
        <Text size="xs" c="dimmed" className="one-line">
          +{others.length}
        </Text>
      )}
      {why !== undefined && (
        <Tooltip label={why}>
          <IconAlertTriangle size={14} aria-label={why} role="img" className="warning-sign" />
        </Tooltip>
      )}
    </Group>
  );
}

const freshnessTones: Readonly<Record<string, Tone>> = { fresh: 'good', stale: 'warning', none: 'unknown' };

export function FreshnessMark({ freshness }: { freshness: NonNullable<DeviceLine['freshness']> }) {
  const { label, about } = words.freshness[freshness.state];
  return (
    <Tooltip label={about}>
      <span>
        <StateMark tone={freshnessTones[freshness.state] ?? 'unknown'}>{label}</StateMark>
      </span>
    </Tooltip>
  );
}

function MatchCell({ match }: { match: NonNullable<DeviceLine['match']> }) {
  return (
    <Text size="sm" component="div">
      {match.reason === null ? words.matched : <MatchMark match={match} />}
    </Text>
  );
}

function FreshnessCell({ line: { freshness, match }, saysWhy }: Omit<CellProps, 'column'>) {
  if (freshness === undefined) return null;
  return (
    <>
      <FreshnessMark freshness={freshness} />
      {saysWhy && freshness.state === 'none' && match && match.reason !== null && (
        <Text size="xs" component="div" mt={2}>
          <MatchMark match={match} />
        </Text>
      )}
    </>
  );
}

function MatchMark({ match }: { match: NonNullable<DeviceLine['match']> }) {
  return (
    <Tooltip label={match.explanation} multiline maw={360}>
      <Text inherit c="dimmed" className="one-line">
        {deviceReasonLabels[match.reason ?? ''] ?? match.reason}
      </Text>
    </Tooltip>
  );
}

function PosturesCell({ postures }: { postures: NonNullable<DeviceLine['postures']> }) {
  if (postures.length === 0)
    return (
      <Text size="sm" c="dimmed">
        {words.noneJudged}
      </Text>
    );
  const of = (state: string) => postures.filter(each => each.state === state).map(({ posture }) => posture.slice(8));
  const [failing, unknown] = [of('failing'), of('unknown')];
  const named = [...failing, ...unknown].join(', ');
  return (
    <Tooltip label={<bdi>{named}</bdi>} disabled={named === ''} multiline maw={360}>
      <Group gap={4} wrap="nowrap">
        {failing.length > 0 && <StateMark tone="bad">{words.failing(failing.length)}</StateMark>}
        {unknown.length > 0 && <StateMark tone="unknown">{words.unknown(unknown.length)}</StateMark>}
        {named === '' && <StateMark tone="good">{words.allPass(postures.length)}</StateMark>}
      </Group>
    </Tooltip>
  );
}
