// What may be done with webhooks: add, show, change, remove, stop and start them, replace their secret, send a test. A secret
// is answered once, by what makes it; nothing here calls out, workers do.
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError, invalidFields, ProviderError } from '../errors.ts';
import { nearest } from '../posture/nearest.ts';
import { isNoticeKind, type NoticeKind, noticeKinds } from '../posture/notices.ts';
import { newWebhookSecret } from '../posture/webhook-signatures.ts';
import { cleanBaseUrl } from '../providers/addresses.ts';
import {
  type DeliveryState,
  deliveriesOfRevision,
  deliveryCounts,
  deliveryLog,
  restartWaiting,
} from '../store/deliveries.ts';
import { type Sealer, type SecretKeys, seal, unseal } from '../store/secrets.ts';
import {
  deleteWebhook,
  insertWebhook,
  listWebhooks,
  lockWebhook,
  updateWebhook as storeChanges,
  type Webhook,
} from '../store/webhooks.ts';
import { undo, type Write, write } from '../store/write.ts';
import { causeOf, checkName, tell } from './audited.ts';
import { NoticePlace, paged, readCursor } from './cursors.ts';
import type { Request } from './devices.ts';
import { together } from './together.ts';
import { type DeliveryView, deliveryView, type WebhookView, webhookView } from './webhook-view.ts';

export interface WebhookUrlRequest extends Request {
  /** PROVIDER_ALLOWED_HOSTS. */
  allowedHosts: readonly string[];
}

export interface NewWebhook {
  /** Undefined: called like the host that it goes to. */
  name?: string | undefined;
  url: string;
  /** Kinds of notices; undefined: all there are. */
  notices?: readonly string[] | undefined;
}

/** What is absent stays as it is. */
export type WebhookChanges = { [Field in keyof NewWebhook]?: NewWebhook[Field] | undefined };

const mostWebhooks = 50;
const longestUrl = 2_000;
/** Receivers have so long to learn a new secret. */
const oldSecretKeptMs = 24 * 3_600_000;

/**
 * Adds a webhook.
 * @param keys they seal its secret
 * @returns the secret, which nobody can see again
 * @throws AppError invalid naming the field, conflict
 */
export async function createWebhook(
  request: WebhookUrlRequest & { keys: Sealer | null },
  input: NewWebhook,
): Promise<{ secret: string; view: WebhookView }> {
  const [, url, kinds] = await together(
    () => input.name === undefined || checkName(input.name),
    () => checkUrl(input.url, request.allowedHosts),
    () => checkKinds(input.notices ?? noticeKinds),
  );
  const id = `wh${randomBytes(9).toString('hex')}`;
  const secret = newWebhookSecret();
  const sealed = await seal(request.keys, id, secret);
  await write(request.db, request.now, causeOf(request, 'webhook create'), async w => {
    const others = await listWebhooks(w.client);
    const name = input.name ?? freeName(others, url);
    if (others.some(other => other.name === name)) throw takenName(name);
    if (others.length >= mostWebhooks) throw new AppError('conflict', `there are ${mostWebhooks} webhooks already`);
    const row = { id, name, url, kinds, createdAt: w.at };
    await insertWebhook(w.client, { ...row, secret: sealed.bytes, secretKeyId: sealed.keyId });
    await tell(w, 'WEBHOOK_ENDPOINT.CREATE', row, { new: told(row) });
  });
  return { secret, view: await viewWebhook(request, id) };
}

/** @returns all webhooks by name */
export async function viewWebhooks({ db, now }: Request): Promise<WebhookView[]> {
  const counts = await deliveryCounts(db);
  return (await listWebhooks(db)).map(row => webhookView(row, counts.get(row.id), now()));
}

/** @throws AppError not_found */
export async function viewWebhook({ db, now }: Request, idOrName: string): Promise<WebhookView> {
  const row = await theWebhook(db, idOrName);
  return webhookView(row, (await deliveryCounts(db)).get(row.id), now());
}

/**
 * @param cursor of the page before; null: the newest
 * @param state only those; null: all
 * @returns notices to a webhook, newest first, and where to go on; null: that was all that is kept
 * @throws AppError not_found, or invalid for a cursor that is none
 */
export async function viewDeliveries(
  { db }: Request,
  idOrName: string,
  most: number,
  cursor: string | null = null,
  state: DeliveryState | null = null,
): Promise<{ deliveries: DeliveryView[]; nextCursor: string | null }> {
  const place = cursor === null ? null : readCursor(cursor, NoticePlace);
  const { id } = await theWebhook(db, idOrName);
  const found = await deliveryLog(db, id, most + 1, place && { revision: place[0], n: place[1] }, state);
  const { page, nextCursor } = paged(found, most, ({ revision, n }) => [revision, n]);
  return { deliveries: page.map(deliveryView), nextCursor };
}

/**
 * Changes a webhook. With another URL it is another receiver: what waits is tried at once.
 * @returns the names of what changed (none: nothing was written)
 * @throws AppError invalid naming the field, not_found, conflict
 */
