// One sync run of one integration, top to bottom: claim -> extract -> judge -> merge -> finish. Read this first. Everything a
// run writes goes through its own session, which holds the run lock: when the session dies the run is dead, nothing can be
// written late, and the next worker takes over at once.
import { connect, type Queryable, type Session } from '../store/client.ts';
import {
  endFrozenRun,
  inMergeTurn,
  integrationById,
  isDue,
  isRunning,
  tryRunLock,
  updateIntegration,
} from '../store/integrations.ts';
import { closeDeadRuns, closeRun, diedTooOften, mostDeaths, openRun } from '../store/runs.ts';
import { freshenStatistics } from '../store/statistics.ts';
import { createStage } from '../store/sweep.ts';
import { defaultSessionIdleMs, type Run, type SyncContext, type SyncOptions, type SyncResult } from './context.ts';
import { extract } from './extract.ts';
import { finishBroken, finishRun, rowOf } from './finish.ts';
import { merge } from './merge.ts';
import { showEnd, showProgress } from './run-progress.ts';

/** Within a transaction a frozen session is ended sooner than outside: everybody else waits. */
const mostIdleInTransactionMs = 10_000;

/**
 * Runs one sync.
 * @returns what happened, or null when another session has the run lock, the integration is gone or not due, or its last
 *   runs all died with their worker (then it waits an interval)
 * @throws when the database is lost (the run is then closed as abandoned by the next claim), and for faults of ours (it is
 *   closed as failed, and the integration waits for its next turn)
 */
export async function runSync(
  context: SyncContext,
  integrationId: string,
  options: SyncOptions,
): Promise<SyncResult | null> {
  const session = await openSession(context, 'posture-sync run');
  try {
    const claim = await claimRun(context, session, integrationId, options);
    if (!claim) return null;
    try {
      return await carryOut(context, session, claim, options);
    } catch (error) {
      await finishBroken(context, session, claim).catch(() => {});
      throw error;
    }
  } finally {
    await session.end().catch(() => {});
  }
}

/** A session that ends by itself when this process freezes: then it can neither keep others waiting nor write late. */
export async function openSession(
  context: Pick<SyncContext, 'databaseUrl' | 'sessionIdleMs'>,
  applicationName: string,
): Promise<Session> {
  const session = await connect(context.databaseUrl, { applicationName });
  try {
    const idleMs = context.sessionIdleMs ?? defaultSessionIdleMs;
    await session.query(`set idle_session_timeout = ${idleMs}`);
    await session.query(`set idle_in_transaction_session_timeout = ${Math.min(idleMs, mostIdleInTransactionMs)}`);
    return session;
  } catch (error) {
    await session.end().catch(() => {});
    throw error;
  }
}

/** Whether some worker is at an integration. One that froze is ended: it will not be at the next question. */
export async function isTaken(context: SyncContext, db: Queryable, integrationId: string): Promise<boolean> {
  if (!(await isRunning(db, integrationId))) return false;
  const ended = await endFrozenRun(db, integrationId, context.sessionIdleMs ?? defaultSessionIdleMs);
  if (ended) context.log.warn({ integrationId }, 'ended the session of a frozen worker');
  return true;
}

async function claimRun(
  context: SyncContext,
  session: Session,
  integrationId: string,
  options: SyncOptions,
): Promise<Run | null> {
  if (!(await tryRunLock(session, integrationId))) {
    await isTaken(context, session, integrationId);
    return null;
  }
  const startedAt = context.now();
  const found = await integrationById(session, integrationId);
  const integration = found && { ...found, ...options.instead };
  if (!integration || (options.onlyIfDue && !isDue(integration, startedAt))) return null;
  if (!options.dryRun && (await closeDeadRuns(session, integrationId, startedAt)) > 0) {
    context.log.warn({ integration: integration.name }, 'took over from a run whose worker died');
    if (await diedTooOften(session, integration)) {
      context.log.error(
        { integration: integration.name, deaths: mostDeaths },
        'runs keep dying with their worker: waiting an interval',
      );
      await updateIntegration(session, integrationId, {
        nextSyncAt: new Date(startedAt.getTime() + context.syncIntervalMs),
      });
      return null;
    }
  }
  const runId = options.dryRun ? null : await openRun(session, integrationId, context.worker, startedAt);
  return {
    integration,
    provider: context.providerOf(integration.provider),
    runId,
    startedAt,
    startedMs: performance.now(),
    dryRun: options.dryRun === true,
    instead: options.instead ?? null,
    pages: 0,
    skipped: 0,
    nameless: 0,
    staged: 0,
    claimedTotal: null,
    unset: {},
    requests: {},
    account: undefined,
    told: null,
    error: null,
  };
}

async function carryOut(
  context: SyncContext,
  session: Session,
  run: Run,
  options: SyncOptions,
): Promise<SyncResult | null> {
  await options.reached?.('claimed');
  await createStage(session);
  const extracted = await extract(context, session, run, options);
  if (options.signal.aborted) return await abandon(context, session, run);
  await showProgress(context, session, run, 'merging');
  const merged = await inMergeTurn(session, run.integration.id, () => merge(context, session, run, extracted, options));
  if (merged === 'outdated') return await abandon(context, session, run);
  await options.reached?.('after commit');
  const result = await finishRun(context, session, run, merged);
  if (!run.dryRun) await freshenStatistics(session);
  return result;
}

/** Ends a run that was stopped or overtaken; what it staged is dropped, and the integration stays due. */
async function abandon(context: SyncContext, session: Session, run: Run): Promise<SyncResult | null> {
  const durationMs = Math.round(performance.now() - run.startedMs);
  if (run.runId !== null) {
    const { pages, staged: agents, requests } = run;
    const closing = { outcome: 'abandoned', finishedAt: context.now(), pages, agents, durationMs } as const;
    await closeRun(session, rowOf(run, run.runId), closing, { requests });
    await showEnd(session, run);
  }
  context.log.info(
    { integration: run.integration.name, pages: run.pages },
    'sync abandoned: stopped, or the settings changed meanwhile',
  );
  return {
    integration: run.integration.name,
    outcome: 'abandoned',
    complete: false,
    pages: run.pages,
    agents: run.staged,
    skipped: run.skipped,
    matched: 0,
    unmatched: {},
    attributes: { set: 0, changed: 0, removed: 0, withheld: 0 },
    events: 0,
    error: null,
    durationMs,
    dryRun: run.dryRun,
  };
}
