// How an integration is said to be: a tone and a word, the same on every page. Green is said only of what a sync has checked. Pure.
import type { components } from '../api/schema.d.ts';
import { texts } from '../texts.ts';

const words = texts.integrations.states;

/** A worker looks each second; and no clock of a browser is right to the second. */
const overdueMs = 2 * 60_000;

type Told = Pick<components['schemas']['PostureIntegration'], 'state' | 'pauseReason' | 'lastSuccess' | 'nextSync'>;

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
