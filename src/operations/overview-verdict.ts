// The one sentence of the overview: whether posture can be trusted right now. Good is only what was checked: without devices,
// integrations, a complete sync, a policy or a worker it is not known. Pure.

import type { Freshness } from '../store/overview.ts';
import { type Attention, type AttentionCode, numbered, percent } from './overview-attention-item.ts';
import type { OverviewFacts } from './overview-facts.ts';

export const trusts = ['yes', 'partly', 'no', 'not_known'] as const;

export interface Verdict {
  trust: (typeof trusts)[number];
  sentence: string;
  /** Codes of what needs attention that are why. */
  because: AttentionCode[];
  /** What the answers rest on, as sentences. */
  means: string;
}

/** Without all of these nothing can be said, in this order. */
const needed: readonly AttentionCode[] = ['no_devices', 'no_integrations', 'worker_absent', 'no_policy', 'no_postures'];
/** What makes decisions wrong for all, however fresh the values are. */
const fatal: readonly AttentionCode[] = ['view_stale', 'policy_unreadable', 'identity_collection_off'];
/** What makes some of it doubtful although most values are fresh. */
const doubtful: readonly AttentionCode[] = [
  ...(['integration_unsupported', 'integration_paused', 'integration_paused_by_hand', 'integration_held'] as const),
  ...(['integration_failing', 'integration_never_succeeded', 'integration_overdue', 'match_rate_fallen'] as const),
  ...(['view_old', 'token_expired'] as const),
];
/** Below this share of devices with fresh posture it cannot be trusted, and above the other one it can. */
const leastShare = 0.5;
const goodShare = 0.95;
/** So large a share may still be judged anew: while a sync's changes are worked in there are always some. */
const mostWaiting = 0.01;

const means = [
  `Yes: at least ${percent(goodShare)} of the devices have fresh posture, and nothing below puts it in doubt.`,
  'Partly: fewer have, or an integration is paused, held, failing, overdue or cannot be read, or fewer agents match than before.',
  `No: fewer than ${percent(leastShare)} have fresh posture, or something makes decisions wrong for all.`,
  'Not known: there are no devices, integrations, policy or worker yet, or no sync was complete.',
].join(' ');

export function verdictOf(facts: OverviewFacts, attention: readonly Attention[]): Verdict {
  const found = (codes: readonly AttentionCode[]) =>
    codes.flatMap(code => attention.filter(each => each.code === code).slice(0, 1));
  const { freshness } = facts.counts;
  const { devices, fresh } = freshness;
  const share = devices === 0 ? 0 : fresh / devices;
  const confirmed = `${numbered(fresh, 'device')} of ${devices.toLocaleString('en-US')} ${fresh === 1 ? 'has' : 'have'} fresh posture (${percent(share)})`;
  const told = (trust: Verdict['trust'], sentence: string, items: readonly Attention[]): Verdict => {
    return { trust, sentence, because: [...new Set(items.map(({ code }) => code))], means };
  };

  const [missing] = found(needed);
  if (missing?.code === 'no_devices' || missing?.code === 'no_integrations')
    return told('not_known', `Not known. ${missing.message}`, [missing]);
  const fatals = found(fatal).filter(({ severity }) => severity === 'critical');
  if (fatals[0] !== undefined) return told('no', `No. ${fatals[0].message}`, fatals);
  const unsynced = facts.integrations.every(({ integration }) => integration.sweptAt === null);
  // The worst of them comes first.
  const doubts = attention.filter(({ code, severity }) => doubtful.includes(code) && severity !== 'notice');
  if (unsynced)
    return told('not_known', 'Not known. No sync has been complete yet, so nothing was checked.', [
      ...found(['worker_absent', 'integration_never_succeeded']),
      ...doubts,
    ]);
  if (share < leastShare)
    return told('no', `No. Only ${confirmed}.`, [...found(['worker_absent', 'devices_stale']), ...doubts]);
  if (missing !== undefined) return told('not_known', `Not known. ${missing.message}`, [missing]);
  const [doubt] = doubts;
  if (doubt !== undefined) return told('partly', `Partly. ${confirmed}. ${doubt.message}`, doubts);
  if (share < goodShare)
    return told(
      'partly',
      `Partly. Only ${confirmed}; of the others nothing fresh is known.`,
      found(['devices_stale', 'devices_without']),
    );
  const { asOf } = facts;
  if (asOf.revision === null || asOf.waiting > devices * mostWaiting)
    return told(
      'partly',
      `Partly. ${confirmed}, but ${numbered(asOf.waiting, 'device')} still to be judged.`,
      found(['postures_waiting']),
    );
  return told('yes', `Yes. ${confirmed}.${othersOf(freshness)}`, []);
}

/** What holds of devices without fresh posture: old values still count, and what is not known lets nobody in. */
function othersOf({ devices, fresh, stale }: Freshness): string {
  const none = devices - fresh - stale;
  const parts = [
    ...(stale === 0 ? [] : [`${numbered(stale, 'device')} ${stale === 1 ? 'rests' : 'rest'} on older values`]),
    ...(none === 0
      ? []
      : [`of ${numbered(none, 'device')} nothing is known, which passes no posture that asks for it`]),
  ];
  return parts.length === 0 ? '' : ` ${parts.join('; ').replace(/^o/, 'O')}.`;
}
