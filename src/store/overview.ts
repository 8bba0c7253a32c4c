// The figures of the overview: how fresh what is known of all devices is, why others have nothing, and how each integration's syncs
// went. Counted when asked: some 0.2 s with 100,000 devices, so whoever asks often keeps them for a moment.
import { customSource } from '../posture/custom-attributes.ts';
import type { Client, Queryable } from './client.ts';
import { evidenceConfirmedAt, evidenceRows, isEvidence } from './device-freshness.ts';
import { deviceReason } from './devices.ts';

/** The values of providers by device: whose, and when the oldest of them were confirmed. */
const evidence = `select v.device_id, v.integration_id, ${evidenceConfirmedAt} as at from ${evidenceRows} where ${isEvidence}`;

export interface Freshness {
  devices: number;
  /** All that a provider says of them was confirmed lately enough. */
  fresh: number;
  /** Something of it was not. */
  stale: number;
  /** Devices by integration that says something of them. */
  byIntegration: Record<string, number>;
  oldestAt: Date | null;
}

/**
 * A device has one row for each provider: with a single one the rows need not be brought together by device, which is half of the work.
 * @param since what was confirmed before is not fresh
 */
export async function countFreshness(client: Client, since: Date): Promise<Freshness> {
  const { rows: providers } = await client.query('select distinct provider from integrations');
  const { rows } = await client.query(providers.length > 1 ? ofSeveralProviders : ofOneProvider, [since]);
  return rows[0];
}

const allDevices = '(select count(*)::int from devices) as devices';

const ofOneProvider = `
  select ${allDevices}, coalesce(sum(fresh), 0)::int as fresh, coalesce(sum(n - fresh), 0)::int as stale, min(at) as "oldestAt",
    coalesce(jsonb_object_agg(integration_id, n) filter (where integration_id is not null), '{}') as "byIntegration"
  from (select integration_id, count(*)::int as n, count(*) filter (where at >= $1)::int as fresh, min(at) as at from (${evidence}) e group by 1) s`;

const ofSeveralProviders = `
  with evidence as materialized (${evidence}), devices_with as (select min(at) as at from evidence group by device_id)
  select ${allDevices},
    (select count(*)::int from devices_with where at >= $1) as fresh,
    (select count(*)::int from devices_with where at is null or at < $1) as stale,
    (select min(at) from evidence) as "oldestAt",
    (select coalesce(jsonb_object_agg(integration_id, n), '{}') from (
       select integration_id, count(*)::int as n from evidence where integration_id is not null group by 1) s) as "byIntegration"`;

export interface OldestEvidence {
  device: string;
  hostname: string | null;
  /** Its id. */
  integration: string | null;
  confirmedAt: Date;
}

/** @param at when the oldest was confirmed, as counted @returns one of those that were confirmed then */
export async function evidenceOf(client: Client, at: Date): Promise<OldestEvidence | null> {
  const { rows } = await client.query(
    `select e.device_id as device, d.hostname, e.integration_id as integration, e.at as "confirmedAt"
     from (${evidence}) e join devices d on d.id = e.device_id where e.at = $1 limit 1`,
    [at],
  );
  return rows[0] ?? null;
}

/** @returns devices of which no provider says anything, by why; null: an agent speaks for them and says nothing */
export async function countWithoutEvidence(client: Client): Promise<{ reason: string | null; devices: number }[]> {
  const { rows } = await client.query(
    `select reason, count(*)::int as devices from (
       select ${deviceReason} as reason from devices d
       where not exists (select from device_attributes v where v.device_id = d.id and v.source <> '${customSource}' and v.values <> '{}')
     ) s group by reason order by devices desc, reason`,
  );
  return rows;
}

/** Agents by what became of them, as a run counted them. */
export interface RunFigures {
  startedAt: Date;
  matched: number;
  /** By reason. */
  unmatched: Record<string, number>;
}

/** Of an integration: its last run that came to its end, and the last such that had begun by some time before, or the first one ever. */
export interface RunPair {
  id: string;
  last: RunFigures | null;
  before: RunFigures | null;
  /** Agents and pages of the run that is on, if one is. */
  current: { startedAt: Date; pages: number; agents: number } | null;
}

/** @param before when what is compared with had begun */
export async function readRunPairs(db: Queryable, before: Date): Promise<RunPair[]> {
  const figures = `jsonb_build_object('startedAt', started_at, 'matched', matched, 'unmatched', unmatched)`;
  const { rows } = await db.query(
    `select i.id, last.figures as last, coalesce(earlier.figures, first.figures) as before, current.figures as current
     from integrations i
     left join lateral (
       select ${figures} as figures from sync_runs where integration_id = i.id and head_ms is not null order by id desc limit 1
     ) last on true
     left join lateral (
       select ${figures} as figures from sync_runs where integration_id = i.id and outcome = 'succeeded' and started_at <= $1 order by id desc limit 1
     ) earlier on true
     left join lateral (
       select ${figures} as figures from sync_runs where integration_id = i.id and outcome = 'succeeded' and earlier.figures is null order by id limit 1
     ) first on true
     left join lateral (
       select jsonb_build_object('startedAt', started_at, 'pages', pages, 'agents', agents) as figures, finished_at
       from sync_runs where integration_id = i.id order by id desc limit 1
     ) current on current.finished_at is null
     order by i.name`,
    [before],
  );
  return rows.map(({ id, last, before: compared, current }) => ({
    id,
    last: withTime(last),
    before: withTime(compared),
    current: withTime(current),
  }));
}

/** JSON has times as texts. */
function withTime<T extends { startedAt: Date }>(
  figures: (Omit<T, 'startedAt'> & { startedAt: string }) | null,
): T | null {
  return figures === null ? null : ({ ...figures, startedAt: new Date(figures.startedAt) } as unknown as T);
}

/** @returns when integrations that are paused were paused, by id; those of which the log knows nothing are left out */
export async function readPauses(db: Queryable): Promise<Map<string, Date>> {
  const { rows } = await db.query(
    `select i.id, p.at from integrations i cross join lateral (
       select event_time as at from audit_log where target_id = i.id and event = 'TAILNET.PAUSE.POSTURE_INTEGRATION' order by event_time desc limit 1
     ) p where i.pause_reason is not null`,
  );
  return new Map(rows.map(({ id, at }) => [id, at]));
}

/** @param causes of writes that are passed over, which are few in a row @returns the revision of the last write beside those; 0 where none is kept */
export async function lastRevisionBeside(db: Queryable, causes: readonly string[]): Promise<number> {
  const { rows } = await db.query(
    'select revision from revisions where cause <> all($1) order by revision desc limit 1',
    [causes],
  );
  return rows[0]?.revision ?? 0;
}
