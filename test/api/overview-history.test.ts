// Samples over time: who takes them, what charts are told of them, and that nothing is told where nobody sampled.
import { beforeEach, describe, expect, it } from 'vitest';
import { type OverviewHistory, sampleOverview } from '../../src/operations/overview-history.ts';
import { startKeeper } from '../../src/sync/keeper.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { inForce, openKeeper } from '../support/standings.ts';
import { createWorld, hour, minute, type World } from '../support/world.ts';

const path = '/api/v2/tailnet/-/overview/history';
const day = 24 * hour;
let world: World;
let api: TestApi;
const sample = async () => await sampleOverview({ db: world.db, now: world.now }, 15 * minute);
const history = async (period: string): Promise<OverviewHistory> =>
  (await api.call('GET', `${path}?period=${period}`)).body;
const told = (series: readonly (number | null)[]) => series.filter(figure => figure !== null);
const count = async () => (await world.db.query('select count(*)::int as n from overview_samples')).rows[0].n;

beforeEach(async () => {
  world = await createWorld();
  api = await startApi({ database: world.database, now: world.now });
  const hq = await world.integration('hq');
  for (const id of ['a', 'b']) hq.set(fakeAgent(id, `SER-${id}`, { values: { 'fake:threats': id === 'a' ? 0 : 1 } }));
  await world.devices({ id: 'a', serialNumbers: ['SER-a'] }, { id: 'b', serialNumbers: ['SER-b'] }, { id: 'c' });
  await world.sync('hq');
});

describe('samples', () => {
  it('are taken once a step, whoever comes', async () => {
    expect(await Promise.all([sample(), sample(), sample()])).toContain(true);
    expect(await sample()).toBe(false);
    world.pass(5 * minute);
    expect(await sample()).toBe(true);
    expect(await count()).toBe(2);
  });

  it('are taken by a worker, and are no audited write', async () => {
    const { rows } = await world.db.query('select revision from head');
    const keeper = startKeeper({ ...world.context, pool: world.db, auditRetentionMs: 400 * day });
    await keeper.stop();
    expect(await count()).toBe(1);
    expect((await world.db.query('select revision from head')).rows).toEqual(rows);
  });

  it('are forgotten after 31 days', async () => {
    await sample();
    world.pass(30 * day);
    await sample();
    expect(await count()).toBe(2);
    world.pass(2 * day);
    await sample();
    expect(await count()).toBe(2);
  });
});

describe('the overview over time', () => {
  it('has a place for each step, and nothing where nobody sampled', async () => {
    const empty = await history('24h');
    expect(empty).toMatchObject({ steps: 288, stepMs: 5 * minute, postures: [], integrations: [] });
    expect(told(empty.devices.total)).toEqual([]);
    await sample();
    world.pass(20 * minute);
    await sample();
    const { devices, from, stepMs } = await history('24h');
    expect(devices.total.slice(-6)).toEqual([null, 3, null, null, null, 3]);
    const end = Date.parse(from) + 288 * stepMs;
    expect([end > world.now().getTime(), end - world.now().getTime() <= stepMs]).toEqual([true, true]);
  });

  it('tells fresh, stale and no posture, the age of the oldest evidence, and matches', async () => {
    await sample();
    const fresh = await history('24h');
    expect(told(fresh.devices.fresh)).toEqual([2]);
    expect(told(fresh.devices.none)).toEqual([1]);
    expect(fresh.integrations).toMatchObject([{ id: 'phq', name: 'hq' }]);
    expect(told(fresh.integrations[0]?.agents ?? [])).toEqual([2]);
    world.pass(hour);
    await sample();
    const { devices } = await history('24h');
    expect([told(devices.fresh), told(devices.stale)]).toEqual([
      [2, 0],
      [0, 2],
    ]);
    expect(told(devices.oldestEvidenceAgeMs).at(-1)).toBe(hour);
  });

  it('tells of postures only what was judged', async () => {
    await inForce(world, { 'posture:clean': ['fake:threats == 0'] });
    await sample();
    expect((await history('24h')).postures).toEqual([]);
    await (await openKeeper(world)).judge();
    world.pass(5 * minute);
    await sample();
    const [clean] = (await history('24h')).postures;
    expect([
      clean?.posture,
      told(clean?.passing ?? []),
      told(clean?.failing ?? []),
      told(clean?.unknown ?? []),
    ]).toEqual([...['posture:clean', [1], [1], [1]]]);
  });

  it('tells of each longer step the sample at which things stood worst', async () => {
    await world.db.query(
      `insert into overview_samples (step_at, sampled_at, fresh_within_ms, devices, fresh, stale, oldest_evidence_at, postures, integrations)
       select at, at, 1, 100, 100 - n, n, at - n * interval '1 minute', jsonb_build_object('posture:p', jsonb_build_array(100 - n, n, 0)), jsonb_build_object('phq', jsonb_build_array(100, 100 - n))
       from (select $1::timestamptz - interval '2 days' + i * interval '5 minutes' as at, case when i = 7 then 40 else 1 end as n from generate_series(0, 11) i) s`,
      [world.now()],
    );
    const { devices, postures, integrations, steps } = await history('7d');
    expect(steps).toBe(336);
    expect(Math.min(...(told(devices.fresh) as number[]))).toBe(60);
    expect(Math.max(...(told(devices.oldestEvidenceAgeMs) as number[]))).toBe(40 * minute);
    expect(Math.min(...(told(postures[0]?.passing ?? []) as number[]))).toBe(60);
    expect(Math.min(...(told(integrations[0]?.matched ?? []) as number[]))).toBe(60);
    const long = await history('30d');
    expect([long.steps, told(long.devices.total).length <= 2]).toEqual([240, true]);
  });

  it('refuses another period', async () => {
    const answer = await api.call('GET', `${path}?period=1y`);
    expect([answer.status, answer.body.message]).toEqual([400, expect.stringContaining('period')]);
  });
});
