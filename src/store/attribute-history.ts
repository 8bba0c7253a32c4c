// What became of a device's attribute values, out of the audit log. Of its entries only those of one target are read, by the index
// that each month has on targets and times.
import type { AttributeValue } from '../posture/attributes.ts';
import type { Actor, EventCode, Origin } from '../posture/events.ts';
import type { Queryable } from './client.ts';

/** One value of one device that became another one, or that ends at another time. */
export interface AttributeChange {
  at: Date;
  key: string;
  /** Null: it was not set. */
  old: AttributeValue | null;
  /** Null: it is not set any more. */
  new: AttributeValue | null;
  /** RFC 3339: when the new value ends by itself. */
  expiresAt: string | null;
  event: EventCode;
  origin: Origin;
  /** `sync`, `refetch`, `attribute set`: what was being done. */
  cause: string | null;
  /** What whoever asked for it said, and `expired`. */
  comment: string | null;
  actor: Actor;
  revision: number;
  /** The sync run that found it, while it is remembered, and its integration. */
  run: number | null;
  integration: string | null;
  /** Within its revision. */
  n: number;
}

export interface HistoryFilter {
  device: string;
  /** Full names; null: all. */
  keys: readonly string[] | null;
  /** Both inclusive. */
  since: Date | null;
  until: Date | null;
}

/** Where a change stands; older ones come behind it, and of its entry those whose names come later. */
export interface HistoryPosition {
  readonly at: Date;
  readonly revision: number;
  readonly n: number;
  readonly key: string;
}

/** Beside the values of an entry stands when they end. */
const expiries = 'expiries';

/** Names that somebody asks for, as $2: what stands beside the values is none of them. */
const namesOf = (keys: readonly string[] | null) => keys?.filter(key => key !== expiries) ?? null;

/** Of the entries in `from`, which has old and new values, a row a key: k, with the keys of $2. */
const eachKey = `cross join lateral (
  select k collate "C" as k from jsonb_object_keys(coalesce(old, '{}') || coalesce(new, '{}')) k where k <> '${expiries}' and ($2::text[] is null or k = any($2))) names`;

/** Entries of device $1 about values that have one of the keys $2. */
const itsEntries = `target_id = $1 and event in ('NODE.CREATE.ATTRIBUTES', 'NODE.UPDATE.ATTRIBUTES', 'NODE.DELETE.ATTRIBUTES')
  and ($2::text[] is null or old ?| $2 or new ?| $2)`;

/** @returns so many changes at most, newest first, those of one write by name @param after behind this one */
export async function attributeChanges(
  db: Queryable,
  { device, keys, since, until }: HistoryFilter,
  after: HistoryPosition | null,
  most: number,
): Promise<AttributeChange[]> {
  // The entry of the position may have nothing left, and each of the others has one change at least.
  const { rows } = await db.query(
    `select e.event_time as at, k as key, e.old -> k as old, e.new -> k as new, e.new -> '${expiries}' ->> k as "expiresAt", e.event, e.origin, r.cause,
       e.details as comment, e.actor, e.revision, s.id as run, i.name as integration, e.n
     from (
       select * from audit_log where ${itsEntries} and ($3::timestamptz is null or event_time >= $3) and event_time <= $4
         and (event_time, revision, n) <= ($5, $6, $7)
       order by event_time desc, revision desc, n desc limit $9::int + 1
     ) e ${eachKey}
     left join revisions r on r.revision = e.revision left join sync_runs s on s.id = r.run_id left join integrations i on i.id = s.integration_id
     where (e.event_time, e.revision, e.n) < ($5, $6, $7) or k > $8
     order by e.event_time desc, e.revision desc, e.n desc, k limit $9`,
    [device, namesOf(keys), since, after?.at ?? until ?? 'infinity', ...placeOf(after), most],
  );
  return rows;
}

const placeOf = (after: HistoryPosition | null) =>
  after === null
    ? ['infinity', Number.MAX_SAFE_INTEGER, 2_147_483_647, '']
    : [after.at, after.revision, after.n, after.key];

/** A value as it was from a time on; null: not set. */
export interface ValueSince {
  at: Date;
  value: AttributeValue | null;
}

export interface StoredSeries {
  /** What the device had at the end of the time, by name. */
  atEnd: Record<string, AttributeValue | null>;
  /** Changes within it, newest first. */
  changes: Pick<AttributeChange, 'at' | 'key' | 'old' | 'new'>[];
  /** Whether older changes within it were left out. */
  isCut: boolean;
}

/**
 * Reads a device's values over a time, backwards from what it has now, so that it needs no entry older than that time: whole months
 * of the log are dropped some day. All of one moment.
 * @param mostEntries of the log, at most: the newest within the time
 */
export async function attributeSeries(
  db: Queryable,
  { device, keys, since, until }: HistoryFilter & { since: Date; until: Date },
  mostEntries: number,
): Promise<StoredSeries> {
  const { rows } = await db.query(
    `with now as (
       select v.key as k, v.value from device_attributes d, jsonb_each(d.values) v where d.device_id = $1 and ($2::text[] is null or v.key = any($2))
     ), later as (
       select distinct on (k) k, e.old -> k as value from audit_log e ${eachKey}
       where ${itsEntries} and event_time > $4 order by k, event_time, revision, n
     ), entries as (
       select * from audit_log where ${itsEntries} and event_time >= $3 and event_time <= $4
       order by event_time desc, revision desc, n desc limit $5::int + 1
     )
     select (select coalesce(jsonb_object_agg(k, value), '{}') from now) || (select coalesce(jsonb_object_agg(k, value), '{}') from later) as "atEnd",
       (select count(*) from entries)::int as entries,
       (select coalesce(jsonb_agg(jsonb_build_object('at', event_time, 'revision', revision, 'key', k, 'old', old -> k, 'new', new -> k) order by event_time desc, revision desc, n desc, k), '[]')
        from entries e ${eachKey}) as changes`,
    [device, namesOf(keys), since, until, mostEntries],
  );
  const [{ atEnd, entries, changes }] = rows;
  const isCut = entries > mostEntries;
  const oldest = changes.at(-1)?.revision;
  // A write leaves one entry of a device and a source: the oldest one is dropped, as it may not be the only one of its write.
  const kept = isCut ? changes.filter(({ revision }: { revision: number }) => revision !== oldest) : changes;
  return { atEnd, changes: kept.map((change: { at: string }) => ({ ...change, at: new Date(change.at) })), isCut };
}

/** @returns whether the log knows a device of that id, which may be gone */
export async function wasDevice(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await db.query(
    "select exists (select from audit_log where target_id = $1 and target_type = 'NODE') as was",
    [id],
  );
  return rows[0].was;
}
