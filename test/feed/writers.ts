// Writers for the test of the feed: several at once, through the operations and beside them, who begin in another order than
// they commit, give up now and then, and start again when the database was away.
import { setTimeout as sleep } from 'node:timers/promises';
import { importDevices } from '../../src/operations/device-import.ts';
import { removeDevice } from '../../src/operations/devices.ts';
import { applyPolicy } from '../../src/operations/policies.ts';
import type { Now, Pool } from '../../src/store/client.ts';
import { undo, write } from '../../src/store/write.ts';
import type { Random } from '../support/random.ts';
import { tester } from '../support/world.ts';

/** What all of them did. */
export interface Written {
  /** Devices and sources of values that were written or removed, as often as they were. */
  changes: number;
  /** The database's number of a transaction, in the order in which they began to write, and its revision. */
  begun: { transaction: number; revision: number }[];
}

export interface WriterContext {
  db: Pool;
  now: Now;
  random: Random;
  written: Written;
  /** Devices are named d0 to below d<devices>. */
  devices: number;
}

const by = { actor: tester, origin: 'CONTROL', cause: 'test' } as const;

/** Writes until enough was changed by all. */
export async function writeUntil(context: WriterContext, changes: number): Promise<void> {
  const { random, written } = context;
  while (written.changes < changes) {
    const draw = random.below(100);
    const act =
      draw < 35 ? devicesCome : draw < 45 ? deviceGoes : draw < 75 ? valuesMove : draw < 98 ? lateCommit : policy;
    // Without the database nothing was written, or all of it and the answer is lost: either way it goes on.
    const done = await act(context).catch(() => null);
    if (done === null) await sleep(20);
    else written.changes += done;
  }
}

const names = ({ random, devices }: WriterContext, count: number) => [
  ...new Set(Array.from({ length: count }, () => `d${random.below(devices)}`)),
];

async function devicesCome(context: WriterContext): Promise<number> {
  const { random } = context;
  const lines = names(context, 1 + random.below(40)).map((id, i) => ({
    line: i + 1,
    record: {
      id,
      hostname: `h${random.below(1_000_000)}`,
      tags: [`tag:t${random.below(5)}`],
      serialNumbers: [`OWN-${id}`, `SER-${random.below(context.devices)}`],
    },
  }));
  const { created, changed } = await importDevices({ ...context, actor: tester }, lines);
  return created + changed;
}

async function deviceGoes(context: WriterContext): Promise<number> {
  const [id = ''] = names(context, 1);
  return await removeDevice({ ...context, actor: tester }, id).then(
    () => 1,
    () => 0,
  );
}

const setValues = `
  insert into device_attributes (device_id, source, values, observed_at, revision, changed_at)
  select id, 'fake', case when $4::int = 0 then '{}' else jsonb_build_object('fake:threats', $4::int, 'fake:lastSeen', 'x') end, $3, $2, $3
  from devices where id = any($1)
  on conflict (device_id, source) do update
    set values = excluded.values, observed_at = excluded.observed_at, revision = excluded.revision, changed_at = excluded.changed_at`;

async function valuesMove(context: WriterContext): Promise<number> {
  const { db, now, random } = context;
  const ids = names(context, 1 + random.below(250));
  const { value } = await write(db, now, by, async ({ client, revision, at }) => {
    const { rowCount } = await client.query(setValues, [ids, revision, at, random.below(10)]);
    return random.below(10) === 0 ? undo(0) : (rowCount ?? 0);
  });
  return value;
}

/** Begins to write, waits while others begin and commit, and only then takes its turn. */
async function lateCommit({ db, now, random, written, ...context }: WriterContext): Promise<number> {
  const client = await db.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin');
    const begun = await client.query('select pg_current_xact_id()::text::bigint as id');
    await sleep(random.below(15));
    const head = await client.query('update head set revision = revision + 1 returning revision');
    const revision: number = head.rows[0].revision;
    const ids = names({ db, now, random, written, ...context }, 1 + random.below(150));
    const { rowCount } = await client.query(setValues, [ids, revision, now(), random.below(10)]);
    await client.query(
      'insert into revisions (revision, at, actor, cause, events) values ($1, (select at from head), $2, $3, 0)',
      [revision, tester, 'test'],
    );
    await client.query("select pg_notify('posture_sync_revision', $1)", [String(revision)]);
    await client.query('commit');
    written.begun.push({ transaction: begun.rows[0].id, revision });
    return rowCount ?? 0;
  } catch (error) {
    broken = error as Error;
    throw error;
  } finally {
    client.release(broken);
  }
}

async function policy(context: WriterContext): Promise<number> {
  const text = `// ${context.random.below(1_000_000)}\n{"acls": []}`;
  const applied = await applyPolicy({ ...context, actor: tester }, { text, ifRevision: null });
  return applied.state === 'applied' ? 1 : 0;
}
