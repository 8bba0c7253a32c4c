// What an integration is said to be: what is due and not begun is not known to work.
import { describe, expect, it } from 'vitest';
import { progressOf, stateOf } from '../../src/web/parts/integration-state.ts';
import { texts } from '../../src/web/texts.ts';

const now = Date.parse('2026-11-22T12:00:00Z');
const words = texts.integrations.states;

describe('an integration', () => {
  it('that is due and not begun, as where no worker runs, is not known to work', () => {
    const times = ['2026-11-22T12:10:00Z', '2026-11-22T11:59:00Z', '2026-11-22T11:57:00Z', null];
    const told = times.map(nextSync =>
      stateOf({ state: 'active', pauseReason: null, lastSuccess: '2026-11-22T11:00:00Z', nextSync }, now),
    );
    const active = { tone: 'good', word: words.active };
    expect(told).toEqual([active, active, { tone: 'unknown', word: words.overdue }, active]);
  });

  it('is green only once it was synced as a whole', () => {
    const state = { state: 'active', pauseReason: null, lastSuccess: null, nextSync: null } as const;
    expect(stateOf(state, now)).toEqual({ tone: 'unknown', word: words.waiting });
  });
});

describe('how far a sync is', () => {
  const run = { id: 8, agents: 200, claimedTotal: 1_000, phase: 'reading' } as const;
  const told = { runId: 8, agents: 300, claimedTotal: 1_000, phase: 'reading' };

  it('is what was told since, if it is of this run', () => {
    expect(progressOf(run, told)).toEqual(told);
    for (const other of [null, { ...told, agents: 100 }, { ...told, phase: 'ended' }])
      expect(progressOf(run, other)).toEqual(run);
  });

  it('is not how far the one before was, whose end was told to nobody', () => {
    const before = { runId: 7, agents: 1_000, claimedTotal: 1_000, phase: 'merging' };
    expect(progressOf({ ...run, agents: 0 }, before)).toEqual({ ...run, agents: 0 });
  });
});
