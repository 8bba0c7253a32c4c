// Who signs in to the pages, with a key, a one-time link or as a person whom an OpenID provider knows, and out again. A session is
// known by a token that its cookie carries; of that, as of a link's code, only a hash is stored.
import { AppError } from '../errors.ts';
import { apiKeyHash, randomText } from '../posture/api-keys.ts';
import { type Actor, linkActor, personActor } from '../posture/events.ts';
import {
  isSignInCode,
  keyProof,
  newSignInCode,
  type Person,
  type Role,
  scopesOfRole,
  sessionLastsMs,
  signInCodeHash,
} from '../posture/sign-in.ts';
import type { Now, Pool } from '../store/client.ts';
import {
  deleteSession,
  endOldestSessions,
  findSignInLink,
  insertSession,
  insertSignInLink,
  type StoredSession,
  takeSignInLink,
} from '../store/sessions.ts';
import { undo, type Write, write } from '../store/write.ts';
import { causeOf } from './audited.ts';
import type { Request } from './devices.ts';

interface Place {
  db: Pool;
  now: Now;
}

/** What the browser is given. */
export interface Opened {
  /** For the cookie; it stands nowhere else. */
  token: string;
  expiresAt: Date;
}

type Maker = Pick<StoredSession, 'kind' | 'actor' | 'keyId' | 'role'> & {
  scopes: readonly string[];
  endsBy: Date | null;
  /** Of a session made by a key: that key's hash. */
  keyHash: Buffer | null;
};

/** Of one key or person at once: whoever signs in by script, and never out, ends their own oldest ones. */
const mostSessions = 100;
const idLength = 12;

/**
 * Signs in whoever has a key.
 * @param key the whole of one that holds, and `caller` whose it is
 * @param replaces the token of a session that the browser had before
 */
export async function signInByKey(
  place: Place,
  key: string,
  caller: { id: string; actor: Actor; scopes: readonly string[]; expiresAt: Date | null },
  replaces: string | null,
): Promise<Opened> {
  const { id, actor, scopes, expiresAt: endsBy } = caller;
  const maker: Maker = { kind: 'key', actor, keyId: id, role: null, scopes, endsBy, keyHash: apiKeyHash(key) };
  return await writeAs(place, actor, w => open(w, maker, replaces));
}

/** Signs in whoever has a link. @returns null where it was used already, has expired, or never was */
export async function signInByLink(place: Place, code: string, replaces: string | null): Promise<Opened | null> {
  if (!isSignInCode(code)) return null;
  const hash = signInCodeHash(code);
  const link = await findSignInLink(place.db, hash);
  if (link === null) return null;
  const actor = linkActor({ id: link.id, name: `link of ${link.createdBy}` });
  return await writeAs(place, actor, async w => {
    // Of two who use it at once one finds it gone.
    if (!(await takeSignInLink(w.client, hash, w.at))) return undo(null);
    return await open(w, { ...ofRole(link.role), kind: 'link', actor }, replaces);
  });
}

/** Signs in a person whom the OpenID provider knows. */
export async function signInPerson(place: Place, person: Person, role: Role, replaces: string | null): Promise<Opened> {
  const actor = personActor(person);
  return await writeAs(place, actor, w => open(w, { ...ofRole(role), kind: 'openid', actor }, replaces));
}

/** Notes that the provider knows a person who has no role here. @param found what stood in the claim, if anything did */
export async function noteNoRole(place: Place, person: Person, claim: string, found: unknown): Promise<void> {
  const actor = personActor(person);
  await writeAs(place, actor, async w => {
    const told = { claim, found: found ?? null };
    const error = `the claim ${claim} names no role here`;
    await w.event({ event: 'FAILED_REQUEST.LOGIN', targetId: actor.id, targetName: actor.loginName, new: told, error });
  });
}

/** Ends a session. @returns whether it was still there */
export async function signOut(request: Request, sessionId: string): Promise<boolean> {
  const { actor, db, now } = request;
  const { value } = await write(db, now, causeOf(request, 'sign out'), async w => {
    if (!(await deleteSession(w.client, { id: sessionId }))) return undo(false);
    await w.event({ event: 'USER.LOGOUT', targetId: actor.id, targetName: actor.loginName });
    return true;
  });
  return value;
}

const shortestMs = 60_000;
const longestMs = 86_400_000;

/**
 * Makes a link that signs in once.
 * @param validMs for how long, from a minute to a day
 * @returns its code, which nobody can see again
 * @throws AppError invalid
 */
export async function createSignInLink(
  request: Request,
  role: Role,
  validMs: number,
): Promise<{ code: string; expiresAt: Date }> {
  if (!(validMs >= shortestMs && validMs <= longestMs)) throw new AppError('invalid', 'valid: from 1m to 24h');
  const code = newSignInCode();
  const { actor } = request;
  const { value } = await write(request.db, request.now, causeOf(request, 'sign-in link'), async w => {
    const expiresAt = new Date(w.at.getTime() + validMs);
    const id = randomText(idLength);
    const row = { id, hash: signInCodeHash(code), role, createdAt: w.at, createdBy: actor.loginName, expiresAt };
    await insertSignInLink(w.client, row);
    const told = { role, expiresAt };
    await w.event({
      event: 'USER.CREATE.SIGN_IN_LINK',
      targetId: `link:${id}`,
      targetName: actor.loginName,
      new: told,
    });
    return { code, expiresAt };
  });
  return value;
}

const ofRole = (role: Role) => ({ role, scopes: scopesOfRole(role), keyId: null, endsBy: null, keyHash: null });

async function writeAs<T>({ db, now }: Place, actor: Actor, work: (w: Write) => Promise<T>): Promise<T> {
  return (await write(db, now, { actor, origin: 'ADMIN_CONSOLE', cause: 'sign in' }, work)).value;
}

async function open(w: Write, maker: Maker, replaces: string | null): Promise<Opened> {
  const { kind, actor, keyId, role, scopes, endsBy, keyHash } = maker;
  const token = newSignInCode();
  const end = new Date(w.at.getTime() + sessionLastsMs);
  const expiresAt = endsBy !== null && endsBy < end ? endsBy : end;
  if (replaces !== null) await deleteSession(w.client, { hash: signInCodeHash(replaces) });
  await insertSession(w.client, {
    ...{ id: randomText(idLength), hash: signInCodeHash(token), kind, actor, keyId, role, createdAt: w.at, expiresAt },
    keyProof: keyHash === null ? null : keyProof(token, keyHash),
  });
  await endOldestSessions(w.client, actor.id, mostSessions);
  const told = { by: kind, ...(role === null ? { scopes } : { role }), expiresAt };
  await w.event({ event: 'USER.LOGIN', targetId: actor.id, targetName: actor.loginName, new: told });
  return { token, expiresAt };
}
