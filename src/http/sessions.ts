// Who is signed in to the pages. Sessions that were seen in this process are kept in memory, so that a request costs no query, and are
// looked at again when anything audited was committed anywhere: who signed out, or whose key was revoked, is out everywhere within a
// second. One that was not seen yet is looked up: it may have begun in another process a moment ago.
import { timingSafeEqual } from 'node:crypto';
import { scopesGrantedBy } from '../posture/scopes.ts';
import {
  isSignInCode,
  keyProof,
  type Role,
  type SessionKind,
  scopesOfRole,
  signInCodeHash,
} from '../posture/sign-in.ts';
import type { Client, Now, Pool } from '../store/client.ts';
import { findSession, type StoredSession, sessionsThere } from '../store/sessions.ts';
import type { Caller } from './key-ring.ts';

/** Of a caller who is signed in. */
export interface SignedIn {
  readonly id: string;
  readonly kind: SessionKind;
  /** Null: a key, with scopes of its own. */
  readonly role: Role | null;
}

export interface Sessions {
  /** @returns who that is, as far as this process knows; undefined where it must be looked up */
  known(token: string): Caller | null | undefined;
  /** Looks it up. @returns null where nobody is signed in by it @throws when the database cannot be read */
  lookUp(token: string): Promise<Caller | null>;
  /** @returns whether a caller who was signed in still is */
  stillHolds(caller: Caller): boolean;
  /** Of somebody who signed out in this process: at once. */
  forget(id: string): void;
}

/** The key of a session, where it holds. */
export type KeyHolding = (id: string) => { caller: Caller; hash: Buffer } | null;

interface Seen {
  row: StoredSession;
  caller: Caller;
  /** Of its key when the caller was made. */
  keyCaller: Caller | null;
}

export interface KeptSessions extends Sessions {
  /** Looks again at those that are kept. */
  look(db: Client): Promise<void>;
}

export function keepSessions({ db, now, holding }: { db: Pool; now: Now; holding: KeyHolding }): KeptSessions {
  /** By hash of the token, in hexadecimal. */
  const seen = new Map<string, Seen>();
  /** How often was looked: what was found before the last one began may have ended since. */
  let looks = 0;
  const nameOf = (token: string) => signInCodeHash(token).toString('hex');
  const forget = (id: string) => {
    for (const [name, { row }] of seen) if (row.id === id) seen.delete(name);
  };
  /** @returns the caller, made anew where the key was read anew; null where it holds no more */
  const current = (entry: Seen): Caller | null => {
    if (entry.row.expiresAt <= now()) return null;
    if (entry.row.keyId === null) return entry.caller;
    const key = holding(entry.row.keyId);
    if (key === null) return null;
    if (key.caller !== entry.keyCaller)
      Object.assign(entry, { keyCaller: key.caller, caller: ofKey(entry.row, key.caller) });
    return entry.caller;
  };
  return {
    known(token) {
      if (!isSignInCode(token)) return null;
      const name = nameOf(token);
      const entry = seen.get(name);
      if (entry === undefined) return undefined;
      const caller = current(entry);
      if (caller === null) seen.delete(name);
      return caller;
    },
    async lookUp(token) {
      for (;;) {
        const before = looks;
        const row = await findSession(db, signInCodeHash(token));
        if (looks !== before) continue;
        const entry = row === null ? null : seenOf(row, token, holding);
        const caller = entry === null ? null : current(entry);
        if (entry !== null && caller !== null) seen.set(nameOf(token), entry);
        return caller;
      }
    },
    stillHolds(caller) {
      const { session } = caller;
      if (session === null) return false;
      for (const entry of seen.values()) if (entry.row.id === session.id) return current(entry) !== null;
      return false;
    },
    forget,
    async look(client) {
      looks++;
      if (seen.size === 0) return;
      const looked = [...seen];
      const there = await sessionsThere(
        client,
        looked.map(([, { row }]) => row.id),
      );
      for (const [name, entry] of looked)
        if (!there.has(entry.row.id) || entry.row.expiresAt <= now()) seen.delete(name);
    },
  };
}

/** @returns null for one whose key is another one now, as BOOTSTRAP_API_KEY may be */
function seenOf(row: StoredSession, token: string, holding: KeyHolding): Seen | null {
  if (row.keyId === null) return { row, keyCaller: null, caller: ofRole(row) };
  const key = holding(row.keyId);
  if (key === null || row.keyProof === null || !timingSafeEqual(row.keyProof, keyProof(token, key.hash))) return null;
  return { row, keyCaller: key.caller, caller: ofKey(row, key.caller) };
}

/** The same caller as one who sends the key with each request, but for when it ends. */
function ofKey({ id, kind, expiresAt }: StoredSession, key: Caller): Caller {
  const end = key.expiresAt !== null && key.expiresAt < expiresAt ? key.expiresAt : expiresAt;
  return Object.freeze({ ...key, expiresAt: end, session: { id, kind, role: null } });
}

function ofRole({ id, kind, actor, role, expiresAt }: StoredSession): Caller {
  const scopes = role === null ? [] : scopesOfRole(role);
  const granted = scopesGrantedBy(scopes);
  return Object.freeze({
    ...{ id: actor.id, name: actor.loginName, actor, scopes, granted, expiresAt },
    session: { id, kind, role },
  });
}
