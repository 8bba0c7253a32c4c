// The end of a run: what its outcome means for the integration. States are audited when they change, not at every tick.
import { ProviderError, providerErrorKinds } from '../errors.ts';
import { storedError } from '../operations/integration-test.ts';
import { type EventCode, worker } from '../posture/events.ts';
import type { Session } from '../store/client.ts';
import {
  type Integration,
  integrationById,
  lockIntegration,
  updateIntegration,
  updateUnmoved,
} from '../store/integrations.ts';
import { closeRun } from '../store/runs.ts';
import type { SyncOutcome } from '../store/schema.ts';
import { undo, write } from '../store/write.ts';
import type { Run, SyncContext, SyncResult } from './context.ts';
import type { Merged } from './merge.ts';
import { showEnd } from './run-progress.ts';
import { nextTurn } from './turns.ts';

/** A Retry-After of a year is a mistake: nobody is waited for longer than this. */
const longestWaitMs = 24 * 3_600_000;

/** Closes the run, moves the integration's state and schedule, and tells the log in one line. */
export async function finishRun(context: SyncContext, session: Session, run: Run, merged: Merged): Promise<SyncResult> {
  const outcome = outcomeOf(run, merged);
  // The run's row, the log and whoever asked for the run are all told this.
  const told = {
    outcome,
    complete: merged.complete,
    pages: run.pages,
    agents: merged.agents,
    skipped: run.skipped,
    matched: merged.matched,
    unmatched: merged.unmatched,
    attributes: merged.attributes,
    events: merged.events,
    error: run.error && storedError(run.error),
    durationMs: Math.round(performance.now() - run.startedMs),
  };
  if (run.runId !== null) {
    // The run first: a worker that dies in between leaves a run that is told whole, and an integration that is still due.
    const { attributes, ...columns } = told;
    const closing = {
      ...columns,
      claimedTotal: run.claimedTotal,
      finishedAt: context.now(),
      progressAt: context.now(),
      unset: run.unset,
      attributesSet: attributes.set,
      attributesChanged: attributes.changed,
      attributesRemoved: attributes.removed,
      attributesWithheld: attributes.withheld,
      lostDevices: merged.lostDevices,
      lossesAccepted: merged.usedAcceptance,
      revision: merged.revision,
      headMs: merged.headMs,
    };
    await closeRun(session, rowOf(run, run.runId), closing, { requests: run.requests });
    await moveState(context, session, run, outcome);
    await showEnd(session, run);
  }
  const fields = { integration: run.integration.name, ...told };
  const sentence = run.dryRun ? 'dry run finished: nothing was written' : 'sync finished';
  if (run.error && providerErrorKinds[run.error.kind].who === 'us') context.log.error(fields, sentence);
  else context.log.info(fields, sentence);
  return { ...fields, dryRun: run.dryRun, ...(run.dryRun ? (merged.planned ?? nothingPlanned) : {}) };
}

/** A plan that was not even needed is an empty one. */
const nothingPlanned = {
  changes: [],
  changesTotal: 0,
  effects: { loses: 0, changes: 0, gains: 0 },
  withheld: { devices: 0, examples: [] },
};

/** How the store knows a run that was opened. */
export function rowOf({ integration }: Run, id: number): { id: number; integrationId: string } {
  return { id, integrationId: integration.id };
}

/**
 * Closes a run that broke off by a fault of ours: without this the integration would look fine, and be tried again at once. A
 * session that is lost closes nothing; the next claim does.
 */
export async function finishBroken(context: SyncContext, session: Session, run: Run): Promise<void> {
  if (run.runId === null) return;
  // What came from outside may be what broke it.
  run.account = undefined;
  run.error = new ProviderError('malformed', 'internal error: a fault of posture-sync, its log says more');
  const durationMs = Math.round(performance.now() - run.startedMs);
  const error = storedError(run.error);
  const closing = { outcome: 'failed', finishedAt: context.now(), pages: run.pages, error, durationMs } as const;
  await closeRun(session, rowOf(run, run.runId), closing, { requests: run.requests });
  await moveState(context, session, run, 'failed');
  await showEnd(session, run);
}

function outcomeOf(run: Run, merged: Merged): SyncOutcome {
  if (merged.held) return 'held';
  if (!run.error && merged.complete) return 'succeeded';
  return run.pages > 0 ? 'partial' : 'failed';
}

