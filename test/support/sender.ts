// Senders of notices within a test, and the steps of tests that look at what they do.
import { expect, onTestFinished } from 'vitest';
import type { DeliveryView, WebhookView } from '../../src/operations/webhook-view.ts';
import { createWebhook, viewDeliveries, viewWebhook } from '../../src/operations/webhooks.ts';
import { createPool } from '../../src/store/client.ts';
import { type NoticesContext, startNotices } from '../../src/sync/notices.ts';
import { keys, noticesContext, openReceiver, type Receiver } from './receiver.ts';
import { tester, type World } from './world.ts';

/** A receiver that is closed with the test. */
export async function receiverOf(): Promise<Receiver> {
  const receiver = await openReceiver();
  onTestFinished(() => receiver.leave());
  return receiver;
}

/** Adds a webhook to a receiver. @returns its secret */
export async function addWebhook(
  world: World,
  name: string,
  url: string,
  notices?: readonly string[],
): Promise<string> {
  const { secret } = await createWebhook(
    { db: world.db, now: world.now, actor: tester, keys, allowedHosts: ['127.0.0.1'] },
    { name, url, notices },
  );
  return secret;
}

/** Starts a sender as a worker has it; it is stopped with the test, or before. */
export function startSender(world: World, options: Partial<NoticesContext> = {}): { stop(): Promise<void> } {
  const pool = createPool(world.database.url, { max: 2 });
  const context = { ...noticesContext(world.context, pool), ...options };
  const notices = startNotices(context);
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopped ??= (async () => {
      await notices.stop();
      context.egress.close();
      await pool.end();
    })();
    return stopped;
  };
  onTestFinished(stop);
  return { stop };
}

export async function webhookOf(world: World, name: string): Promise<WebhookView> {
  return await viewWebhook({ db: world.db, now: world.now, actor: tester }, name);
}

/** Oldest first. */
export async function deliveriesOf(world: World, name: string): Promise<DeliveryView[]> {
  const { deliveries } = await viewDeliveries({ db: world.db, now: world.now, actor: tester }, name, 1_000);
  return deliveries.reverse();
}

/** Rings for senders, so that no test waits for their next look, until something is as it should be. */
export async function until(world: World, look: () => unknown, expected: unknown): Promise<void> {
  const ringAndLook = async () => {
    await world.db.query("select pg_notify('posture_sync_revision', '')");
    return await look();
  };
  await expect.poll(ringAndLook).toEqual(expected);
}
