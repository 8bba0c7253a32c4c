// Figures as samples of the metrics in the catalogue. Pure.

import { type Latency, latencyBounds } from '../http/latencies.ts';
import { stateOf } from '../operations/integration-view.ts';
import { agentsOf } from '../operations/overview-facts.ts';
import { agentReasons } from '../posture/reasons.ts';
import { requestOutcomes } from '../providers/outcomes.ts';
import type { IntegrationFigures, StoredFigures } from '../store/figures.ts';
import type { SyncOutcome } from '../store/schema.ts';
import type { TotalCounter } from '../store/schema-totals.ts';
import type { MetricName } from './metric-catalogue.ts';

export interface Sample {
  metric: MetricName;
  labels: Readonly<Record<string, string | number>>;
  value: number;
  /** Of the parts of a histogram. */
  suffix?: '_bucket' | '_sum' | '_count';
}

/** What a process knows without the database. */
export interface ProcessFigures {
  version: string;
  isDatabaseUp: boolean;
  view: { ageMs: number; maxAgeMs: number; devices: number; revision: number };
  /** By outcome. */
  decisions: Readonly<Record<string, number>>;
  /** By reason. */
  refusals: Readonly<Record<string, number>>;
  latencies: readonly Latency[];
  feedReaders: number;
  cpuSeconds: number;
  residentBytes: number;
  startedSeconds: number;
}

export function processSamples(figures: ProcessFigures): Sample[] {
  const { view, decisions, refusals } = figures;
  return [
    { metric: 'posture_sync_build_info', labels: { version: figures.version }, value: 1 },
    plain('posture_sync_database_up', figures.isDatabaseUp ? 1 : 0),
    plain('posture_sync_view_age_seconds', view.ageMs / 1_000),
    plain('posture_sync_view_max_age_seconds', view.maxAgeMs / 1_000),
    plain('posture_sync_view_devices', view.devices),
    plain('posture_sync_view_revision', view.revision),
    ...byLabel('posture_sync_decisions_total', {}, 'outcome', decisions),
    ...figures.latencies.flatMap(histogramOf),
    ...byLabel('posture_sync_http_refusals_total', {}, 'reason', refusals),
    plain('posture_sync_feed_readers', figures.feedReaders),
    plain('process_cpu_seconds_total', figures.cpuSeconds),
    plain('process_resident_memory_bytes', figures.residentBytes),
    plain('process_start_time_seconds', figures.startedSeconds),
  ];
}

/** @param at as of when ages are told, by the database's clock */
export function storedSamples(figures: StoredFigures, at: Date): Sample[] {
  const { integrations, totals, standingsWaiting } = figures;
  return [
    plain('posture_sync_revision', figures.revision),
    plain('posture_sync_refetches_waiting', figures.refetchesWaiting),
    ...(standingsWaiting === null ? [] : [plain('posture_sync_standings_waiting', standingsWaiting)]),
    ...figures.webhooks.map(({ name, waitingSince }) => ({
      metric: 'posture_sync_webhook_lag_seconds' as const,
      labels: { webhook: name },
      value: waitingSince === null ? 0 : Math.max(0, (at.getTime() - waitingSince.getTime()) / 1_000),
    })),
    ...importSamples(figures.tailnetImport, at),
    ...integrations.flatMap(integration => [
      ...integrationSamples(integration, at),
      ...totalSamples(
        integration.name,
        totals.filter(({ integrationId }) => integrationId === integration.id),
      ),
    ]),
  ];
}

function importSamples(figures: StoredFigures['tailnetImport'], at: Date): Sample[] {
  if (figures === null) return [];
  const { since, succeededAt, isFailing, rejected } = figures;
  return [
    plain(
      'posture_sync_device_import_last_success_age_seconds',
      Math.max(0, (at.getTime() - (succeededAt ?? since).getTime()) / 1_000),
    ),
    plain('posture_sync_device_import_failing', isFailing ? 1 : 0),
    plain('posture_sync_device_import_rejected', rejected),
  ];
}

const states = ['active', 'paused', 'held', 'failing', 'unsupported'] as const;

