// The webhooks table: who is sent notices, and how its receiver does.
import { asc, eq } from 'drizzle-orm';
import { type Client, type Pool, type Queryable, reader, type Session } from './client.ts';
import { webhooks } from './schema-webhooks.ts';

export type Webhook = typeof webhooks.$inferSelect;

export async function listWebhooks(db: Pool | Client): Promise<Webhook[]> {
  return await reader(db).select().from(webhooks).orderBy(asc(webhooks.name));
}

export async function webhookById(db: Pool | Client, id: string): Promise<Webhook | null> {
  const [found] = await reader(db).select().from(webhooks).where(eq(webhooks.id, id));
  return found ?? null;
}

export async function insertWebhook(client: Client, row: typeof webhooks.$inferInsert): Promise<void> {
  await reader(client).insert(webhooks).values(row);
}

/** Locks the row until the transaction ends. @returns null when it was removed */
export async function lockWebhook(client: Client, id: string): Promise<Webhook | null> {
  const [found] = await reader(client).select().from(webhooks).where(eq(webhooks.id, id)).for('update');
  return found ?? null;
}

export async function updateWebhook(client: Client, id: string, changes: Partial<Webhook>): Promise<void> {
  await reader(client).update(webhooks).set(changes).where(eq(webhooks.id, id));
}

/** Removes a webhook with its notices. @returns how many of these had not been delivered */
export async function deleteWebhook(client: Client, id: string): Promise<number> {
  const { rows } = await client.query(
    `with dropped as (delete from webhook_deliveries where webhook_id = $1 returning delivered_at, given_up_at)
     select count(*)::int as n from dropped where delivered_at is null and given_up_at is null`,
    [id],
  );
  await reader(client).delete(webhooks).where(eq(webhooks.id, id));
  return rows[0].n;
}

const turnLock = "hashtextextended('posture-sync webhook ' || $1::text, 0)";

/** Takes the turn of sending to a webhook, for as long as this session lives. @returns false when another session has it */
export async function tryWebhookTurn(session: Session, id: string): Promise<boolean> {
  const { rows } = await session.query(`select pg_try_advisory_lock(${turnLock}) as ok`, [id]);
  return rows[0].ok;
}

export async function endWebhookTurn(session: Session, id: string): Promise<void> {
  await session.query(`select pg_advisory_unlock(${turnLock})`, [id]);
}

/** A receiver that refused fewer notices in a row was never away: one of them may be at fault, and waits on. */
const refusalsWhenAway = 3;

/**
 * Tells that a receiver took a notice. If it was away, what waited for its next attempt is due at once.
 * @returns whether it had refused one since it took one last, also in the moment before
 */
export async function noteTaken(db: Queryable, id: string, at: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    `with hurried as (
       update webhook_deliveries set next_attempt_at = $2
       where webhook_id = $1 and delivered_at is null and given_up_at is null and attempts > 0 and next_attempt_at > $2
         and (select failures from webhooks where id = $1) >= ${refusalsWhenAway}
     )
     update webhooks set failing_since = null, failures = 0, next_attempt_at = null, error = null where id = $1 and failing_since is not null`,
    [id, at],
  );
  return rowCount === 1;
}

/**
 * Tells that a receiver did not take a notice.
 * @param notBefore nothing is sent to it before
 * @returns false where it is the webhook's receiver no more: it was removed, disabled, or given another URL
 */
export async function noteRefusal(
  db: Queryable,
  { id, url }: Webhook,
  { at, notBefore, error }: { at: Date; notBefore: Date; error: string },
): Promise<boolean> {
  const { rowCount } = await db.query(
    `update webhooks set failing_since = coalesce(failing_since, $2), failures = failures + 1, next_attempt_at = $3, error = $4
     where id = $1 and disabled_at is null and url = $5`,
    [id, at, notBefore, error, url],
  );
  return rowCount === 1;
}

/** Drops secrets that sign no more. */
export async function forgetOldSecrets(db: Queryable, at: Date): Promise<void> {
  await db.query(
    'update webhooks set old_secret = null, old_secret_key_id = null, old_secret_ends_at = null where old_secret_ends_at <= $1',
    [at],
  );
}
