// What a time means to the audit log.
import { expect, test, vi } from 'vitest';
import { auditFilter } from '../../src/operations/audit.ts';

test.each([
  ['2026-11-20', '2026-11-20T00:00:00.000Z'],
  ['2026-11-20T16:00', '2026-11-20T16:00:00.000Z'],
  ['2026-11-20 16:00:01', '2026-11-20T16:00:01.000Z'],
  ['2026-11-20T16:00:00.5+02:00', '2026-11-20T14:00:00.500Z'],
  ['2026-11-20t16:00z', '2026-11-20T16:00:00.000Z'],
])('--since %s is %s wherever one sits', (text, time) => {
  vi.stubEnv('TZ', 'America/New_York');
  try {
    expect(auditFilter({ since: text }, () => new Date()).since?.toISOString()).toBe(time);
  } finally {
    vi.unstubAllEnvs();
  }
});
