// The audit log by writes, newest first: each audited write is a group of entries. What is asked for decides where the search begins: at
// the entries of a target, at those of an event, or at the writes of an actor, each by an index; what is left is looked at in each.
import type { Actor, AuditEntry } from '../posture/events.ts';
import { auditEntry } from './audit.ts';
import type { Queryable } from './client.ts';

export interface GroupFilter {
  /** Both inclusive. */
  since: Date;
  until: Date;
  /** Null, here and below: any. */
  actorIds: readonly string[] | null;
  /** Parts of a target's id or name, of which one must be there. */
  targets: readonly string[] | null;
  targetIds: readonly string[] | null;
  /** Event codes. */
  events: readonly string[] | null;
}

export interface AuditGroup {
  revision: number;
  at: Date;
  actor: Actor;
  cause: string;
  runId: number | null;
  /** All entries of the write. */
  entries: number;
  /** The first of those that are asked for. */
  first: AuditEntry[];
}

export interface GroupPosition {
  at: Date;
  revision: number;
}

export interface FoundGroups {
  groups: AuditGroup[];
  /** The search went so far, and goes on behind it; null: nothing is left. */
  reached: GroupPosition | null;
}

interface Candidate extends GroupPosition {
  entries: number;
}

/** Looked into at once, where it must be. */
const portion = 500;
/** Entries that are looked into for one page, at most: what is rare is found page by page. */
const mostEntries = 30_000;
/** Entries that a group is shown with. */
const shown = 3;

/**
 * @param before only older groups; null: from the newest on
 * @returns so many groups at most, newest first. Fewer do not mean that there are no more: `reached` says that
 */
export async function auditGroups(
  db: Queryable,
  filter: GroupFilter,
  before: GroupPosition | null,
  most: number,
): Promise<FoundGroups> {
  const found: Candidate[] = [];
  const mustLook = filter.targetIds === null ? looksFor(filter) : filter.targets !== null;
  let place = before ?? { at: filter.until, revision: Number.MAX_SAFE_INTEGER };
  let looked = 0;
  let isOver = false;
  while (!isOver && found.length < most && looked < mostEntries) {
    // One more, to know whether there is one.
    const wanted = mustLook ? portion : most + 1;
    const candidates = await candidatesOf(db, filter, place, wanted);
    isOver = candidates.length < wanted;
    const taken: Candidate[] = [];
    for (const candidate of candidates) {
      if (mustLook && looked >= mostEntries) {
        isOver = false;
        break;
      }
      looked += candidate.entries;
      taken.push(candidate);
    }
    const fitting = mustLook ? await thoseThatFit(db, filter, taken) : taken;
    const room = most - found.length;
    found.push(...fitting.slice(0, room));
    if (fitting.length > room) isOver = false;
    place = (fitting.length > room ? found.at(-1) : taken.at(-1)) ?? place;
  }
  return {
    groups: await withEntries(db, filter, found),
    reached: isOver ? null : { at: place.at, revision: place.revision },
  };
}

/** Whether a write that the search begins with may have nothing that is asked for. */
function looksFor({ actorIds, events, targets }: GroupFilter): boolean {
  return targets !== null || (actorIds !== null && events !== null);
}

