// The api_keys table: keys of the HTTP API, of which only a hash is kept. Revoked ones stay, to tell who had which key.
import { asc, eq } from 'drizzle-orm';
import { type Client, type Pool, type Queryable, reader } from './client.ts';
import { apiKeys } from './schema.ts';

export type StoredKey = typeof apiKeys.$inferSelect;

/** @returns all keys, the oldest first */
export async function listApiKeys(db: Pool | Client): Promise<StoredKey[]> {
  return await reader(db).select().from(apiKeys).orderBy(asc(apiKeys.createdAt), asc(apiKeys.id));
}

export async function insertApiKey(client: Client, row: typeof apiKeys.$inferInsert): Promise<void> {
  await reader(client).insert(apiKeys).values(row);
}

/** @returns the key, locked until the end of the transaction */
export async function lockApiKey(client: Client, id: string): Promise<StoredKey | null> {
  const [found] = await reader(client).select().from(apiKeys).where(eq(apiKeys.id, id)).for('update');
  return found ?? null;
}

export async function revokeStoredKey(client: Client, id: string, at: Date): Promise<void> {
  await reader(client).update(apiKeys).set({ revokedAt: at }).where(eq(apiKeys.id, id));
}

/** Writes when keys were last used; never back. No audited write: it changes what is known of use, and nothing else. */
export async function storeApiKeyUses(db: Queryable, uses: ReadonlyMap<string, Date>): Promise<void> {
  await db.query(
    `update api_keys k set last_used_at = u.at
     from unnest($1::text[], $2::timestamptz[]) u (id, at)
     where k.id = u.id and (k.last_used_at is null or k.last_used_at < u.at)`,
    [[...uses.keys()], [...uses.values()]],
  );
}
