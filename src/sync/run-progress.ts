// A run tells where it is: in its row, and at once to whoever looks at it. Often enough for people, and seldom enough to cost nothing.
import type { Session } from '../store/client.ts';
import { tellEnd, tellProgress } from '../store/runs.ts';
import type { RunPhase } from '../store/schema.ts';
import type { Run, SyncContext } from './context.ts';

const tellEveryMs = 1_000;

/**
 * Tells where a run is, at most once a second within a phase. A dry run has no row, and tells nobody.
 * @param isDue tells it whenever that was last
 */
export async function showProgress(
  context: Pick<SyncContext, 'now'>,
  session: Session,
  run: Run,
  phase: RunPhase,
  isDue = false,
): Promise<void> {
  if (run.runId === null) return;
  const atMs = performance.now();
  if (!isDue && run.told?.phase === phase && atMs - run.told.atMs < tellEveryMs) return;
  run.told = { phase, atMs };
  const { pages, staged: agents, claimedTotal, runId, integration } = run;
  await tellProgress(session, {
    ...{ integrationId: integration.id, runId, phase, agents, claimedTotal, pages },
    at: context.now(),
  });
}

/** Tells that a run has ended. The run is over: nothing that goes wrong here may change what became of it. */
export async function showEnd(session: Session, run: Run): Promise<void> {
  if (run.runId === null) return;
  const { staged: agents, claimedTotal, runId, integration } = run;
  await tellEnd(session, { integrationId: integration.id, runId, agents, claimedTotal }).catch(() => {});
}
