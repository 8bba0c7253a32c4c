// What the database tells of syncs in figures, read at once for whoever watches: a few rows an integration by their indexes. Agents are
// not counted here, for that takes seconds with a million of them: each run counts them and leaves it in its row.
import type { Pool } from './client.ts';
import type { Integration } from './integrations.ts';
import { inSnapshot } from './standing-reports.ts';
import { readTotals, type Total } from './totals.ts';

type Columns = Pick<
  Integration,
  | 'id'
  | 'name'
  | 'provider'
  | 'createdAt'
  | 'succeededAt'
  | 'pauseReason'
  | 'failingSince'
  | 'heldSince'
  | 'heldDevices'
  | 'tokenExpiresAt'
>;

export interface IntegrationFigures extends Columns {
  /** When the values end that no sweep confirms; null: never, or there are none. */
  evidenceExpiresAt: Date | null;
  /** When what decisions rest on was confirmed, of the oldest of it; null where there is none. */
  oldestEvidenceAt: Date | null;
  /** Of the last run that came to its end; null before the first one. */
  lastRun: { durationMs: number; matched: number; unmatched: Record<string, number> } | null;
}

export interface StoredFigures {
  integrations: IntegrationFigures[];
  totals: Total[];
  revision: number;
  refetchesWaiting: number;
  /** When what the oldest waiting notice tells happened, by webhook; null where none waits. Those that are disabled are left out. */
  webhooks: { name: string; waitingSince: Date | null }[];
  /** Devices whose standings are not of now yet; null before anything was judged. */
  standingsWaiting: number | null;
  /** Null while none is on schedule. */
  tailnetImport: { since: Date; succeededAt: Date | null; isFailing: boolean; rejected: number } | null;
}

/**
 * Evidence that counts is never older than the last complete sweep, but for agents that are unreadable since, and for values that
 * are withheld from being removed. Before the first complete sweep it may be as old as the first run that saw agents.
 */
const integrationFigures = `
  select i.id, i.name, i.provider, i.created_at as "createdAt", i.succeeded_at as "succeededAt", i.pause_reason as "pauseReason",
    i.failing_since as "failingSince", i.held_since as "heldSince", i.held_devices as "heldDevices", i.token_expires_at as "tokenExpiresAt",
    case when r.matched > 0 then i.swept_at + i.expire_after_ms * interval '1 millisecond' end as "evidenceExpiresAt",
    case when r.matched > 0 then least(coalesce(i.swept_at, first.started_at), frozen.at, withheld.at) else withheld.at end as "oldestEvidenceAt",
    case when r.id is not null then jsonb_build_object('durationMs', r.duration_ms, 'matched', r.matched, 'unmatched', r.unmatched) end as "lastRun"
  from integrations i
  left join lateral (
    select id, duration_ms, matched, unmatched from sync_runs where integration_id = i.id and head_ms is not null order by id desc limit 1
  ) r on true
  left join lateral (
    select min(started_at) as started_at from sync_runs where i.swept_at is null and integration_id = i.id and agents > 0
  ) first on true
  left join lateral (
    select min(frozen_at) as at from agents where integration_id = i.id and frozen_at is not null and reason is null
  ) frozen on true
  left join lateral (select min(confirmed_at) as at from withheld_values where integration_id = i.id) withheld on true
  order by i.name`;

const oldestNotices = `
  select w.name, d.event_time as "waitingSince" from webhooks w
  left join lateral (
    select event_time from webhook_deliveries where webhook_id = w.id and delivered_at is null and given_up_at is null order by revision, n limit 1
  ) d on true
  where w.disabled_at is null order by w.name`;

/**
 * Reads all of it as of one moment.
 * @param withinMs a query that takes longer is ended by the server
 * @throws when the database is away, or takes longer
 */
export async function readFigures(db: Pool, withinMs: number): Promise<StoredFigures> {
  return await inSnapshot(db, async client => {
    await client.query(`set local statement_timeout = ${Math.round(withinMs)}`);
    const integrations = await client.query(integrationFigures);
    const totals = await readTotals(client);
    const webhooks = await client.query(oldestNotices);
    const imports = await client.query(
      `select since, succeeded_at as "succeededAt", failing_since is not null as "isFailing", coalesce((result ->> 'rejectedTotal')::int, 0) as rejected
       from tailnet_import`,
    );
    const { rows } = await client.query(
      `select (select revision from head) as revision,
         (select count(*)::int from requests where kind = 'refetch' and finished_at is null) as "refetchesWaiting",
         (select waiting from standings_progress) as "standingsWaiting"`,
    );
    const told = { integrations: integrations.rows, totals, webhooks: webhooks.rows };
    return { ...told, tailnetImport: imports.rows[0] ?? null, ...rows[0] };
  });
}
