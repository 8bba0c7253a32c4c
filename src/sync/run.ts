// One sync run of one integration, top to bottom: claim -> extract -> judge -> merge -> finish. Read this first. Everything a
// run writes goes through its own session, which holds the run lock: when the session dies the run is dead, nothing can be
// written late, and the next worker takes over at once.
import { ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import { worker } from '../posture/events.ts';
import type { Egress } from '../providers/http.ts';
import type { AgentPage, AgentQuery, Provider } from '../providers/provider.ts';
import { openProvider } from '../providers/settings.ts';
import { type Client, connect, type Now, type Session } from '../store/client.ts';
import type { Derived } from '../store/derive.ts';
import {
  endFrozenRun,
  hurryOthers,
  type Integration,
  integrationById,
  isDue,
  lockIntegration,
  tryRunLock,
  updateIntegration,
} from '../store/integrations.ts';
import { closeDeadRuns, openRun, recentLosses, updateRun } from '../store/runs.ts';
import type { StoredError, SyncOutcome } from '../store/schema.ts';
import {
  absentAgents,
  compareStage,
  createStage,
  evidenceWouldTurn,
  type MatchCounts,
  matchCounts,
  mergeStage,
  presentAgents,
  settleStage,
  stageAgents,
} from '../store/sweep.ts';
import { hasWithheld, type PlannedChange, planChanges } from '../store/withheld.ts';
import { undo, type Write, write } from '../store/write.ts';
import { finishRun } from './finish.ts';
import { movingAttributes, stagePage } from './staging.ts';

/** What every run needs of the process it runs in. */
export interface SyncContext {
  databaseUrl: string;
  egress: Egress;
  providerOf(id: string): Provider;
  /** The settings whole, secrets opened. */
  settingsOf(integration: Integration): Record<string, unknown>;
  now: Now;
  log: Log;
  /** How this process names itself in sync_runs: host and pid. */
  worker: string;
  syncIntervalMs: number;
  authPauseMs: number;
  /** After so long without a word a worker counts as frozen: its session is ended. 60 s. */
  sessionIdleMs?: number;
}

export interface SyncProgress {
  pages: number;
  agents: number;
  claimedTotal: number | null;
}

export type SyncPoint = 'claimed' | 'page staged' | 'before head' | 'before commit' | 'after commit';

export interface SyncOptions {
  signal: AbortSignal;
  /** Plans the merge and undoes it; nothing is written, not even that it was tried. */
  dryRun?: boolean;
  /** Does nothing when the integration is not due, or not any more: another worker was faster. */
  onlyIfDue?: boolean;
  onProgress?(progress: SyncProgress): void;
  /** Tests stop or kill the process at these points. */
  reached?(point: SyncPoint): Promise<void> | void;
}

export interface SyncResult {
  integration: string;
  outcome: SyncOutcome;
  complete: boolean;
  pages: number;
  agents: number;
  skipped: number;
  matched: number;
  unmatched: Record<string, number>;
  attributes: { set: number; changed: number; removed: number; withheld: number };
  events: number;
  error: StoredError | null;
  durationMs: number;
  dryRun: boolean;
  /** With a dry run: what would change, the first thousand, and how many there are. */
  changes?: PlannedChange[];
  changesTotal?: number;
}

/** Bounds on everything a provider can make us do. */
const most = { pages: 20_000, agents: 10_000_000, extractMs: 2 * 3_600_000 };
const progressEveryMs = 10_000;
/** A frozen worker's session is ended after this, and its lock freed. Progress is written far more often. */
const defaultSessionIdleMs = 60_000;
/** Within a transaction sooner: everybody else waits. */
const mostIdleInTransactionMs = 10_000;
/** So many runs in a row that died with their worker, and the integration waits for its next turn instead. */
const mostDeaths = 3;

/**
 * Runs one sync.
 * @returns what happened, or null when another session has the run lock, the integration is gone or not due, or its last
 *   runs all died with their worker (then it waits an interval)
 * @throws when the database is lost; the run is then closed as abandoned by the next claim
 */
export async function runSync(
  context: SyncContext,
  integrationId: string,
  options: SyncOptions,
): Promise<SyncResult | null> {
  const session = await connect(context.databaseUrl, { applicationName: 'posture-sync run' });
  try {
    const idleMs = context.sessionIdleMs ?? defaultSessionIdleMs;
    await session.query(`set idle_session_timeout = ${idleMs}`);
    await session.query(`set idle_in_transaction_session_timeout = ${Math.min(idleMs, mostIdleInTransactionMs)}`);
    const claim = await claimRun(context, session, integrationId, options);
    return claim && (await carryOut(context, session, claim, options));
  } finally {
    await session.end().catch(() => {});
  }
}

/** A run under way: what was found at its start, and what it counted since. */
export interface Run {
  integration: Integration;
  provider: Provider;
  runId: number | null;
  startedAt: Date;
  startedMs: number;
  dryRun: boolean;
  pages: number;
  skipped: number;
  nameless: number;
  staged: number;
  claimedTotal: number | null;
  unset: Record<string, number>;
  account: AgentPage['account'] | undefined;
  error: ProviderError | null;
}

async function claimRun(
  context: SyncContext,
  session: Session,
  integrationId: string,
  options: SyncOptions,
): Promise<Run | null> {
  if (!(await tryRunLock(session, integrationId))) {
    const ended = await endFrozenRun(session, integrationId, context.sessionIdleMs ?? defaultSessionIdleMs);
    if (ended) context.log.warn({ integrationId }, 'ended the session of a frozen worker');
    return null;
  }
  const startedAt = context.now();
  const integration = await integrationById(session, integrationId);
  if (!integration || (options.onlyIfDue && !isDue(integration, startedAt))) return null;
  if (!options.dryRun && (await closeDeadRuns(session, integrationId, startedAt)) > 0) {
    context.log.warn({ integration: integration.name }, 'took over from a run whose worker died');
    if (await diedTooOften(session, integrationId)) {
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
    pages: 0,
    skipped: 0,
    nameless: 0,
    staged: 0,
    claimedTotal: null,
    unset: {},
    account: undefined,
    error: null,
  };
}

/** The newest runs that died one after the other; the run after an interval's wait begins a new count. */
async function diedTooOften(session: Session, integrationId: string): Promise<boolean> {
  const { rows } = await session.query(
    'select count(*) filter (where outcome = $2)::int as died from (select outcome from sync_runs where integration_id = $1 order by id desc limit $3) r',
    [integrationId, 'abandoned', mostDeaths],
  );
  return rows[0].died % mostDeaths === 0;
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
  const merged = await merge(context, session, run, extracted, options);
  if (merged === 'outdated') return await abandon(context, session, run);
  await options.reached?.('after commit');
  return await finishRun(context, session, run, merged);
}

interface Extracted {
  /** Distinct agents in the stage. */
  agents: number;
  complete: boolean;
  /** Those that were absent were asked for by id, and the answer came. */
  absenceConfirmed: boolean;
  /** No agent at all although there were some: nothing is merged, a human is asked. */
  emptied: boolean;
}

/** Reads pages into the stage, page n+1 while page n is written, and judges whether the sweep is complete. */
async function extract(context: SyncContext, session: Session, run: Run, options: SyncOptions): Promise<Extracted> {
  const deadline = AbortSignal.timeout(most.extractMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  try {
    const settings = context.settingsOf(run.integration);
    const http = openProvider(context.egress, run.provider, settings);
    const ask = (query: AgentQuery) => run.provider.agents(settings, query, { http, signal, now: context.now });
    const end = await stageAll(context, session, run, ask({ kind: 'all' }), options);
    const agents = await settleStage(session);
    if (!isComplete(run, agents, end.claimedTotal))
      return { agents, complete: false, absenceConfirmed: false, emptied: false };
    if (agents === 0 && run.nameless === 0) {
      const isNews = (await presentAgents(session, run.integration.id)) > 0;
      if (isNews && !acceptanceHolds(run.integration, run.startedAt))
        return { agents, complete: true, absenceConfirmed: false, emptied: true };
    }
    for (const ids of await absentInPortions(session, run)) {
      await stageAll(context, session, run, ask({ kind: 'some', ids, serials: [] }), options);
    }
    await settleStage(session);
    return { agents, complete: true, absenceConfirmed: true, emptied: false };
  } catch (error) {
    if (!options.signal.aborted) run.error = failureOf(error, deadline);
    return { agents: await settleStage(session), complete: false, absenceConfirmed: false, emptied: false };
  }
}

/** Anything else than a provider's failure is ours and goes up. */
function failureOf(error: unknown, deadline: AbortSignal): ProviderError {
  if (deadline.aborted)
    return new ProviderError('unavailable', `the sweep took longer than ${most.extractMs / 3_600_000} hours`);
  if (error instanceof ProviderError) return error;
  throw error;
}

/** The absent, as many at once as the provider takes. None where it cannot be asked: then the complete sweep is the word. */
async function absentInPortions(session: Session, run: Run): Promise<string[][]> {
  if (!run.provider.reads.includes('some')) return [];
  const absent = await absentAgents(session, run.integration.id);
  const portions: string[][] = [];
  for (let i = 0; i < absent.length; i += run.provider.someAtOnce)
    portions.push(absent.slice(i, i + run.provider.someAtOnce));
  return portions;
}

/** Stages pages as they come; page n+1 is fetched while page n is written. */
async function stageAll(
  context: SyncContext,
  session: Session,
  run: Run,
  pages: AsyncGenerator<AgentPage, { claimedTotal: number | null }>,
  options: SyncOptions,
): Promise<{ claimedTotal: number | null }> {
  const moving = new Set(movingAttributes(run.provider.attributes).map(({ name }) => name));
  const everyMs = Math.min(progressEveryMs, (context.sessionIdleMs ?? defaultSessionIdleMs) / 6);
  let next = pages.next();
  try {
    for (;;) {
      const step = await patiently(next, everyMs, () => writeProgress(context, session, run));
      if (step.done) return step.value;
      next = pages.next();
      // Awaited in the next turn; a failure before that must not count as unhandled.
      next.catch(() => {});
      await stageOne(session, run, step.value, moving);
      options.onProgress?.({ pages: run.pages, agents: run.staged, claimedTotal: run.claimedTotal });
      await options.reached?.('page staged');
      options.signal.throwIfAborted();
      if (run.pages > most.pages || run.staged > most.agents) {
        throw new ProviderError(
          'malformed',
          `the provider gave more than ${most.pages} pages or ${most.agents} agents: no end was seen`,
        );
      }
    }
  } finally {
    await next.catch(() => {});
    await pages.return({ claimedTotal: null }).catch(() => {});
  }
}

async function stageOne(session: Session, run: Run, page: AgentPage, moving: ReadonlySet<string>): Promise<void> {
  run.pages++;
  run.account ??= page.account;
  run.claimedTotal ??= page.claimedTotal;
  for (const [field, n] of Object.entries(page.unset)) run.unset[field] = (run.unset[field] ?? 0) + n;
  const { rows, skipped, nameless } = stagePage(page, moving);
  run.skipped += skipped;
  run.nameless += nameless;
  run.staged += rows.length;
  await stageAgents(session, rows);
}

/** Waits for a page, calling `meanwhile` again and again: a session that shows no life is ended, and a run must tell where it is. */
async function patiently<T>(page: Promise<T>, everyMs: number, meanwhile: () => Promise<void>): Promise<T> {
  for (;;) {
    const waiting = Promise.withResolvers<'waiting'>();
    const timer = setTimeout(() => waiting.resolve('waiting'), everyMs);
    try {
      const first = await Promise.race([page.then(value => ({ value })), waiting.promise]);
      if (first !== 'waiting') return first.value;
    } finally {
      clearTimeout(timer);
    }
    await meanwhile();
  }
}

async function writeProgress(context: SyncContext, session: Session, run: Run): Promise<void> {
  if (run.runId === null) await session.query('select 1');
  else await updateRun(session, run.runId, { progressAt: context.now(), pages: run.pages, agents: run.staged });
}

/** Complete: every agent that the provider counts was given, by the first page's total or, if that fell, the last one. */
function isComplete(run: Run, agents: number, finalTotal: number | null): boolean {
  const wanted = Math.min(run.claimedTotal ?? 0, finalTotal ?? Number.POSITIVE_INFINITY);
  const given = agents + run.nameless;
  if (given >= wanted) return true;
  run.error = new ProviderError(
    'unavailable',
    `the provider counts ${wanted} agents and gave ${given}: nothing is removed on partial knowledge`,
  );
  return false;
}

export function acceptanceHolds(integration: Integration, at: Date): boolean {
  return integration.acceptedLosses !== null && integration.acceptedUntil !== null && integration.acceptedUntil > at;
}

/** What became of the merge; counts are of the whole integration after it. */
export interface Merged extends MatchCounts {
  agents: number;
  complete: boolean;
  held: boolean;
  attributes: { set: number; changed: number; removed: number; withheld: number };
  lostDevices: number;
  usedAcceptance: boolean;
  events: number;
  revision: number | null;
  headMs: number;
  changes?: PlannedChange[];
  changesTotal?: number;
}

/** Writes what the sweep saw, in one transaction. @returns 'outdated' when the integration was removed or changed meanwhile */
async function merge(
  context: SyncContext,
  session: Session,
  run: Run,
  extracted: Extracted,
  options: SyncOptions,
): Promise<Merged | 'outdated'> {
  const { integration, startedAt } = run;
  const nothing: Merged = {
    agents: extracted.agents,
    complete: extracted.complete,
    held: extracted.emptied,
    attributes: { set: 0, changed: 0, removed: 0, withheld: 0 },
    lostDevices: 0,
    usedAcceptance: false,
    events: 0,
    revision: null,
    headMs: 0,
    matched: 0,
    unmatched: {},
  };
  const sweep = {
    integrationId: integration.id,
    startedAt,
    moving: movingAttributes(run.provider.attributes),
    complete: extracted.complete && !extracted.emptied,
  };
  const sweptAt = sweep.complete ? startedAt : integration.sweptAt;
  const differences = await compareStage(session, sweep, extracted.absenceConfirmed);
  await options.reached?.('before head');
  const isNeeded =
    differences.changed + differences.gone > 0 ||
    integration.heldSince !== null ||
    extracted.emptied ||
    (await hasWithheld(session, integration.id)) ||
    (await evidenceWouldTurn(session, integration.id, sweptAt, startedAt));
  if (!isNeeded) {
    if (!(await moveTimes(session, run, sweptAt))) return 'outdated';
    return { ...nothing, ...(await matchCounts(session, integration.id)) };
  }
  const recent = await recentLosses(session, integration.id, new Date(startedAt.getTime() - 24 * 3_600_000));
  const by = {
    actor: worker,
    origin: 'CONTROL',
    cause: 'sync',
    ...(run.runId === null ? {} : { runId: run.runId }),
  } as const;
  const written = await write<Merged | 'outdated'>(session, context.now, by, async w => {
    const current = await lockIntegration(session, integration.id);
    if (!current || current.settingsVersion !== integration.settingsVersion) return undo('outdated');
    const derived = await mergeStage(w, sweep, sweptAt, {
      integrationId: integration.id,
      complete: sweep.complete,
      floor: current.holdFloor,
      share: current.holdShare,
      recentLosses: recent,
      accepted: acceptanceHolds(current, startedAt) ? current.acceptedLosses : null,
    });
    const merged: Merged = { ...nothing, ...derived, held: derived.heldDevices > 0 || extracted.emptied };
    if (run.dryRun) {
      const planned = await planChanges(session);
      return undo({ ...merged, ...(await matchCounts(session, integration.id)), ...planned });
    }
    await recordHold(w, current, extracted, derived);
    await recordLosses(w, run, derived);
    if (derived.usedAcceptance)
      await updateIntegration(session, integration.id, { acceptedLosses: null, acceptedUntil: null });
    if (differences.gone > 0) await hurryOthers(session, integration.id, integration.provider, w.at);
    await options.reached?.('before commit');
    return merged;
  });
  if (written.value === 'outdated') return 'outdated';
  if (run.dryRun) return written.value;
  return {
    ...written.value,
    ...(await matchCounts(session, integration.id)),
    events: written.events,
    revision: written.revision,
    headMs: written.headMs,
  };
}

/** The way without a revision: nothing differs, only the times move. */
async function moveTimes(session: Session, run: Run, sweptAt: Date | null): Promise<boolean> {
  if (run.dryRun) return true;
  const { rowCount } = await session.query(
    'update integrations set swept_at = $3, judged_at = $4 where id = $1 and settings_version = $2',
    [run.integration.id, run.integration.settingsVersion, sweptAt, run.startedAt],
  );
  return rowCount === 1;
}

/** Marks the beginning and the end of a hold, with an event each. Only a complete sweep can tell. */
async function recordHold(
  w: Write,
  integration: Integration,
  extracted: Extracted,
  derived: { heldDevices: number },
): Promise<void> {
  if (!extracted.complete) return;
  const devices = extracted.emptied ? await devicesOf(w.client, integration.id) : derived.heldDevices;
  const isHeld = extracted.emptied || devices > 0;
  if (isHeld !== (integration.heldSince !== null)) {
    await w.event({
      event: isHeld ? 'TAILNET.HOLD.POSTURE_INTEGRATION' : 'TAILNET.RELEASE.POSTURE_INTEGRATION',
      targetId: integration.id,
      targetName: integration.name,
      ...(isHeld
        ? { new: { devices, reason: extracted.emptied ? 'no agents left' : 'more losses than the limit' } }
        : {}),
    });
  }
  if (isHeld || integration.heldSince !== null) {
    await updateIntegration(w.client as Session, integration.id, {
      heldDevices: isHeld ? devices : null,
      heldSince: isHeld ? (integration.heldSince ?? w.at) : null,
      // What was accepted were the losses of this hold, not whatever comes within the day.
      ...(isHeld ? {} : { acceptedLosses: null, acceptedUntil: null }),
    });
  }
}

/** With the merge and not after it: the limit of the next runs counts these losses even if this worker dies now. */
async function recordLosses(w: Write, run: Run, derived: Derived): Promise<void> {
  if (run.runId === null || derived.lostDevices === 0) return;
  const { lostDevices, usedAcceptance: lossesAccepted } = derived;
  await updateRun(w.client, run.runId, { lostDevices, lossesAccepted, revision: w.revision });
}

async function devicesOf(client: Client, integrationId: string): Promise<number> {
  const { rows } = await client.query(
    "select count(*)::int as n from device_attributes where integration_id = $1 and values <> '{}'",
    [integrationId],
  );
  return rows[0].n;
}

/** Ends a run that was stopped or overtaken; what it staged is dropped, and the integration stays due. */
async function abandon(context: SyncContext, session: Session, run: Run): Promise<SyncResult | null> {
  const durationMs = Math.round(performance.now() - run.startedMs);
  if (run.runId !== null) {
    await updateRun(session, run.runId, {
      outcome: 'abandoned',
      finishedAt: context.now(),
      pages: run.pages,
      agents: run.staged,
      durationMs,
    });
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
