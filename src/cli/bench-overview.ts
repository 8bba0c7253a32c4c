// How long the overview takes: counted anew, kept, and over a month.

import { readOverview } from '../operations/overview.ts';
import { keepCounts } from '../operations/overview-counts.ts';
import { type HistoryPeriod, type historyPeriods, readHistory } from '../operations/overview-history.ts';
import { applyPolicy } from '../operations/policies.ts';
import { createBenchDatabase, fillBenchDevices, fillBenchOverview } from '../store/bench.ts';
import { createPool, databaseClock, migrate } from '../store/client.ts';
import { type Timed, time } from './bench-api.ts';
import { bench } from './bench-fleet.ts';

export interface OverviewBench {
  devices: number;
  counted: Timed;
  kept: Timed;
  history: Record<HistoryPeriod, Timed>;
}

const syncIntervalMs = 15 * 60_000;
const conditions = [
  'infected == false',
  'activeThreats == 0',
  "operationalState == 'na'",
  'isActive',
  'agentVersion IS SET',
];
const times = 20;

/** @param serverUrl a PostgreSQL server; a database is created there and dropped again */
export async function benchOverview(serverUrl: string, devices: number): Promise<OverviewBench> {
  const database = await createBenchDatabase(serverUrl);
  const pool = createPool(database.url, { applicationName: 'posture-sync bench' });
  try {
    await migrate(database.url);
    await fillBenchDevices(database.url, devices);
    const postures = conditions.map((condition, n) => [`posture:bench-${n}`, [`sentinelOne:${condition}`]] as const);
    const now = await databaseClock(pool);
    const text = JSON.stringify({ postures: Object.fromEntries(postures) });
    await applyPolicy({ db: pool, now, actor: bench }, { text, ifRevision: null });
    await fillBenchOverview(
      database.url,
      postures.map(([name]) => name),
    );
    const asked = { db: pool, now, syncIntervalMs, view: null, withWebhooks: true };
    const counts = keepCounts();
    const history = async (period: HistoryPeriod) =>
      await time(async () => void (await readHistory(asked, period)), times);
    return {
      devices,
      counted: await time(async () => void (await readOverview({ ...asked, counts: keepCounts() })), times),
      kept: await time(async () => void (await readOverview({ ...asked, counts })), times),
      history: {
        '24h': await history('24h'),
        '7d': await history('7d'),
        '30d': await history('30d'),
      } satisfies Record<keyof typeof historyPeriods, Timed>,
    };
  } finally {
    await pool.end();
    await database.drop();
  }
}
