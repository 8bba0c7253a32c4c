// The row of service-wide settings: read, changed, and what follows from switching identity collection off and on.
import { getTableColumns } from 'drizzle-orm';
import { customSource } from '../posture/custom-attributes.ts';
import { type Client, type Pool, type Queryable, reader } from './client.ts';
import { touchDevices } from './derive.ts';
import type { Losses } from './losses.ts';
import { rematchAgents } from './match.ts';
import { settings } from './schema-settings.ts';

export type Settings = Omit<typeof settings.$inferSelect, 'singleton'>;

/** Under head they stay as they are. */
export async function readSettings(db: Pool | Client): Promise<Settings> {
  const { singleton: _, ...columns } = getTableColumns(settings);
  const [found] = await reader(db).select(columns).from(settings);
  if (!found) throw new Error('the row of the settings is gone');
  return found;
}

/** @param changes at least one */
export async function updateSettings(client: Client, changes: Partial<Settings>): Promise<void> {
  await reader(client).update(settings).set(changes);
}

/** @returns how many devices have values of providers, and how many values: what they lose when collection is switched off */
export async function providerValues(db: Queryable): Promise<Losses> {
  const { rows } = await db.query(
    `select count(*) filter (where n > 0)::int as devices, coalesce(sum(n), 0)::int as attributes
     from (select sum(jsonb_array_length(jsonb_path_query_array(values, '$.*'))) as n from device_attributes where source <> '${customSource}' group by device_id) d`,
  );
  return rows[0];
}

/**
 * After the switch was turned: matches every agent again, or none, and touches the devices concerned; the caller derives.
 * Expects a derivation that was started. Nothing is withheld while collection is off: what is withheld goes, and holds end.
 * @returns integrations whose hold ended
 */
export async function rematchAll(client: Client, isOn: boolean): Promise<{ id: string; name: string }[]> {
  const { rows } = isOn
    ? { rows: [] }
    : await client.query('select id, name from integrations where held_since is not null order by id');
  // Every row, also where nothing changes: a run that found nothing to merge moves the times of its integration only while
  // the row is as it was, for agents that were matched since might expire by that.
  await client.query(
    isOn
      ? 'update integrations set settings_version = settings_version'
      : 'update integrations set held_devices = null, held_since = null, accepted_losses = null, accepted_until = null',
  );
  if (!isOn) {
    await touchDevices(client, "select device_id from device_attributes where values <> '{}'");
    await client.query('delete from withheld_values');
  }
  await rematchAgents(client, 'select integration_id, agent_id from agents');
  return rows;
}
