// How things stood over the last day, week or month, out of samples that a worker takes at each step. Where nobody sampled there is
// nothing: such steps are null, and nothing is put in between.
import type { Now, Pool } from '../store/client.ts';
import { inTransaction } from '../store/client.ts';
import { listIntegrations } from '../store/integrations.ts';
import { readRunPairs } from '../store/overview.ts';
import {
  devicesOverTime,
  dropSamples,
  type Grid,
  insertSample,
  integrationsOverTime,
  isSampled,
  posturesOverTime,
  type SampledSeries,
} from '../store/overview-samples.ts';
import { countOverview, freshWithin, type OverviewCounts } from './overview-counts.ts';
import { agentsOf } from './overview-facts.ts';

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;

/** A sample is taken so often. */
export const sampleEveryMs = 5 * minute;
/** A chart of the last month needs its first day whole. */
const keptMs = 31 * day;

/** How long a chart is, and its steps. None has many more points than it has pixels. */
export const historyPeriods = {
  '24h': { ms: day, stepMs: sampleEveryMs },
  '7d': { ms: 7 * day, stepMs: 30 * minute },
  '30d': { ms: 30 * day, stepMs: 3 * hour },
} as const;
export type HistoryPeriod = keyof typeof historyPeriods;

/** A figure at each step; null: nobody sampled, or there was nothing to count. */
export type Series = (number | null)[];

export interface OverviewHistory {
  period: HistoryPeriod;
  /** Beginning of the first step. */
  from: string;
  stepMs: number;
  steps: number;
  sampledEveryMs: number;
  devices: { total: Series; fresh: Series; stale: Series; none: Series; oldestEvidenceAgeMs: Series };
  postures: { posture: string; passing: Series; failing: Series; unknown: Series }[];
  integrations: { id: string; name: string | null; agents: Series; matched: Series }[];
}

/** So many postures and integrations are told, those that stand worst first. */
const mostSeries = 12;

/** Of each step it tells the sample at which it stood worst. */
export async function readHistory(
  { db, now }: { db: Pool; now: Now },
  period: HistoryPeriod,
): Promise<OverviewHistory> {
  const { ms, stepMs } = historyPeriods[period];
  const steps = ms / stepMs;
  // The step under way is the last one.
  const end = (Math.floor(now().getTime() / stepMs) + 1) * stepMs;
  const grid: Grid = { from: new Date(end - ms), stepMs, steps };
  const sampled = await devicesOverTime(db, grid);
  const names = new Map((await listIntegrations(db)).map(({ id, name }) => [id, name]));
  const over = <Row extends { step: number }>(rows: readonly Row[], figure: (row: Row) => number | null): Series => {
    const series: Series = new Array(steps).fill(null);
    for (const row of rows) series[row.step] = figure(row);
    return series;
  };
  const series = (rows: readonly SampledSeries[]) => [...Map.groupBy(rows, ({ key }) => key)];
  const at = (rows: readonly SampledSeries[], n: number) => over(rows, ({ figures }) => figures[n] ?? null);
  return {
    ...{ period, from: grid.from.toISOString(), stepMs, steps, sampledEveryMs: sampleEveryMs },
    devices: {
      total: over(sampled, ({ devices }) => devices),
      fresh: over(sampled, ({ fresh }) => fresh),
      stale: over(sampled, ({ stale }) => stale),
      none: over(sampled, ({ devices, fresh, stale }) => devices - fresh - stale),
      oldestEvidenceAgeMs: over(sampled, ({ oldestEvidenceAgeMs: age }) => (age === null ? null : Math.round(age))),
    },
    postures: series(await posturesOverTime(db, grid, mostSeries)).map(([posture, rows]) => ({
      ...{ posture, passing: at(rows, 0), failing: at(rows, 1), unknown: at(rows, 2) },
    })),
    integrations: series(await integrationsOverTime(db, grid, mostSeries)).map(([id, rows]) => ({
      ...{ id, name: names.get(id) ?? null, agents: at(rows, 0), matched: at(rows, 1) },
    })),
  };
}

/**
 * Samples how things stand, unless somebody did at this step already; and forgets old samples.
 * @returns whether it did
 */
export async function sampleOverview({ db, now }: { db: Pool; now: Now }, syncIntervalMs: number): Promise<boolean> {
  const at = now();
  const stepAt = new Date(Math.floor(at.getTime() / sampleEveryMs) * sampleEveryMs);
  if (await isSampled(db, stepAt)) return false;
  const counts = await countOverview(db, at, freshWithin(syncIntervalMs));
  const pairs = await readRunPairs(db, at);
  await inTransaction(db, async client => {
    await insertSample(client, {
      ...{ stepAt, sampledAt: at, freshWithinMs: counts.freshWithinMs },
      ...{ devices: counts.freshness.devices, fresh: counts.freshness.fresh, stale: counts.freshness.stale },
      oldestEvidenceAt: counts.freshness.oldestAt,
      postures: sampledPostures(counts),
      integrations: Object.fromEntries(
        pairs.flatMap(({ id, last }) => (last === null ? [] : [[id, [agentsOf(last), last.matched] as const]])),
      ),
    });
    await dropSamples(client, new Date(at.getTime() - keptMs));
  });
  return true;
}

/** @returns null where nothing was judged: nobody passing would look like everybody failing */
function sampledPostures({ postures: { postures } }: OverviewCounts) {
  const judged = postures.filter(({ passing, failing, unknown }) => passing + failing + unknown > 0);
  if (judged.length === 0) return null;
  return Object.fromEntries(
    judged.map(({ posture, passing, failing, unknown }) => [posture, [passing, failing, unknown] as const]),
  );
}
