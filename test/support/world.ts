// A small world for tests of the sync: a database, fake consoles, a clock that tests turn, and the steps they take.
import { randomBytes } from 'node:crypto';
import { readAudit, verifyAll } from '../../src/operations/audit.ts';
import { importDevices } from '../../src/operations/device-import.ts';
import { type Explanation, explain } from '../../src/operations/explain.ts';
import type { AuditEntry } from '../../src/posture/events.ts';
import { type Integration, integrationById } from '../../src/store/integrations.ts';
import type { SyncOptions, SyncResult } from '../../src/sync/context.ts';
import { runSync } from '../../src/sync/run.ts';
import { type TestContext, testContext } from './context.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { FakeConsole } from './fake-provider.ts';

export const minute = 60_000;
export const hour = 60 * minute;

export const tester = { id: 'test', type: 'USER', loginName: 'test', displayName: 'Test' } as const;

export interface World {
  database: TestDatabase;
  consoles: Map<string, FakeConsole>;
  context: TestContext;
  /** Turns the clock forward. */
  pass(ms: number): void;
  now(): Date;
  /** Adds an integration with its own console; columns may be given. */
  integration(name: string, columns?: Partial<Record<string, unknown>>): Promise<FakeConsole>;
  devices(...records: Record<string, unknown>[]): Promise<void>;
  /** Runs a sync as the scheduler would, a minute after the last step. */
  sync(name: string, options?: Partial<SyncOptions>): Promise<SyncResult>;
  row(name: string): Promise<Integration>;
  explain(text: string): Promise<Explanation>;
  /** Values of a device by short name; {} when it has none. */
  values(device: string): Promise<Record<string, unknown>>;
  events(prefix?: string): Promise<AuditEntry[]>;
  /** Fails unless the derivation planned over everything is empty. */
  verify(): Promise<void>;
  db: TestDatabase['pool'];
}

/** @param database a migrated one; by default a fresh one on the tests' server */
export async function createWorld(database?: TestDatabase): Promise<World> {
  return worldOn(database ?? (await freshDatabase()));
}

function worldOn(database: TestDatabase): World {
  const consoles = new Map<string, FakeConsole>();
  let at = new Date('2026-03-01T00:00:00.000Z').getTime();
  const now = () => new Date(at);
  const context = testContext(database.url, name => consoles.get(name), now);
  const world: World = {
    database,
    consoles,
    context,
    db: database.pool,
    now,
    pass: ms => {
      at += ms;
    },
    async integration(name, columns = {}) {
      const it = new FakeConsole();
      consoles.set(name, it);
      const row: Record<string, unknown> = {
        id: `p${name}`,
        name,
        provider: 'fake',
        settings: JSON.stringify({ url: 'https://fake.test', requestsPerSecond: 20, console: name }),
        secret: randomBytes(40),
        secret_key_id: 'test',
        config_updated_at: now(),
        created_at: now(),
        next_sync_at: now(),
        expire_after_ms: 72 * hour,
        hold_floor: 2,
        hold_share: 0.2,
        ...columns,
      };
      const names = Object.keys(row);
      await database.pool.query(
        `insert into integrations (${names.join(', ')}) values (${names.map((_, i) => `$${i + 1}`).join(', ')})`,
        names.map(key => row[key]),
      );
      return it;
    },
    async devices(...records) {
      const lines = records.map((record, i) => ({ line: i + 1, record }));
      const result = await importDevices({ db: database.pool, now, actor: tester }, lines);
      if (result.rejected.length > 0) throw new Error(JSON.stringify(result.rejected));
    },
    async sync(name, options = {}) {
      at += minute;
      const result = await runSync(context, `p${name}`, { signal: new AbortController().signal, ...options });
      if (!result) throw new Error('the run lock was taken');
      return result;
    },
    async row(name) {
      const row = await integrationById(database.pool, `p${name}`);
      if (!row) throw new Error(`no integration ${name}`);
      return row;
    },
    explain: text => explain(database.pool, text),
    async values(device) {
      const { attributes } = await explain(database.pool, device);
      return Object.fromEntries(
        Object.entries(attributes).map(([key, { value }]) => [key.replace('fake:', ''), value]),
      );
    },
    async events(prefix = '') {
      const entries: AuditEntry[] = [];
      for await (const entry of readAudit(database.pool, {})) if (entry.event.startsWith(prefix)) entries.push(entry);
      return entries;
    },
    async verify() {
      const findings = await verifyAll(database.pool);
      if (findings.length > 0) throw new Error(`verify: ${JSON.stringify(findings, null, 1)}`);
    },
  };
  return world;
}
