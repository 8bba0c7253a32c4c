// What workers are asked to do besides their schedule. Whoever asks writes a row and rings; a worker takes it under a lock of its
// session, so that what a dead one had taken is free at once. Of one kind and target at most one is open.

import { eq } from 'drizzle-orm';
import { type Client, inTransaction, type Pool, type Queryable, reader, type Session } from './client.ts';
import { isCollecting } from './match.ts';
import type { StoredError } from './schema.ts';
import { type RequestKind, requests } from './schema-requests.ts';
import type { Sealed } from './secrets.ts';

export type StoredRequest = typeof requests.$inferSelect;

/** The channel on which workers are told that there is something to do. */
const bell = 'posture_sync_request';
/** The channel on which whoever waits is told that a request has ended, by its id. */
export const answerChannel = 'posture_sync_answer';

/** Who asks where the gateway does by itself, and no administrator. */
export const gatewayAsks = 'gateway';

export interface OpenRequest {
  id: number;
  requestedAt: Date;
  /** False: it was open already. */
  isNew: boolean;
}

/** Asks for something, or joins whoever asked before and has no answer yet. */
export async function openRequest(
  client: Client,
  kind: RequestKind,
  target: string,
  by: string,
  at: Date,
): Promise<OpenRequest> {
  // The one that was open may be finished between the two statements.
  for (;;) {
    const added = await client.query(
      `insert into requests (kind, target, requested_by, requested_at) values ($1, $2, $3, $4)
       on conflict (kind, target) where finished_at is null do nothing returning id, requested_at as "requestedAt"`,
      [kind, target, by, at],
    );
    if (added.rows[0]) {
      await ring(client);
      return { ...added.rows[0], isNew: true };
    }
    const { rows } = await client.query(
      'select id, requested_at as "requestedAt" from requests where kind = $1 and target = $2 and finished_at is null',
      [kind, target],
    );
    if (rows[0]) return { ...rows[0], isNew: false };
  }
}

export interface AskOptions {
  at: Date;
  /** A device that was asked for after this is not asked for again. */
  notSince: Date;
  /** With so many open refetches none is added. */
  mostOpen: number;
}

/** Asks for the agents of devices by itself, where any integration may be asked. @returns the devices of which some request is open */
export async function openRefetches(
  db: Pool,
  devices: readonly string[],
  { at, notSince, mostOpen }: AskOptions,
): Promise<string[]> {
  // Sorted, so that two processes which ask for the same devices do not wait for each other.
  const { rows } = await db.query(
    `insert into requests (kind, target, requested_by, requested_at)
     select 'refetch', d.id, $2, $3 from devices d
     where d.id = any($1) and ${isCollecting} and exists (select from integrations where pause_reason is null and failing_since is null)
       and not exists (select from requests r where r.target = d.id and r.kind = 'refetch' and r.requested_at > $4)
       and (select count(*) from requests where kind = 'refetch' and finished_at is null) < $5
     order by d.id
     on conflict (kind, target) where finished_at is null do nothing returning target`,
    [devices, gatewayAsks, at, notSince, mostOpen],
  );
  if (rows.length > 0) await ring(db);
  const added = rows.map(row => row.target as string);
  if (added.length === devices.length) return added;
  const open = await db.query(
    "select target from requests where kind = 'refetch' and target = any($1) and finished_at is null",
    [devices],
  );
  return [...new Set([...added, ...open.rows.map(row => row.target as string)])];
}

/** Something that is to be found out for an administrator, with settings that are stored nowhere else where it has some. */
export interface NewCheck {
  kind: 'test' | 'preview';
  target: string;
  by: string;
  at: Date;
  input: unknown;
  secret: Sealed | null;
  /** With so many open ones of the kind none is added. */
  mostOpen: number;
}

const checkTurn = "hashtextextended('posture-sync checks', 0)";

/** Asks for a test or a preview, or joins whoever asked for the same one. @returns null where too many are open */
export async function openCheck(db: Pool, check: NewCheck): Promise<number | null> {
  const { kind, target, by, at, input, secret, mostOpen } = check;
  return await inTransaction(db, async client => {
    // One at a time, so that the bound holds however many ask at once.
    await client.query(`select pg_advisory_xact_lock(${checkTurn})`);
    const isOpen = 'kind = $1 and finished_at is null';
    const { rows: joined } = await client.query(`select id from requests where ${isOpen} and target = $2`, [
      kind,
      target,
    ]);
    const { rows: added } = joined[0]
      ? { rows: joined }
      : await client.query(
          `insert into requests (kind, target, requested_by, requested_at, input, secret, secret_key_id)
           select $1, $2, $3, $4, $5, $6, $7 where (select count(*) from requests where ${isOpen}) < $8 returning id`,
          [kind, target, by, at, input && JSON.stringify(input), secret?.bytes, secret?.keyId, mostOpen],
        );
    if (added[0] && !joined[0]) await ring(client);
    return added[0]?.id ?? null;
  });
}

/** Ends tests and previews that were asked for before a time and that no worker is at: none may be running. */
export async function expireChecks(db: Queryable, at: Date, before: Date, error: StoredError): Promise<void> {
  await db.query(
    `with overdue as (
       select id from requests o where kind in ('test', 'preview') and finished_at is null and requested_at < $2 and ${isFree}
       order by id for update skip locked
     ), ended as (
       update requests r set finished_at = $1, claim = null, input = null, secret = null, secret_key_id = null, error = $3
       from overdue o where r.id = o.id returning r.id
     ) select pg_notify($4, id::text) from ended`,
    [at, before, JSON.stringify(error), answerChannel],
  );
}

