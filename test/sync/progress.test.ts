// Where a run is: in its row, and by the bell that pages hear; and that a dry run tells nobody.
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { startApi } from '../support/api.ts';
import { type FakeConsole, fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { connect } from '../../src/store/client.ts';
import { lastRuns } from '../../src/store/runs.ts';
import { createWorld, type World } from '../support/world.ts';

describe('the progress of a run', () => {
  let world: World;
  let console: FakeConsole;
  let heard: unknown[];
  /** Until all that was told before has come. */
  let settle: () => Promise<void>;

  beforeEach(async () => {
    world = await createWorld();
    console = await world.integration('hq');
    console.pageSize = 2;
    console.set(...[1, 2, 3, 4, 5].map(n => fakeAgent(`${n}`, `SER-${n}`)));
    const listener = await connect(world.database.url);
    onTestFinished(() => listener.end());
    heard = [];
    listener.on('notification', ({ payload }) => void heard.push(JSON.parse(payload ?? '')));
    await listener.query('listen run_progress');
    settle = async () => void (await listener.query('select 1'));
  });

  const told = (phase: string, agents: number, runId = 1) => ({
    ...{ integrationId: 'phq', runId, phase, agents, claimedTotal: 5 },
  });

  it('is told page by page, at most once a second, with each phase, and at its end when all that follows is written', async () => {
    const rows: unknown[] = [];
    const api = await startApi({ database: world.database, now: world.now });
    await world.sync('hq', {
      reached: async point => {
        if (point !== 'page staged' && point !== 'before head') return;
        const { body } = await api.call('GET', '/api/v2/posture/integrations/phq/runs/1');
        const { phase, pages, agents, claimedTotal } = body;
        rows.push([point, phase, pages, agents, claimedTotal]);
      },
    });
    // The first page is told; the others come within the same second or after it, as the machine has it.
    expect(rows[0]).toEqual(['page staged', 'reading', 1, 2, 5]);
    expect(rows.at(-1)).toEqual(['before head', 'merging', 3, 5, 5]);
    await settle();
    expect(heard[0]).toEqual(told('reading', 2));
    const phases = heard.map(each => (each as { phase: string }).phase);
    expect(new Set(phases)).toEqual(new Set(['reading', 'confirming', 'merging', 'ended']));
    expect(heard.at(-1)).toEqual(told('ended', 5));
    expect((await lastRuns(world.db, 'phq', 1))[0]).toMatchObject({ phase: null, claimedTotal: 5, agents: 5 });
  });

  it('of one that failed ends as well, and of one whose worker died with the next that begins', async () => {
    console.fail = { page: 1, kind: 'unavailable' };
    await world.sync('hq');
    await settle();
    expect(heard.at(-1)).toEqual(told('ended', 2));
    await world.db.query(
      "insert into sync_runs (integration_id, worker, started_at, progress_at, phase) values ('phq', 'w', $1, $1, 'reading')",
      [world.now()],
    );
    await world.sync('hq');
    const [, died] = await lastRuns(world.db, 'phq', 2);
    expect(died).toMatchObject({ outcome: 'abandoned', phase: null });
  });

  it('of a dry run is told to nobody', async () => {
    await world.sync('hq', { dryRun: true });
    await settle();
    expect(heard).toEqual([]);
  });
});
