// The standings table as its keeper reads and writes it: what is to be judged, what a judgement changes, and how far it is. Only
// flips are audited, so only they take the head; everything else of this table nobody writes but the holder of its lock.
import { worker } from '../posture/events.ts';
import type { Judgement, StandingReason, StandingState } from '../posture/standings.ts';
import type { Now, Queryable, Session } from './client.ts';
import { undo, type Written, write } from './write.ts';

/** Any number: the session that has it keeps the standings. */
const keeperLock = 7_305_118_255;
const mostIdleInTransactionMs = 10_000;

/**
 * Makes this session the keeper's, for its life, and gives it the table of what is to be judged.
 * @param idleMs a keeper that says nothing for so long counts as frozen: the server ends its session
 * @returns false when another session is the keeper's
 */
export async function tryKeeperLock(session: Session, idleMs: number): Promise<boolean> {
  const { rows } = await session.query('select pg_try_advisory_lock($1) as ok', [keeperLock]);
  if (!rows[0].ok) return false;
  await session.query(`set idle_session_timeout = ${idleMs}`);
  // Within a transaction it may have the head: everybody else waits.
  await session.query(`set idle_in_transaction_session_timeout = ${Math.min(idleMs, mostIdleInTransactionMs)}`);
  await session.query('set jit = off');
  // Temporary, so that nothing is left of a keeper that died; what it had not judged is found again from its progress.
  await session.query('create temp table to_judge (device_id text collate "C" primary key, urgent boolean not null)');
  await session.query('create index on to_judge (urgent desc, device_id)');
  return true;
}

/**
 * Ends the keeper's session if its process froze in the middle of reading an answer: the server waits for it then without
 * any time-out of its own. @returns whether one was ended
 */
export async function endFrozenKeeper(session: Session, idleMs: number): Promise<boolean> {
  const { rows } = await session.query(
    `select pg_terminate_backend(a.pid) from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database()) and l.objsubid = 1
       and l.granted and ((l.classid::bigint << 32) | l.objid::bigint) = $1 and a.state = 'active' and a.wait_event_type = 'Client'
       and greatest(a.state_change, a.query_start) < clock_timestamp() - $2 * interval '1 millisecond'`,
    [keeperLock, idleMs],
  );
  return rows.length > 0;
}

/** @returns whether some session is the keeper's: each worker is that, or waits for it */
export async function hasKeeper(db: Queryable): Promise<boolean> {
  const { rows } = await db.query(
    `select exists (
       select from pg_locks where locktype = 'advisory' and objsubid = 1 and granted and ((classid::bigint << 32) | objid::bigint) = $1
         and database = (select oid from pg_database where datname = current_database())) as ok`,
    [keeperLock],
  );
  return rows[0].ok;
}

/** As of what the standings are. */
export interface Progress {
  /** Every change up to here is judged. */
  revision: number;
  /** Null: no policy is in force. */
  policyRevision: number | null;
  isPolicyReadable: boolean;
  /** When each integration was swept last, in ms by id. */
  swept: Record<string, number | null>;
  /** Devices still to be judged. */
  waiting: number;
  at: Date;
}

/** @returns null before anything was judged */
export async function readProgress(db: Queryable): Promise<Progress | null> {
  const { rows } = await db.query(
    'select revision, policy_revision as "policyRevision", is_policy_readable as "isPolicyReadable", swept, waiting, at from standings_progress',
  );
  return rows[0] ?? null;
}

export async function saveProgress(session: Session, progress: Progress): Promise<void> {
  const { revision, policyRevision, isPolicyReadable, swept, waiting, at } = progress;
  await session.query(
    `insert into standings_progress (revision, policy_revision, is_policy_readable, swept, waiting, at) values ($1, $2, $3, $4, $5, $6)
     on conflict (singleton) do update set revision = excluded.revision, policy_revision = excluded.policy_revision,
       is_policy_readable = excluded.is_policy_readable, swept = excluded.swept, waiting = excluded.waiting, at = excluded.at`,
    [revision, policyRevision, isPolicyReadable, swept, waiting, at],
  );
}

/** What may have changed the standings, in one look. */
export interface Look {
  revision: number;
  /** Removals up to here may have been forgotten. */
  forgotten: number;
  policyRevision: number | null;
  swept: Record<string, number | null>;
  /** The validity of some standing has ended. */
  isDue: boolean;
}

export async function lookAround(db: Queryable, at: Date): Promise<Look> {
  const { rows } = await db.query(
    `select revision, forgotten_revision as forgotten, (select max(revision) from policies) as "policyRevision",
       (select coalesce(jsonb_object_agg(id, floor(extract(epoch from swept_at) * 1000)), '{}') from integrations) as swept,
       coalesce((select min(valid_until) from standings) <= $1, false) as "isDue"
     from head`,
    [at],
  );
  return rows[0];
}

