// Integrations: plain reads, and the changes of their row. A row is also the queue's entry: due when next_sync_at has come.
import { and, asc, eq, isNull, lte, or, sql } from 'drizzle-orm';
import { type Client, type Pool, type Queryable, reader, type Session } from './client.ts';
import { confirmedAt, expired, touchDevices } from './derive.ts';
import { integrations } from './schema.ts';
import { dropTotals } from './totals.ts';

export type Integration = typeof integrations.$inferSelect;

export async function listIntegrations(db: Pool | Client): Promise<Integration[]> {
  return await reader(db).select().from(integrations).orderBy(asc(integrations.name));
}

export async function findIntegration(db: Pool | Client, name: string): Promise<Integration | null> {
  const [found] = await reader(db).select().from(integrations).where(eq(integrations.name, name));
  return found ?? null;
}

export async function integrationById(db: Pool | Client, id: string): Promise<Integration | null> {
  const [found] = await reader(db).select().from(integrations).where(eq(integrations.id, id));
  return found ?? null;
}

export async function insertIntegration(db: Client, row: typeof integrations.$inferInsert): Promise<void> {
  await reader(db).insert(integrations).values(row);
}

export async function updateIntegration(db: Client, id: string, changes: Partial<Integration>): Promise<void> {
  await reader(db).update(integrations).set(changes).where(eq(integrations.id, id));
}

/**
 * Updates a row unless somebody changed its settings, pause or schedule since it was read.
 * @returns whether it did
 */
export async function updateUnmoved(db: Client, before: Integration, changes: Partial<Integration>): Promise<boolean> {
  const { rowCount } = await reader(db)
    .update(integrations)
    .set(changes)
    .where(
      and(
        eq(integrations.id, before.id),
        eq(integrations.settingsVersion, before.settingsVersion),
        sql`pause_reason is not distinct from ${before.pauseReason}`,
        eq(integrations.nextSyncAt, before.nextSyncAt),
      ),
    );
  return rowCount === 1;
}

export async function deleteIntegration(db: Client, id: string): Promise<void> {
  await dropTotals(db, id);
  await reader(db).delete(integrations).where(eq(integrations.id, id));
}

/** Locks the row until the transaction ends. @returns null when it was removed */
export async function lockIntegration(db: Client, id: string): Promise<Integration | null> {
  const [found] = await reader(db).select().from(integrations).where(eq(integrations.id, id)).for('update');
  return found ?? null;
}

/** Those whose time has come, longest due first. A pause ends the wait only when its own time has come. */
export async function dueIntegrations(db: Pool, at: Date): Promise<Integration[]> {
  return await reader(db)
    .select()
    .from(integrations)
    .where(
      and(lte(integrations.nextSyncAt, at), or(isNull(integrations.pauseReason), lte(integrations.pausedUntil, at))),
    )
    .orderBy(asc(integrations.nextSyncAt));
}

/** Whether an integration, read before, is among those that dueIntegrations would give. */
export function isDue(integration: Integration, at: Date): boolean {
  const { nextSyncAt, pauseReason, pausedUntil } = integration;
  return nextSyncAt <= at && (pauseReason === null || (pausedUntil !== null && pausedUntil <= at));
}

/**
 * Makes the other integrations of a provider due: an agent that went missing here may have moved there. Not those that
 * fail: they may have been told to wait.
 */
export async function hurryOthers(db: Client, id: string, provider: string, at: Date): Promise<void> {
  await reader(db)
    .update(integrations)
    .set({ nextSyncAt: at, hurried: true })
    .where(
      and(
        eq(integrations.provider, provider),
        sql`id <> ${id}`,
        sql`next_sync_at > ${at.toISOString()}::timestamptz`,
        isNull(integrations.pauseReason),
        isNull(integrations.failingSince),
      ),
    );
}

/** When the values of an integration end if no sweep confirms them, or null. */
export function evidenceExpiry(integration: Integration): Date | null {
  if (integration.sweptAt === null || integration.expireAfterMs === null) return null;
  return new Date(integration.sweptAt.getTime() + integration.expireAfterMs);
}

/** Two 32-bit halves as pg_locks shows them for the lock of an integration. */
const lockOf = (idExpression: string) => `hashtextextended('posture-sync run ' || ${idExpression}, 0)`;

const mergeLock = "hashtextextended('posture-sync merge ' || $1::text, 0)";

/**
 * Lets one at a time compare with an integration's agents and merge: a sweep and a refetch may read at once, but what one
 * compared must not be changed by the other before it is written. Taken before the head, by both.
 */
export async function inMergeTurn<T>(session: Session, id: string, work: () => Promise<T>): Promise<T> {
  await session.query(`select pg_advisory_lock(${mergeLock})`, [id]);
  try {
    return await work();
  } finally {
    // A session that is lost has let go of it.
    await session.query(`select pg_advisory_unlock(${mergeLock})`, [id]).catch(() => {});
  }
}

/** Makes an integration due that is well and waits for its turn: what was seen of it meanwhile asks for a sync, which tells. */
export async function makeDue(db: Queryable, { id, settingsVersion }: Integration, at: Date): Promise<void> {
  await db.query(
    `update integrations set next_sync_at = $3
     where id = $1 and settings_version = $2 and next_sync_at > $3 and pause_reason is null and failing_since is null`,
    [id, settingsVersion, at],
  );
}

