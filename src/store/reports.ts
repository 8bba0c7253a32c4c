// What a report of a device's identity is judged by: who else has its serial numbers, and what was told of refusals lately.
import type { Queryable } from './client.ts';
import { isPlaceholder } from './match.ts';

export interface Holder {
  identifier: string;
  deviceId: string;
  hostname: string | null;
}

/**
 * Who else has one of these identifiers: by itself, whether it matches anything there or not, or by an agent of its own that has
 * several, of which another one matches. Placeholders aside, which nobody has.
 * @returns for each that somebody has one device: that on which it was set by hand, or else any
 */
export async function otherHolders(db: Queryable, deviceId: string, identifiers: readonly string[]): Promise<Holder[]> {
  const { rows } = await db.query(
    `select distinct on (h.identifier) h.identifier, h.device_id as "deviceId", d.hostname
     from (
       select identifier, device_id, case source when 'manual' then 1 else 2 end as place from device_identifiers
       where identifier = any($1) and problem is distinct from 'placeholder_serial'
       union all
       select g.identifier, a.device_id, 3 from unnest($1::text[]) g(identifier), lateral (
         select device_id from agents where (identifiers[1]) collate "C" = g.identifier collate "C"
         union all
         select device_id from agents where cardinality(identifiers) > 1 and identifiers @> array[g.identifier]
       ) a
       where not ${isPlaceholder('g.identifier')}
     ) h join devices d on d.id = h.device_id
     where h.device_id <> $2
     order by h.identifier, h.place, h.device_id`,
    [identifiers, deviceId],
  );
  return rows;
}

/**
 * @param holders devices whose serial numbers were asked for
 * @param by id of the actor who asked
 * @param device who was refused; null: whoever it was, for a device that is not known may be called anything
 * @returns those of the holders of which that was told since
 */
export async function refusalsTold(
  db: Queryable,
  holders: readonly string[],
  by: string,
  device: string | null,
  since: Date,
): Promise<Set<string>> {
  const { rows } = await db.query(
    `select distinct target_id from audit_log
     where target_id = any($1) and event_time > $4 and event = 'NODE.REFUSE.POSTURE_IDENTITY'
       and actor ->> 'id' = $2 and ($3::text is null or new ->> 'device' = $3)`,
    [holders, by, device, since],
  );
  return new Set(rows.map(row => row.target_id));
}