/** What may have changed the standings of devices, and with it the parameters of the query for these. */
export interface Changed {
  /** Changes after this revision. */
  after: number;
  /** Validity that has ended by then ... */
  at: Date;
  /** ... and had not by then; null: whenever it did. */
  dueAfter: Date | null;
  /** Ids of integrations that were swept. */
  swept: readonly string[];
}

/** The query for devices that have to be judged anew, with its parameters. */
function changedDevices({ after, at, dueAfter, swept }: Changed): [query: string, parameters: unknown[]] {
  const changed = `
    select id as device_id from devices where revision > $1
    union select device_id from device_attributes where revision > $1
    union select id from removed_devices where revision > $1
    union select device_id from standings where valid_until <= $2 and valid_until > coalesce($3::timestamptz, '-infinity')`;
  // Looked up one by one: however many devices an integration has, few wait for its sweep.
  const confirmed = `
    union select w.device_id from (select distinct device_id from standings where awaits_sweep offset 0) w
    where (select bool_or(a.integration_id = any($4::text[])) from device_attributes a where a.device_id = w.device_id)`;
  return swept.length === 0
    ? [changed, [after, at, dueAfter]]
    : [`${changed}${confirmed}`, [after, at, dueAfter, swept]];
}

/** Adds the devices that have to be judged because of what changed; they come before others. */
export async function noteChanged(session: Session, changed: Changed): Promise<void> {
  const [query, parameters] = changedDevices(changed);
  await session.query(
    `insert into to_judge select device_id, true from (${query}) c
     on conflict (device_id) do update set urgent = true where not to_judge.urgent`,
    parameters,
  );
}

/** @returns how many devices have to be judged before the standings are those of now */
export async function countChanged(db: Queryable, changed: Changed): Promise<number> {
  const [query, parameters] = changedDevices(changed);
  const { rows } = await db.query(`select count(*)::int as n from (${query}) c`, parameters);
  return rows[0].n;
}

/** @returns ids of the integrations that were swept between two looks */
export function sweptSince(before: Pick<Look, 'swept'>, look: Pick<Look, 'swept'>): string[] {
  return Object.keys(look.swept).filter(id => (before.swept[id] ?? null) !== look.swept[id]);
}

/** Notes all devices, and those that have standings and are no more. */
export async function noteAll(session: Session): Promise<void> {
  await session.query('truncate to_judge');
  await session.query(
    'insert into to_judge select id, false from devices union select distinct device_id, false from standings',
  );
  await session.query('analyze to_judge');
}

export async function countNoted(session: Session): Promise<number> {
  const { rows } = await session.query('select count(*)::int as n from to_judge');
  return rows[0].n;
}

/** @returns ids of the devices that are next */
export async function nextNoted(session: Session, most: number): Promise<string[]> {
  const { rows } = await session.query('select device_id from to_judge order by urgent desc, device_id limit $1', [
    most,
  ]);
  return rows.map(row => row.device_id);
}

export async function dropNoted(session: Session, ids: readonly string[]): Promise<void> {
  await session.query('delete from to_judge where device_id = any($1::text[])', [ids]);
}

export interface StoredStanding {
  deviceId: string;
  posture: string;
  state: StandingState;
  since: Date;
  reasons: StandingReason[];
  awaitsSweep: boolean;
  /** In ms. */
  validUntil: number | null;
}

export async function standingsOf(db: Queryable, ids: readonly string[]): Promise<StoredStanding[]> {
  const { rows } = await db.query(
    `select device_id as "deviceId", posture, state, since, reasons, awaits_sweep as "awaitsSweep", (extract(epoch from valid_until) * 1000)::float8 as "validUntil"
     from standings where device_id = any($1::text[])`,
    [ids],
  );
  return rows;
}

/** @returns the postures that any device has a standing in */
export async function storedPostures(db: Queryable): Promise<string[]> {
  // One look into the index a posture: there are millions of standings and some dozens of postures.
  const { rows } = await db.query(
    `with recursive p(posture) as (
       (select posture from standings order by posture limit 1)
       union all select (select s.posture from standings s where s.posture > p.posture order by s.posture limit 1) from p where p.posture is not null
     ) select posture from p where posture is not null`,
  );
  return rows.map(row => row.posture);
}

/** Forgets the standings of postures that are no more. */
export async function dropOtherPostures(session: Session, postures: readonly string[]): Promise<void> {
  await session.query('delete from standings where posture <> all($1::text[])', [postures]);
}

/** Forgets the standings of devices that are no more. */
export async function dropStandingsOf(session: Session, ids: readonly string[]): Promise<void> {
  await session.query('delete from standings where device_id = any($1::text[])', [ids]);
}

/** A judgement to be stored. */
export interface JudgedStanding extends Judgement {
  readonly deviceId: string;
  readonly posture: string;
}

