// How an integration is said to be: a tone and a word, the same on every page. Green is said only of what a sync has checked. Pure.
import type { components } from '../api/schema.d.ts';
import { texts } from '../texts.ts';

const words = texts.integrations.states;

/** A worker looks each second; and no clock of a browser is right to the second. */
const overdueMs = 2 * 60_000;

type Integration = components['schemas']['PostureIntegration'];
type Told = Pick<Integration, 'state' | 'pauseReason' | 'lastSuccess' | 'nextSync'>;

const said = <T extends string>(tone: T, word: string) => ({ tone, word });

/** @param nowMs what is due and not begun, as where no worker runs, is not known to work @returns a state's tone and word */
export function stateOf({ state, pauseReason, lastSuccess, nextSync }: Told, nowMs: number) {
  if (state === 'unsupported') return said('unknown', words.unsupported);
  if (state === 'paused') {
    const isByHand = pauseReason === 'administrator';
    return isByHand ? said('warning', words.pausedByHand) : said('bad', words.refused);
  }
  if (state === 'held') return said('warning', words.held);
  if (state === 'failing') return said('bad', words.failing);
  if (state === 'syncing') return said('busy', words.syncing);
  if (nextSync !== null && nowMs - Date.parse(nextSync) > overdueMs) return said('unknown', words.overdue);
  return lastSuccess === null ? said('unknown', words.waiting) : said('good', words.active);
}

type Progress = Pick<NonNullable<Integration['run']>, 'id' | 'agents' | 'claimedTotal' | 'phase'>;

/**
 * @param run as the integration was answered
 * @param told by the live connection; null: nothing
 * @returns how far the run is: what was told is newer, unless it is of another run, or of before that answer
 */
export function progressOf(
  run: Progress,
  told: { runId: number; agents: number; claimedTotal: number | null; phase: string } | null,
): { agents: number; claimedTotal: number | null; phase: string | null } {
  const isNewer = told !== null && told.runId === run.id && told.phase !== 'ended' && told.agents >= run.agents;
  return isNewer ? told : run;
}
