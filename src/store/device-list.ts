// Lists of devices, page by page in the order of ids, which the indexes of all tables about devices have; and their values.
import type { AttributeValue } from '../posture/attributes.ts';
import type { Queryable } from './client.ts';
import { conditionOf, type DeviceFilters } from './device-filters.ts';
import { type DeviceRow, toldDevices } from './devices.ts';
import type { StatedTimes } from './schema-custom.ts';

/**
 * A page of devices, by id.
 * @param after the last id of the page before; null for the first page
 */
export async function devicePage(
  db: Queryable,
  after: string | null,
  limit: number,
  filters: DeviceFilters = {},
): Promise<DeviceRow[]> {
  const parameters: unknown[] = [after ?? '', limit];
  const condition = conditionOf(filters, parameters) ?? 'true';
  const { rows } = await db.query(
    `select * from (${toldDevices(
      `select d.* from devices d where d.id > $1 and ${condition} order by d.id limit $2`,
    )}) s order by id`,
    parameters,
  );
  return rows;
}

export interface DeviceValues {
  /** By full name. */
  attributes: Record<string, AttributeValue>;
  /** RFC 3339, of those that end by themselves. */
  expiries: Record<string, string>;
}

/** @returns what those of the devices have by then that have something, by id */
export async function valuesOfDevices(
  db: Queryable,
  ids: readonly string[],
  at: Date,
): Promise<Map<string, DeviceValues>> {
  const { rows } = await db.query<{ id: string; values: DeviceValues['attributes']; stated: StatedTimes | null }>(
    `select device_id as id, values, stated from device_attributes where device_id = any($1::text[]) and values <> '{}' order by device_id, source`,
    [ids],
  );
  const found = new Map<string, DeviceValues>();
  for (const { id, values, stated } of rows) {
    const its = found.get(id) ?? { attributes: {}, expiries: {} };
    found.set(id, its);
    for (const [name, value] of Object.entries(values)) {
      const expiresAt = stated?.[name]?.expiresAt;
      if (expiresAt !== undefined && new Date(expiresAt) <= at) continue;
      its.attributes[name] = value;
      if (expiresAt !== undefined) its.expiries[name] = new Date(expiresAt).toISOString();
    }
  }
  return found;
}

/** @returns those of the ids that devices have */
export async function knownDevices(db: Queryable, ids: readonly string[]): Promise<Set<string>> {
  const { rows } = await db.query('select id from devices where id = any($1::text[])', [ids]);
  return new Set(rows.map(row => row.id));
}
