// Reads of what a merge planned and of what is withheld from it.
import type { Queryable } from './client.ts';

/** What would happen to a device's values: only those that differ, by name. Null: none before, or none after. */
export interface PlannedChange {
  device: string;
  hostname: string | null;
  old: Record<string, unknown> | null;
  new: Record<string, unknown> | null;
}

/** @returns whether any value is withheld because of an integration's sweep */
export async function hasWithheld(db: Queryable, integrationId: string): Promise<boolean> {
  const { rows } = await db.query('select exists (select from withheld_values where withheld_by = $1) as any', [
    integrationId,
  ]);
  return rows[0].any;
}

/** The plan of the derivation under way: the first thousand devices by id, and how many there are. */
export async function planChanges(session: Queryable): Promise<{ changes: PlannedChange[]; changesTotal: number }> {
  const changed = 'plan p where p.old_part is not null or p.new_part is not null';
  const total = await session.query(`select count(*)::int as n from ${changed}`);
  const { rows } = await session.query(
    `select p.device_id as device, (select hostname from devices where id = p.device_id) as hostname, p.old_part as old, p.new_part as new
     from ${changed} order by p.device_id limit 1000`,
  );
  return { changes: rows, changesTotal: total.rows[0].n };
}
