// The list of placeholder serials in the database: the shipped part follows the version, the administrator's part stays.
import { worker } from '../posture/events.ts';
import { shippedPlaceholders } from '../posture/serials.ts';
import type { Client, Queryable } from './client.ts';
import { derive, startDerivation } from './derive.ts';
import { isPlaceholder, settleIdentifiers } from './match.ts';
import type { placeholderSerials } from './schema.ts';
import { undo, write } from './write.ts';

export type PlaceholderSerial = typeof placeholderSerials.$inferSelect;

/** All of the list, in the order of their canonical forms. */
export async function listPlaceholders(db: Queryable): Promise<PlaceholderSerial[]> {
  const { rows } = await db.query('select value, raw, source from placeholder_serials order by value');
  return rows;
}

/** @returns those of canonical identifiers (`kind:value`) that stand for no device */
export async function placeholdersAmong(db: Queryable, identifiers: readonly string[]): Promise<string[]> {
  const { rows } = await db.query(`select i from unnest($1::text[]) s(i) where ${isPlaceholder('i')}`, [identifiers]);
  return rows.map(row => row.i);
}

/** Brings the shipped part to what config/ has. Where devices or agents have one of what changed, all that follows is derived. */
export async function storeShippedPlaceholders(client: Client): Promise<void> {
  const shipped = [shippedPlaceholders.map(p => p.value), shippedPlaceholders.map(p => p.raw)];
  const { rows } = await client.query(
    `select exists (select from unnest($1::text[]) s(v) where not exists (select from placeholder_serials p where p.value = s.v collate "C"))
       or exists (select from placeholder_serials where source = 'shipped' and not value = any($1)) as differs`,
    [shipped[0]],
  );
  if (!rows[0].differs) return;
  const change = async (c: Client): Promise<string[]> => {
    const changed = await c.query(
      `with shipped as (select * from unnest($1::text[], $2::text[]) as s(value, raw)),
         gone as (delete from placeholder_serials p where source = 'shipped' and not value = any($1) returning value),
         added as (insert into placeholder_serials (value, raw, source) select value, raw, 'shipped' from shipped on conflict (value) do nothing returning value)
       select value from gone union all select value from added`,
      shipped,
    );
    return changed.rows.map(row => `serial:${row.value}`);
  };
  const any = await client.query('select exists (select from devices) or exists (select from agents) as ok');
  if (!any.rows[0].ok) {
    await change(client);
    return;
  }
  const { rows: clock } = await client.query('select clock_timestamp() as at');
  const by = { actor: worker, origin: 'CONTROL', cause: 'shipped placeholder serials' } as const;
  await write(
    client,
    () => clock[0].at,
    by,
    async w => {
      const identifiers = await change(w.client);
      if (identifiers.length === 0) return undo(null);
      await startDerivation(w.client);
      await settleIdentifiers(w, 'select unnest($1::text[])', [identifiers], { placeholders: 'changed' });
      await derive(w);
      return null;
    },
  );
}