export async function updateWebhook(
  request: WebhookUrlRequest,
  idOrName: string,
  changes: WebhookChanges,
): Promise<{ changed: string[]; view: WebhookView }> {
  const { id } = await theWebhook(request.db, idOrName);
  const [, url, kinds] = await together(
    () => changes.name === undefined || checkName(changes.name),
    () => (changes.url === undefined ? undefined : checkUrl(changes.url, request.allowedHosts)),
    () => (changes.notices === undefined ? undefined : checkKinds(changes.notices)),
  );
  const { value: changed } = await write(request.db, request.now, causeOf(request, 'webhook update'), async w => {
    const before = await locked(w, id, idOrName);
    const name = changes.name ?? before.name;
    if ((await listWebhooks(w.client)).some(other => other.id !== id && other.name === name)) throw takenName(name);
    const after = { id, name, url: url ?? before.url, kinds: kinds ?? before.kinds };
    const [old, young] = [told(before), told(after)];
    const fields = (['name', 'url', 'notices'] as const).filter(f => `${old[f]}` !== `${young[f]}`);
    if (fields.length === 0) return undo([]);
    const pick = (all: ReturnType<typeof told>) => Object.fromEntries(fields.map(field => [field, all[field]]));
    const isOther = after.url !== before.url;
    await storeChanges(w.client, id, {
      name,
      url: after.url,
      kinds: after.kinds,
      modifiedAt: w.at,
      ...(isOther ? unproven : {}),
    });
    if (isOther) await restartWaiting(w.client, id, w.at);
    await tell(w, 'WEBHOOK_ENDPOINT.UPDATE', after, { old: pick(old), new: pick(young) });
    return [...fields];
  });
  return { changed, view: await viewWebhook(request, id) };
}

/** Nothing is known of how the receiver does. */
const unproven = { failingSince: null, failures: 0, nextAttemptAt: null, error: null };

/** Removes a webhook with what waits for it. @returns how many notices did @throws AppError not_found */
export async function removeWebhook(request: Request, idOrName: string): Promise<{ webhook: string; waiting: number }> {
  const { id } = await theWebhook(request.db, idOrName);
  const { value } = await write(request.db, request.now, causeOf(request, 'webhook remove'), async w => {
    const before = await locked(w, id, idOrName);
    const waiting = await deleteWebhook(w.client, id);
    await tell(w, 'WEBHOOK_ENDPOINT.DELETE', before, { old: { ...told(before), waiting } });
    return { webhook: before.name, waiting };
  });
  return value;
}

/** Has a webhook get notices again, at first those that waited. @returns whether it was disabled @throws AppError not_found */
export async function enableWebhook(request: Request, idOrName: string): Promise<boolean> {
  const { id } = await theWebhook(request.db, idOrName);
  const { value } = await write(request.db, request.now, causeOf(request, 'webhook enable'), async w => {
    const before = await locked(w, id, idOrName);
    if (before.disabledAt === null) return undo(false);
    await storeChanges(w.client, id, { disabledAt: null, disabledReason: null, ...unproven });
    const waiting = await restartWaiting(w.client, id, w.at);
    await tell(w, 'WEBHOOK_ENDPOINT.ENABLE', before, { new: { waiting } });
    return true;
  });
  return value;
}

/** Ends notices to a webhook; what waits is kept for 30 days, and what comes meanwhile is not. @returns whether it was active @throws AppError not_found */
export async function disableWebhook(request: Request, idOrName: string): Promise<boolean> {
  const { id } = await theWebhook(request.db, idOrName);
  const { value } = await write(request.db, request.now, causeOf(request, 'webhook disable'), async w => {
    const before = await locked(w, id, idOrName);
    if (before.disabledAt !== null) return undo(false);
    await storeChanges(w.client, id, { disabledAt: w.at, disabledReason: 'administrator' });
    await tell(w, 'WEBHOOK_ENDPOINT.DISABLE', before, { new: { reason: 'administrator' } });
    return true;
  });
  return value;
}

/**
 * Gives a webhook another secret. For a day notices are signed with the one before as well, unless that is to end at once.
 * @returns the new secret, which nobody can see again
 * @throws AppError not_found
 */
export async function rotateWebhookSecret(
  request: Request & { keys: Sealer | null },
  idOrName: string,
  { atOnce }: { atOnce: boolean },
): Promise<{ secret: string; view: WebhookView }> {
  const { id } = await theWebhook(request.db, idOrName);
  const secret = newWebhookSecret();
  const sealed = await seal(request.keys, id, secret);
  await write(request.db, request.now, causeOf(request, 'webhook rotate'), async w => {
    const before = await locked(w, id, idOrName);
    const endsAt = atOnce ? null : new Date(w.at.getTime() + oldSecretKeptMs);
    await storeChanges(w.client, id, {
      secret: sealed.bytes,
      secretKeyId: sealed.keyId,
      oldSecret: atOnce ? null : before.secret,
      oldSecretKeyId: atOnce ? null : before.secretKeyId,
      oldSecretEndsAt: endsAt,
      modifiedAt: w.at,
    });
    await tell(w, 'WEBHOOK_ENDPOINT.UPDATE.SECRET', before, { new: { secretChanged: true, oldSecretEndsAt: endsAt } });
  });
  return { secret, view: await viewWebhook(request, id) };
}

