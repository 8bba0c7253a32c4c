// The policies table: every policy that was applied, as it was written. The newest is in force; none is ever changed.
import { asc, desc, eq, getTableColumns, gt } from 'drizzle-orm';
import { type Client, type Pool, reader } from './client.ts';
import { policies } from './schema.ts';

export type StoredPolicy = typeof policies.$inferSelect;

/** @returns the policy in force, or null when none was ever applied. Under head it stays the one in force */
export async function policyInForce(db: Pool | Client): Promise<StoredPolicy | null> {
  const [found] = await reader(db).select().from(policies).orderBy(desc(policies.revision)).limit(1);
  return found ?? null;
}

/** @returns the policy in force, or null when it was in force at that revision already */
export async function policySince(db: Pool | Client, revision: number): Promise<StoredPolicy | null> {
  const newer = gt(policies.revision, revision);
  const [found] = await reader(db).select().from(policies).where(newer).orderBy(desc(policies.revision)).limit(1);
  return found ?? null;
}

/** @returns the policy that was applied by a revision, or null when that wrote something else */
export async function policyOfRevision(db: Pool | Client, revision: number): Promise<StoredPolicy | null> {
  const [found] = await reader(db).select().from(policies).where(eq(policies.revision, revision));
  return found ?? null;
}

/** @returns policies without their texts, the oldest first @param after of later revisions @param most null: all */
export async function listPolicies(
  db: Pool | Client,
  after: number,
  most: number | null,
): Promise<Omit<StoredPolicy, 'text'>[]> {
  const { text: _, ...columns } = getTableColumns(policies);
  const later = gt(policies.revision, after);
  const found = reader(db).select(columns).from(policies).where(later).orderBy(asc(policies.revision));
  return most === null ? await found : await found.limit(most);
}

export async function insertPolicy(client: Client, row: StoredPolicy): Promise<void> {
  await reader(client).insert(policies).values(row);
}
