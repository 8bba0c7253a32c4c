// The cells of the table: what a column shows of a device. Names and serials are text of their own direction, cut where long.
import { IconAlertTriangle } from '@tabler/icons-react';
import { Age } from '../../parts/age.tsx';
import { Cut } from '../../parts/long-text.tsx';
import { timeOf } from '../../parts/pieces.ts';
import { StateMark, type Tone } from '../../parts/state-mark.tsx';
import { tip } from '../../parts/tip.tsx';
import { texts } from '../../texts.ts';
import { deviceReasonLabels } from './labels.ts';
import type { DeviceLine } from './table-state.ts';

const words = texts.devices;

interface CellProps {
  line: DeviceLine;
  column: string;
  /** Why a device has no posture is said along with that: no column of its own says it. */
  saysWhy: boolean;
  /** False: no worker judges, and postures are of before. */
  isJudged: boolean;
}

export function Cell({ line, column, saysWhy, isJudged }: CellProps) {
  if (column.includes(':')) return <ValueCell value={line.attributes?.[column]} />;
  switch (column) {
    case 'serials':
      return <Serials serials={line.serials ?? []} />;
    case 'freshness':
      return <FreshnessCell line={line} saysWhy={saysWhy} />;
    case 'match':
      return line.match ? <MatchCell match={line.match} /> : null;
    case 'postures':
      return <PosturesCell line={line} isJudged={isJudged} />;
    case 'lastSeen':
      return <Time at={line.lastSeen} />;
    case 'created':
      return <Time at={line.created} />;
    case 'tags':
    case 'addresses':
      return <Texts texts={line[column] ?? []} />;
    case 'postureIdentity':
      return line.postureIdentity ? words.identities[line.postureIdentity] : null;
    case 'user':
    case 'os':
      return <Plain text={line[column]} />;
    default:
      return null;
  }
}

function Plain({ text }: { text: string | null | undefined }) {
  return text ? (
    <span className="devices-text">
      <Cut>{text}</Cut>
    </span>
  ) : (
    <Nought />
  );
}

/** What is not there: a dash, and nothing for who cannot see it. */
function Nought() {
  return (
    <span className="dimmed" aria-hidden>
      –
    </span>
  );
}

function Time({ at }: { at: string | null | undefined }) {
  return (
    <span className="one-line">
      <Age at={at} />
    </span>
  );
}

function Texts({ texts: all }: { texts: readonly string[] }) {
  if (all.length === 0) return <Nought />;
  return <Plain text={all.join(', ')} />;
}

function ValueCell({ value }: { value: boolean | number | string | undefined }) {
  if (value === undefined) return <Nought />;
  const time = timeOf(value);
  return time === null ? <Plain text={String(value)} /> : <Time at={time} />;
}

function Serials({ serials }: { serials: NonNullable<DeviceLine['serials']> }) {
  const shown = serials.filter(({ problem }) => problem !== 'replaced_by_manual');
  const [first, ...others] = shown;
  if (first === undefined) return <Nought />;
  const problem = shown.find(each => each.problem !== null)?.problem;
  const why = problem ? (texts.devices.page.identity.problems as Readonly<Record<string, string>>)[problem] : undefined;
  return (
    <span className="devices-several">
      <span className="devices-serial">
        <Cut>{first.serial}</Cut>
      </span>
      {others.length > 0 && <span className="devices-more">+{others.length}</span>}
      {why !== undefined && (
        <IconAlertTriangle size={14} aria-label={why} role="img" className="warning-sign" {...tip(why)} />
      )}
    </span>
  );
}

const freshnessTones: Readonly<Record<string, Tone>> = { fresh: 'good', stale: 'warning', none: 'unknown' };

export function FreshnessMark({ freshness }: { freshness: NonNullable<DeviceLine['freshness']> }) {
  const { label, about } = words.freshness[freshness.state];
  return (
    <span {...tip(about)}>
      <StateMark tone={freshnessTones[freshness.state] ?? 'unknown'}>{label}</StateMark>
    </span>
  );
}

function MatchCell({ match }: { match: NonNullable<DeviceLine['match']> }) {
  return match.reason === null ? words.matched : <MatchMark match={match} />;
}

function FreshnessCell({ line: { freshness, match }, saysWhy }: Pick<CellProps, 'line' | 'saysWhy'>) {
  if (freshness === undefined) return null;
  return (
    <>
      <FreshnessMark freshness={freshness} />
      {saysWhy && freshness.state === 'none' && match && (
        <div className="devices-why">
          {match.reason === null ? <span className="dimmed">{words.saysNothing}</span> : <MatchMark match={match} />}
        </div>
      )}
    </>
  );
}

function MatchMark({ match }: { match: NonNullable<DeviceLine['match']> }) {
  return (
    <span className="dimmed one-line" {...tip(match.explanation)}>
      {deviceReasonLabels[match.reason ?? ''] ?? match.reason}
    </span>
  );
}

function PosturesCell({ line: { postures = [], freshness }, isJudged }: Pick<CellProps, 'line' | 'isJudged'>) {
  if (postures.length === 0) return <span className="dimmed">{words.noneJudged}</span>;
  const of = (state: string) => postures.filter(each => each.state === state).map(({ posture }) => posture.slice(8));
  const [failing, unknown] = [of('failing'), of('unknown')];
  const named = [...failing, ...unknown].join(', ');
  // Whoever passes by what is old, or was judged by nobody since, is not known to pass now.
  const old = isJudged ? (freshness?.state === 'stale' ? words.passStale : null) : words.passUnjudged;
  return (
    <span className="devices-several" {...tip(named === '' ? old : named)}>
      {failing.length > 0 && <StateMark tone="bad">{words.failing(failing.length)}</StateMark>}
      {unknown.length > 0 && <StateMark tone="unknown">{words.unknown(unknown.length)}</StateMark>}
      {named === '' && <StateMark tone={old === null ? 'good' : 'unknown'}>{words.allPass(postures.length)}</StateMark>}
    </span>
  );
}
