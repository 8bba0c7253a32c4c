// Every metric that there is: its name, kind, labels and meaning. What is exposed and what docs/metrics.md says are made of this. Names
// and labels are never changed: alerts and dashboards hang on them.

export interface MetricSpec {
  type: 'gauge' | 'counter' | 'histogram';
  /** With the values that they have, where these are few and ours. */
  labels: readonly string[];
  /** One sentence. */
  about: string;
  /** Where it is known: in each process of its own, or in the database and so the same wherever it is read. */
  of: 'process' | 'database';
}

const process = (type: MetricSpec['type'], labels: readonly string[], about: string): MetricSpec => {
  return { type, labels, about, of: 'process' };
};
const database = (type: MetricSpec['type'], labels: readonly string[], about: string): MetricSpec => {
  return { type, labels, about, of: 'database' };
};

const each = ['integration'] as const;

export const metricCatalogue = {
  posture_sync_build_info: process('gauge', ['version'], 'Always 1; the version stands in the label.'),
  posture_sync_database_up: process('gauge', [], 'Whether the database told its figures in time: 1 or 0.'),
  posture_sync_view_age_seconds: process(
    'gauge',
    [],
    'How long ago the devices in memory, by which it is decided, were what the database has; +Inf before they are loaded.',
  ),
  posture_sync_view_max_age_seconds: process(
    'gauge',
    [],
    'Decisions are denials when the view is older: VIEW_MAX_AGE.',
  ),
  posture_sync_view_devices: process('gauge', [], 'Devices in memory.'),
  posture_sync_view_revision: process('gauge', [], 'The audited write up to which the view is complete.'),
  posture_sync_decisions_total: process(
    'counter',
    ['outcome'],
    'Decisions for gateways by outcome; docs/http.md has the outcomes.',
  ),
  posture_sync_http_request_duration_seconds: process(
    'histogram',
    ['route', 'method', 'status'],
    'From a request to its answer, by pattern of the route, method and status class; a stream or a poll counts when it ends.',
  ),
  posture_sync_http_refusals_total: process(
    'counter',
    ['reason'],
    'Requests refused with 401 or 403: missing, malformed, unknown, revoked, expired key, or a scope that it lacks.',
  ),
  posture_sync_feed_readers: process('gauge', [], 'Who reads the feed of changes now.'),
  process_cpu_seconds_total: process('counter', [], 'Processor time that this process used.'),
  process_resident_memory_bytes: process('gauge', [], 'Memory that this process has.'),
  process_start_time_seconds: process('gauge', [], 'When this process started, in seconds since 1970.'),
  posture_sync_revision: database('gauge', [], 'The last audited write.'),
  posture_sync_integration_info: database('gauge', ['integration', 'provider'], 'Always 1; one for each integration.'),
  posture_sync_integration_state: database(
    'gauge',
    ['integration', 'state'],
    '1 for the state that the integration is in: active, paused, held, failing or unsupported; 0 for the others.',
  ),
  posture_sync_last_success_age_seconds: database(
    'gauge',
    each,
    'How long ago the last sync succeeded or, before the first one, the integration was added.',
  ),
  posture_sync_runs_total: database('counter', ['integration', 'outcome'], 'Sync runs that ended, by outcome.'),
  posture_sync_run_seconds_total: database(
    'counter',
    ['integration', 'outcome'],
    'How long they took together; runs whose worker died add nothing.',
  ),
  posture_sync_last_run_duration_seconds: database('gauge', each, 'How long the last run took that came to its end.'),
  posture_sync_agents: database('gauge', each, 'Agents that the provider has, as of the last run.'),
  posture_sync_agents_matched: database('gauge', each, 'Agents that speak for a device, as of the last run.'),
  posture_sync_agents_unmatched: database(
    'gauge',
    ['integration', 'reason'],
    'Agents that speak for none, by reason, as of the last run; also those that the provider no longer has.',
  ),
  posture_sync_attributes_total: database(
    'counter',
    ['integration', 'change'],
    'Posture attributes that sweeps and refetches set, changed, removed, or withheld from being removed.',
  ),
  posture_sync_held_devices: database('gauge', each, 'Devices whose losses are withheld until somebody admits them.'),
  posture_sync_oldest_evidence_age_seconds: database(
    'gauge',
    each,
    'How long ago the provider confirmed the oldest values that still count.',
  ),
  posture_sync_evidence_expires_in_seconds: database(
    'gauge',
    each,
    'How long until the values end that no complete sweep confirms; not there where they never do.',
  ),
  posture_sync_token_expires_in_seconds: database(
    'gauge',
    each,
    'How long until the credentials end, where the provider tells.',
  ),
  posture_sync_provider_requests_total: database(
    'counter',
    ['integration', 'outcome'],
    'Requests that went to the provider, repeated ones too, by what came of them; added when a sync run or a refetch ends.',
  ),
  posture_sync_device_import_last_success_age_seconds: database(
    'gauge',
    [],
    'How long ago devices were last imported from a tailnet on schedule or, before the first time, it was tried; not there where none are.',
  ),
  posture_sync_device_import_failing: database(
    'gauge',
    [],
    'Whether the last import on schedule failed: 1 or 0; not there where there is none.',
  ),
  posture_sync_device_import_rejected: database(
    'gauge',
    [],
    'Entries that could not be used in the last import on schedule that succeeded.',
  ),
  posture_sync_refetches_waiting: database('gauge', [], 'Devices that wait to be read again.'),
  posture_sync_standings_waiting: database('gauge', [], 'Devices that wait to be judged by the postures.'),
  posture_sync_webhook_lag_seconds: database(
    'gauge',
    ['webhook'],
    'How long ago that happened what the oldest notice tells that waits to be sent; 0 where none waits. Not of disabled webhooks.',
  ),
} as const satisfies Record<string, MetricSpec>;

export type MetricName = keyof typeof metricCatalogue;
