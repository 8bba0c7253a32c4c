// The overview: whether posture can be trusted right now, and what it rests on. Everything that is told as good was looked at; what
// was not is told as not looked at.
import { formatDuration } from '../posture/duration.ts';
import { rfc3339 } from '../posture/times.ts';
import type { Integration } from '../store/integrations.ts';
import type { StoredError } from '../store/schema.ts';
import { type IntegrationState, stateOf } from './integration-view.ts';
import { attentionOf, withoutReason } from './overview-attention.ts';
import type { Attention } from './overview-attention-item.ts';
import {
  type IntegrationFacts,
  type MatchRate,
  type OverviewAsked,
  type OverviewFacts,
  readFacts,
} from './overview-facts.ts';
import { type Verdict, verdictOf } from './overview-verdict.ts';
import type { AsOf, PostureCounts, PosturesNow } from './postures.ts';

/** An integration as the overview shows it. Times are RFC 3339 or null. */
export interface OverviewIntegration {
  id: string;
  name: string;
  provider: string;
  state: IntegrationState;
  pauseReason: Integration['pauseReason'];
  pausedUntil: string | null;
  lastAttempt: string | null;
  lastSuccess: string | null;
  nextSync: string | null;
  /** The run that is on. */
  run: { startedAt: string; pages: number; agents: number } | null;
  /** At the last run that came to its end. */
  agents: number | null;
  matched: number | null;
  matchRate: number | null;
  /** A week before, or at the first complete sync. */
  matchRateBefore: { at: string; rate: number } | null;
  /** Devices that it says something of now. */
  devices: number;
  tokenExpires: string | null;
  error: StoredError | null;
  /** Messages of what needs attention of it. */
  warnings: string[];
}

export interface Check {
  what: 'devices' | 'integrations' | 'worker' | 'policy' | 'decisions' | 'webhooks';
  /** `not_checked`: nothing was there to be looked at, or who asks may not see it. */
  state: 'fine' | 'attention' | 'not_checked';
  sentence: string;
}

export interface Overview {
  at: string;
  verdict: Verdict;
  attention: Attention[];
  checks: Check[];
  devices: {
    total: number;
    fresh: number;
    stale: number;
    none: number;
    /** 0 to 1; null: there are no devices. */
    freshShare: number | null;
    /** Counts may be a minute old where nothing changed since. */
    countedAt: string;
    freshWithinMs: number;
    freshMeans: string;
    /** Why devices have nothing, the commonest reason first. */
    without: { reason: string; sentence: string; devices: number }[];
  };
  oldestEvidence: {
    device: string;
    hostname: string | null;
    integration: { id: string; name: string } | null;
    confirmedAt: string;
  } | null;
  integrations: OverviewIntegration[];
  policy: { state: PosturesNow['policy']; revision: number | null };
  postures: PostureCounts[];
  asOf: AsOf;
}

/** Reads it all: some 0.25 s with 100,000 devices where something changed since it was asked last. */
export async function readOverview(asked: OverviewAsked): Promise<Overview> {
  const facts = await readFacts(asked);
  const attention = attentionOf(facts);
  const { counts, asOf } = facts;
  const { policy, policyRevision, postures } = counts.postures;
  return {
    at: facts.at.toISOString(),
    verdict: verdictOf(facts, attention),
    attention,
    checks: checksOf(facts, attention),
    devices: devicesOf(facts),
    oldestEvidence: oldestOf(facts),
    integrations: facts.integrations.map(its => integrationOf(its, facts, attention)),
    policy: { state: policy, revision: policyRevision },
    postures,
    asOf,
  };
}

function devicesOf({ counts }: OverviewFacts): Overview['devices'] {
  const { freshness, freshWithinMs, without } = counts;
  const { devices, fresh, stale } = freshness;
  return {
    ...{ total: devices, fresh, stale, none: devices - fresh - stale },
    freshShare: devices === 0 ? null : fresh / devices,
    countedAt: counts.at.toISOString(),
    freshWithinMs,
    freshMeans: `A device has fresh posture while everything that providers say of it was confirmed within ${formatDuration(freshWithinMs)}: three sync intervals, or five minutes.`,
    without: without.map(({ reason, devices: n }) => ({ ...withoutReason(reason), devices: n })),
  };
}

function oldestOf({ counts, integrations }: OverviewFacts): Overview['oldestEvidence'] {
  if (counts.oldest === null) return null;
  const { device, hostname, integration: id, confirmedAt } = counts.oldest;
  const named = integrations.find(({ integration }) => integration.id === id)?.integration;
  const integration = id === null ? null : { id, name: named?.name ?? id };
  return { device, hostname, integration, confirmedAt: confirmedAt.toISOString() };
}

