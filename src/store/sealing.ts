// The published key that processes without SECRET_KEYS seal secrets to, and the sealed secrets of all tables: for whoever opens
// them, and seals them anew after keys were changed.
import { type Client, type Pool, type Queryable, reader } from './client.ts';
import { sealingKey } from './schema-sealing.ts';
import type { SealingKey } from './sealed-boxes.ts';
import type { Sealed } from './secrets.ts';

/** @returns null where no worker published one yet */
export async function publishedSealingKey(db: Pool | Client): Promise<SealingKey | null> {
  const { keyId: id, publicKey } = sealingKey;
  const [found] = await reader(db).select({ id, publicKey }).from(sealingKey);
  return found ?? null;
}

/** Puts it in the place of any other. */
export async function publishSealingKey(db: Pool, { id, publicKey }: SealingKey, at: Date, by: string): Promise<void> {
  const row = { keyId: id, publicKey, publishedAt: at, publishedBy: by };
  await reader(db).insert(sealingKey).values(row).onConflictDoUpdate({ target: sealingKey.singleton, set: row });
}

/** Where secrets are: the tables, and their columns of bytes and of the key. */
const places = {
  integration: { table: 'integrations', bytes: 'secret', keyId: 'secret_key_id' },
  webhook: { table: 'webhooks', bytes: 'secret', keyId: 'secret_key_id' },
  oldOfWebhook: { table: 'webhooks', bytes: 'old_secret', keyId: 'old_secret_key_id' },
} as const;

export interface StoredSecret extends Sealed {
  place: keyof typeof places;
  /** The row, which it is sealed for. */
  id: string;
  name: string;
}

/** @param exceptKeyId what was sealed with that key itself is left out; null: nothing is */
export async function storedSecrets(db: Queryable, exceptKeyId: string | null): Promise<StoredSecret[]> {
  const selects = Object.entries(places).map(
    ([place, { table, bytes, keyId }]) =>
      `select '${place}' as place, id, name, ${bytes} as bytes, ${keyId} as "keyId" from ${table} where ${bytes} is not null and ${keyId} is distinct from $1`,
  );
  const { rows } = await db.query(`${selects.join(' union all ')} order by place, id`, [exceptKeyId]);
  return rows;
}

/** @returns false where the secret was changed meanwhile, or is gone */
export async function replaceSealed(db: Queryable, { place, id, bytes }: StoredSecret, by: Sealed): Promise<boolean> {
  const { table, ...columns } = places[place];
  const { rowCount } = await db.query(
    `update ${table} set ${columns.bytes} = $3, ${columns.keyId} = $4 where id = $1 and ${columns.bytes} = $2`,
    [id, bytes, by.bytes, by.keyId],
  );
  return rowCount === 1;
}