/** Makes an integration due that is not paused, also one that fails and waits. @returns false where it is paused, or gone */
export async function hurry(db: Queryable, id: string, at: Date): Promise<boolean> {
  const { rowCount } = await db.query(
    'update integrations set next_sync_at = least(next_sync_at, $2) where id = $1 and pause_reason is null',
    [id, at],
  );
  return rowCount === 1;
}

/** Takes the run lock of an integration for the life of this session. @returns false when another session has it */
export async function tryRunLock(session: Queryable, id: string): Promise<boolean> {
  const { rows } = await session.query(`select pg_try_advisory_lock(${lockOf('$1::text')}) as ok`, [id]);
  return rows[0].ok;
}

/** The sessions that hold the run lock of integration $1: one or none. */
const holders = `select l.pid from pg_locks l, (select ${lockOf('$1::text')} as k) h
  where l.locktype = 'advisory' and l.database = (select oid from pg_database where datname = current_database())
    and l.objsubid = 1 and l.granted and ((l.classid::bigint << 32) | l.objid::bigint) = h.k`;

/**
 * Ends the session that holds the run lock if its process froze in the middle of a COPY or of reading an answer: the server
 * waits for it then without any time-out of its own. A session at rest is ended by idle_session_timeout.
 * @param idleMs so long the server must have waited for it
 * @returns whether one was ended
 */
export async function endFrozenRun(session: Queryable, id: string, idleMs: number): Promise<boolean> {
  const { rows } = await session.query(
    `select pg_terminate_backend(a.pid) from pg_stat_activity a
     where a.pid in (${holders}) and a.state = 'active' and a.wait_event_type = 'Client'
       and greatest(a.state_change, a.query_start) < clock_timestamp() - $2 * interval '1 millisecond'`,
    [id, idleMs],
  );
  return rows.length > 0;
}

/** @returns whether some session holds the run lock: a run is on */
export async function isRunning(db: Queryable, id: string): Promise<boolean> {
  const { rows } = await db.query(`select exists (${holders}) as ok`, [id]);
  return rows[0].ok;
}

/** @returns the ids of the integrations whose run lock some session holds: as isRunning, of all at once */
export async function runningIntegrations(db: Queryable): Promise<Set<string>> {
  const { rows } = await db.query(
    `select i.id from integrations i join pg_locks l on l.locktype = 'advisory' and l.objsubid = 1 and l.granted
       and l.database = (select oid from pg_database where datname = current_database())
       and ((l.classid::bigint << 32) | l.objid::bigint) = ${lockOf('i.id')}`,
  );
  return new Set(rows.map(row => row.id));
}

export interface AgentCounts {
  /** Agents that the provider has. */
  agents: number;
  /** Devices for which one of them speaks. */
  matched: number;
  /** Those without a device, by reason code. */
  unmatched: Record<string, number>;
}

/** Agents that are gone do not count. */
export async function agentCounts(db: Queryable, id: string): Promise<AgentCounts> {
  const { rows } = await db.query(
    'select reason, count(*)::int as agents from agents where integration_id = $1 and gone_reason is null group by 1 order by 1',
    [id],
  );
  const counts: AgentCounts = { agents: 0, matched: 0, unmatched: {} };
  for (const { reason, agents } of rows) {
    counts.agents += agents;
    if (reason === null) counts.matched += agents;
    else counts.unmatched[reason] = agents;
  }
  return counts;
}

/** @returns how many devices of the whole inventory have a serial number that can match */
export async function matchableDevices(db: Queryable): Promise<number> {
  const { rows } = await db.query(
    "select count(distinct device_id)::int as n from device_identifiers where problem is null and identifier like 'serial:%'",
  );
  return rows[0].n;
}

/** Deletes what an integration brought, touching the devices that it concerns; the caller derives. @returns how many agents */
export async function deleteEvidence(client: Client, id: string): Promise<number> {
  await touchDevices(
    client,
    `select device_id from agents where integration_id = $1 union all select device_id from withheld_values where integration_id = $1 or withheld_by = $1
     union all select device_id from device_attributes where integration_id = $1`,
    [id],
  );
  await client.query('delete from withheld_values where integration_id = $1 or withheld_by = $1', [id]);
  const { rowCount } = await client.query('delete from agents where integration_id = $1', [id]);
  return rowCount ?? 0;
}

/** Touches the devices whose evidence does not count as the row is now: to be called before and after its lifetime changes. */
export async function touchExpired(client: Client, id: string): Promise<void> {
  await touchDevices(
    client,
    `select a.device_id from agents a join integrations i on i.id = a.integration_id where i.id = $1 and ${expired(confirmedAt)}
     union all
     select w.device_id from withheld_values w join integrations i on i.id = w.integration_id where i.id = $1 and ${expired('w.confirmed_at')}`,
    [id],
  );
}

/** In the plan of the derivation under way: how many devices lose a value. */
export async function countLosing(client: Client): Promise<number> {
  const { rows } = await client.query('select count(distinct device_id)::int as n from plan where loses');
  return rows[0].n;
}
