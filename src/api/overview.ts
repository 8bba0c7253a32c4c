// Whether posture can be trusted right now, in one answer; and how that was over the last day, week or month. Ours.
import { z } from 'zod';
import { callerOf } from '../http/guard.ts';
import { readOverview } from '../operations/overview.ts';
import { attentionCodes, severities, targetTypes } from '../operations/overview-attention-item.ts';
import { keepCounts } from '../operations/overview-counts.ts';
import { historyPeriods, readHistory } from '../operations/overview-history.ts';
import { trusts } from '../operations/overview-verdict.ts';
import { type ApiParts, type ApiServer, answers, count, inTailnet, maybeTime, time } from './common.ts';
import { StoredError } from './integrations-schema.ts';
import { AsOf, Counts } from './postures.ts';

const tags = ['Overview'];
const path = '/tailnet/:tailnet/overview';
const read = { config: { scope: 'feature_settings:read', alsoScope: 'devices:posture_attributes:read' } } as const;
const share = z.number().min(0).max(1).nullable();
const codes = Object.keys(attentionCodes) as [keyof typeof attentionCodes];

const Attention = z
  .object({
    code: z.enum(codes),
    severity: z.enum(severities),
    message: z.string().describe('What is so.'),
    action: z.string().describe('What to do.'),
    target: z
      .object({ type: z.enum(targetTypes), id: z.string().nullable(), name: z.string().nullable() })
      .describe('What it is about; `id` where there are several of them.'),
    since: maybeTime,
    until: maybeTime.describe('When it ends, or is tried again, by itself.'),
    devices: count.nullable().describe('Devices that it is about, where they are counted.'),
  })
  .meta({ id: 'OverviewAttention' });

const Integration = z
  .object({
    ...{ id: z.string(), name: z.string(), provider: z.string() },
    state: z.enum(['active', 'syncing', 'failing', 'paused', 'held', 'unsupported']),
    pauseReason: z.enum(['auth', 'permission', 'administrator', 'unsupported']).nullable(),
    pausedUntil: maybeTime,
    lastAttempt: maybeTime,
    lastSuccess: maybeTime,
    nextSync: maybeTime,
    run: z.object({ startedAt: time, pages: count, agents: count }).nullable().describe('The run that is on.'),
    agents: count.nullable().describe('At the last run that came to its end; null before the first one.'),
    matched: count.nullable(),
    matchRate: share,
    matchRateBefore: z
      .object({ at: time, rate: z.number().min(0).max(1) })
      .nullable()
      .describe('A week before, or at the first complete sync.'),
    devices: count.describe('Devices that it says something of now.'),
    tokenExpires: maybeTime,
    error: StoredError.nullable(),
    warnings: z.array(z.string()),
  })
  .meta({ id: 'OverviewIntegration' });

const Check = z
  .object({
    what: z.enum(['devices', 'integrations', 'worker', 'policy', 'decisions', 'webhooks']),
    state: z
      .enum(['fine', 'attention', 'not_checked'])
      .describe('`not_checked` is not fine: there was nothing to see.'),
    sentence: z.string(),
  })
  .meta({ id: 'OverviewCheck' });

const Devices = z
  .object({
    ...{ total: count, fresh: count, stale: count, none: count },
    freshShare: share.describe('Null: there are no devices.'),
    countedAt: time.describe('Counts are up to a minute old where nothing changed since.'),
    freshWithinMs: count,
    freshMeans: z.string().describe('What `fresh` means here, as a sentence.'),
    without: z
      .array(z.object({ reason: z.string(), sentence: z.string(), devices: count }))
      .describe('Why devices have nothing, the commonest reason first; docs/matching.md has the codes.'),
  })
  .meta({ id: 'OverviewDevices' });

const OverviewBody = z
  .object({
    at: time,
    verdict: z.object({
      trust: z.enum(trusts).describe('Whether posture can be trusted right now.'),
      sentence: z.string(),
      because: z.array(z.enum(codes)),
      means: z.string().describe('When it is which, with the shares of devices: the same in every answer.'),
    }),
    attention: z.array(Attention).describe('What needs an administrator now, the worst first.'),
    checks: z.array(Check).describe('What was looked at: where `attention` is empty, what it is empty of.'),
    devices: Devices,
    oldestEvidence: z
      .object({
        device: z.string(),
        hostname: z.string().nullable(),
        integration: z.object({ id: z.string(), name: z.string() }).nullable(),
        confirmedAt: time,
      })
      .nullable()
      .describe('Of all that decisions may rest on what was confirmed longest ago, on one device.'),
    integrations: z.array(Integration),
    policy: z.object({ state: z.enum(['none', 'unreadable', 'in_force']), revision: z.int().nullable() }),
    postures: z.array(Counts),
    asOf: AsOf,
  })
  .meta({ id: 'Overview' });

const series = z.array(z.number().nullable());

const HistoryBody = z
  .object({
    period: z.enum(Object.keys(historyPeriods) as [keyof typeof historyPeriods]),
    from: time.describe('Beginning of the first step.'),
    stepMs: z.int(),
    steps: z.int().describe('So many numbers each series has.'),
    sampledEveryMs: z.int(),
    devices: z.object({
      ...{ total: series, fresh: series, stale: series, none: series },
      oldestEvidenceAgeMs: series,
    }),
    postures: z.array(z.object({ posture: z.string(), passing: series, failing: series, unknown: series })),
    integrations: z
      .array(z.object({ id: z.string(), name: z.string().nullable(), agents: series, matched: series }))
      .describe('`name` is null where it was removed.'),
  })
  .meta({ id: 'OverviewHistory' });

export function addOverview(server: ApiServer, parts: ApiParts): void {
  const counts = keepCounts();
  const { db, now, syncIntervalMs } = parts;
  server.get(
    path,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Tell whether posture can be trusted now', operationId: 'getOverview', params: inTailnet },
        description: 'Webhooks are looked at where the key has `webhooks:read` too.',
        response: answers(OverviewBody),
      },
    },
    async request => {
      const { viewed } = parts;
      const view = viewed && { ageMs: viewed.ageMs(), maxAgeMs: parts.viewMaxAgeMs };
      const withWebhooks = callerOf(request).granted.has('webhooks:read');
      return await readOverview({ db, now, counts, syncIntervalMs, view, withWebhooks });
    },
  );
  server.get(
    `${path}/history`,
    {
      ...read,
      schema: {
        ...{ tags, summary: 'Tell how it was over the last day, week or month', operationId: 'getOverviewHistory' },
        description:
          'Workers sample each few minutes. Each number is that of the sample of its step at which things stood worst; null where nobody sampled. Of postures and integrations the twelve that stand worst.',
        params: inTailnet,
        querystring: z.strictObject({
          period: z.enum(Object.keys(historyPeriods) as [keyof typeof historyPeriods]).default('24h'),
        }),
        response: answers(HistoryBody),
      },
    },
    async request => await readHistory({ db, now }, request.query.period),
  );
}