async function ring(db: Queryable): Promise<void> {
  await db.query("select pg_notify($1, '')", [bell]);
}

/** Makes a session hear the bell, and lets it take requests for as long as it lives. @param claim a number that nobody else has */
export async function listenForRequests(session: Session, claim: number): Promise<void> {
  await session.query('select pg_advisory_lock($1)', [claim]);
  await session.query(`listen ${bell}`);
}

export interface TakenRequest {
  id: number;
  target: string;
  requestedBy: string;
  /** How often it was taken, this time included. */
  attempts: number;
  /** Of a test or a preview of other settings than those that are stored. */
  input: unknown;
  secret: Sealed | null;
}

/** Whether nobody who lives has taken request o. */
const isFree = `(o.claim is null or not exists (
    select from pg_locks l where l.locktype = 'advisory' and l.objsubid = 1 and l.granted
      and l.database = (select oid from pg_database where datname = current_database()) and ((l.classid::bigint << 32) | l.objid::bigint) = o.claim))`;

/** Takes requests that nobody is at, oldest first. */
export async function takeRequests(
  session: Session,
  kind: RequestKind,
  claim: number,
  at: Date,
  most: number,
): Promise<TakenRequest[]> {
  const { rows } = await session.query(
    `update requests r set claim = $2, started_at = $3, attempts = r.attempts + 1
     from (
       select o.id from requests o where o.kind = $1 and o.finished_at is null and ${isFree}
       order by o.id limit $4 for update skip locked
     ) t
     where r.id = t.id returning r.id, r.target, r.requested_by as "requestedBy", r.attempts, r.input, r.secret as bytes, r.secret_key_id as "keyId"`,
    [kind, claim, at, most],
  );
  return rows
    .sort((a, b) => a.id - b.id)
    .map(({ bytes, keyId, ...request }) => ({ ...request, secret: bytes === null ? null : { bytes, keyId } }));
}

/** Gives requests back: whoever comes next may take them. */
export async function releaseRequests(db: Queryable, ids: readonly number[]): Promise<void> {
  await db.query('update requests set claim = null where id = any($1) and finished_at is null', [ids]);
}

/** Ends a request, forgets what it was sealed with, and tells whoever waits. One that has ended stays as it is. */
export async function finishRequest(
  db: Queryable,
  id: number,
  at: Date,
  { result, error }: { result: unknown; error: StoredError | null },
): Promise<void> {
  await db.query(
    `with ended as (
       update requests set finished_at = $2, claim = null, input = null, secret = null, secret_key_id = null, result = $3, error = $4
       where id = $1 and finished_at is null returning id
     ) select pg_notify($5, id::text) from ended`,
    [id, at, JSON.stringify(result), error && JSON.stringify(error), answerChannel],
  );
}

/** Notes that devices lost values by a request, so that the limits of sweeps count them. */
export async function noteLosses(client: Client, id: number, integrationId: string, devices: number): Promise<void> {
  await client.query(
    `update requests set losses = coalesce(losses, '{}') || jsonb_build_object($2::text, coalesce((losses ->> $2)::int, 0) + $3::int) where id = $1`,
    [id, integrationId, devices],
  );
}

export async function requestById(db: Pool | Client, id: number): Promise<StoredRequest | null> {
  const [found] = await reader(db).select().from(requests).where(eq(requests.id, id));
  return found ?? null;
}

/** Drops requests that ended before a time; those by which devices lost values are kept until another one. */
export async function purgeRequests(db: Queryable, before: Date, lossesBefore: Date): Promise<void> {
  await db.query('delete from requests where finished_at < $1 and (losses is null or requested_at < $2)', [
    before,
    lossesBefore,
  ]);
}

/** What a device's agents can be asked for by. */
export interface RefetchTarget {
  device: string;
  /** Those that match. `identifier` is canonical, `raw` as the inventory has it. */
  serials: { identifier: string; raw: string }[];
  /** Agents that belong to it, also those that are gone: they may be back. */
  agents: { integrationId: string; agentId: string }[];
}

/** A machine that was installed anew again and again: the last ones are enough. */
const mostAgentsOfDevice = 20;

/** @returns an entry for each of the devices that there are */
export async function refetchTargets(db: Queryable, devices: readonly string[]): Promise<RefetchTarget[]> {
  const { rows } = await db.query(
    `select d.id as device,
       (select coalesce(jsonb_agg(jsonb_build_object('identifier', x.identifier, 'raw', x.raw)), '[]') from device_identifiers x
        where x.device_id = d.id and x.problem is null and x.identifier like 'serial:%') as serials,
       (select coalesce(jsonb_agg(jsonb_build_object('integrationId', s.integration_id, 'agentId', s.agent_id)), '[]') from (
          select integration_id, agent_id, row_number() over (partition by integration_id order by gone_reason is null desc, observed_at desc, agent_id) as place
          from agents where device_id = d.id) s
        where s.place <= ${mostAgentsOfDevice}) as agents
     from devices d where d.id = any($1)`,
    [devices],
  );
  return rows;
}
