// Counts over many agents and devices, which pages ask for again and again: made anew only once something was written.
import type { Pool } from '../store/client.ts';
import { currentRevision } from '../store/head.ts';

interface Counts {
  /** The revision before they were counted: they may be younger, never older. */
  revision: number;
  byName: Map<string, unknown>;
}

const known = new WeakMap<Pool, Counts>();

/**
 * @param name of what is counted, and of what
 * @param count of what changes with a revision alone
 * @returns what it gave as of this revision, or gives now
 */
export async function counted<T>(db: Pool, name: string, count: () => Promise<T>): Promise<T> {
  const revision = await currentRevision(db);
  let counts = known.get(db);
  if (counts?.revision !== revision) {
    counts = { revision, byName: new Map() };
    known.set(db, counts);
  }
  if (counts.byName.has(name)) return counts.byName.get(name) as T;
  const result = await count();
  counts.byName.set(name, result);
  return result;
}
