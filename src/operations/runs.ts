// Sync runs as they are asked for and looked at. A run is a worker's: who asks for one makes the integration due, and sees it begin.
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import { isUnsupported, providerOf, settingsFormOf } from '../providers/registry.ts';
import type { Pool } from '../store/client.ts';
import { hurry, type Integration, integrationById, isRunning } from '../store/integrations.ts';
import { lastRuns, runById, type SyncRun } from '../store/runs.ts';
import type { Request } from './devices.ts';

const lookEveryMs = 100;

/**
 * Makes an integration due at once, also one that fails and waits. Nothing is audited: the run that follows tells.
 * @param withinMs how long it is waited for the run to begin
 * @returns the run, which may be one that was on already; null where no worker began one in time
 * @throws AppError conflict where it is paused
 */
export async function requestSync(
  request: Request,
  integration: Integration,
  withinMs: number,
): Promise<SyncRun | null> {
  const { db, now } = request;
  refusePaused(integration);
  const [last] = await lastRuns(db, integration.id, 1);
  if (last && last.finishedAt === null && (await isRunning(db, integration.id))) return last;
  if (!(await hurry(db, integration.id, now()))) {
    const current = await integrationById(db, integration.id);
    if (current === null) throw new AppError('not_found', `the integration "${integration.name}" was just removed`);
    refusePaused(current);
  }
  const until = performance.now() + withinMs;
  for (;;) {
    const [run] = await lastRuns(db, integration.id, 1);
    if (run && run.id !== last?.id) return run;
    if (performance.now() >= until) return null;
    await sleep(lookEveryMs);
  }
}

export const pauseCauses = {
  auth: 'its credentials were refused',
  permission: 'its credentials may not read agents',
  administrator: 'by hand',
  unsupported: 'this version cannot read its provider',
};

type Paused = Pick<Integration, 'name' | 'provider' | 'pauseReason' | 'pausedUntil'>;

/** @returns why an integration that is paused cannot be synced, and what to do; null where it is not paused */
export function pausedSentence({ name, provider, pauseReason, pausedUntil }: Paused): string | null {
  if (pauseReason === null) return null;
  if (pauseReason === 'unsupported') return unreadableSentence(provider);
  const until = pausedUntil === null ? '' : ` until ${pausedUntil.toISOString()}`;
  return `"${name}" is paused${until} (${pauseCauses[pauseReason]}): resume it first, as by posture-sync integration resume ${name}`;
}

/** @throws AppError conflict where it is paused */
export function refusePaused(integration: Paused): void {
  const sentence = pausedSentence(integration);
  if (sentence !== null) throw new AppError('conflict', sentence);
}

const unreadableSentence = (provider: string) =>
  `this version cannot read ${settingsFormOf(provider).title}: nothing of it can be tested or synced`;

/** @throws AppError conflict for a provider that this version cannot read; invalid for one that there is not */
export function refuseUnsupported(provider: string): void {
  if (isUnsupported(provider)) throw new AppError('conflict', unreadableSentence(provider));
  providerOf(provider);
}

/** @throws AppError not_found */
export async function theRun(db: Pool, integrationId: string, id: number): Promise<SyncRun> {
  const run = await runById(db, id);
  if (run?.integrationId === integrationId) return run;
  throw new AppError('not_found', `there is no run ${id} of this integration`);
}
