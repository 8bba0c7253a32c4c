// Proves the audit log: its revisions have no gaps, its entries are complete and in order, and whoever replays it gets the
// attributes that the devices have.
import { isDeepStrictEqual } from 'node:util';
import type pg from 'pg';
import { expect } from 'vitest';

type Values = Record<string, unknown>;

/** Fails unless the log tells everything that happened to attributes. Moving values are compared by name only: alone they are no event. */
export async function expectWholeLog(db: pg.Pool, moving: readonly string[] = ['fake:lastSeen']): Promise<void> {
  expect(await problemsOfLog(db, moving)).toEqual([]);
}

async function problemsOfLog(db: pg.Pool, moving: readonly string[]): Promise<string[]> {
  const problems: string[] = [];
  const head = await db.query('select revision from head');
  const revisions = await db.query('select revision, at, events from revisions order by revision');
  const entries = await db.query('select * from audit_log order by event_time, revision, n');
  if (head.rows[0].revision !== revisions.rows.length) problems.push(`head is ${head.rows[0].revision}`);
  let before = 0;
  for (const [i, row] of revisions.rows.entries()) {
    if (row.revision !== i + 1) problems.push(`revision ${row.revision} stands at place ${i + 1}`);
    if (row.at.getTime() < before) problems.push(`revision ${row.revision} is older than the one before it`);
    before = row.at.getTime();
    const its = entries.rows.filter(entry => entry.revision === row.revision).map(entry => entry.n);
    const wanted = Array.from({ length: row.events }, (_, n) => n + 1);
    if (!isDeepStrictEqual(its, wanted)) problems.push(`revision ${row.revision} has entries ${its} of ${row.events}`);
  }
  const inOrder = entries.rows.map(row => row.revision);
  if (
    !isDeepStrictEqual(
      inOrder,
      inOrder.toSorted((a, b) => a - b),
    )
  )
    problems.push('time order is not revision order');
  const replayed = new Map<string, Values>();
  for (const entry of entries.rows.filter(row => row.target_property === 'ATTRIBUTES'))
    problems.push(...replay(replayed, entry, moving));
  const stored = await db.query("select device_id, values from device_attributes where values <> '{}'");
  const wanted = new Map<string, Values>();
  for (const row of stored.rows) wanted.set(row.device_id, { ...wanted.get(row.device_id), ...row.values });
  const [told, found] = [comparable(replayed, moving), comparable(wanted, moving)];
  if (!isDeepStrictEqual(told, found)) problems.push(`replay gives ${show(told)}, stored is ${show(found)}`);
  return problems;
}

/** Applies an entry, and tells where it does not fit what the entries before it made. */
function replay(devices: Map<string, Values>, entry: Record<string, unknown>, moving: readonly string[]): string[] {
  const id = String(entry.target_id);
  const { expiries: _, ...old } = (entry.old ?? {}) as Values;
  const { expiries: __, ...changes } = (entry.new ?? {}) as Values;
  const values = { ...devices.get(id) };
  const problems: string[] = [];
  for (const [name, value] of Object.entries(old)) {
    const fits = moving.includes(name) ? name in values : isDeepStrictEqual(values[name], value);
    if (!fits) problems.push(`${entry.event} of ${id}: old ${name} is ${show(value)}, was ${show(values[name])}`);
    delete values[name];
  }
  for (const [name, value] of Object.entries(changes)) {
    if (name in values) problems.push(`${entry.event} of ${id}: ${name} had a value that the entry does not tell`);
    values[name] = value;
  }
  if (Object.keys(old).length + Object.keys(changes).length === 0) problems.push(`${entry.event} of ${id} is empty`);
  devices.set(id, values);
  return problems;
}

function comparable(devices: Map<string, Values>, moving: readonly string[]): Record<string, Values> {
  const all: [string, Values][] = [...devices].map(([id, values]) => [
    id,
    Object.fromEntries(Object.entries(values).map(([name, value]) => [name, moving.includes(name) ? 'moves' : value])),
  ]);
  return Object.fromEntries(all.filter(([, values]) => Object.keys(values).length > 0));
}

const show = (value: unknown) => JSON.stringify(value);
