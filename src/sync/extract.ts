// The first half of a run: pages from the provider into the stage, and the judgement whether the sweep is complete. No page is
// waited for in silence, and there is a bound on everything that a provider can make us do.
import { ProviderError } from '../errors.ts';
import type { AgentPage, AgentQuery } from '../providers/provider.ts';
import { countInto, openProvider } from '../providers/settings.ts';
import type { Session } from '../store/client.ts';
import type { Integration } from '../store/integrations.ts';
import type { RunPhase } from '../store/schema.ts';
import { absentAgents, findAbsent, freezeAbsent, presentAgents, settleStage, stageAgents } from '../store/sweep.ts';
import { defaultSessionIdleMs, type Run, type SyncContext, type SyncOptions } from './context.ts';
import { showProgress } from './run-progress.ts';
import { movingAttributes, stagePage } from './staging.ts';

const most = { pages: 20_000, agents: 10_000_000, extractMs: 2 * 3_600_000 };
const progressEveryMs = 10_000;

export interface Extracted {
  /** Distinct agents in the stage. */
  agents: number;
  complete: boolean;
  /** Those that were absent were asked for by id, and the answer came. */
  absenceConfirmed: boolean;
  /** No agent at all although there were some: nothing is merged, a human is asked. */
  emptied: boolean;
}

/** Reads pages into the stage, page n+1 while page n is written, and judges whether the sweep is complete. */
export async function extract(
  context: SyncContext,
  session: Session,
  run: Run,
  options: SyncOptions,
): Promise<Extracted> {
  const deadline = AbortSignal.timeout(most.extractMs);
  const signal = AbortSignal.any([options.signal, deadline]);
  try {
    const settings = await context.settingsOf(run.integration);
    const http = openProvider(context.egress, run.provider, settings, countInto(run.requests));
    const ask = (query: AgentQuery) => run.provider.agents(settings, query, { http, signal, now: context.now });
    const end = await stageAll(context, session, run, ask({ kind: 'all' }), options, 'reading');
    const agents = await settleStage(session);
    if (!isComplete(run, agents, end.claimedTotal))
      return { agents, complete: false, absenceConfirmed: false, emptied: false };
    if (agents === 0 && run.nameless === 0) {
      const isNews = (await presentAgents(session, run.integration.id)) > 0;
      if (isNews && !acceptanceHolds(run.integration, run.startedAt))
        return { agents, complete: true, absenceConfirmed: false, emptied: true };
    }
    await showProgress(context, session, run, 'confirming');
    await findAbsent(session, run.integration.id);
    let isLarger = false;
    if (run.provider.reads.includes('some')) {
      for await (const ids of absentAgents(session, run.provider.someAtOnce)) {
        await stageAll(context, session, run, ask({ kind: 'some', ids, serials: [] }), options, 'confirming');
        isLarger = true;
      }
    }
    // A row without an id may be any of those that are absent: then they count as unreadable, not as gone.
    if (run.nameless > 0) {
      await freezeAbsent(session);
      isLarger = true;
    }
    if (isLarger) await settleStage(session);
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

/** Stages pages as they come; page n+1 is fetched while page n is written. */
async function stageAll(
  context: SyncContext,
  session: Session,
  run: Run,
  pages: AsyncGenerator<AgentPage, { claimedTotal: number | null }>,
  options: SyncOptions,
  phase: RunPhase,
): Promise<{ claimedTotal: number | null }> {
  const moving = new Set(movingAttributes(run.provider.attributes).map(({ name }) => name));
  const everyMs = Math.min(progressEveryMs, (context.sessionIdleMs ?? defaultSessionIdleMs) / 6);
  let next = pages.next();
  try {
    for (;;) {
      const step = await patiently(next, everyMs, () => showLife(context, session, run, phase));
      if (step.done) return step.value;
      next = pages.next();
      // Awaited in the next turn; a failure before that must not count as unhandled.
      next.catch(() => {});
      await stageOne(session, run, step.value, moving);
      await showProgress(context, session, run, phase);
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

/** Of a page that is waited for: a session that shows no life is ended, also that of a dry run. */
async function showLife(context: SyncContext, session: Session, run: Run, phase: RunPhase): Promise<void> {
  if (run.runId === null) await session.query('select 1');
  else await showProgress(context, session, run, phase, true);
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
