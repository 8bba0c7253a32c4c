// What needs an administrator now, the worst first. Pure.
import { reasonSentence } from '../posture/reasons.ts';
import type { Webhook } from '../store/webhooks.ts';
import { type Attention, item, numbered, severities, type Target } from './overview-attention-item.ts';
import type { OverviewFacts } from './overview-facts.ts';
import { ofIntegration } from './overview-integration-attention.ts';

const minute = 60_000;
/** The view follows within a second. */
const viewIsOldMs = minute;

/** @returns the worst first, and of those that are alike what has lasted longest */
export function attentionOf(facts: OverviewFacts): Attention[] {
  const found = [
    ...ofService(facts),
    ...ofSetup(facts),
    ...facts.integrations.flatMap(its => ofIntegration(its, facts)),
    ...ofDevices(facts),
    ...(facts.webhooks ?? []).flatMap(ofWebhook),
  ];
  const rank = ({ severity }: Attention) => severities.indexOf(severity);
  return found.sort((a, b) => rank(a) - rank(b) || (a.since ?? '9').localeCompare(b.since ?? '9'));
}

const one = (type: Target['type']): Target => ({ type, id: null, name: null });

function ofService({ hasWorker, asOf, view, counts }: OverviewFacts): Attention[] {
  const found: Attention[] = [];
  if (!hasWorker)
    found.push(
      item(
        'worker_absent',
        one('service'),
        'No worker runs: nothing is synced, and no posture is judged.',
        'Start one: `posture-sync serve` with ROLE=all or ROLE=worker. If one should run, its log says why it does not.',
        { since: asOf.at },
      ),
    );
  if (view !== null && view.ageMs > view.maxAgeMs)
    found.push(
      item(
        'view_stale',
        one('service'),
        'Decisions rest on what is older than VIEW_MAX_AGE: all of them deny.',
        'See whether this process reaches the database: its log says more.',
      ),
    );
  else if (view !== null && view.ageMs > viewIsOldMs)
    found.push(
      item(
        'view_old',
        one('service'),
        `Decisions rest on what the database had ${Math.floor(view.ageMs / minute)} minutes ago.`,
        'See whether this process reaches the database: its log says more.',
      ),
    );
  const { policy, postures } = counts.postures;
  // Without a worker that is told already.
  if (hasWorker && policy === 'in_force' && postures.length > 0 && !asOf.isCurrent && asOf.waiting > 0)
    found.push(
      item(
        'postures_waiting',
        one('policy'),
        `${numbered(asOf.waiting, 'device')} still to be judged: counts of postures are those of before.`,
        'Wait: a worker is at it.',
        { devices: asOf.waiting },
      ),
    );
  return found;
}

function ofSetup({ counts, integrations, isCollecting, tailnetImport }: OverviewFacts): Attention[] {
  const { policy, postures, attributes } = counts.postures;
  const found: Attention[] = [];
  if (counts.freshness.devices === 0)
    found.push(
      item(
        'no_devices',
        one('inventory'),
        'There are no devices: there is nothing that could have posture.',
        'Import the inventory: `posture-sync device import FILE`, or POST /api/v2/tailnet/-/devices/bulk.',
      ),
    );
  if (integrations.length === 0)
    found.push(
      item(
        'no_integrations',
        one('integrations'),
        'No integration is connected: no provider says anything about any device.',
        'Connect one: `posture-sync integration add`.',
      ),
    );
  if (policy === 'none')
    found.push(
      item(
        'no_policy',
        one('policy'),
        'No policy is in force: all access is denied, and no posture is judged.',
        'Apply one: `posture-sync policy apply config/policy.hujson`.',
      ),
    );
  if (policy === 'unreadable')
    found.push(
      item(
        'policy_unreadable',
        one('policy'),
        'This version cannot read the policy in force: nobody passes any posture.',
        'Apply one that this version can read, or run the version that it was written for.',
      ),
    );
  if (policy === 'in_force' && postures.length === 0)
    found.push(
      item(
        'no_postures',
        one('policy'),
        'The policy in force has no postures: no device is judged by what is known of it.',
        'Define one in the policy, under `postures`.',
      ),
    );
  if (!isCollecting) {
    const used = [...attributes].filter(name => !name.startsWith('custom:'));
    const message =
      used.length === 0 ? '' : ` Postures ask for ${used.slice(0, 3).join(', ')}, which no device has now.`;
    found.push({
      ...item(
        'identity_collection_off',
        one('settings'),
        `Identity collection is switched off: no agent is matched to any device.${message}`,
        'Switch it on: `posture-sync settings set postureIdentityCollectionOn=true`.',
      ),
      severity: used.length === 0 ? 'warning' : 'critical',
    });
  }
  if (tailnetImport?.failingSince)
    found.push(
      item(
        'device_import_failing',
        one('inventory'),
        `The import of devices on schedule fails: ${tailnetImport.error?.message ?? 'its log says why'}`,
        '`posture-sync device import --status` tells more.',
        { since: tailnetImport.failingSince },
      ),
    );
  return found;
}

/** Up to so large a share without posture is usual: stock, phones, machines that were set up a moment ago. */
const usualWithout = 0.05;

function ofDevices({ counts, integrations, isCollecting }: OverviewFacts): Attention[] {
  const { freshness, freshWithinMs, oldest, without } = counts;
  const { devices, fresh, stale } = freshness;
  const found: Attention[] = [];
  // Why there is nothing of any is told where it is so.
  if (integrations.length === 0) return found;
  if (stale > 0)
    found.push(
      item(
        'devices_stale',
        one('inventory'),
        `What is known of ${numbered(stale, 'device')} was not confirmed for ${Math.round(freshWithinMs / minute)} minutes.`,
        'See which integrations were not synced; else their agents cannot be read any more.',
        { since: oldest?.confirmedAt ?? null, devices: stale },
      ),
    );
  const none = devices - fresh - stale;
  const [first] = without;
  if (isCollecting && none > devices * usualWithout && first !== undefined)
    found.push(
      item(
        'devices_without',
        one('inventory'),
        `${numbered(none, 'device')} of ${devices.toLocaleString('en-US')} ${none === 1 ? 'has' : 'have'} no posture.`,
        `Most often, of ${numbered(first.devices, 'device')}: ${withoutReason(first.reason).sentence}`,
        { devices: none },
      ),
    );
  return found;
}

function ofWebhook({ id, name, disabledAt, disabledReason, failingSince, error }: Webhook): Attention[] {
  const its: Target = { type: 'webhook', id, name };
  if (disabledAt !== null)
    return disabledReason === 'administrator'
      ? []
      : [
          item(
            'webhook_disabled',
            its,
            `The webhook "${name}" is disabled: ${disabledReason === 'gone' ? 'its receiver said that it is gone' : 'its receiver took no notices for days'}.`,
            'Mend its receiver, and enable it again: `posture-sync webhook enable`.',
            { since: disabledAt },
          ),
        ];
  if (failingSince === null) return [];
  return [
    item(
      'webhook_failing',
      its,
      `The webhook "${name}" takes no notices: ${error ?? 'its delivery log says why'}`,
      'They are sent again by themselves.',
      { since: failingSince },
    ),
  ];
}

const saysNothing = 'An agent speaks for the device, and says nothing that could be read.';

/** @returns why no provider says anything of a device, as code and sentence */
export function withoutReason(reason: string | null): { reason: string; sentence: string } {
  if (reason === null) return { reason: 'no_values', sentence: saysNothing };
  return { reason, sentence: reasonSentence('device', reason) };
}