function integrationSamples(figures: IntegrationFigures, at: Date): Sample[] {
  const { name: integration, provider, lastRun } = figures;
  const its = { integration };
  const state = stateOf(figures, false);
  const seconds = (metric: MetricName, ms: number | null): Sample[] =>
    ms === null ? [] : [{ metric, labels: its, value: ms / 1_000 }];
  const sinceMs = (then: Date | null) => then && Math.max(0, at.getTime() - then.getTime());
  const untilMs = (then: Date | null) => then && then.getTime() - at.getTime();
  return [
    { metric: 'posture_sync_integration_info', labels: { integration, provider }, value: 1 },
    ...states.map(
      (each): Sample => ({
        metric: 'posture_sync_integration_state',
        labels: { integration, state: each },
        value: each === state ? 1 : 0,
      }),
    ),
    ...seconds('posture_sync_last_success_age_seconds', sinceMs(figures.succeededAt ?? figures.createdAt)),
    ...seconds('posture_sync_oldest_evidence_age_seconds', sinceMs(figures.oldestEvidenceAt)),
    ...seconds('posture_sync_evidence_expires_in_seconds', untilMs(figures.evidenceExpiresAt)),
    ...seconds('posture_sync_token_expires_in_seconds', untilMs(figures.tokenExpiresAt)),
    { metric: 'posture_sync_held_devices', labels: its, value: figures.heldDevices ?? 0 },
    ...(lastRun === null ? [] : lastRunSamples(integration, lastRun)),
  ];
}

function lastRunSamples(integration: string, run: NonNullable<IntegrationFigures['lastRun']>): Sample[] {
  const its = { integration };
  const agents = agentsOf(run);
  const unmatched = { ...zeros(Object.keys(agentReasons)), ...run.unmatched };
  return [
    { metric: 'posture_sync_last_run_duration_seconds', labels: its, value: run.durationMs / 1_000 },
    { metric: 'posture_sync_agents', labels: its, value: agents },
    { metric: 'posture_sync_agents_matched', labels: its, value: run.matched },
    ...byLabel('posture_sync_agents_unmatched', its, 'reason', unmatched),
  ];
}

const outcomes: readonly SyncOutcome[] = ['succeeded', 'partial', 'held', 'failed', 'abandoned'];

/** How each counter is shown. What did not happen yet is told as 0, so that the first time shows as an increase. */
const shown: Record<TotalCounter, { metric: MetricName; label: string; all: readonly string[]; unit?: number }> = {
  runs: { metric: 'posture_sync_runs_total', label: 'outcome', all: outcomes },
  run_ms: { metric: 'posture_sync_run_seconds_total', label: 'outcome', all: outcomes, unit: 1_000 },
  attributes: {
    metric: 'posture_sync_attributes_total',
    label: 'change',
    all: ['set', 'changed', 'removed', 'withheld'],
  },
  requests: { metric: 'posture_sync_provider_requests_total', label: 'outcome', all: requestOutcomes },
};

function totalSamples(integration: string, totals: StoredFigures['totals']): Sample[] {
  return Object.entries(shown).flatMap(([counter, { metric, label, all, unit = 1 }]) => {
    const counts: Record<string, number> = zeros(all);
    for (const row of totals) if (row.counter === counter) counts[row.label] = row.total / unit;
    return byLabel(metric, { integration }, label, counts);
  });
}

function plain(metric: MetricName, value: number): Sample {
  return { metric, labels: {}, value };
}

function zeros(labels: readonly string[]): Record<string, number> {
  return Object.fromEntries(labels.map(label => [label, 0]));
}

function byLabel(
  metric: MetricName,
  labels: Sample['labels'],
  label: string,
  values: Readonly<Record<string, number>>,
): Sample[] {
  return Object.entries(values).map(([key, value]) => ({ metric, labels: { ...labels, [label]: key }, value }));
}

function histogramOf({ route, method, status, counts, seconds }: Latency): Sample[] {
  const metric = 'posture_sync_http_request_duration_seconds';
  const labels = { route, method, status };
  let count = 0;
  const buckets = counts.map((n, i): Sample => {
    count += n;
    return { metric, suffix: '_bucket', labels: { ...labels, le: String(latencyBounds[i] ?? '+Inf') }, value: count };
  });
  return [
    ...buckets,
    { metric, suffix: '_sum', labels, value: seconds },
    { metric, suffix: '_count', labels, value: count },
  ];
}
