// The sessions and sign_in_links tables: who is signed in to the pages, and links that sign in once. Of what a cookie or a link
// carries only hashes are here.
import { and, eq, gt, inArray, lte } from 'drizzle-orm';
import { type Client, type Pool, reader } from './client.ts';
import { sessions, signInLinks } from './schema-sessions.ts';

export type StoredSession = typeof sessions.$inferSelect;
export type StoredLink = typeof signInLinks.$inferSelect;

/** @returns the session of a hash, expired or not */
export async function findSession(db: Pool | Client, hash: Buffer): Promise<StoredSession | null> {
  const [found] = await reader(db).select().from(sessions).where(eq(sessions.hash, hash));
  return found ?? null;
}

/** @returns which of these sessions are still there */
export async function sessionsThere(db: Pool | Client, ids: readonly string[]): Promise<Set<string>> {
  const found = await reader(db)
    .select({ id: sessions.id })
    .from(sessions)
    .where(inArray(sessions.id, [...ids]));
  return new Set(found.map(({ id }) => id));
}

export async function insertSession(client: Client, row: typeof sessions.$inferInsert): Promise<void> {
  await reader(client).insert(sessions).values(row);
}

/** @returns whether it was there */
export async function deleteSession(client: Client, which: { id: string } | { hash: Buffer }): Promise<boolean> {
  const where = 'id' in which ? eq(sessions.id, which.id) : eq(sessions.hash, which.hash);
  return ((await reader(client).delete(sessions).where(where)).rowCount ?? 0) > 0;
}

/** Ends the oldest sessions of somebody beyond so many. @param actorId as in the audit log */
export async function endOldestSessions(client: Client, actorId: string, most: number): Promise<void> {
  await client.query(
    `delete from sessions where id in (
       select id from sessions where actor ->> 'id' = $1 order by created_at desc, id offset $2)`,
    [actorId, most],
  );
}

export async function insertSignInLink(client: Client, row: StoredLink): Promise<void> {
  await reader(client).insert(signInLinks).values(row);
}

export async function findSignInLink(db: Pool, hash: Buffer): Promise<StoredLink | null> {
  const [found] = await reader(db).select().from(signInLinks).where(eq(signInLinks.hash, hash));
  return found ?? null;
}

/** Takes a link, so that nobody else can. @returns false where it was used, has expired, or never was */
export async function takeSignInLink(client: Client, hash: Buffer, at: Date): Promise<boolean> {
  const holds = and(eq(signInLinks.hash, hash), gt(signInLinks.expiresAt, at));
  return ((await reader(client).delete(signInLinks).where(holds)).rowCount ?? 0) > 0;
}

/** Removes what has expired. */
export async function purgeSessions(db: Pool, at: Date): Promise<void> {
  await reader(db).delete(sessions).where(lte(sessions.expiresAt, at));
  await reader(db).delete(signInLinks).where(lte(signInLinks.expiresAt, at));
}
