// The outbox of notices, which is their log too. Rows are made by the audited write that they tell of, in its transaction; the
// worker that has a webhook's turn marks them.
import type { NoticedEntry, NoticeRule } from '../posture/notices.ts';
import { noticeRules, testNotice } from '../posture/notices.ts';
import type { Client, Queryable } from './client.ts';

const rules = JSON.stringify(noticeRules satisfies readonly NoticeRule[]);
const isWaiting = (row: string) => `${row}.delivered_at is null and ${row}.given_up_at is null`;

/**
 * Makes notices of the entries of the audited write under way, for each webhook that gets their kind. The last statement but
 * one of each such write, so that nobody who writes can forget it.
 */
export async function noteNotices(client: Client, revision: number, at: Date): Promise<void> {
  // Where nobody gets anything the log is not looked at: a sweep may have left a million entries.
  await client.query(
    `insert into webhook_deliveries (webhook_id, revision, n, event_time, kind, subject, next_attempt_at)
     select w.id, a.revision, a.n, a.event_time, k.kind, a.target_type || ':' || a.target_id, a.event_time
     from audit_log a
     join jsonb_to_recordset($3) as k(kind text, event text, "new" jsonb) on k.event = a.event and coalesce(a.new, '{}') @> k.new
     join webhooks w on w.disabled_at is null and (k.kind = any(w.kinds) or (a.event = 'WEBHOOK_ENDPOINT.TEST' and a.target_id = w.id))
     where a.revision = $1 and a.event_time = $2 and (select count(*) from webhooks where disabled_at is null) > 0`,
    [revision, at, rules],
  );
}

/** A notice that waits for being sent. */
export interface WaitingNotice extends NoticedEntry {
  n: number;
  attempts: number;
  firstAttemptAt: Date | null;
}

/** Ids of the webhooks that have something to be sent. */
export async function webhooksWithWork(db: Queryable, at: Date): Promise<string[]> {
  const { rows } = await db.query(
    `select w.id from webhooks w
     where w.disabled_at is null and (w.next_attempt_at is null or w.next_attempt_at <= $1)
       and exists (select from webhook_deliveries d where d.webhook_id = w.id and ${isWaiting('d')} and (w.failing_since is not null or d.next_attempt_at <= $1))
     order by w.id`,
    [at],
  );
  return rows.map(row => row.id);
}

/** Which notices are wanted: those that are due, oldest first; or one to try whether a receiver is back, that least lately tried. */
export type Wanted = { due: Date; most: number } | 'probe';

/**
 * The next notices of a webhook; of each subject only the oldest that waits, due or not.
 * @param except keys of those under way, see noticeKey
 */
export async function nextNotices(
  db: Queryable,
  webhookId: string,
  wanted: Wanted,
  except: readonly string[],
): Promise<WaitingNotice[]> {
  // Somebody waits for the answer to a test.
  const probed = `d.kind = '${testNotice}' and d.attempted_at is null desc, d.attempted_at nulls first, d.revision, d.n`;
  const order = wanted === 'probe' ? probed : 'd.revision, d.n';
  const { rows } = await db.query(
    `select d.kind, d.revision, d.n, d.attempts, d.first_attempt_at as "firstAttemptAt", d.event_time as "eventTime", a.event,
       a.target_type as "targetType", a.target_id as "targetId", a.target_name as "targetName", a.old, a.new
     from (
       select * from webhook_deliveries d
       where d.webhook_id = $1 and ${isWaiting('d')} and ($2::timestamptz is null or d.next_attempt_at <= $2)
         and (d.revision || '_' || d.n) <> all($4::text[])
         and not exists (
           select from webhook_deliveries b
           where b.webhook_id = d.webhook_id and b.subject = d.subject and ${isWaiting('b')} and (b.revision, b.n) < (d.revision, d.n))
       order by ${order} limit $3
     ) d join audit_log a on a.event_time = d.event_time and a.revision = d.revision and a.n = d.n
     order by d.revision, d.n`,
    [webhookId, wanted === 'probe' ? null : wanted.due, wanted === 'probe' ? 1 : wanted.most, except],
  );
  return rows;
}

/** Tells notices of a webhook apart; part of the id that receivers see. */
export function noticeKey({ revision, n }: { revision: number; n: number }): string {
  return `${revision}_${n}`;
}

/** What came of an attempt. */
export interface Attempt {
  at: Date;
  /** HTTP status, if an answer came. */
  status: number | null;
  /** Null: the receiver took it. */
  error: string | null;
  /** When to try again; null: never. */
  nextAttemptAt: Date | null;
}

/** Marks a notice. One that is done already, as when another worker had its turn meanwhile, stays as it is. */
export async function markNotice(
  db: Queryable,
  webhookId: string,
  { revision, n }: { revision: number; n: number },
  { at, status, error, nextAttemptAt }: Attempt,
): Promise<void> {
  await db.query(
    `update webhook_deliveries d set attempts = attempts + 1, first_attempt_at = coalesce(first_attempt_at, $4), attempted_at = $4, status = $5, error = $6, next_attempt_at = coalesce($7, next_attempt_at),
       delivered_at = case when $6::text is null then $4::timestamptz end,
       given_up_at = case when $6::text is not null and $7::timestamptz is null then $4::timestamptz end
     where webhook_id = $1 and revision = $2 and n = $3 and ${isWaiting('d')}`,
    [webhookId, revision, n, at, status, error, nextAttemptAt],
  );
}

