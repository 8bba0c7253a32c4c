// The administration API for tests: as in the service, on a database of its own, with what clients send and read.
import { onTestFinished } from 'vitest';
import { addApi } from '../../src/api/api.ts';
import type { Viewed } from '../../src/api/common.ts';
import { startLive } from '../../src/api/live-readers.ts';
import { addOpenApi } from '../../src/api/openapi.ts';
import type { OpenId } from '../../src/http/openid.ts';
import { createLog } from '../../src/log.ts';
import type { Scope } from '../../src/posture/scopes.ts';
import { createAnswerBell } from '../../src/store/answer-bell.ts';
import type { Now } from '../../src/store/client.ts';
import type { Sealer, SecretKeys } from '../../src/store/secrets.ts';
import { freshDatabase, type TestDatabase } from './database.ts';
import { type EndsBy, startService, type TestService } from './http.ts';

export interface Answered {
  status: number;
  headers: Headers;
  /** JSON where it is some, else text. */
  // biome-ignore lint/suspicious/noExplicitAny: each test knows what it asked for
  body: any;
}

export interface TestApi {
  service: TestService;
  /** A key with every scope. */
  key: string;
  /** @param key by default one with every scope @param body sent as JSON; texts and bytes as they are */
  call(
    method: string,
    path: string,
    body?: unknown,
    options?: { key?: string; headers?: Record<string, string> },
  ): Promise<Answered>;
  keyFor(...scopes: Scope[]): Promise<string>;
  /** Lines of the service's log. */
  lines: string[];
}

export const testKeys: SecretKeys = [{ id: 'k1', key: Buffer.alloc(32, 7) }];

/** Starts it; it ends with the test, or by what is given. */
export async function startApi(
  options: {
    database?: TestDatabase;
    now?: Now;
    keys?: Sealer | null;
    key?: string;
    viewed?: Viewed;
    liveUrl?: string;
    /** 15 min where it is not given. */
    syncIntervalMs?: number;
    publicUrl?: string;
    openId?: OpenId;
    bootstrapKey?: string;
    endsBy?: EndsBy;
  } = {},
): Promise<TestApi> {
  const { endsBy = onTestFinished } = options;
  const lines: string[] = [];
  const database = options.database ?? (await freshDatabase());
  const log = createLog('info', { write: line => void lines.push(line) });
  const service = await startService({
    database,
    endsBy,
    ...(options.now ? { now: options.now } : {}),
    ...(options.bootstrapKey ? { bootstrapKey: options.bootstrapKey } : {}),
    routes: async (server, { db, now, keys: ring, refusals }) => {
      await addOpenApi(server, { version: '0', publicUrl: 'https://posture.example.com' });
      const keys = options.keys === undefined ? testKeys : options.keys;
      const bell = createAnswerBell(database.url);
      const live = startLive({ databaseUrl: options.liveUrl ?? database.url, log });
      endsBy(() => Promise.all([bell.stop(), live.stop()]).then(() => {}));
      addApi(server, {
        db,
        now,
        log,
        keys,
        allowedHosts: ['127.0.0.1'],
        tailnet: 'example.com',
        bell,
        viewed: options.viewed ?? null,
        live,
        auditRetentionMs: 400 * 86_400_000,
        viewMaxAgeMs: 15 * 60_000,
        syncIntervalMs: options.syncIntervalMs ?? 15 * 60_000,
        publicUrl: options.publicUrl ?? 'https://posture.example.com',
        signIn: { keys: ring, refusals, openId: options.openId ?? null },
      });
    },
  });
  // One that is given is known to the database already.
  const key = options.key ?? (await service.key('admin', ['all']));
  const call: TestApi['call'] = async (method, path, body, { key: presented = key, headers = {} } = {}) => {
    const isRaw = typeof body === 'string' || body instanceof Uint8Array;
    const sent = body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) };
    const answer = await fetch(`${service.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${presented}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...sent,
    });
    const text = await answer.text();
    const isJson = /\/json\b/.test(answer.headers.get('content-type') ?? '') && text !== '';
    return { status: answer.status, headers: answer.headers, body: isJson ? JSON.parse(text) : text };
  };
  let keys = 0;
  return { service, key, call, lines, keyFor: (...scopes) => service.key(`key-${++keys}`, scopes) };
}
