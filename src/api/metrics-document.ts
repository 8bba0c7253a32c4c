// docs/metrics.md, from the catalogue of metrics: a golden file that a test compares. Pure.
import { type MetricSpec, metricCatalogue } from './metric-catalogue.ts';

const scraping = `scrape_configs:
  - job_name: posture-sync
    authorization:
      credentials_file: /etc/prometheus/posture-sync-key
    static_configs:
      - targets: ['posture-sync.internal:8080']`;

/** What wakes somebody. Figures of the database come from each process that is scraped: the worst counts. */
const alerts = `groups:
  - name: posture-sync
    rules:
      - alert: PostureSyncDown
        expr: up{job="posture-sync"} == 0 or posture_sync_database_up == 0
        for: 5m
      - alert: PostureSyncNotSucceeded
        expr: |
          max by (integration) (posture_sync_last_success_age_seconds) > 3600
            unless max by (integration) (posture_sync_integration_state{state=~"paused|unsupported"}) == 1
        annotations:
          summary: '{{ $labels.integration }} was not synced with success for an hour'
      - alert: PostureSyncPaused
        expr: max by (integration) (posture_sync_integration_state{state="paused"}) == 1
        for: 1h
      - alert: PostureSyncHeld
        expr: max by (integration) (posture_sync_held_devices) > 0
        annotations:
          summary: 'losses of {{ $value }} devices wait for a human: posture-sync integration show {{ $labels.integration }}'
      - alert: PostureEvidenceExpires
        expr: min by (integration) (posture_sync_evidence_expires_in_seconds) < 12 * 3600
        annotations:
          summary: 'the values of {{ $labels.integration }} end in {{ $value | humanizeDuration }}'
      - alert: PostureTokenExpires
        expr: min by (integration) (posture_sync_token_expires_in_seconds) < 7 * 86400
      - alert: PostureViewStale
        expr: posture_sync_view_age_seconds > posture_sync_view_max_age_seconds / 3
        annotations:
          summary: '{{ $labels.instance }} decides by what it knew {{ $value | humanizeDuration }} ago, and will deny everything'
      - alert: PostureProviderThrottles
        expr: |
          sum by (integration) (rate(posture_sync_provider_requests_total{outcome="throttled"}[1h]))
            > 0.1 * sum by (integration) (rate(posture_sync_provider_requests_total[1h]))
      - alert: PostureDecisionsSlow
        expr: |
          histogram_quantile(0.99, sum by (instance, le) (
            rate(posture_sync_http_request_duration_seconds_bucket{route=~"/gateway/check.*"}[5m]))) > 0.025`;

function table(of: MetricSpec['of']): string[] {
  const rows = Object.entries<MetricSpec>(metricCatalogue)
    .filter(([, spec]) => spec.of === of)
    .map(([name, { type, labels, about }]) => {
      return `| \`${name}\` | ${type} | ${labels.map(label => `\`${label}\``).join(', ')} | ${about} |`;
    });
  return ['| metric | kind | labels | meaning |', '|---|---|---|---|', ...rows];
}

/** @returns the Markdown of docs/metrics.md */
export function metricsMarkdown(): string {
  return [
    '# Metrics',
    '',
    'Made from the catalogue in `src/api/metric-catalogue.ts`: `npm run generate` writes this file, and a test compares it.',
    '',
    '`GET /metrics` has them in the text format of Prometheus, for a key with the scope `metrics:read`:',
    '`posture-sync key create --name prometheus --scope metrics:read`. Each process that answers over HTTP is scraped for itself; workers',
    'need not be. No name and no label is ever renamed, and no label holds a device.',
    '',
    '```yaml',
    scraping,
    '```',
    '',
    '## Of each process',
    '',
    'Counted since it started.',
    '',
    ...table('process'),
    '',
    'Forward-auth questions that are answered past the router are counted under the route `/gateway/check (short way)`, all of one turn',
    'of the event loop with the time from the first of them to when they are sent. What has no route is under `none`.',
    '',
    '## Of the database',
    '',
    'The same from every process, whichever worker did it: take `max` or `min` over processes, never `sum`. They are read at most once in ten',
    'seconds. While the database is away, or does not answer within two seconds, `posture_sync_database_up` is 0 and they are not',
    'there: what is not known is not told.',
    '',
    ...table('database'),
    '',
    'Agents are those of the end of the last run: to count them at each scrape would cost seconds with a million of them. Counters do not',
    'fall when old runs are forgotten; they end with their integration. Dry runs and `posture-sync integration test` are not counted.',
    '',
    'Outcomes of provider requests: `ok`; `settings`, `auth`, `permission`, `throttled`, `unavailable` and `malformed` as errors of',
    'integrations have them; `rejected` for any other 4xx.',
    '',
    '## Alerts',
    '',
    'To start from:',
    '',
    '```yaml',
    alerts,
    '```',
    '',
  ].join('\n');
}
