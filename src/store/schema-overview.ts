// The table of samples, for drizzle-kit and drizzle-orm like schema.ts.
import { integer, jsonb, pgTable } from 'drizzle-orm/pg-core';
import { time } from './columns.ts';

const count = (name: string) => integer(name).notNull();

/**
 * How things stood at times of a fixed step, for charts. No audited fact, and nothing is derived from it: a step at which no worker
 * ran has no row, and stays a gap.
 */
export const overviewSamples = pgTable('overview_samples', {
  /** Beginning of the step: of workers that sample at once one writes. */
  stepAt: time('step_at').primaryKey(),
  sampledAt: time('sampled_at').notNull(),
  /** What counted as fresh. */
  freshWithinMs: integer('fresh_within_ms').notNull(),
  devices: count('devices'),
  fresh: count('fresh'),
  stale: count('stale'),
  /** Null: no device had any. */
  oldestEvidenceAt: time('oldest_evidence_at'),
  /** Passing, failing and unknown, by posture; null: nothing was judged, or not by the policy that was in force. */
  postures: jsonb('postures').$type<SampledPostures>(),
  /** Agents, and those of them that are matched, at the last sync, by id of the integration. */
  integrations: jsonb('integrations').notNull().$type<SampledIntegrations>(),
});

export type SampledPostures = Record<string, readonly [passing: number, failing: number, unknown: number]>;
export type SampledIntegrations = Record<string, readonly [agents: number, matched: number]>;
