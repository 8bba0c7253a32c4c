// Sync runs: one row an attempt, opened at the claim and closed by whoever finishes it, or by the next claim.
import { and, desc, eq, isNull, lt } from 'drizzle-orm';
import { type Client, type Pool, type Queryable, reader } from './client.ts';
import { type RunPhase, type SyncOutcome, syncRuns } from './schema.ts';
import { type Additions, addTotals } from './totals.ts';

export type SyncRun = typeof syncRuns.$inferSelect;

export async function openRun(session: Client, integrationId: string, worker: string, at: Date): Promise<number> {
  const [row] = await reader(session)
    .insert(syncRuns)
    .values({ integrationId, worker, startedAt: at, progressAt: at, phase: 'reading' })
    .returning({ id: syncRuns.id });
  if (!row) throw new Error('insert returned no row');
  return row.id;
}

/** Rings while a run is on, and when it has ended, with a RunProgress as JSON. */
export const runChannel = 'run_progress';

export interface RunProgress {
  integrationId: string;
  runId: number;
  phase: RunPhase | 'ended';
  agents: number;
  /** How many the provider says there are. */
  claimedTotal: number | null;
}

/** Tells where a run is, in its row and to whoever listens. */
export async function tellProgress(
  session: Client,
  { runId, integrationId, phase, agents, claimedTotal, pages, at }: RunProgress & { pages: number; at: Date },
): Promise<void> {
  const told: RunProgress = { integrationId, runId, phase, agents, claimedTotal };
  await session.query(
    `with told as (update sync_runs set progress_at = $2, phase = $3, pages = $4, agents = $5, claimed_total = $6 where id = $1)
     select pg_notify($7, $8)`,
    [runId, at, phase, pages, agents, claimedTotal, runChannel, JSON.stringify(told)],
  );
}

/** Tells whoever listens that a run has ended, with all that follows from it. */
export async function tellEnd(session: Client, run: Omit<RunProgress, 'phase'>): Promise<void> {
  await session.query('select pg_notify($1, $2)', [runChannel, JSON.stringify({ ...run, phase: 'ended' })]);
}

export async function updateRun(session: Client, id: number, changes: Partial<Omit<SyncRun, 'id'>>): Promise<void> {
  await reader(session).update(syncRuns).set(changes).where(eq(syncRuns.id, id));
}

/**
 * Closes a run of this session and adds it to its integration's totals, both or neither.
 * @param more what is to be added beside the run itself, its duration and its attributes
 */
export async function closeRun(
  session: Client,
  run: { id: number; integrationId: string },
  changes: Partial<Omit<SyncRun, 'id'>> & { outcome: SyncOutcome; durationMs: number },
  more: Additions,
): Promise<void> {
  const { outcome, durationMs, attributesSet: set = 0, attributesChanged: changed = 0 } = changes;
  const { attributesRemoved: removed = 0, attributesWithheld: withheld = 0 } = changes;
  await session.query('begin');
  try {
    await updateRun(session, run.id, { ...changes, phase: null });
    await addTotals(session, run.integrationId, {
      runs: { [outcome]: 1 },
      run_ms: { [outcome]: durationMs },
      attributes: { set, changed, removed, withheld },
      ...more,
    });
    await session.query('commit');
  } catch (error) {
    await session.query('rollback').catch(() => {});
    throw error;
  }
}

/** Closes the runs whose session died. Call with the run lock held: then none of them is on. @returns how many */
export async function closeDeadRuns(session: Client, integrationId: string, at: Date): Promise<number> {
  const closed = await reader(session)
    .update(syncRuns)
    .set({ outcome: 'abandoned', finishedAt: at, phase: null })
    .where(and(eq(syncRuns.integrationId, integrationId), isNull(syncRuns.finishedAt)))
    .returning({ id: syncRuns.id });
  // How long it ran nobody knows.
  await addTotals(session, integrationId, { runs: { abandoned: closed.length } });
  return closed.length;
}

/** The last runs of an integration, newest first. @param before a run's id: only older ones */
export async function lastRuns(
  db: Pool | Client,
  integrationId: string,
  limit: number,
  before?: number,
): Promise<SyncRun[]> {
  return await reader(db)
    .select()
    .from(syncRuns)
    .where(and(eq(syncRuns.integrationId, integrationId), before === undefined ? undefined : lt(syncRuns.id, before)))
    .orderBy(desc(syncRuns.id))
    .limit(limit);
}

export async function runById(db: Pool | Client, id: number): Promise<SyncRun | null> {
  const [found] = await reader(db).select().from(syncRuns).where(eq(syncRuns.id, id));
  return found ?? null;
}

/** @returns how many of the newest finished runs in a row have that outcome */
export function streak(runs: readonly SyncRun[], outcome: SyncOutcome): number {
  const finished = runs.filter(run => run.finishedAt !== null);
  const end = finished.findIndex(run => run.outcome !== outcome);
  return end === -1 ? finished.length : end;
}

/** Devices that lost values through an integration's runs and refetches since a time, without those that had been accepted. */
export async function recentLosses(db: Queryable, integrationId: string, since: Date): Promise<number> {
  const { rows } = await db.query(
    `select coalesce((select sum(lost_devices) from sync_runs where integration_id = $1 and started_at > $2 and not losses_accepted), 0)::int
       + coalesce((select sum((losses ->> $1)::int) from requests where requested_at > $2 and losses is not null), 0)::int as n`,
    [integrationId, since],
  );
  return rows[0].n;
}

/** So many runs in a row that died with their worker, and the integration waits for its next turn instead. */
export const mostDeaths = 3;

/**
 * Whether the newest runs all died with their worker, since the settings were changed last. Each further death then waits an
 * interval again, until a run lives to its end. Runs that were stopped or overtaken ended themselves: they have a duration.
 */
export async function diedTooOften(
  db: Queryable,
  integration: { id: string; configUpdatedAt: Date },
): Promise<boolean> {
  const { rows } = await db.query(
    `select count(*) filter (where outcome = 'abandoned' and duration_ms is null)::int as died from (
       select outcome, duration_ms from sync_runs where integration_id = $1 and started_at >= $2 order by id desc limit $3) r`,
    [integration.id, integration.configUpdatedAt, mostDeaths],
  );
  return rows[0].died === mostDeaths;
}
