// What needs attention of an integration: its state, and what will trouble it. Pure.
import { settingsFormOf } from '../providers/registry.ts';
import { evidenceExpiry, type Integration } from '../store/integrations.ts';
import { evidenceWarning, tokenWarning } from './integration-view.ts';
import { type Attention, item, numbered, percent, type Target } from './overview-attention-item.ts';
import type { IntegrationFacts, OverviewFacts } from './overview-facts.ts';
import { pauseCauses } from './runs.ts';

const minute = 60_000;
const day = 24 * 60 * minute;
const tokenWarnedMs = 14 * day;
/** A worker looks each second. */
const overdueMs = 2 * minute;
/** A first sync of a large fleet takes so long at most. */
const firstSyncMs = 10 * minute;
/** By so many points must it have fallen. */
const fallenBy = 0.05;

export function ofIntegration(facts: IntegrationFacts, { at, hasWorker, isCollecting }: OverviewFacts): Attention[] {
  const { integration, run } = facts;
  const { id, name, tokenExpiresAt } = integration;
  const its: Target = { type: 'integration', id, name };
  const state = ofState(facts, its, at);
  const found: Attention[] = state === null ? [] : [state];
  const isDueSince = integration.pauseReason === null ? integration.nextSyncAt : null;
  if (hasWorker && run === null && isDueSince !== null && at.getTime() - isDueSince.getTime() > overdueMs)
    found.push(
      item(
        'integration_overdue',
        its,
        `"${name}" is due, and no worker has begun its sync.`,
        'Workers may be busy with others (SYNC_CONCURRENCY), or cannot reach the database: their log says more.',
        { since: isDueSince },
      ),
    );
  const token = tokenExpiresAt && tokenExpiresAt.getTime() - at.getTime() <= tokenWarnedMs;
  const words = token ? tokenWarning(tokenExpiresAt, at) : null;
  if (words !== null && tokenExpiresAt !== null)
    found.push(
      item(
        tokenExpiresAt <= at ? 'token_expired' : 'token_expires',
        its,
        `"${name}": ${words}.`,
        `Make a new token in ${settingsFormOf(integration.provider).title} and put it in: syncs end with the old one.`,
        { until: tokenExpiresAt },
      ),
    );
  const expiry = evidenceExpiry(integration);
  const ends = facts.last === null ? null : evidenceWarning(integration, expiry, at);
  if (ends !== null)
    found.push(
      item('evidence_ends', its, `"${name}": ${ends}.`, 'See why its syncs do not come to their end.', {
        until: expiry,
      }),
    );
  // Switched off nothing matches: that is told where it is so.
  const fallen = isCollecting ? fallenOf(facts) : null;
  if (fallen !== null)
    found.push(
      item(
        'match_rate_fallen',
        its,
        `"${name}": ${percent(fallen.rate)} of its agents match a device, after ${percent(fallen.before)} on ${fallen.at.toISOString().slice(0, 10)}.`,
        'See its unmatched agents by reason: devices may be missing from the inventory, or their serial numbers changed.',
        { since: fallen.at },
      ),
    );
  return found;
}

function fallenOf({ last, before }: IntegrationFacts): { rate: number; before: number; at: Date } | null {
  if (last === null || before === null || last.rate === null || before.rate === null) return null;
  return before.rate - last.rate < fallenBy ? null : { rate: last.rate, before: before.rate, at: before.at };
}

/** What is told of an integration's state: one thing, as `stateOf` has it. */
function ofState({ integration, pausedAt, last }: IntegrationFacts, its: Target, at: Date): Attention | null {
  const { name, pauseReason, heldSince, failingSince, succeededAt, createdAt } = integration;
  if (pauseReason !== null) return ofPause(integration, pausedAt, its);
  if (heldSince !== null) return ofHold(integration, heldSince, last?.agents === 0, its);
  if (failingSince !== null)
    return item(
      'integration_failing',
      its,
      `The syncs of "${name}" fail: ${integration.error?.message ?? 'its runs say why'}`,
      'It is tried again by itself. If it lasts, test its connection: `posture-sync integration test`.',
      { since: failingSince, until: integration.nextSyncAt },
    );
  if (succeededAt !== null) return null;
  const isNew = at.getTime() - createdAt.getTime() < firstSyncMs;
  return {
    ...item(
      'integration_never_succeeded',
      its,
      `"${name}" has never been synced as a whole.`,
      isNew ? 'Wait for its first sync.' : 'See its runs, and sync it: `posture-sync sync`.',
      { since: createdAt },
    ),
    severity: isNew ? 'notice' : 'warning',
  };
}

function ofPause(integration: Integration, pausedAt: Date | null, its: Target): Attention {
  const { name, provider, pauseReason, pausedUntil } = integration;
  const when = { since: pausedAt, until: pausedUntil };
  if (pauseReason === null || pauseReason === 'unsupported')
    return item(
      'integration_unsupported',
      its,
      `This version cannot read ${settingsFormOf(provider).title}: "${name}" gives no protection.`,
      'Remove it, or run a version that reads it.',
      when,
    );
  if (pauseReason === 'administrator')
    return item(
      'integration_paused_by_hand',
      its,
      `"${name}" is paused by hand: its values get older, and end.`,
      'Resume it: `posture-sync integration resume`.',
      when,
    );
  const until = pausedUntil === null ? '' : ` until ${pausedUntil.toISOString().replace(/\.\d+Z$/, 'Z')}`;
  return item(
    'integration_paused',
    its,
    `"${name}" is paused${until}: ${pauseCauses[pauseReason]}.`,
    'Put in a token that holds: it is tried at once then.',
    when,
  );
}

function ofHold(integration: Integration, since: Date, isEmpty: boolean, its: Target): Attention {
  const { name, heldDevices, acceptedLosses } = integration;
  const devices = heldDevices ?? 0;
  if (isEmpty)
    return item(
      'integration_held',
      its,
      `"${name}" is held: no agent was listed, after there were some.`,
      'The scope of the token, or the sites and accounts in the settings, may hold none of your devices. See before you accept it.',
      { since, devices: devices === 0 ? null : devices },
    );
  const isAccepted = acceptedLosses !== null && acceptedLosses >= devices;
  return item(
    'integration_held',
    its,
    `"${name}" is held: its last sync would take values from ${numbered(devices, 'device')}.`,
    isAccepted
      ? 'The losses are accepted: the next complete sync applies them.'
      : 'See which devices, and accept the losses if they are right: `posture-sync integration accept`.',
    { since, devices },
  );
}
