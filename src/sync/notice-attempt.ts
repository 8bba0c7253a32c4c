// One attempt to deliver a notice, and what comes of it: delivered, tried again later and later, given up; and for the webhook,
// whose receiver is back, or away, or gone for so long that it is disabled.
import { AppError, ProviderError } from '../errors.ts';
import { worker } from '../posture/events.ts';
import { noticeBody } from '../posture/notices.ts';
import { signedHeaders } from '../posture/webhook-signatures.ts';
import { markNotice, noticeKey, othersRefused, takeBackGivenUp, type WaitingNotice } from '../store/deliveries.ts';
import type { DisabledReason } from '../store/schema-webhooks.ts';
import { lockWebhook, noteRefusal, noteTaken, updateWebhook, type Webhook } from '../store/webhooks.ts';
import { undo, write } from '../store/write.ts';
import type { NoticesContext } from './notices.ts';

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

/** How long a notice waits after its attempts, where others are taken; later ones like the last. */
const waitsMs = [5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, day];
/** How long a receiver that takes nothing is left alone: first, and at most. Four times as long each time. */
const restMs = { least: second, most: hour };
/**
 * A webhook that took nothing for so long is disabled; a notice that was refused for so long, while others were taken or there
 * were no others, is given up.
 */
export const lostAfterMs = 5 * day;
const usualTimeoutMs = 15 * second;
const goneStatus = 410;

interface Answer {
  status: number | null;
  /** Null: taken. */
  error: string | null;
  retryAfterMs: number;
}

/**
 * Sends a notice once and marks what came of it.
 * @param signal cuts it; then nothing is marked, and it is sent again by whoever comes next
 * @returns whether the receiver took it
 */
export async function attempt(
  context: NoticesContext,
  webhook: Webhook,
  notice: WaitingNotice,
  signal: AbortSignal,
): Promise<boolean> {
  const answer = await send(context, webhook, notice, signal);
  await context.reachedInNotices?.('sent', notice);
  const at = context.now();
  const { status, error } = answer;
  if (error === null) {
    await markNotice(context.pool, webhook.id, notice, { at, status, error: null, nextAttemptAt: null });
    // Asked of the row, not of what was read before: another notice may have been refused while this one was on its way.
    if ((await noteTaken(context.pool, webhook.id, at)) && webhook.failingSince !== null)
      context.log.info({ webhook: webhook.name, since: webhook.failingSince }, 'webhook takes notices again');
  } else {
    await refused(context, webhook, notice, { ...answer, error }, at);
  }
  await context.reachedInNotices?.('marked', notice);
  return error === null;
}

async function send(
  context: NoticesContext,
  webhook: Webhook,
  notice: WaitingNotice,
  signal: AbortSignal,
): Promise<Answer> {
  try {
    const at = context.now();
    const body = noticeBody(notice);
    const id = `${webhook.id}_${noticeKey(notice)}`;
    const headers = signedHeaders(await context.signingSecretsOf(webhook, at), id, at, body);
    const timeoutMs = context.noticeTimeoutMs ?? usualTimeoutMs;
    const post = { url: webhook.url, headers: { 'content-type': 'application/json', ...headers }, body, timeoutMs };
    const { status, retryAfterMs } = await context.egress.post(post, signal);
    return { status, error: refusal(status), retryAfterMs: retryAfterMs ?? 0 };
  } catch (error) {
    signal.throwIfAborted();
    // Keys that do not open its secret, or a host that is not allowed any more, are an administrator's to mend.
    if (!(error instanceof ProviderError || error instanceof AppError)) throw error;
    return { status: null, error: error.message, retryAfterMs: 0 };
  }
}

/** @returns why a status is none of success, or null */
function refusal(status: number): string | null {
  if (status >= 200 && status < 300) return null;
  if (status >= 300 && status < 400) return `the receiver answered ${status}: redirects are not followed`;
  return `the receiver answered ${status}`;
}

async function refused(
  context: NoticesContext,
  webhook: Webhook,
  notice: WaitingNotice,
  { status, error, retryAfterMs }: Answer & { error: string },
  at: Date,
): Promise<void> {
  const isLong = (since: Date | null) => since !== null && at.getTime() - since.getTime() >= lostAfterMs;
  const ownMs = Math.min(restMs.most, restMs.least * 4 ** Math.min(webhook.failures, 10));
  const notBefore = after(at, Math.max(ownMs, Math.min(retryAfterMs, restMs.most)));
  // What another receiver said is of no meaning for the one that there is now: it gets the notice at once.
  if (!(await noteRefusal(context.pool, webhook, { at, notBefore, error }))) return;
  const isLost =
    isLong(webhook.failingSince) && (status === null || (await areOthersRefused(context, webhook, notice, at)));
  const disables: DisabledReason | null = status === goneStatus ? 'gone' : isLost ? 'failing' : null;
  const isGivenUp = disables === null && isLong(notice.firstAttemptAt);
  const nextAttemptAt = isGivenUp ? null : after(at, waitsMs[notice.attempts] ?? day);
  await markNotice(context.pool, webhook.id, notice, { at, status, error, nextAttemptAt });
  const fields = { webhook: webhook.name, status, error };
  if (webhook.failingSince === null) context.log.info(fields, 'webhook does not take a notice');
  if (isGivenUp) context.log.warn({ ...fields, kind: notice.kind, revision: notice.revision }, 'notice given up');
  if (disables !== null) await disable(context, webhook, disables, error);
}

/** Where one notice alone is refused, with an answer, that notice may be at fault: it says nothing of the others. */
async function areOthersRefused(context: NoticesContext, webhook: Webhook, notice: WaitingNotice, at: Date) {
  const since = Math.max(webhook.failingSince?.getTime() ?? 0, at.getTime() - lostAfterMs);
  return await othersRefused(context.pool, webhook.id, notice, new Date(since));
}

/** Some of each wait is by chance, so that webhooks which failed together do not come back together. */
function after(at: Date, ms: number): Date {
  return new Date(at.getTime() + Math.round(ms * (1 + Math.random() / 5)));
}

/** What waits stays, for when somebody enables the webhook. */
async function disable(
  context: NoticesContext,
  webhook: Webhook,
  reason: DisabledReason,
  error: string,
): Promise<void> {
  const by = { actor: worker, origin: 'CONTROL', cause: 'webhook' } as const;
  await write(context.pool, context.now, by, async w => {
    const found = await lockWebhook(w.client, webhook.id);
    // Removed, changed or enabled meanwhile.
    if (found === null || found.disabledAt !== null || found.url !== webhook.url || found.failingSince === null)
      return undo(null);
    // It took a notice meanwhile, and failed anew.
    if (reason === 'failing' && found.failingSince.getTime() !== webhook.failingSince?.getTime()) return undo(null);
    await takeBackGivenUp(w.client, found.id, found.failingSince);
    await updateWebhook(w.client, found.id, { disabledAt: w.at, disabledReason: reason });
    await w.event({
      event: 'WEBHOOK_ENDPOINT.DISABLE',
      targetId: found.id,
      targetName: found.name,
      new: { reason, failingSince: found.failingSince, error },
    });
    return null;
  });
  context.log.warn({ webhook: webhook.name, reason, error }, 'webhook disabled');
}
