// Samples of how things stood, as charts need them. Aggregated by the database: of each step of a chart the one sample at which it
// stood worst is told, so that a short trouble shows in a long chart, and nothing is told that was not so.
import { type Client, type Queryable, reader } from './client.ts';
import { overviewSamples } from './schema-overview.ts';

export type Sample = typeof overviewSamples.$inferSelect;

/** @returns whether somebody sampled that step already */
export async function isSampled(db: Queryable, stepAt: Date): Promise<boolean> {
  const { rowCount } = await db.query('select from overview_samples where step_at = $1', [stepAt]);
  return rowCount === 1;
}

/** Does nothing where another worker was faster. */
export async function insertSample(client: Client, sample: Sample): Promise<void> {
  await reader(client).insert(overviewSamples).values(sample).onConflictDoNothing();
}

export async function dropSamples(db: Queryable, before: Date): Promise<void> {
  await db.query('delete from overview_samples where step_at < $1', [before]);
}

/** @returns what the workers call fresh, as they said last; null: they said nothing since */
export async function sampledFreshWithinMs(db: Queryable, since: Date): Promise<number | null> {
  const { rows } = await db.query(
    'select fresh_within_ms as ms from overview_samples where step_at >= $1 order by step_at desc limit 1',
    [since],
  );
  return rows[0]?.ms ?? null;
}

/** The time that a chart shows: `steps` steps from its beginning. */
export interface Grid {
  from: Date;
  stepMs: number;
  steps: number;
}

export interface SampledDevices {
  /** Which step, from 0. */
  step: number;
  devices: number;
  fresh: number;
  stale: number;
  oldestEvidenceAgeMs: number | null;
}

export interface SampledSeries {
  key: string;
  step: number;
  figures: number[];
}

const stepOf = `floor(extract(epoch from (step_at - $1::timestamptz)) * 1000 / $2::float8)::int`;
const shown = `step_at >= $1 and step_at < $1::timestamptz + $2::float8 * $3 * interval '1 millisecond'`;
const parameters = ({ from, stepMs, steps }: Grid) => [from, stepMs, steps];

/** @returns of each step that has a sample that with the smallest share of fresh devices, and the greatest age of evidence */
export async function devicesOverTime(db: Queryable, grid: Grid): Promise<SampledDevices[]> {
  const { rows } = await db.query(
    `select distinct on (step) ${stepOf} as step, devices, fresh, stale,
       (max(extract(epoch from (sampled_at - oldest_evidence_at)) * 1000) over (partition by ${stepOf}))::float8 as "oldestEvidenceAgeMs"
     from overview_samples where ${shown} order by step, fresh::float8 / nullif(devices, 0), step_at desc`,
    parameters(grid),
  );
  return rows;
}

/** @returns of each posture and step the sample with the fewest that pass, of the postures with the fewest that pass in their last sample */
export async function posturesOverTime(db: Queryable, grid: Grid, most: number): Promise<SampledSeries[]> {
  return await seriesOverTime(db, grid, 'postures', most);
}

/** @returns of each integration and step the sample with the smallest share of matched agents */
export async function integrationsOverTime(db: Queryable, grid: Grid, most: number): Promise<SampledSeries[]> {
  return await seriesOverTime(db, grid, 'integrations', most);
}

const goodShare = {
  postures: '(figures ->> 0)::float8 / nullif((figures ->> 0)::int + (figures ->> 1)::int + (figures ->> 2)::int, 0)',
  integrations: '(figures ->> 1)::float8 / nullif((figures ->> 0)::int, 0)',
};

async function seriesOverTime(
  db: Queryable,
  grid: Grid,
  column: keyof typeof goodShare,
  most: number,
): Promise<SampledSeries[]> {
  const { rows } = await db.query(
    `with sampled as (
       select key, figures, step_at, ${stepOf} as step, ${goodShare[column]} as share
       from overview_samples, jsonb_each(${column}) s(key, figures) where ${shown}
     ), latest as (
       select distinct on (key) key, share from sampled order by key, step_at desc
     ), wanted as (select key from latest order by share nulls last, key limit $4)
     select distinct on (key, step) key, step, figures from sampled join wanted using (key) order by key, step, share, step_at desc`,
    [...parameters(grid), most],
  );
  return rows;
}