/** Has all that waits sent anew, as if it had never been tried. */
export async function restartWaiting(client: Client, webhookId: string, at: Date): Promise<number> {
  const { rowCount } = await client.query(
    `update webhook_deliveries d set attempts = 0, first_attempt_at = null, next_attempt_at = $2 where webhook_id = $1 and ${isWaiting('d')}`,
    [webhookId, at],
  );
  return rowCount ?? 0;
}

/** @returns whether a receiver refused other notices too since a time, whatever became of them */
export async function othersRefused(
  db: Queryable,
  webhookId: string,
  { revision, n }: { revision: number; n: number },
  since: Date,
): Promise<boolean> {
  const { rows } = await db.query(
    `select exists (select from webhook_deliveries where webhook_id = $1 and (revision, n) <> ($2, $3)
       and delivered_at is null and attempted_at >= $4) as ok`,
    [webhookId, revision, n, since],
  );
  return rows[0].ok;
}

/** What was given up since a time waits again: it was not its own fault. */
export async function takeBackGivenUp(client: Client, webhookId: string, since: Date): Promise<void> {
  await client.query('update webhook_deliveries set given_up_at = null where webhook_id = $1 and given_up_at >= $2', [
    webhookId,
    since,
  ]);
}

/** A line of the delivery log. */
export interface DeliveryRow {
  webhookId: string;
  revision: number;
  n: number;
  kind: string;
  subject: string;
  eventTime: Date;
  attempts: number;
  attemptedAt: Date | null;
  nextAttemptAt: Date;
  status: number | null;
  error: string | null;
  deliveredAt: Date | null;
  givenUpAt: Date | null;
}

const columns = `webhook_id as "webhookId", revision, n, kind, subject, event_time as "eventTime", attempts, attempted_at as "attemptedAt",
  next_attempt_at as "nextAttemptAt", status, error, delivered_at as "deliveredAt", given_up_at as "givenUpAt"`;

export const deliveryStates = ['waiting', 'delivered', 'given_up'] as const;
export type DeliveryState = (typeof deliveryStates)[number];

const inState: Readonly<Record<DeliveryState, string>> = {
  waiting: isWaiting('d'),
  delivered: 'd.delivered_at is not null',
  given_up: 'd.given_up_at is not null',
};

/**
 * The newest notices of a webhook, newest first.
 * @param before only older ones than that of this audit entry
 * @param state only those; null: all
 */
export async function deliveryLog(
  db: Queryable,
  webhookId: string,
  most: number,
  before: { revision: number; n: number } | null,
  state: DeliveryState | null,
): Promise<DeliveryRow[]> {
  const { revision, n } = before ?? { revision: Number.MAX_SAFE_INTEGER, n: 0 };
  const { rows } = await db.query(
    `select ${columns} from webhook_deliveries d where webhook_id = $1 and (revision, n) < ($2, $3) ${state === null ? '' : `and ${inState[state]}`} order by revision desc, n desc limit $4`,
    [webhookId, revision, n, most],
  );
  return rows;
}

/** The notices of a webhook that an audited write made. */
export async function deliveriesOfRevision(db: Queryable, webhookId: string, revision: number): Promise<DeliveryRow[]> {
  const { rows } = await db.query(
    `select ${columns} from webhook_deliveries where webhook_id = $1 and revision = $2 order by n`,
    [webhookId, revision],
  );
  return rows;
}

export interface DeliveryCounts {
  waiting: number;
  /** Of those waiting the oldest. */
  waitingSince: Date | null;
  delivered: number;
  givenUp: number;
}

/** Of what is kept, by webhook id; those without notices are left out. */
export async function deliveryCounts(db: Queryable): Promise<Map<string, DeliveryCounts>> {
  const { rows } = await db.query(
    `select webhook_id as id, count(*) filter (where ${isWaiting('d')})::int as waiting, min(event_time) filter (where ${isWaiting('d')}) as "waitingSince",
       count(delivered_at)::int as delivered, count(given_up_at)::int as "givenUp"
     from webhook_deliveries d group by webhook_id`,
  );
  return new Map(rows.map(({ id, ...counts }) => [id, counts]));
}

/** Drops what was delivered before a time, and what was given up, or waits for a disabled webhook, since before another. @returns how many of the latter had waited */
export async function purgeDeliveries(db: Queryable, deliveredBefore: Date, otherBefore: Date): Promise<number> {
  await db.query('delete from webhook_deliveries where delivered_at < $1', [deliveredBefore]);
  const { rows } = await db.query(
    `with dropped as (
       delete from webhook_deliveries d where d.delivered_at is null and d.event_time < $1
         and (d.given_up_at is not null or exists (select from webhooks w where w.id = d.webhook_id and w.disabled_at is not null))
       returning d.given_up_at
     ) select count(*) filter (where given_up_at is null)::int as n from dropped`,
    [otherBefore],
  );
  return rows[0].n;
}