/** Of the columns below as $1 to $6. */
const judged = `unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::boolean[], $6::float8[]) j(device_id, posture, state, reasons, awaits_sweep, valid_until)`;
const judgedColumns = (rows: readonly JudgedStanding[]): unknown[] => [
  rows.map(row => row.deviceId),
  rows.map(row => row.posture),
  rows.map(row => row.state),
  rows.map(row => JSON.stringify(row.reasons)),
  rows.map(row => row.awaitsSweep),
  rows.map(row => row.validUntil),
];
const validUntil = 'to_timestamp(j.valid_until / 1000)';

/**
 * Stores first standings, which are no news to anybody: no event, no revision. A row that is there belonged to an earlier
 * device of the same id.
 * @param revision as of which they were judged
 */
export async function insertStandings(
  session: Session,
  rows: readonly JudgedStanding[],
  at: Date,
  revision: number,
): Promise<void> {
  if (rows.length === 0) return;
  await session.query(
    `insert into standings (device_id, posture, state, since, reasons, awaits_sweep, valid_until, revision)
     select j.device_id, j.posture, j.state, greatest($7::timestamptz, d.created_at), j.reasons::jsonb, j.awaits_sweep, ${validUntil}, $8
     from ${judged} join devices d on d.id = j.device_id
     on conflict (device_id, posture) do update set state = excluded.state, since = excluded.since, reasons = excluded.reasons,
       awaits_sweep = excluded.awaits_sweep, valid_until = excluded.valid_until, revision = excluded.revision`,
    [...judgedColumns(rows), at, revision],
  );
}

/** Stores why, and until when, of standings whose state is what it was. */
export async function refreshStandings(session: Session, rows: readonly JudgedStanding[]): Promise<void> {
  if (rows.length === 0) return;
  await session.query(
    `update standings s set reasons = j.reasons::jsonb, awaits_sweep = j.awaits_sweep, valid_until = ${validUntil} from ${judged}
     where s.device_id = j.device_id and s.posture = j.posture and s.state = j.state`,
    judgedColumns(rows),
  );
}

export interface Flip extends JudgedStanding {
  readonly before: Pick<StoredStanding, 'state' | 'reasons'>;
}

/** So many reasons are told in an event; the standing has them all, and where the values came from. */
const mostTold = 5;

function told(posture: string, state: StandingState, reasons: readonly StandingReason[]): string {
  const short = reasons.slice(0, mostTold).map(({ integration: _, ...reason }) => reason);
  return JSON.stringify({ posture, state, ...(short.length === 0 ? {} : { reasons: short }) });
}

/**
 * Stores standings whose state changed, with an event each, in one audited write. A device that changed since it was judged
 * is left out: it is judged again.
 * @param as what they were judged by: nothing is written when another policy is in force since
 */
export async function writeFlips(
  session: Session,
  now: Now,
  flips: readonly Flip[],
  as: { revision: number; policyRevision: number | null },
): Promise<Written<'written' | 'outdated'>> {
  const by = { actor: worker, origin: 'CONTROL', cause: 'standings' } as const;
  return await write<'written' | 'outdated'>(session, now, by, async w => {
    const policy = await session.query('select max(revision) as revision from policies');
    if (policy.rows[0].revision !== as.policyRevision) return undo('outdated');
    const { rows } = await session.query<{ device_id: string; posture: string }>(
      `update standings s set state = j.state, since = $7, reasons = j.reasons::jsonb, awaits_sweep = j.awaits_sweep, valid_until = ${validUntil}, revision = $8
       from ${judged} join devices d on d.id = j.device_id
       where s.device_id = j.device_id and s.posture = j.posture and s.state <> j.state and d.revision <= $9
         and not exists (select from device_attributes a where a.device_id = d.id and a.revision > $9)
       returning s.device_id, s.posture`,
      [...judgedColumns(flips), w.at, w.revision, as.revision],
    );
    if (rows.length === 0) return undo('written');
    const flipped = new Set(rows.map(row => `${row.posture} ${row.device_id}`));
    const events = flips.filter(({ posture, deviceId }) => flipped.has(`${posture} ${deviceId}`));
    await w.events(
      `select 'NODE.UPDATE.POSTURE_STANDING' as event, e.device_id as target_id, d.hostname as target_name, e.old::jsonb as old, e.new::jsonb as new
       from unnest($1::text[], $2::text[], $3::text[]) with ordinality e(device_id, old, new, n) left join devices d on d.id = e.device_id order by e.n`,
      [
        events.map(({ deviceId }) => deviceId),
        events.map(({ posture, before }) => told(posture, before.state, before.reasons)),
        events.map(({ posture, state, reasons }) => told(posture, state, reasons)),
      ],
    );
    return 'written';
  });
}
