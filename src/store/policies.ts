// The policies table: every policy that was applied, as it was written. The newest is in force; none is ever changed.
import { asc, desc, eq, getTableColumns, gt, lt } from 'drizzle-orm';
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

/** Which policies of the history are wanted. */
export interface PolicyStretch {
  newestFirst: boolean;
  /** Behind that revision, in the order in which they come; null: from the first one on. */
  behind: number | null;
  /** Null: all. */
  most: number | null;
}

/** @returns policies without their texts */
export async function listPolicies(
  db: Pool | Client,
  { newestFirst, behind, most }: PolicyStretch,
): Promise<Omit<StoredPolicy, 'text'>[]> {
  const { text: _, ...columns } = getTableColumns(policies);
  const { revision } = policies;
  const beyond = behind === null ? undefined : newestFirst ? lt(revision, behind) : gt(revision, behind);
  const order = newestFirst ? desc(revision) : asc(revision);
  const found = reader(db).select(columns).from(policies).where(beyond).orderBy(order);
  return most === null ? await found : await found.limit(most);
}

export async function insertPolicy(client: Client, row: StoredPolicy): Promise<void> {
  await reader(client).insert(policies).values(row);
}
