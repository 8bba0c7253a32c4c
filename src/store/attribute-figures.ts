// Which attributes occur, on how many devices and with which values. Of a large inventory a part is looked at, spread over the whole, so
// that it takes no longer than of a small one; the figures then are what the part lets expect.
import type { AttributeValue } from '../posture/attributes.ts';
import type { Queryable } from './client.ts';

export interface AttributeFigures {
  /** Devices that have it. */
  readonly devices: number;
  /** The most frequent first; none of those of which no values were wanted. */
  readonly values: readonly { readonly value: AttributeValue; readonly devices: number }[];
}

/** Rows that are looked at. */
const mostRows = 10_000;

/**
 * @param valueless names of attributes whose values are not wanted
 * @param mostValues so many of each attribute
 * @returns the figures by name, of those that any device has; and whether they were counted, and not reckoned
 */
export async function attributeFigures(
  db: Queryable,
  valueless: readonly string[],
  mostValues: number,
): Promise<{ byName: Map<string, AttributeFigures>; isExact: boolean }> {
  const { rows: sizes } = await db.query<{ rows: number }>(
    "select reltuples::float8 as rows from pg_class where oid = 'device_attributes'::regclass",
  );
  // Less than nothing: not known yet.
  const expected = Math.max(0, sizes[0]?.rows ?? 0);
  const percent = expected <= mostRows ? 100 : (100 * mostRows) / expected;
  // By the same number the same pages are taken each time, so that figures do not flicker.
  const { rows } = await db.query<{ name: string; looked: number; devices: number; values: Value[] | null }>(
    `with looked as materialized (
       select values from device_attributes tablesample system ($1) repeatable (1) limit ${2 * mostRows}
     ), counted as (
       select e.key as name, case when e.key = any($2::text[]) then null else e.value end as value, count(*)::int as devices
       from looked, jsonb_each(looked.values) e group by 1, 2
     ), ranked as (
       select *, row_number() over (partition by name order by devices desc, value) as rank from counted
     )
     select name, (select count(*)::int from looked) as looked, sum(devices)::int as devices,
       jsonb_agg(jsonb_build_object('value', value, 'devices', devices) order by rank) filter (where rank <= $3 and value is not null) as values
     from ranked group by name order by name`,
    [percent, valueless, mostValues],
  );
  const looked = rows[0]?.looked ?? 0;
  const isExact = percent === 100 && looked < 2 * mostRows;
  const scale = isExact || looked === 0 ? 1 : Math.max(1, expected / looked);
  const reckoned = (devices: number) => Math.round(devices * scale);
  const byName = new Map(
    rows.map(({ name, devices, values }) => [
      name,
      {
        devices: reckoned(devices),
        values: (values ?? []).map(({ value, devices: its }) => ({ value, devices: reckoned(its) })),
      },
    ]),
  );
  return { byName, isExact };
}

interface Value {
  value: AttributeValue;
  devices: number;
}
