// A real server for tests: listening on loopback, guarded by a real key ring on a database of its own, with a few routes of
// which each needs another scope.
import type { FastifyInstance } from 'fastify';
import { expect, onTestFinished } from 'vitest';
import { addWhoami } from '../../src/gateway/whoami.ts';
import { anyKey } from '../../src/http/guard.ts';
import { createKeyRing, type KeyRing } from '../../src/http/key-ring.ts';
import type { Limiter } from '../../src/http/limits.ts';
import { createRefusals, type Refusals } from '../../src/http/refusals.ts';
import { createServer, listen, type RunningServer } from '../../src/http/server.ts';
import { createLog } from '../../src/log.ts';
import { readAudit } from '../../src/operations/audit.ts';
import { createApiKey } from '../../src/operations/keys.ts';
import type { AuditEntry } from '../../src/posture/events.ts';
import type { Scope } from '../../src/posture/scopes.ts';
import { databaseClock, type Now } from '../../src/store/client.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { watchAnswers } from './described.ts';
import { tester } from './world.ts';

export interface TestService {
  database: TestDatabase;
  url: string;
  keys: KeyRing;
  refusals: Refusals;
  running: RunningServer;
  /** Answers that docs/openapi.json does not describe; any fails the test at its end. */
  faults: string[];
  /** Every line that was logged. */
  logged: string[];
  /** Makes a key and waits until the service knows it. */
  key(name: string, scopes: Scope[], expiresInMs?: number): Promise<string>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  /** Like get, with a bearer token. */
  as(key: string, path?: string): Promise<Response>;
  events(prefix: string): Promise<AuditEntry[]>;
}

export interface TestServiceOptions {
  database?: TestDatabase;
  /** Where the ring connects to; the database by default. */
  url?: string;
  now?: Now;
  bootstrapKey?: string;
  limiter?: Limiter;
  trustedProxies?: string[];
  drainMs?: number;
  /** Path of PUBLIC_URL. */
  under?: string;
  /** All routes of the service are added, also those that tests need. */
  isWhole?: boolean;
  /** Adds routes before it listens. */
  routes?(
    server: FastifyInstance,
    parts: { db: TestDatabase['pool']; now: Now; keys: KeyRing; refusals: Refusals },
  ): void | Promise<void>;
  unreadiness?(): Promise<string[]>;
  /** What it ends with: the test by default, or the file by `afterAll`. */
  endsBy?: EndsBy;
}

export type EndsBy = (end: () => Promise<void>) => void;

/** Starts it; it ends with the test, which fails where an answer was not as docs/openapi.json describes it. */
export async function startService(options: TestServiceOptions = {}): Promise<TestService> {
  const database = options.database ?? (await freshDatabase());
  const logged: string[] = [];
  const log = createLog('trace', { write: line => void logged.push(line) });
  const { pool: db, url } = database;
  const now = options.now ?? (await databaseClock(db));
  const { bootstrapKey = null, limiter, trustedProxies = [], under = '', unreadiness = async () => [] } = options;
  const endsBy = options.endsBy ?? onTestFinished;
  const keys = await createKeyRing({ db, url: options.url ?? url, now, log, bootstrapKey });
  const refusals = createRefusals({ db, now, log });
  const parts = { log, keys, refusals, trustedProxies, under, unreadiness, ...(limiter ? { limiter } : {}) };
  let faults: string[] = [];
  const describe = async (fresh: FastifyInstance) => {
    faults = watchAnswers(fresh);
  };
  const server = await createServer({ ...parts, describe });
  if (!options.isWhole) addWhoami(server);
  server.get('/needs/decide', { config: { scope: 'gateway:decide' } }, async () => ({ done: true }));
  server.get('/needs/devices', { config: { scope: 'devices:core:read' } }, async () => ({ done: true }));
  server.post('/body', { config: { scope: anyKey } }, async ({ body }) => ({ body }));
  await options.routes?.(server, { db, now, keys, refusals });
  const running = await listen(server, '127.0.0.1', 0, { drainMs: options.drainMs ?? 0 });
  endsBy(async () => {
    await running.stop();
    await Promise.all([keys.stop(), refusals.stop()]);
    expect(faults).toEqual([]);
  });
  const get: TestService['get'] = (path, headers = {}) => fetch(`${running.url}${path}`, { headers });
  const as: TestService['as'] = (key, path = '/gateway/whoami') => get(path, { authorization: `Bearer ${key}` });
  return {
    database,
    url: running.url,
    keys,
    refusals,
    running,
    logged,
    faults,
    async key(name, scopes, expiresInMs) {
      const request = { db, now, actor: tester };
      const { key } = await createApiKey(request, { name, scopes, expiresInMs: expiresInMs ?? null });
      while ((await as(key)).status === 401) await new Promise(resolve => setTimeout(resolve, 5));
      return key;
    },
    get,
    as,
    async events(prefix) {
      const found = [];
      for await (const entry of readAudit(db, {})) if (entry.event.startsWith(prefix)) found.push(entry);
      return found;
    },
  };
}

/** The header of basic authentication. */
export function basic(user: string, password = ''): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
}
