// Whether the keys at hand open what is stored: the sealed secrets of integrations and webhooks, and what others seal next.
import { AppError } from '../errors.ts';
import type { Pool } from '../store/client.ts';
import { sealingKeyOf } from '../store/sealed-boxes.ts';
import { publishedSealingKey, storedSecrets } from '../store/sealing.ts';
import { type SecretKeys, unseal } from '../store/secrets.ts';

/** @returns a sentence for each secret that the keys do not open, and for a published key that is none of them */
export async function secretProblems(db: Pool, keys: SecretKeys): Promise<string[]> {
  const problems: string[] = [];
  const published = await publishedSealingKey(db);
  if (published !== null) {
    const own = await Promise.all(keys.map(sealingKeyOf));
    if (!own.some(({ id, publicKey }) => id === published.id && publicKey.equals(published.publicKey)))
      problems.push(`Secrets are sealed to a published key "${published.id}" that is none of SECRET_KEYS.`);
  }
  for (const secret of await storedSecrets(db, null)) {
    try {
      await unseal(keys, secret.id, secret);
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      problems.push(
        `${secret.place === 'integration' ? 'Integration' : 'Webhook'} "${secret.name}": ${error.message}.`,
      );
    }
  }
  return problems;
}
