// How notices are signed, by the rules of Standard Webhooks (standardwebhooks.com): HMAC-SHA256 over id, time and body.
import { createHmac, randomBytes } from 'node:crypto';

const prefix = 'whsec_';

/** @returns a new secret of 32 bytes, `whsec_` and base64 */
export function newWebhookSecret(): string {
  return `${prefix}${randomBytes(32).toString('base64')}`;
}

/**
 * @param secrets as newWebhookSecret makes them; during a rotation the new one and the one before, so that a receiver that
 *   knows either accepts the notice
 * @param id the same for each attempt, so that receivers know a repetition
 * @param at of this attempt: receivers refuse what is old
 * @returns the three headers of Standard Webhooks
 */
export function signedHeaders(secrets: readonly string[], id: string, at: Date, body: string): Record<string, string> {
  const timestamp = String(Math.floor(at.getTime() / 1_000));
  const signatures = secrets.map(secret => {
    const key = Buffer.from(secret.slice(prefix.length), 'base64');
    return `v1,${createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64')}`;
  });
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures.join(' ') };
}
