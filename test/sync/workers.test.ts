// Several workers over many integrations: one run of an integration at a time, each served once a turn, and an audit log
// as if there were one worker.
import { setImmediate as breathe } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from 'vitest';
import type { Provider } from '../../src/providers/provider.ts';
import { createPool } from '../../src/store/client.ts';
import type { SyncContext } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { type Scheduler, startScheduler } from '../../src/sync/scheduler.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import { Random, seeded } from '../support/random.ts';
import { expectWholeLog } from '../support/replay.ts';
import { createWorld, minute, type World } from '../support/world.ts';

const seed = 20_260_301;
const day = 24 * 60 * minute;

/** Notices sweeps of one console that overlap, and counts them. */
class Watch {
  readonly sweeps = new Map<string, number>();
  readonly overlaps: string[] = [];
  readonly #on = new Set<string>();

  over(provider: Provider): Provider {
    const watch = this;
    return {
      ...provider,
      async *agents(settings, query, context) {
        const name = String(settings.console);
        if (watch.#on.has(name)) watch.overlaps.push(name);
        watch.#on.add(name);
        if (query.kind === 'all') watch.sweeps.set(name, (watch.sweeps.get(name) ?? 0) + 1);
        try {
          return yield* provider.agents(settings, query, context);
        } finally {
          watch.#on.delete(name);
        }
      },
    };
  }
}

describe('workers', () => {
  let world: World;
  let watch: Watch;
  let names: string[];

  beforeEach(async () => {
    world = await createWorld();
    watch = new Watch();
    const provider = watch.over(world.context.providerOf('fake'));
    world.context.providerOf = () => provider;
    names = [];
  });

  /** Integrations with fleets of some agents, some of which share a device with the next integration's. */
  async function manyIntegrations(count: number, random: Random): Promise<void> {
    for (let i = 0; i < count; i++) {
      const name = `i${i}`;
      names.push(name);
      const console = await world.integration(name);
      const agents = 1 + random.below(9);
      for (let n = 0; n < agents; n++) console.set(fakeAgent(`${i}-${n}`, `SER-${i + random.below(2)}-${n}`));
      const pauses = Array.from({ length: 8 }, () => random.below(20));
      console.beforePage = async page => {
        for (let turn = pauses[page] ?? 0; turn > 0; turn--) await breathe();
      };
    }
    await world.devices(
      ...names.flatMap((_, i) =>
        Array.from({ length: 5 }, (_, n) => ({ id: `d${i}-${n}`, serialNumbers: [`SER-${i}-${n}`] })),
      ),
    );
  }

  async function withSchedulers(count: number, work: () => Promise<void>): Promise<void> {
    const pools = Array.from({ length: count }, () => createPool(world.database.url, { max: 2 }));
    const schedulers: Scheduler[] = pools.map((pool, i) =>
      startScheduler({
        ...world.context,
        worker: `worker ${i}`,
        pool,
        concurrency: 2,
        auditRetentionMs: 400 * day,
      }),
    );
    try {
      await work();
    } finally {
      await Promise.all(schedulers.map(scheduler => scheduler.stop()));
      await Promise.all(pools.map(pool => pool.end()));
    }
  }

  async function untilServed(): Promise<void> {
    const served = async () => {
      const { rows } = await world.db.query(
        'select count(*)::int as n from integrations where succeeded_at >= $1 and next_sync_at > $1',
        [world.now()],
      );
      return rows[0].n;
    };
    await expect.poll(served).toBe(names.length);
  }

  it.each([2, 10])('%i of them serve every integration, each by one run at a time and once a turn', count =>
    seeded(seed + count, async random => {
      await manyIntegrations(10, random);
      await withSchedulers(count, async () => {
        await untilServed();
        // Turns lie on a grid: the first after a sync may be an interval and a half away.
        world.pass(23 * minute);
        for (const name of names) world.consoles.get(name)?.set(fakeAgent(`${name}-new`, `SER-NEW-${name}`));
        await untilServed();
      });
      expect(watch.overlaps).toEqual([]);
      expect(Object.fromEntries(watch.sweeps)).toEqual(Object.fromEntries(names.map(name => [name, 2])));
      const runs = await world.db.query(
        'select worker, outcome, count(*)::int as n from sync_runs group by 1, 2 order by 1',
      );
      expect(new Set(runs.rows.map(row => row.outcome))).toEqual(new Set(['succeeded']));
      // All of one process, so that it is chance how many come to work; with two they both must.
      if (count === 2) expect(runs.rows.map(row => row.worker)).toEqual(['worker 0', 'worker 1']);
      await world.verify();
      await expectWholeLog(world.db);
    }),
  );

  it('ten runs asked for at once of one integration are one run', async () => {
    await manyIntegrations(1, new Random(seed));
    const gate = Promise.withResolvers<void>();
    const claimed = Promise.withResolvers<void>();
    const run = (context: SyncContext) =>
      runSync(context, 'pi0', {
        signal: new AbortController().signal,
        async reached(point) {
          if (point !== 'claimed') return;
          claimed.resolve();
          await gate.promise;
        },
      });
    const all = Promise.all(Array.from({ length: 10 }, (_, i) => run({ ...world.context, worker: `worker ${i}` })));
    await claimed.promise;
    await expect
      .poll(async () => {
        const { rows } = await world.db.query(
          "select count(*)::int as n from pg_stat_activity where datname = current_database() and application_name = 'posture-sync run'",
        );
        return rows[0].n;
      })
      .toBe(1);
    gate.resolve();
    expect((await all).filter(result => result !== null)).toMatchObject([{ outcome: 'succeeded' }]);
    expect(watch.sweeps.get('i0')).toBe(1);
    expect((await world.db.query('select from sync_runs')).rowCount).toBe(1);
  });

  it('a list of due integrations that has become old starts nothing', async () => {
    await manyIntegrations(1, new Random(seed));
    await world.sync('i0');
    const { signal } = new AbortController();
    expect(await runSync(world.context, 'pi0', { signal, onlyIfDue: true })).toBeNull();
    expect(watch.sweeps.get('i0')).toBe(1);
    expect((await world.db.query('select from sync_runs')).rowCount).toBe(1);
  });
});
