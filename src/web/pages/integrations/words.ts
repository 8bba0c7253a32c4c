// What is said of integrations and their runs: outcomes, reasons, counts.
import type { Schemas } from '../../api/client.ts';
import type { Tone } from '../../parts/state-mark.tsx';
import { texts } from '../../texts.ts';

export type Integration = Schemas['PostureIntegration'];
export type Run = Schemas['SyncRun'];
export type Provider = Schemas['Provider'];

const t = texts.integrations;

/** @returns what stands in the place of a next run that there is not */
export function noNextOf(state: Integration['state']): string {
  return state === 'paused' ? t.facts.whenResumed : t.facts.noNext;
}

const outcomes = {
  succeeded: { tone: 'good', word: t.outcomes.succeeded },
  partial: { tone: 'warning', word: t.outcomes.partial },
  held: { tone: 'warning', word: t.outcomes.held },
  failed: { tone: 'bad', word: t.outcomes.failed },
  abandoned: { tone: 'unknown', word: t.outcomes.abandoned },
} as const satisfies Record<string, { tone: Tone; word: string }>;

/** @returns an outcome's tone and word; of a run that is on what it is at */
export function outcomeOf({ outcome, phase }: Pick<Run, 'outcome' | 'phase'>): { tone: Tone; word: string } {
  if (outcome !== null) return outcomes[outcome];
  return { tone: 'busy', word: t.phases[phase ?? 'reading'] };
}

const reasons: Readonly<Record<string, { title: string; about: string }>> = t.reasons;

/** @returns a reason code in words */
export function reasonOf(code: string): { title: string; about: string } {
  return reasons[code] ?? { title: code, about: '' };
}

const whole = new Intl.NumberFormat('en');

export const figure = (n: number) => whole.format(n);

/** @returns as in "1 device", "1,200 devices" */
export function counted(n: number, noun: string): string {
  return `${figure(n)} ${noun}${n === 1 ? '' : 's'}`;
}

/** @returns as in "0.2 s", "12 s", "3 min 4 s" */
export function duration(ms: number): string {
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1_000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** @returns whether some sync read agents: else nothing is known of them, not even that there are none */
export function wasRead({ status }: Pick<Integration, 'status'>): boolean {
  return status !== undefined && status.providerHostCount > 0;
}

export function unmatchedTotal({ unmatched }: Pick<Integration, 'unmatched'>): number {
  return Object.values(unmatched).reduce((sum, n) => sum + n, 0);
}
