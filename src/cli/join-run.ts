// Waiting for a run that is on elsewhere, and reporting it as if it had run here. A run whose worker dies frees its lock:
// then the run is done here.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import { type Integration, integrationById, isRunning } from '../store/integrations.ts';
import { diedTooOften, lastRuns, runById, type SyncRun } from '../store/runs.ts';
import type { SyncResult } from '../sync/context.ts';
import type { Session } from './session.ts';
import type { Surroundings } from './surroundings.ts';

const pollMs = 300;

/**
 * @param attempt tries to run here; null when somebody else has the lock
 * @param isOwnNeeded a dry run needs a plan of its own: it waits and then runs
 * @throws AppError when the integration is gone, or its runs keep dying; Stop when stopped
 */
export async function joinRun(
  to: Surroundings,
  session: Session,
  integration: Integration,
  attempt: () => Promise<SyncResult | null>,
  isOwnNeeded: boolean,
  tell: (line: string) => void,
): Promise<SyncResult> {
  let told = false;
  for (;;) {
    const [newest] = await lastRuns(session.db, integration.id, 1);
    const open = newest && newest.finishedAt === null ? newest : null;
    if (await isRunning(session.db, integration.id)) {
      if (!told) tell(sentence(integration, open, isOwnNeeded));
      told = true;
      await waitForIt(to, session, integration, open);
      const run = open && !isOwnNeeded ? await runById(session.db, open.id) : null;
      if (run && run.finishedAt !== null && run.outcome !== 'abandoned') return resultOf(integration, run);
    } else {
      await refuseHopeless(session, integration);
    }
    const result = await attempt();
    if (result) return result;
    await sleep(pollMs, undefined, { signal: to.stop }).catch(() => to.stop.throwIfAborted());
  }
}

function sentence({ name }: Integration, open: SyncRun | null, isOwnNeeded: boolean): string {
  if (!open) return `a dry run of ${name} is on elsewhere: waiting for its end`;
  const where = `a sync of ${name} is on since ${open.startedAt.toISOString()} in ${open.worker}`;
  return isOwnNeeded ? `${where}: waiting for its end` : `${where}: joined it`;
}

/** Until the run is closed, or nobody has the lock any more. */
async function waitForIt(
  to: Surroundings,
  session: Session,
  integration: Integration,
  open: SyncRun | null,
): Promise<void> {
  for (;;) {
    await sleep(pollMs, undefined, { signal: to.stop }).catch(() => to.stop.throwIfAborted());
    if (open && (await runById(session.db, open.id))?.finishedAt) return;
    if (!(await isRunning(session.db, integration.id))) return;
  }
}

/** To try again at once is for a lock that was free a moment later, not for runs that take their worker along. @throws AppError */
async function refuseHopeless({ db, now }: Session, { id, name }: Integration): Promise<void> {
  const current = await integrationById(db, id);
  if (!current) throw new AppError('not_found', `the integration "${name}" was just removed`);
  if (current.nextSyncAt <= now() || !(await diedTooOften(db, current))) return;
  throw new AppError(
    'busy',
    `the last runs of ${name} died with their worker; it is tried again at ${current.nextSyncAt.toISOString()}`,
  );
}

/** A finished run in the shape of one that ran here. */
function resultOf(integration: Integration, run: SyncRun): SyncResult {
  return {
    integration: integration.name,
    outcome: run.outcome ?? 'abandoned',
    complete: run.complete,
    pages: run.pages,
    agents: run.agents,
    skipped: run.skipped,
    matched: run.matched,
    unmatched: run.unmatched,
    attributes: {
      set: run.attributesSet,
      changed: run.attributesChanged,
      removed: run.attributesRemoved,
      withheld: run.attributesWithheld,
    },
    events: run.events,
    error: run.error,
    durationMs: run.durationMs ?? 0,
    dryRun: false,
  };
}
