// The second half of a run: everything that the sweep saw, in one transaction, or plainly the times where nothing differs.
import { worker } from '../posture/events.ts';
import type { Session } from '../store/client.ts';
import { type Derived, devicesWithValues, startDerivation } from '../store/derive.ts';
import {
  hurryOthers,
  type Integration,
  integrationById,
  lockIntegration,
  touchExpired,
  updateIntegration,
} from '../store/integrations.ts';
import { recentLosses, updateRun } from '../store/runs.ts';
import {
  compareStage,
  evidenceWouldTurn,
  type MatchCounts,
  matchCounts,
  mergeStage,
  moveTimes,
} from '../store/sweep.ts';
import {
  hasWithheld,
  type PlannedChanges,
  planChanges,
  type WithheldLosses,
  withheldLosses,
} from '../store/withheld.ts';
import { undo, type Write, write } from '../store/write.ts';
import type { Run, SyncContext, SyncOptions } from './context.ts';
import { acceptanceHolds, type Extracted } from './extract.ts';
import { movingAttributes } from './staging.ts';

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
  /** Of a dry run. */
  planned?: PlannedChanges & { withheld: WithheldLosses };
}

/** Writes what the sweep saw, in one transaction; to be called in the integration's merge turn. @returns 'outdated' when the integration was removed or changed meanwhile */
export async function merge(
  context: SyncContext,
  session: Session,
  run: Run,
  extracted: Extracted,
  options: SyncOptions,
): Promise<Merged | 'outdated'> {
  const { integration, startedAt } = run;
  const nothing = nothingMerged(extracted);
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
    run.instead !== null ||
    (await hasWithheld(session, integration.id));
  if (!isNeeded && (await moveOnlyTimes(session, run, sweptAt, options)))
    return { ...nothing, ...(await matchCounts(session, integration.id)) };
  const recent = await recentLosses(session, integration.id, new Date(startedAt.getTime() - 24 * 3_600_000));
  const by = {
    actor: worker,
    origin: 'CONTROL',
    cause: 'sync',
    ...(run.runId === null ? {} : { runId: run.runId }),
  } as const;
  const written = await write<Merged | 'outdated'>(session, context.now, by, async w => {
    const locked = await lockIntegration(session, integration.id);
    if (!locked || locked.settingsVersion !== integration.settingsVersion) return undo('outdated');
    const current = { ...locked, ...run.instead };
    if (run.dryRun && run.instead !== null) await liveSoLong(w, integration.id, run.instead.expireAfterMs);
    const derived = await mergeStage(
      w,
      sweep,
      { sweptAt },
      {
        integrationId: integration.id,
        complete: sweep.complete,
        floor: current.holdFloor,
        share: current.holdShare,
        recentLosses: recent,
        accepted: acceptanceHolds(current, startedAt) ? current.acceptedLosses : null,
      },
    );
    const merged: Merged = { ...nothing, ...derived, held: derived.heldDevices > 0 || extracted.emptied };
    if (run.dryRun) {
      return undo({
        ...merged,
        ...(await matchCounts(session, integration.id)),
        planned: await planOf(w, run, extracted),
      });
    }
    await recordHold(w, current, extracted, derived);
    await recordLosses(w, run, derived);
    if (derived.usedAcceptance)
      await updateIntegration(session, integration.id, { acceptedLosses: null, acceptedUntil: null });
    if (differences.gone > 0 && !integration.hurried)
      await hurryOthers(session, integration.id, integration.provider, w.at);
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

/** Has values live so long in the plan under way, which is undone. */
async function liveSoLong({ client }: Write, id: string, expireAfterMs: number | null): Promise<void> {
  await startDerivation(client);
  await touchExpired(client, id);
  await updateIntegration(client, id, { expireAfterMs });
  await touchExpired(client, id);
}

const mostWithheldTold = 100;

async function planOf({ client }: Write, { integration }: Run, { emptied }: Extracted) {
  const planned = await planChanges(client);
  const withheld = await withheldLosses(client, integration.id, mostWithheldTold);
  // Where no agent is left nothing changes, and everybody would lose.
  return {
    ...planned,
    withheld: emptied ? { ...withheld, devices: await devicesWithValues(client, integration.id) } : withheld,
  };
}

function nothingMerged({ agents, complete, emptied }: Extracted): Merged {
  return {
    agents,
    complete,
    held: emptied,
    attributes: { set: 0, changed: 0, removed: 0, withheld: 0 },
    lostDevices: 0,
    usedAcceptance: false,
    events: 0,
    revision: null,
    headMs: 0,
    matched: 0,
    unmatched: {},
  };
}

/** What an administrator set of the limit for losses. */
export function limitOf({ id, holdFloor, holdShare }: Integration) {
  return { integrationId: id, floor: holdFloor, share: holdShare };
}

/** The way without a revision: nothing differs, only the times move. @returns false where more has to be done, or may have */
async function moveOnlyTimes(session: Session, run: Run, sweptAt: Date | null, options: SyncOptions): Promise<boolean> {
  const { integration, startedAt } = run;
  const { turns, ...seen } = await evidenceWouldTurn(session, integration.id, sweptAt, startedAt);
  if (turns) return false;
  const current = await integrationById(session, integration.id);
  if (current?.settingsVersion !== integration.settingsVersion) return false;
  await options.reached?.('before times');
  return run.dryRun || (await moveTimes(session, integration.id, seen, sweptAt, startedAt));
}

/** Marks the beginning and the end of a hold, with an event each. Only a complete sweep can tell. */
async function recordHold(
  w: Write,
  integration: Integration,
  extracted: Extracted,
  derived: { heldDevices: number },
): Promise<void> {
  if (!extracted.complete) return;
  const devices = extracted.emptied ? await devicesWithValues(w.client, integration.id) : derived.heldDevices;
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
