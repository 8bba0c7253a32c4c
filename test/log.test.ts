// What the log must not hold of an error, and what it must.
import { describe, expect, test } from 'vitest';
import { createLog } from '../src/log.ts';
import { reader } from '../src/store/client.ts';
import { integrations } from '../src/store/schema.ts';
import { freshDatabase } from './support/database.ts';

function logged(err: unknown): { text: string; err: Record<string, unknown> } {
  const lines: string[] = [];
  createLog('info', { write: line => lines.push(line) }).error({ err }, 'it failed');
  return { text: lines.join(''), err: JSON.parse(lines.join('')).err };
}

describe('an error of the database', () => {
  test('is logged with its query and constraint, without parameters, whatever wraps it', async () => {
    const { pool } = await freshDatabase();
    const insert = () =>
      reader(pool)
        .insert(integrations)
        .values({
          id: 'p1',
          name: 'planted-name',
          provider: 'sentinelone',
          settings: { url: 'planted-setting' },
          secret: Buffer.from('planted-secret'),
          secretKeyId: 'k1',
          configUpdatedAt: new Date(),
          createdAt: new Date(),
          nextSyncAt: new Date(),
          expireAfterMs: null,
          holdFloor: 2,
          holdShare: 0.2,
        });
    await insert();
    const error = await insert().catch(found => found);
    const { text, err } = logged(new Error('wrapped', { cause: error }));
    expect(text).not.toMatch(/planted|706c616e746564/);
    expect(err).toMatchObject({
      message: 'wrapped',
      cause: {
        query: expect.stringContaining('insert into "integrations"'),
        cause: { code: '23505', constraint: 'integrations_pkey', table: 'integrations' },
      },
    });
    expect(Object(Object(err.cause).cause).message).toContain('duplicate key');
  });

  test('that quotes a wrong value does not', async () => {
    const { pool } = await freshDatabase();
    const error = await pool.query('select $1::text::int', ['planted-value']).catch(found => found);
    const { text, err } = logged(error);
    expect(text).not.toContain('planted');
    expect(err).toMatchObject({ code: '22P02', stack: expect.stringContaining(' at ') });
  });
});

test('other errors keep their message, fields, stack and causes', () => {
  const cause = Object.assign(new TypeError('why'), { code: 'EWHY' });
  const { err } = logged(Object.assign(new Error('what', { cause }), { status: 503, params: ['planted'] }));
  expect(err).toMatchObject({
    type: 'Error',
    message: 'what',
    status: 503,
    cause: { type: 'TypeError', code: 'EWHY' },
  });
  expect(err.stack).toContain('log.test.ts');
  expect(err).not.toHaveProperty('params');
  expect(logged(new AggregateError([cause], 'all')).err).toMatchObject({ errors: [{ message: 'why' }] });
});
