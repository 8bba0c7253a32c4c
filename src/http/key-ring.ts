// All API keys in memory, so that a request costs no query. Refreshed when anything audited was committed anywhere: a key
// made or revoked in one process holds, or holds no more, in all of them within a second. While the database is away the
// ring goes on with what it knows; expiry needs no refresh.
import { timingSafeEqual } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../log.ts';
import { apiKeyHash, apiKeyId } from '../posture/api-keys.ts';
import { type Actor, apiKeyActor } from '../posture/events.ts';
import { type Scope, scopesGrantedBy } from '../posture/scopes.ts';
import { listApiKeys, storeApiKeyUses } from '../store/api-keys.ts';
import type { Now, Pool } from '../store/client.ts';
import { watchHead } from '../store/head.ts';
import { keepSessions, type Sessions, type SignedIn } from './sessions.ts';

/** Whoever asks, by the key that was presented, or signed in to the pages. */
export interface Caller {
  readonly id: string;
  readonly name: string;
  /** Who that is in the audit log. */
  readonly actor: Actor;
  /** Null: a key was sent with the request. */
  readonly session: SignedIn | null;
  /** As they were given. */
  readonly scopes: readonly string[];
  /** With those that they include. */
  readonly granted: ReadonlySet<Scope>;
  readonly expiresAt: Date | null;
}

/** `refusal` is null when the key holds. A key that does not any more still tells whose it was: to the audit log only. */
export type Identified =
  | { readonly caller: Caller; readonly refusal: null }
  | { readonly caller: Caller | null; readonly refusal: 'unknown' | 'revoked' | 'expired' };

export interface KeyRing {
  identify(key: string): Identified;
  /** @returns whether the key of a caller that was identified before holds still; also false once keys were read anew */
  stillHolds(caller: Caller): boolean;
  /** Who is signed in by a cookie. */
  readonly sessions: Sessions;
  /** Stores when keys were last used. It does so by itself once a minute. */
  flush(): Promise<void>;
  stop(): Promise<void>;
}

export interface KeyRingOptions {
  db: Pool;
  /** For a session of its own. */
  url: string;
  now: Now;
  log: Log;
  /** BOOTSTRAP_API_KEY: holds for everything, and is stored nowhere. */
  bootstrapKey: string | null;
}

interface Entry {
  caller: Caller;
  hash: Buffer;
  expiresAtMs: number;
  isRevoked: boolean;
}

const flushEveryMs = 60_000;
/** A stop waits so long for the last uses to be stored. */
const lastFlushMs = 2_000;
const unknown: Identified = { caller: null, refusal: 'unknown' };

/** @returns the ring once it knows all keys @throws when the database cannot be read */
export async function createKeyRing({ db, url, now, log, bootstrapKey }: KeyRingOptions): Promise<KeyRing> {
  let entries: ReadonlyMap<string, Entry> = new Map();
  /** What an unknown id is compared with: the bootstrap key, or what nothing equals. */
  const fallback = bootstrapKey === null ? null : bootstrapEntry(bootstrapKey);
  const nothing = Buffer.alloc(32);
  const holds = (entry: Entry): boolean => {
    if (entry.isRevoked) return false;
    const at = now();
    if (entry.expiresAtMs <= at.getTime()) return false;
    if (entry !== fallback) uses.set(entry.caller.id, at);
    return true;
  };
  let uses = new Map<string, Date>();
  const sessions = keepSessions({
    ...{ db, now },
    holding: id => {
      const entry = id === fallback?.caller.id ? fallback : entries.get(id);
      return entry !== undefined && holds(entry) ? { caller: entry.caller, hash: entry.hash } : null;
    },
  });
  const watch = await watchHead(url, {
    applicationName: 'posture-sync keys',
    onMoved: async session => {
      entries = new Map((await listApiKeys(session)).map(row => [row.id, entryOf(row)]));
      await sessions.look(session);
    },
    onReachable: isReachable => {
      if (isReachable) log.info('API keys are current again');
      else log.warn('the database is away: API keys are taken as last known');
    },
  });
  const flush = async () => {
    if (uses.size === 0) return;
    const stored = uses;
    uses = new Map();
    try {
      await storeApiKeyUses(db, stored);
    } catch {
      // The database is away: told above. Newer uses win.
      uses = new Map([...stored, ...uses]);
    }
  };
  const flushing = setInterval(flush, flushEveryMs);
  return {
    identify(key) {
      const id = apiKeyId(key);
      const entry = (id === null ? undefined : entries.get(id)) ?? fallback;
      const isRight = timingSafeEqual(apiKeyHash(key), entry?.hash ?? nothing);
      if (!entry || !isRight) return unknown;
      const { caller } = entry;
      if (entry.isRevoked) return { caller, refusal: 'revoked' };
      const at = now();
      if (entry.expiresAtMs <= at.getTime()) return { caller, refusal: 'expired' };
      if (entry !== fallback) uses.set(caller.id, at);
      return { caller, refusal: null };
    },
    stillHolds(caller) {
      const entry = entries.get(caller.id) ?? fallback;
      return entry?.caller === caller && holds(entry);
    },
    sessions,
    flush,
    async stop() {
      clearInterval(flushing);
      await watch.stop();
      await Promise.race([flush(), sleep(lastFlushMs, undefined, { ref: false })]);
    },
  };
}

type Row = Awaited<ReturnType<typeof listApiKeys>>[number];

function entryOf({ id, name, scopes, hash, expiresAt, revokedAt }: Row): Entry {
  return {
    caller: callerOf({ id, name, scopes, expiresAt }),
    hash,
    expiresAtMs: expiresAt?.getTime() ?? Number.POSITIVE_INFINITY,
    isRevoked: revokedAt !== null,
  };
}

function bootstrapEntry(key: string): Entry {
  return {
    caller: callerOf({ id: 'bootstrap', name: 'BOOTSTRAP_API_KEY', scopes: ['all'], expiresAt: null }),
    hash: apiKeyHash(key),
    expiresAtMs: Number.POSITIVE_INFINITY,
    isRevoked: false,
  };
}

function callerOf(key: Pick<Row, 'id' | 'name' | 'scopes' | 'expiresAt'>): Caller {
  return Object.freeze({ ...key, granted: scopesGrantedBy(key.scopes), actor: apiKeyActor(key), session: null });
}
