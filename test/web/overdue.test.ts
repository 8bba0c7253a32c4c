// When the pages call a sync overdue: what is due and not begun is not known to work.
import { describe, expect, it } from 'vitest';
import { isOverdue } from '../../src/web/pages/integrations/overdue.ts';

const now = Date.parse('2026-11-22T12:00:00Z');

describe('an integration', () => {
  it('that is due and not begun, as where no worker runs, is not known to work', () => {
    const times = ['2026-11-22T12:10:00Z', '2026-11-22T11:59:00Z', '2026-11-22T11:57:00Z', null];
    expect(times.map(nextSync => isOverdue(nextSync, now))).toEqual([false, false, true, false]);
  });
});