/**
 * Asks for a test notice; a worker sends it.
 * @returns what tells it apart
 * @throws AppError not_found, or conflict for a webhook that is disabled
 */
export async function testWebhook(request: Request, idOrName: string): Promise<{ id: string; revision: number }> {
  const { id } = await theWebhook(request.db, idOrName);
  const { revision } = await write(request.db, request.now, causeOf(request, 'webhook test'), async w => {
    const before = await locked(w, id, idOrName);
    if (before.disabledAt !== null)
      throw new AppError('conflict', `the webhook "${before.name}" is disabled; \`webhook enable\` enables it`);
    // Who asks by hand need not wait until the receiver would be tried again.
    await storeChanges(w.client, id, { nextAttemptAt: null });
    await tell(w, 'WEBHOOK_ENDPOINT.TEST', before, {});
  });
  return { id, revision };
}

const lookEveryMs = 50;

/** Waits until a test notice was tried. @returns it as it is then; null when its webhook was removed */
export async function waitForTest(
  { db }: Request,
  { id, revision }: { id: string; revision: number },
  forMs: number,
  signal: AbortSignal,
): Promise<DeliveryView | null> {
  const until = performance.now() + forMs;
  for (;;) {
    const [row] = await deliveriesOfRevision(db, id, revision);
    if (!row || row.attempts > 0 || performance.now() >= until) return row ? deliveryView(row) : null;
    await sleep(lookEveryMs, undefined, { signal });
  }
}

/** @returns the function that gives what a webhook's notices are signed with at a time, the newest secret first; it rejects with AppError when the keys are other ones */
export function openSigningSecrets(keys: SecretKeys): (webhook: Webhook, at: Date) => Promise<string[]> {
  return async ({ id, secret, secretKeyId, oldSecret, oldSecretKeyId, oldSecretEndsAt }, at) => {
    const current = await unseal(keys, id, { keyId: secretKeyId, bytes: secret });
    if (oldSecret === null || oldSecretKeyId === null || oldSecretEndsAt === null || oldSecretEndsAt <= at)
      return [current];
    return [current, await unseal(keys, id, { keyId: oldSecretKeyId, bytes: oldSecret })];
  };
}

/** The id wins over a name. */
async function theWebhook(db: Request['db'], idOrName: string): Promise<Webhook> {
  const all = await listWebhooks(db);
  const found = all.find(({ id }) => id === idOrName) ?? all.find(({ name }) => name === idOrName);
  if (found) return found;
  const names = all.map(({ name }) => name);
  const close = nearest(idOrName, names);
  throw new AppError('not_found', `there is no webhook "${idOrName}"${close ? `; did you mean "${close}"?` : ''}`);
}

async function locked(w: Write, id: string, asked: string): Promise<Webhook> {
  const found = await lockWebhook(w.client, id);
  if (!found) throw new AppError('not_found', `the webhook "${asked}" was just removed`);
  return found;
}

function told({ name, url, kinds }: Pick<Webhook, 'name' | 'url' | 'kinds'>) {
  return { name, url, notices: kinds };
}

/** A host may have many. */
function freeName(others: readonly Webhook[], url: string): string {
  const taken = new Set(others.map(({ name }) => name));
  const host = new URL(url).hostname.replace(/[^\w.-]/g, '').slice(0, 90) || 'webhook';
  let name = host;
  for (let n = 2; taken.has(name); n++) name = `${host}-${n}`;
  return name;
}

function takenName(name: string): AppError {
  const taken = `there is a webhook "${name}" already`;
  return new AppError('conflict', `name: ${taken}; \`webhook update\` changes it`, { name: taken });
}

/** @returns the URL with its path and query, as it is posted to */
function checkUrl(text: string, allowedHosts: readonly string[]): string {
  const trimmed = text.trim();
  // A single label may be a host of one's own network; without a scheme it is as well the beginning of something else.
  if (!/^https?:\/\//i.test(trimmed))
    throw invalidFields({ url: 'it must begin with https://, for example https://hooks.example.com/posture' });
  const url = URL.parse(trimmed);
  if (!url?.hostname || trimmed.length > longestUrl)
    throw invalidFields({ url: 'expected for example https://hooks.example.com/posture, 2000 characters at most' });
  try {
    return `${cleanBaseUrl(url.href, allowedHosts)}${url.pathname}${url.search}`;
  } catch (error) {
    if (error instanceof ProviderError) throw invalidFields({ url: error.message });
    throw error;
  }
}

/** @returns each once, in the order of the catalogue */
function checkKinds(given: readonly string[]): NoticeKind[] {
  const wrong = given.find(kind => !isNoticeKind(kind));
  if (wrong !== undefined) {
    const close = nearest(wrong, noticeKinds);
    throw invalidFields({
      notices: `there is no "${wrong}"${close ? `; did you mean "${close}"?` : `; there is ${noticeKinds.join(', ')}`}`,
    });
  }
  if (given.length === 0) throw invalidFields({ notices: `at least one of ${noticeKinds.join(', ')}` });
  return noticeKinds.filter(kind => given.includes(kind));
}
