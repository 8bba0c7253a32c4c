// Webhooks and their notices as they are shown; no secret is in any of it.
import { type DeliveryCounts, type DeliveryRow, noticeKey } from '../store/deliveries.ts';
import type { DisabledReason } from '../store/schema-webhooks.ts';
import type { Webhook } from '../store/webhooks.ts';

export interface WebhookView {
  id: string;
  name: string;
  url: string;
  notices: string[];
  state: 'active' | 'failing' | 'disabled';
  disabledAt: Date | null;
  disabledReason: DisabledReason | null;
  failingSince: Date | null;
  /** While it is failing: nothing is sent before. */
  nextAttempt: Date | null;
  /** Of the last attempt, while it is failing. */
  error: string | null;
  createdAt: Date;
  /** When its address, name, notices or secret were changed last. */
  modifiedAt: Date;
  /** Until then notices are signed with the secret before, too. */
  oldSecretEnds: Date | null;
  waiting: number;
  /** When what the oldest of them tells happened. */
  waitingSince: Date | null;
  /** Of the last days. */
  delivered: number;
  givenUp: number;
}

export function webhookView(row: Webhook, counts: DeliveryCounts | undefined, now: Date): WebhookView {
  const { id, name, url, kinds, disabledAt, disabledReason, failingSince, nextAttemptAt, error, createdAt } = row;
  const isOldUsed = row.oldSecretEndsAt !== null && row.oldSecretEndsAt > now;
  return {
    id,
    name,
    url,
    notices: kinds,
    state: disabledAt !== null ? 'disabled' : failingSince !== null ? 'failing' : 'active',
    disabledAt,
    disabledReason,
    failingSince,
    nextAttempt: disabledAt === null && failingSince !== null ? nextAttemptAt : null,
    error,
    createdAt,
    modifiedAt: row.modifiedAt ?? createdAt,
    oldSecretEnds: isOldUsed ? row.oldSecretEndsAt : null,
    waiting: counts?.waiting ?? 0,
    waitingSince: counts?.waitingSince ?? null,
    delivered: counts?.delivered ?? 0,
    givenUp: counts?.givenUp ?? 0,
  };
}

/** A line of the delivery log. */
export interface DeliveryView {
  /** As receivers see it, in the header `webhook-id`. */
  id: string;
  notice: string;
  /** Whom it is about. */
  target: string;
  revision: number;
  at: Date;
  state: 'waiting' | 'delivered' | 'given_up';
  attempts: number;
  lastAttempt: Date | null;
  nextAttempt: Date | null;
  /** HTTP status of the last answer, if one came. */
  status: number | null;
  error: string | null;
}

export function deliveryView(row: DeliveryRow): DeliveryView {
  const { webhookId, kind, subject, revision, eventTime, attempts, attemptedAt, nextAttemptAt, status, error } = row;
  const isWaiting = row.deliveredAt === null && row.givenUpAt === null;
  return {
    id: `${webhookId}_${noticeKey(row)}`,
    notice: kind,
    target: subject.slice(subject.indexOf(':') + 1),
    revision,
    at: eventTime,
    state: row.deliveredAt !== null ? 'delivered' : isWaiting ? 'waiting' : 'given_up',
    attempts,
    lastAttempt: attemptedAt,
    nextAttempt: isWaiting ? nextAttemptAt : null,
    status,
    error,
  };
}