function integrationOf(
  { integration, run, last, before }: IntegrationFacts,
  { counts }: OverviewFacts,
  attention: readonly Attention[],
): OverviewIntegration {
  const { id, name, provider, pauseReason, pausedUntil, attemptedAt, succeededAt, nextSyncAt, error } = integration;
  return {
    ...{ id, name, provider, state: stateOf(integration, run !== null), pauseReason, error },
    pausedUntil: rfc3339(pausedUntil),
    lastAttempt: rfc3339(attemptedAt),
    lastSuccess: rfc3339(succeededAt),
    nextSync: rfc3339(pauseReason === null ? nextSyncAt : pausedUntil),
    run: run && { ...run, startedAt: run.startedAt.toISOString() },
    agents: last?.agents ?? null,
    matched: last?.matched ?? null,
    matchRate: last?.rate ?? null,
    matchRateBefore: rateBefore(before),
    devices: counts.freshness.byIntegration[id] ?? 0,
    tokenExpires: rfc3339(integration.tokenExpiresAt),
    warnings: attention
      .filter(({ target }) => target.type === 'integration' && target.id === id)
      .map(each => each.message),
  };
}

function rateBefore(before: MatchRate | null): OverviewIntegration['matchRateBefore'] {
  return before === null || before.rate === null ? null : { at: before.at.toISOString(), rate: before.rate };
}

/** What was looked at, so that an empty list of attention says what it is empty of. */
function checksOf(facts: OverviewFacts, attention: readonly Attention[]): Check[] {
  const { integrations, counts, hasWorker, view, webhooks } = facts;
  const { postures } = counts.postures;
  const { devices: total, fresh, stale } = counts.freshness;
  const unsynced = integrations.filter(({ integration }) => integration.sweptAt === null).length;
  const check = (what: Check['what'], isThere: boolean, codes: RegExp, words: [there: string, not: string]): Check => {
    const troubles = attention.filter(({ code, severity }) => codes.test(code) && severity !== 'notice').length;
    const state = troubles > 0 ? 'attention' : isThere ? 'fine' : 'not_checked';
    return { what, state, sentence: isThere ? words[0] : words[1] };
  };
  const notJudged = whyNotJudged(facts);
  const n = (many: number, noun: string) => `${many.toLocaleString('en-US')} ${noun}${many === 1 ? '' : 's'}`;
  return [
    check('devices', fresh + stale > 0, /devices|device_import/, [
      `${n(total, 'device')} counted.`,
      total === 0 ? 'There are no devices.' : `No provider says anything of ${n(total, 'device')}.`,
    ]),
    check(
      'integrations',
      integrations.length > 0 && unsynced === 0,
      /integration|token|evidence|match_rate|collection/,
      [
        `${n(integrations.length, 'integration')} looked at.`,
        integrations.length === 0
          ? 'There is no integration.'
          : `${n(unsynced, 'integration')} never synced as a whole.`,
      ],
    ),
    check('worker', hasWorker, /worker/, ['A worker runs.', 'No worker runs.']),
    check('policy', notJudged === null, /polic|posture/, [`${n(postures.length, 'posture')} judged.`, notJudged ?? '']),
    check('decisions', view !== null, /view/, [
      'This process decides by what the database had a moment ago.',
      'Who asked makes no decisions: the service tells of them.',
    ]),
    check('webhooks', webhooks?.some(({ disabledAt }) => disabledAt === null) ?? false, /webhook/, [
      `${n(webhooks?.length ?? 0, 'webhook')} looked at.`,
      webhooks === null
        ? 'Not seen: that needs the scope webhooks:read.'
        : webhooks.length === 0
          ? 'There is no webhook: nobody is told of troubles.'
          : 'All webhooks are disabled: nobody is told of troubles.',
    ]),
  ];
}

/** @returns why what is counted of the postures is not of the policy in force now; null: it is */
function whyNotJudged({ counts, asOf, hasWorker }: OverviewFacts): string | null {
  const { policy, policyRevision, postures } = counts.postures;
  if (policy === 'none') return 'No policy is in force.';
  if (policy === 'in_force' && postures.length === 0) return 'The policy in force has no postures.';
  if (asOf.revision === null) return 'No posture was judged yet.';
  if (asOf.policyRevision !== policyRevision) return 'By the policy in force no posture was judged yet.';
  return hasWorker ? null : 'No worker judges postures: those counted are of before.';
}
