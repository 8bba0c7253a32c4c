// The one way to write anything audited (law 5). Its first statement takes the head row, so that writers queue there,
// revision order is commit order, and revisions have no gaps. Keep what happens between short: everybody else waits.
import type { Actor, EventCode, Origin } from '../posture/events.ts';
import { eventParts } from '../posture/events.ts';
import type { Client, Now, Pool } from './client.ts';
import { noteNotices } from './deliveries.ts';

export interface WriteCause {
  actor: Actor;
  origin: Origin;
  /** A word or two for revisions.cause: 'sync', 'device import', 'integration pause'. */
  cause: string;
  runId?: number;
}

export interface AuditEvent {
  event: EventCode;
  targetId: string;
  targetName: string | null;
  old?: unknown;
  new?: unknown;
  details?: string;
  error?: string;
}

/** An audited write under way. Everything it changes carries `revision` and `at`. */
export interface Write {
  readonly client: Client;
  readonly revision: number;
  readonly at: Date;
  readonly by: WriteCause;
  /** Adds one entry to the audit log. */
  event(entry: AuditEvent): Promise<void>;
  /**
   * Adds an entry for each row of a query that gives (event, target_id, target_name, old, new), in its order.
   * @param parameters for $1 and up in the query
   * @param details of all of them, as a caller's comment
   * @returns how many
   */
  events(selectRows: string, parameters?: readonly unknown[], details?: string | null): Promise<number>;
  /** How many entries so far. */
  eventCount(): number;
}

export interface Written<T> {
  value: T;
  revision: number;
  events: number;
  /** How long the head was held, in ms: every other audited write waited so long at most. */
  headMs: number;
}

/** Thrown inside a write to undo it all without an error outside: a dry run, or nothing to write. */
class Undo<T> extends Error {
  readonly value: T;
  constructor(value: T) {
    super('undone');
    this.value = value;
  }
}

/** Ends the write under way without writing anything; `write` gives back the value. */
export function undo<T>(value: T): never {
  throw new Undo(value);
}

const insertEvents = (select: string, first: number) => `
  insert into audit_log (revision, n, event_time, event, origin, actor, target_type, target_id, target_name, target_property, action, old, new, details)
  select $${first}, $${first + 1} + row_number() over (), $${first + 2}, s.event, $${first + 3}, $${first + 4},
    split_part(s.event, '.', 1), s.target_id, s.target_name, nullif(split_part(s.event, '.', 3), ''), split_part(s.event, '.', 2), s.old, s.new, $${first + 5}::text
  from (${select}) s`;

/**
 * Runs one audited write on a session of its own or the given one.
 * @param now the time of the write; the head's own time wins where it is later, so that log order is time order
 * @throws what `work` throws, after a rollback
 */
export async function write<T>(
  db: Pool | Client,
  now: Now,
  by: WriteCause,
  work: (write: Write) => Promise<T>,
): Promise<Written<T>> {
  const pooled = 'totalCount' in db ? await db.connect() : null;
  const client: Client = pooled ?? (db as Client);
  let broken: Error | undefined;
  try {
    // The partition must be there before the head is taken: making one locks the whole log.
    await ensureMonth(client, now());
    await client.query('begin isolation level read committed');
    const { rows } = await client.query(
      'update head set revision = revision + 1, at = greatest(at, $1::timestamptz(3)) returning revision, at',
      [now()],
    );
    const started = performance.now();
    const revision = rows[0].revision as number;
    const at = rows[0].at as Date;
    let events = 0;
    const self: Write = {
      client,
      revision,
      at,
      by,
      eventCount: () => events,
      async event(entry) {
        const parts = eventParts(entry.event);
        await client.query(
          `insert into audit_log (revision, n, event_time, event, origin, actor, target_type, target_id, target_name, target_property, action, old, new, details, error)
           values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
          [
            revision,
            ++events,
            at,
            entry.event,
            by.origin,
            by.actor,
            parts.target,
            entry.targetId,
            entry.targetName,
            parts.property,
            parts.action,
            entry.old === undefined ? null : JSON.stringify(entry.old),
            entry.new === undefined ? null : JSON.stringify(entry.new),
            entry.details ?? null,
            entry.error ?? null,
          ],
        );
      },
      async events(selectRows, parameters = [], details = null) {
        const first = parameters.length + 1;
        const result = await client.query(insertEvents(selectRows, first), [
          ...parameters,
          revision,
          events,
          at,
          by.origin,
          JSON.stringify(by.actor),
          details,
        ]);
        events += result.rowCount ?? 0;
        return result.rowCount ?? 0;
      },
    };
    const value = await work(self);
    await close(self);
    await client.query('commit');
    return { value, revision, events, headMs: Math.round(performance.now() - started) };
  } catch (error) {
    await client.query('rollback').catch((lost: Error) => {
      broken = lost;
    });
    if (error instanceof Undo) return { value: error.value as T, revision: 0, events: 0, headMs: 0 };
    throw error;
  } finally {
    pooled?.release(broken);
  }
}

/** What every audited write ends with: its notices, its revision, and the bell for those who watch the head. */
async function close({ client, revision, at, by, eventCount }: Write): Promise<void> {
  if (eventCount() > 0) await noteNotices(client, revision, at);
  await client.query(
    'insert into revisions (revision, at, actor, cause, run_id, events) values ($1, $2, $3, $4, $5, $6)',
    [revision, at, by.actor, by.cause, by.runId ?? null, eventCount()],
  );
  await client.query("select pg_notify('posture_sync_revision', $1)", [String(revision)]);
}

const months = new WeakMap<object, Set<string>>();

/** Makes the audit log's partition for a month, once a session. */
async function ensureMonth(client: Client, at: Date): Promise<void> {
  const month = at.toISOString().slice(0, 7);
  const known = months.get(client) ?? new Set();
  if (known.has(month)) return;
  await client.query('select audit_log_ensure_month($1)', [at]);
  months.set(client, known.add(month));
}
