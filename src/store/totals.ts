// Counts of what workers did for an integration, that only ever grow. They are added up where the work ends, so that every process
// can show them, whichever worker did it.
import { eq } from 'drizzle-orm';
import { type Client, type Queryable, reader } from './client.ts';
import { integrationTotals, type TotalCounter } from './schema-totals.ts';

export type Total = typeof integrationTotals.$inferSelect;

/** What is to be added: by counter, by label. */
export type Additions = Partial<Record<TotalCounter, Readonly<Record<string, number>>>>;

/** Adds to the totals of an integration; nothing where it was removed. */
export async function addTotals(db: Queryable, integrationId: string, additions: Additions): Promise<void> {
  const rows = Object.entries(additions).flatMap(([counter, byLabel]) =>
    Object.entries(byLabel)
      .filter(([, by]) => by > 0)
      .map(([label, by]) => ({ counter, label, by })),
  );
  if (rows.length === 0) return;
  // Ordered, so that two workers who add at once do not wait for each other.
  await db.query(
    `insert into integration_totals (integration_id, counter, label, total)
     select i.id, a.counter, a.label, a.by from integrations i, unnest($2::text[], $3::text[], $4::bigint[]) a(counter, label, by)
     where i.id = $1 order by a.counter, a.label
     on conflict (integration_id, counter, label) do update set total = integration_totals.total + excluded.total`,
    [integrationId, rows.map(row => row.counter), rows.map(row => row.label), rows.map(row => Math.round(row.by))],
  );
}

export async function readTotals(db: Client): Promise<Total[]> {
  return await reader(db).select().from(integrationTotals);
}

export async function dropTotals(db: Client, integrationId: string): Promise<void> {
  await reader(db).delete(integrationTotals).where(eq(integrationTotals.integrationId, integrationId));
}