/** One write with an event for each state that changed, or a plain update where none did. */
async function moveState(context: SyncContext, session: Session, run: Run, outcome: SyncOutcome): Promise<void> {
  // Removed, or changed and so due again at once: that schedule and state are not ours to move.
  const isOurs = (row: Integration | null): row is Integration =>
    row !== null && row.settingsVersion === run.integration.settingsVersion;
  const movesFrom = (before: Integration) => {
    const changes = stateAfter(context, run, before, outcome);
    return { changes, events: transitions(before, { ...before, ...changes }, run.error) };
  };
  const found = await integrationById(session, run.integration.id);
  if (!isOurs(found)) return;
  const { changes, events } = movesFrom(found);
  if (events.length === 0 && (await updateUnmoved(session, found, changes))) return;
  const by = { actor: worker, origin: 'CONTROL', cause: 'sync', runId: run.runId ?? 0 } as const;
  await write(session, context.now, by, async w => {
    // Read again under its lock: somebody may have paused or resumed it meanwhile.
    const before = await lockIntegration(session, found.id);
    if (!isOurs(before)) return undo(null);
    const moves = movesFrom(before);
    await updateIntegration(session, before.id, moves.changes);
    for (const { event, details } of moves.events) {
      await w.event({ event, targetId: before.id, targetName: before.name, ...(details ? { new: details } : {}) });
    }
    return null;
  });
}

/** The integration's columns after a run. */
function stateAfter(context: SyncContext, run: Run, before: Integration, outcome: SyncOutcome): Partial<Integration> {
  const finishedAt = context.now();
  const error = run.error;
  const account = run.account
    ? {
        scope: [...run.account.scope],
        tokenExpiresAt: run.account.tokenExpiresAt,
        ...(run.account.tokenExpiresAt?.getTime() === before.tokenExpiresAt?.getTime() ? {} : { tokenWarned: null }),
      }
    : {};
  const wasSwept = before.sweptAt?.getTime() !== run.integration.sweptAt?.getTime();
  const common = {
    attemptedAt: run.startedAt,
    hurried: false,
    ...account,
    ...(wasSwept ? { evidenceWarned: null } : {}),
  };
  const next = nextTurn(before.id, finishedAt, context.syncIntervalMs);
  // A pause by hand that began while the run was on stays: it ends by hand, or at the time that was set for it.
  const isPausedByHand = before.pauseReason === 'administrator' && !hasEnded(before, run.startedAt);
  if (error && providerErrorKinds[error.kind].pauses && !isPausedByHand) {
    const pausedUntil = new Date(finishedAt.getTime() + context.authPauseMs);
    return {
      ...common,
      error: storedError(error),
      pauseReason: error.kind === 'auth' ? 'auth' : 'permission',
      pausedUntil,
      nextSyncAt: pausedUntil,
    };
  }
  const unpaused = isPausedByHand ? {} : { pauseReason: null, pausedUntil: null };
  if (error) {
    const notBefore = new Date(finishedAt.getTime() + Math.min(error.retryAfterMs ?? 0, longestWaitMs));
    const nextSyncAt = notBefore > next ? notBefore : next;
    // Without a page the one try after the pause proved nothing about the credentials: paused on, tried at the next turn.
    const isUnproven = before.pauseReason !== null && before.pauseReason !== 'administrator' && run.pages === 0;
    return {
      ...common,
      ...(isUnproven ? { pausedUntil: nextSyncAt } : unpaused),
      error: storedError(error),
      failingSince: before.failingSince ?? run.startedAt,
      nextSyncAt,
    };
  }
  return {
    ...common,
    ...unpaused,
    error: null,
    failingSince: null,
    escalatedAt: null,
    nextSyncAt: before.nextSyncAt > run.startedAt ? (before.nextSyncAt < next ? before.nextSyncAt : next) : next,
    ...(outcome === 'succeeded' ? { succeededAt: finishedAt } : {}),
  };
}

const hasEnded = ({ pausedUntil }: Integration, at: Date) => pausedUntil !== null && pausedUntil <= at;

/** Which events a change of state calls for. */
function transitions(
  before: Integration,
  after: Integration,
  error: ProviderError | null,
): { event: EventCode; details?: unknown }[] {
  const events: { event: EventCode; details?: unknown }[] = [];
  if (after.pauseReason && before.pauseReason !== after.pauseReason) {
    const details = { reason: after.pauseReason, until: after.pausedUntil, error: error && storedError(error) };
    events.push({ event: 'TAILNET.PAUSE.POSTURE_INTEGRATION', details });
  }
  if (!after.pauseReason && before.pauseReason) events.push({ event: 'TAILNET.RESUME.POSTURE_INTEGRATION' });
  if (after.failingSince && !before.failingSince) {
    events.push({ event: 'TAILNET.FAIL.POSTURE_INTEGRATION', details: { error: error && storedError(error) } });
  }
  if (!after.failingSince && before.failingSince) {
    const details = before.escalatedAt ? { wasEscalated: true } : undefined;
    events.push({ event: 'TAILNET.RECOVER.POSTURE_INTEGRATION', details });
  }
  return events;
}
