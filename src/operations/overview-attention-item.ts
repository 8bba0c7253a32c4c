// What needs an administrator now, as it is told: each thing with a code, how bad it is, a sentence, what to do, and where. Pure. A
// code is never renamed: pages and scripts hang on them.
import { rfc3339 } from '../posture/times.ts';

export const attentionCodes = {
  no_devices: 'critical',
  no_integrations: 'critical',
  no_policy: 'critical',
  policy_unreadable: 'critical',
  no_postures: 'notice',
  identity_collection_off: 'critical',
  worker_absent: 'critical',
  view_stale: 'critical',
  view_old: 'warning',
  integration_unsupported: 'critical',
  integration_paused: 'critical',
  integration_paused_by_hand: 'warning',
  integration_held: 'warning',
  integration_failing: 'critical',
  integration_never_succeeded: 'warning',
  integration_overdue: 'warning',
  evidence_ends: 'warning',
  token_expired: 'critical',
  token_expires: 'warning',
  match_rate_fallen: 'warning',
  devices_stale: 'warning',
  devices_without: 'warning',
  postures_waiting: 'notice',
  device_import_failing: 'warning',
  webhook_disabled: 'warning',
  webhook_failing: 'warning',
} as const satisfies Record<string, Severity>;

export const severities = ['critical', 'warning', 'notice'] as const;
export type Severity = (typeof severities)[number];
export type AttentionCode = keyof typeof attentionCodes;
export const targetTypes = [
  ...(['service', 'inventory', 'policy', 'settings', 'integrations', 'integration', 'webhook'] as const),
] as const;

export interface Attention {
  code: AttentionCode;
  severity: Severity;
  /** What is so. */
  message: string;
  /** What to do. */
  action: string;
  /** What it is about: `id` where there are several of them. */
  target: { type: (typeof targetTypes)[number]; id: string | null; name: string | null };
  /** Null: not known, or since ever. */
  since: string | null;
  /** When it ends, or is tried again, by itself. */
  until: string | null;
  /** Devices that it is about, where they are counted. */
  devices: number | null;
}

export type Target = Attention['target'];

/** @param more what is not known of it stays null */
export function item(
  code: AttentionCode,
  target: Target,
  message: string,
  action: string,
  more: { since?: Date | null; until?: Date | null; devices?: number | null } = {},
): Attention {
  const { since = null, until = null, devices = null } = more;
  const severity = attentionCodes[code];
  return { code, severity, message, action, target, since: rfc3339(since), until: rfc3339(until), devices };
}

/** @returns `97.2 %`, rounded down: what is not all must not read as all */
export function percent(share: number): string {
  return `${Math.floor(share * 1_000 + 1e-9) / 10} %`;
}

/** @returns `1 device`, `1,200 devices` */
export function numbered(n: number, noun: string): string {
  return `${n.toLocaleString('en-US')} ${noun}${n === 1 ? '' : 's'}`;
}
