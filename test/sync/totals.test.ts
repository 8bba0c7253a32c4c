// The totals of an integration: what workers did for it, in counts that only grow, however a run ends.
import { beforeEach, describe, expect, it } from 'vitest';
import { removeIntegration } from '../../src/operations/integrations.ts';
import { addTotals } from '../../src/store/totals.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

describe('totals', () => {
  let world: World;
  let console: FakeConsole;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    await world.devices({ id: 'a', serialNumbers: ['SER-a'] });
    console.set(fakeAgent('1', 'SER-a'));
  });

  async function totals(): Promise<Record<string, number>> {
    const { rows } = await world.db.query('select counter, label, total from integration_totals');
    return Object.fromEntries(rows.map(({ counter, label, total }) => [`${counter} ${label}`, total]));
  }

  it('agree with the runs that they are of, whatever became of these', async () => {
    await world.sync('hq');
    console.fail = { page: 0, kind: 'unavailable' };
    await world.sync('hq');
    console.fail = null;
    const stopping = new AbortController();
    await world.sync('hq', { signal: stopping.signal, reached: () => stopping.abort() });
    console.set(fakeAgent('1', 'SER-a', { values: { 'fake:threats': 4 } }));
    await world.sync('hq');
    await world.sync('hq', { dryRun: true });
    const { rows } = await world.db.query(
      `select outcome, count(*)::int as runs, sum(duration_ms)::int as ms, sum(attributes_set)::int as set, sum(attributes_changed)::int as changed,
         sum(attributes_removed)::int as removed from sync_runs group by outcome`,
    );
    const found = await totals();
    expect(rows.map(row => row.outcome).toSorted()).toEqual(['abandoned', 'failed', 'succeeded']);
    for (const { outcome, runs, ms } of rows)
      expect([found[`runs ${outcome}`], found[`run_ms ${outcome}`] ?? 0]).toEqual([runs, ms]);
    const sum = (column: string) => rows.reduce((all, row) => all + row[column], 0);
    expect([found['attributes set'], found['attributes changed'], found['attributes removed']]).toEqual([
      sum('set'),
      sum('changed'),
      sum('removed'),
    ]);
  });

  it('have a run that broke by a fault of ours, and one whose worker died', async () => {
    const fault = () => Promise.reject(new Error('a fault'));
    await expect(world.sync('hq', { reached: fault })).rejects.toThrow('a fault');
    // As a worker leaves it that was killed.
    await world.db.query(
      "insert into sync_runs (integration_id, worker, started_at, progress_at) values ('phq', 'dead', $1, $1)",
      [world.now()],
    );
    await world.sync('hq');
    expect(await totals()).toMatchObject({ 'runs failed': 1, 'runs abandoned': 1, 'runs succeeded': 1 });
  });

  it('go with their integration, and a worker that comes late brings none back', async () => {
    await world.sync('hq');
    await removeIntegration({ db: world.db, now: world.now, actor: tester }, 'hq', false);
    await addTotals(world.db, 'phq', { runs: { succeeded: 1 } });
    expect(await totals()).toEqual({});
  });
});
