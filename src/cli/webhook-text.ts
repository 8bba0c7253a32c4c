// Webhooks and their notices as text for people. Pure.
import type { DeliveryView, WebhookView } from '../operations/webhook-view.ts';
import { noticeKinds } from '../posture/notices.ts';
import { counted, fields, table, timeAndAge } from './output.ts';

const why = {
  administrator: 'by an administrator',
  failing: 'it took nothing for 5 days',
  gone: 'its receiver answered that it is gone for good',
};

function stateText({ state, disabledReason, error }: WebhookView): string {
  if (state === 'disabled') return `disabled: ${disabledReason === null ? '' : why[disabledReason]}`;
  return state === 'failing' ? `failing: ${error}` : state;
}

function waitingText({ waiting, waitingSince }: WebhookView, now: Date): string {
  return waiting === 0 ? 'nothing' : `${counted(waiting, 'notice')}, the oldest of ${timeAndAge(waitingSince, now)}`;
}

export function webhookLines(view: WebhookView, now: Date): string[] {
  const isAll = view.notices.length === noticeKinds.length;
  return fields([
    ['id', view.id],
    ['url', view.url],
    ['notices', isAll ? 'all' : view.notices.join(', ')],
    ['state', stateText(view)],
    ['disabled', timeAndAge(view.disabledAt, now)],
    ['failing since', timeAndAge(view.failingSince, now)],
    ['tried again', timeAndAge(view.nextAttempt, now)],
    ['waiting', waitingText(view, now)],
    ['gave up', view.givenUp > 0 ? counted(view.givenUp, 'notice') : null],
    ['old secret ends', timeAndAge(view.oldSecretEnds, now)],
  ]);
}

export function listLines(views: readonly WebhookView[], now: Date): string[] {
  if (views.length === 0) return ['There is no webhook. Add one: posture-sync webhook create --help'];
  return table(
    ['NAME', 'URL', 'STATE', 'NOTICES', 'DELIVERED', 'WAITING'],
    views.map(view => [
      view.name,
      view.url,
      stateText(view),
      view.notices.length === noticeKinds.length ? 'all' : view.notices.join(','),
      view.delivered,
      waitingText(view, now),
    ]),
  );
}

export function deliveryLines(deliveries: readonly DeliveryView[], now: Date): string[] {
  if (deliveries.length === 0) return [];
  return [
    '',
    ...table(
      ['AT', 'NOTICE', 'TARGET', 'STATE', 'ATTEMPTS', 'NEXT', 'ANSWER'],
      deliveries.map(({ at, notice, target, state, attempts, nextAttempt, status, error }) => [
        timeAndAge(at, now),
        notice,
        target,
        state.replace('_', ' '),
        attempts,
        timeAndAge(nextAttempt, now),
        error ?? status,
      ]),
    ),
  ];
}
