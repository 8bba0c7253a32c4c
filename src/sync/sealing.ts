// What workers do so that others can leave secrets with them: they publish the public half of their first key, look whether it
// is still what stands there, and seal with the first key itself whatever was sealed to it, or with a key before it.
import cron from 'node-cron';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Now, Pool } from '../store/client.ts';
import { type SealingKey, sealingKeyOf } from '../store/sealed-boxes.ts';
import { publishedSealingKey, publishSealingKey, replaceSealed, storedSecrets } from '../store/sealing.ts';
import { type SecretKeys, seal, unseal } from '../store/secrets.ts';
import { cronLogger } from './turns.ts';

export interface SealingContext {
  pool: Pool;
  keys: SecretKeys;
  now: Now;
  log: Log;
  /** How this process names itself: host and pid. */
  worker: string;
}

/** Workers that are restarted one after the other with other keys have all been by then: what one seals anew all can open. */
const sealsAnewAfterMs = 10 * 60_000;

/** Begins, after a first round; the database may be away. */
export async function startSealing(context: SealingContext): Promise<{ stop(): Promise<void> }> {
  const round = createSealing(context);
  const begun = performance.now();
  let isStopped = false;
  let current: Promise<void> = Promise.resolve();
  const tick = (atStart: boolean) => {
    if (isStopped) return;
    const sealsAnew = performance.now() - begun >= sealsAnewAfterMs;
    current = round({ atStart, sealsAnew }).catch(error => {
      if (!isStopped)
        context.log.error({ err: error }, 'looking after sealed secrets failed; trying again in a minute');
    });
    return current;
  };
  await tick(true);
  const task = cron.schedule('* * * * *', () => tick(false), { noOverlap: true, logger: cronLogger(context.log) });
  return {
    async stop() {
      isStopped = true;
      await task.destroy();
      await current;
    },
  };
}

export interface SealingRound {
  /** Then the first key is published, also where another one of this worker's keys is. */
  atStart: boolean;
  /** Whether secrets are sealed anew. */
  sealsAnew: boolean;
}

/** @returns what does one round; it remembers what it told. Any number of workers may do it at once */
export function createSealing(context: SealingContext): (round: SealingRound) => Promise<void> {
  const closed = new Set<string>();
  return async ({ atStart, sealsAnew }) => {
    const isFirst = await keepPublished(context, atStart);
    // Workers with the keys in another order would take turns otherwise, each sealing anew what the other one had.
    await lookAfterSecrets(context, closed, sealsAnew && isFirst);
  };
}

/** @returns whether this worker's first key is the published one now */
async function keepPublished({ pool, keys, now, log, worker }: SealingContext, atStart: boolean): Promise<boolean> {
  const own = await Promise.all(keys.map(sealingKeyOf));
  const [first] = own as [SealingKey, ...SealingKey[]];
  const published = await publishedSealingKey(pool);
  const isSame = (key: SealingKey) =>
    published !== null && key.id === published.id && key.publicKey.equals(published.publicKey);
  if (isSame(first)) return true;
  const isOwn = own.some(isSame);
  // Another worker may have been given the same keys in another order.
  if (isOwn && !atStart) return false;
  if (published !== null && !isOwn)
    log.error(
      { published: published.id, key: first.id },
      'secrets were sealed to a published key that is none of SECRET_KEYS: what was stored meanwhile must be entered again, unless another worker has that key; its own is published again',
    );
  await publishSealingKey(pool, first, now(), worker);
  log.info({ key: first.id }, 'published the key that secrets are sealed to');
  return true;
}

/** @param closed what was told already, that no key opens it */
async function lookAfterSecrets({ pool, keys, log }: SealingContext, closed: Set<string>, sealsAnew: boolean) {
  const found = await storedSecrets(pool, keys[0].id);
  let sealed = 0;
  const still = new Set<string>();
  for (const secret of found) {
    try {
      const text = await unseal(keys, secret.id, secret);
      if (sealsAnew && (await replaceSealed(pool, secret, await seal(keys, secret.id, text)))) sealed++;
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      const which = `${secret.place} ${secret.id} ${secret.bytes.toString('base64')}`;
      still.add(which);
      if (!closed.has(which))
        log.error({ [kindOf(secret.place)]: secret.name, reason: error.message }, 'a stored secret cannot be opened');
    }
  }
  closed.clear();
  for (const which of still) closed.add(which);
  if (sealed > 0) log.info({ secrets: sealed, key: keys[0].id }, 'secrets were sealed anew with the first key');
}

function kindOf(place: 'integration' | 'webhook' | 'oldOfWebhook'): string {
  return place === 'integration' ? 'integration' : 'webhook';
}