/** Parameters of a query, numbered as they come. */
class Parameters {
  readonly values: unknown[] = [];
  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** Where the search begins. */
async function candidatesOf(
  db: Queryable,
  filter: GroupFilter,
  place: GroupPosition,
  most: number,
): Promise<Candidate[]> {
  const p = new Parameters();
  const [since, at, revision, limit] = [filter.since, place.at, place.revision, most].map(value => p.add(value));
  const until = p.add(filter.until);
  const within = (time: string) =>
    `${time} >= ${since}::timestamptz and ${time} <= least(${until}::timestamptz, ${at}::timestamptz) and (${time}, revision) < (${at}::timestamptz, ${revision}::bigint)`;
  const ofTarget = () =>
    `select distinct e.event_time as at, e.revision from unnest(${p.add(filter.targetIds)}::text[]) t(id) cross join lateral (
       select distinct event_time, revision from audit_log where target_id = t.id and ${within('event_time')}
         ${filter.events ? `and event = any(${p.add(filter.events)})` : ''} ${filter.actorIds ? `and actor ->> 'id' = any(${p.add(filter.actorIds)})` : ''}
       order by event_time desc, revision desc limit ${limit}) e`;
  // From one write that has the event to the next, past all its entries.
  const ofEvent = () =>
    `select distinct at, revision from (
       with recursive steps(code, at, revision, k) as (
         (select c.code, e.* , 1 from unnest(${p.add(filter.events)}::text[]) c(code) cross join lateral (
            select event_time, revision from audit_log where event = c.code and ${within('event_time')} order by event_time desc, revision desc limit 1) e)
         union all
         select s.code, e.*, s.k + 1 from steps s cross join lateral (
            select event_time, revision from audit_log where event = s.code and event_time >= ${since}::timestamptz and event_time <= s.at
              and (event_time, revision) < (s.at, s.revision) order by event_time desc, revision desc limit 1) e where s.k < ${limit}::int
       ) select * from steps) s`;
  const ofActor = () =>
    `select w.at, w.revision from unnest(${p.add(filter.actorIds)}::text[]) a(id) cross join lateral (
       select at, revision from revisions where events > 0 and actor ->> 'id' = a.id and ${within('at')} order by at desc, revision desc limit ${limit}) w`;
  const ofAll = () => `select at, revision from revisions where events > 0 and ${within('at')}`;
  const source =
    filter.targetIds !== null
      ? ofTarget()
      : filter.actorIds !== null
        ? ofActor()
        : filter.events !== null
          ? ofEvent()
          : ofAll();
  const { rows } = await db.query(
    `select f.at, f.revision, r.events as entries from (${source} order by at desc, revision desc limit ${limit}) f
     join revisions r using (revision) order by f.at desc, f.revision desc`,
    p.values,
  );
  return rows;
}

/** What an entry `a` must be beside of its write. */
function entryFits({ events, targets, targetIds }: GroupFilter, p: Parameters): string {
  const text = (column: string, part: string) => `strpos(lower(${column}), lower(${part})) > 0`;
  return [
    ...(events === null ? [] : [`a.event = any(${p.add(events)}::text[])`]),
    ...(targetIds === null ? [] : [`a.target_id = any(${p.add(targetIds)}::text[])`]),
    ...(targets === null
      ? []
      : [
          `exists (select from unnest(${p.add(targets)}::text[]) t where ${text('a.target_id', 't')} or ${text("coalesce(a.target_name, '')", 't')})`,
        ]),
  ]
    .map(condition => `and ${condition}`)
    .join(' ');
}

const given = (p: Parameters, groups: readonly GroupPosition[]) =>
  `unnest(${p.add(groups.map(({ at }) => at))}::timestamptz[], ${p.add(groups.map(({ revision }) => revision))}::bigint[]) with ordinality g(at, revision, place)`;

async function thoseThatFit(db: Queryable, filter: GroupFilter, groups: readonly Candidate[]): Promise<Candidate[]> {
  if (groups.length === 0) return [];
  const p = new Parameters();
  const { rows } = await db.query(
    `select g.revision from ${given(p, groups)}
     where exists (select from audit_log a where a.event_time = g.at and a.revision = g.revision ${entryFits(filter, p)})`,
    p.values,
  );
  const fitting = new Set(rows.map(row => row.revision));
  return groups.filter(({ revision }) => fitting.has(revision));
}

async function withEntries(
  db: Queryable,
  filter: GroupFilter,
  groups: readonly GroupPosition[],
): Promise<AuditGroup[]> {
  if (groups.length === 0) return [];
  const p = new Parameters();
  // Those of a target are few, and are found by its index; by the write a hundred thousand may have to be looked through.
  const source =
    filter.targetIds === null
      ? 'audit_log'
      : `(select * from audit_log a where a.target_id = any(${p.add(filter.targetIds)}::text[]) and a.event_time = g.at offset 0)`;
  const { rows } = await db.query(
    `select r.at as group_at, r.revision as group_revision, r.actor as group_actor, r.cause, r.run_id, r.events, a.*
     from ${given(p, groups)} join revisions r using (revision) left join lateral (
       select * from ${source} a where a.event_time = g.at and a.revision = g.revision ${entryFits(filter, p)} order by a.n limit ${shown}) a on true
     order by g.place, a.n`,
    p.values,
  );
  const found = new Map<number, AuditGroup>();
  for (const row of rows) {
    const { group_at: at, group_revision: revision, group_actor: actor, cause, run_id: runId, events: entries } = row;
    const fresh: AuditGroup = { revision, at, actor, cause, runId, entries, first: [] };
    const group = found.get(revision) ?? fresh;
    if (row.n !== null) group.first.push(auditEntry(row));
    found.set(revision, group);
  }
  return [...found.values()];
}

/**
 * A write with some of its entries, in their order.
 * @param after entries behind this place; 0: from the first one on
 * @returns null where there is no such write, or its entries were dropped with their month
 */
export async function auditGroup(
  db: Queryable,
  revision: number,
  filter: GroupFilter,
  after: number,
  most: number,
): Promise<{ group: AuditGroup; entries: { n: number; entry: AuditEntry }[] } | null> {
  const { rows: known } = await db.query(
    `select r.at, r.revision from revisions r where r.revision = $1 and r.events > 0
       and exists (select from audit_log a where a.event_time = r.at and a.revision = r.revision)`,
    [revision],
  );
  const [group] = await withEntries(db, filter, known);
  if (group === undefined) return null;
  const p = new Parameters();
  const [at, id, from, limit] = [group.at, revision, after, most].map(value => p.add(value));
  const { rows } = await db.query(
    `select * from audit_log a where a.event_time = ${at}::timestamptz and a.revision = ${id} and a.n > ${from} ${entryFits(filter, p)} order by a.n limit ${limit}`,
    p.values,
  );
  return { group, entries: rows.map(row => ({ n: row.n, entry: auditEntry(row) })) };
}

/** @returns everybody who stands in the log, by id, as they were called last, and when that was */
export async function auditActors(db: Queryable): Promise<{ actor: Actor; lastAt: Date }[]> {
  const { rows } = await db.query(
    `with recursive seen(id, actor, at) as (
       (select actor ->> 'id', actor, at from revisions where events > 0 order by actor ->> 'id' desc, at desc, revision desc limit 1)
       union all
       select n.* from seen s cross join lateral (
         select actor ->> 'id', actor, at from revisions where events > 0 and actor ->> 'id' < s.id order by actor ->> 'id' desc, at desc, revision desc limit 1) n
     ) select actor, at as "lastAt" from seen order by id`,
  );
  return rows;
}

/** @returns when the oldest entry was written that is kept; null: there is none */
export async function oldestAuditEntry(db: Queryable): Promise<Date | null> {
  const { rows } = await db.query('select event_time as at from audit_log order by event_time, revision, n limit 1');
  return rows[0]?.at ?? null;
}
