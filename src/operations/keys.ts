// What may be done with API keys: make, list, revoke. The key itself is answered once, by making it; what is stored and
// told of it afterwards cannot be used to ask anything.
import { AppError } from '../errors.ts';
import { apiKeyHash, apiKeyId, apiKeyPrefix, namedApiKeyId, newApiKey } from '../posture/api-keys.ts';
import { nearest } from '../posture/nearest.ts';
import { isScope, type Scope, scopes } from '../posture/scopes.ts';
import { insertApiKey, listApiKeys, lockApiKey, revokeStoredKey, type StoredKey } from '../store/api-keys.ts';
import { undo, write } from '../store/write.ts';
import { causeOf, checkName } from './audited.ts';
import { IdPlace, paged, readCursor } from './cursors.ts';
import type { Request } from './devices.ts';
import { refuseDuplicate, takenName } from './taken-name.ts';

export interface NewApiKey {
  name: string;
  scopes: readonly string[];
  /** From now; null: never. */
  expiresInMs: number | null;
}

export type KeyState = 'active' | 'expired' | 'revoked';

/** A key as it is shown. */
export interface ApiKeyView {
  id: string;
  name: string;
  /** How a key of this id begins. */
  prefix: string;
  scopes: string[];
  state: KeyState;
  createdAt: Date;
  createdBy: string;
  /** What that one was called then; its id, where that was not noted. */
  createdByName: string;
  expiresAt: Date | null;
  revokedAt: Date | null;
  /** To the minute. */
  lastUsedAt: Date | null;
}

const shortestMs = 60_000;
const longestMs = 3_650 * 86_400_000;

/**
 * Makes a key.
 * @returns the key, which nobody can see again, and what is shown of it
 * @throws AppError invalid, or conflict when a key that was not revoked has the name
 */
export async function createApiKey(request: Request, input: NewApiKey): Promise<{ key: string; view: ApiKeyView }> {
  checkKeyName(input.name);
  const given = checkScopes(input.scopes);
  const { expiresInMs } = input;
  if (expiresInMs !== null && !(expiresInMs >= shortestMs && expiresInMs <= longestMs))
    throw new AppError('invalid', 'expires: from 1m to 3650d');
  const { id, key } = newApiKey();
  const cause = causeOf(request, 'key create');
  const { value } = await write(request.db, request.now, cause, async w => {
    const expiresAt = expiresInMs === null ? null : new Date(w.at.getTime() + expiresInMs);
    const row: StoredKey = {
      id,
      name: input.name,
      hash: apiKeyHash(key),
      scopes: given,
      createdAt: w.at,
      createdBy: request.actor.id,
      createdByName: request.actor.loginName,
      expiresAt,
      revokedAt: null,
      lastUsedAt: null,
    };
    await insertApiKey(w.client, row).catch(
      refuseDuplicate(takenName('an API key', input.name, '`key revoke` ends it')),
    );
    const told = { name: input.name, scopes: given, expiresAt };
    await w.event({ event: 'API_KEY.CREATE', targetId: id, targetName: input.name, new: told });
    return viewOf(row, w.at);
  });
  return { key, view: value };
}

/** @returns all keys, the oldest first, with those that hold no more */
export async function viewApiKeys({ db, now }: Request): Promise<ApiKeyView[]> {
  const at = now();
  return (await listApiKeys(db)).map(row => viewOf(row, at));
}

const fromCursor = 100;

/**
 * @param limit so many at most; null: all of them, or 100 behind a cursor @param state null: keys in any
 * @returns keys, the oldest first, and where the list goes on
 * @throws AppError invalid for a cursor that is none
 */
export async function pageOfApiKeys(
  request: Request,
  { limit, cursor, state }: { limit: number | null; cursor: string | null; state: KeyState | null },
): Promise<{ keys: ApiKeyView[]; nextCursor: string | null }> {
  const keys = await viewApiKeys(request);
  const [after] = cursor === null ? [null] : readCursor(cursor, IdPlace);
  const behind = after === null ? keys : keys.slice(keys.findIndex(({ id }) => id === after) + 1);
  const rest = state === null ? behind : behind.filter(key => key.state === state);
  const most = limit ?? (cursor === null ? rest.length : fromCursor);
  const { page, nextCursor } = paged(rest, most, ({ id }) => [id]);
  return { keys: page, nextCursor };
}

/** @throws AppError not_found */
export async function viewApiKey(request: Request, id: string): Promise<ApiKeyView> {
  const { db, now } = request;
  return viewOf(byId(await listApiKeys(db), id), now());
}

/** Like `revokeApiKey`, for who knows its id alone. */
export async function revokeApiKeyById(request: Request, id: string): Promise<ApiKeyView> {
  return (await revokeApiKey(request, byId(await listApiKeys(request.db), id).id)).view;
}

function byId(keys: readonly StoredKey[], id: string): StoredKey {
  const found = keys.find(key => key.id === id);
  if (found === undefined) throw noKey(id);
  return found;
}

function noKey(given: string, hint = ''): AppError {
  // A whole key that is not here may hold elsewhere.
  const whole = apiKeyId(given);
  return new AppError('not_found', `there is no API key "${whole === null ? given : apiKeyPrefix(whole)}"${hint}`);
}

/**
 * Revokes a key: within a second it holds nowhere any more.
 * @param idOrName its id, its visible prefix or its name
 * @returns the key, and whether that changed anything
 * @throws AppError not_found
 */
export async function revokeApiKey(
  request: Request,
  idOrName: string,
): Promise<{ view: ApiKeyView; isChanged: boolean }> {
  const { id } = find(await listApiKeys(request.db), idOrName);
  const cause = causeOf(request, 'key revoke');
  const { value } = await write(request.db, request.now, cause, async w => {
    const row = await lockApiKey(w.client, id);
    if (!row) throw new AppError('not_found', `there is no API key ${id} any more`);
    if (row.revokedAt !== null) return undo({ view: viewOf(row, w.at), isChanged: false });
    await revokeStoredKey(w.client, id, w.at);
    const { name, scopes: given, expiresAt } = row;
    await w.event({ event: 'API_KEY.REVOKE', targetId: id, targetName: name, old: { name, scopes: given, expiresAt } });
    return { view: viewOf({ ...row, revokedAt: w.at }, w.at), isChanged: true };
  });
  return value;
}

/** The id wins over a name; of several keys of a name the one that was not revoked, then the newest. */
function find(keys: readonly StoredKey[], idOrName: string): StoredKey {
  const id = namedApiKeyId(idOrName);
  const ofName = keys.filter(({ name }) => name === idOrName);
  const found =
    keys.find(key => key.id === id) ?? ofName.find(({ revokedAt }) => revokedAt === null) ?? ofName.at(-1) ?? null;
  if (found) return found;
  const close = nearest(
    idOrName,
    keys.filter(({ revokedAt }) => revokedAt === null).map(({ name }) => name),
  );
  throw noKey(idOrName, close ? `; did you mean "${close}"?` : '');
}

function viewOf(row: StoredKey, at: Date): ApiKeyView {
  const { id, name, createdAt, createdBy, createdByName, expiresAt, revokedAt, lastUsedAt } = row;
  const isExpired = expiresAt !== null && expiresAt <= at;
  return {
    id,
    name,
    prefix: apiKeyPrefix(id),
    scopes: row.scopes,
    state: revokedAt !== null ? 'revoked' : isExpired ? 'expired' : 'active',
    createdAt,
    createdBy,
    createdByName: createdByName ?? createdBy,
    expiresAt,
    revokedAt,
    lastUsedAt,
  };
}

function checkKeyName(name: string): void {
  checkName(name);
  if (namedApiKeyId(name) !== null)
    throw new AppError(
      'invalid',
      'name: one that cannot be taken for the id of a key, which has 12 letters and digits',
    );
}

function checkScopes(given: readonly string[]): Scope[] {
  if (given.length === 0) throw new AppError('invalid', `scope: at least one of ${scopes.join(', ')}`);
  const wrong = given.find(scope => !isScope(scope));
  if (wrong !== undefined) {
    const close = nearest(wrong, scopes);
    throw new AppError(
      'invalid',
      `scope: there is no "${wrong}"${close ? `; did you mean "${close}"?` : `; there is ${scopes.join(', ')}`}`,
    );
  }
  return [...new Set(given.filter(isScope))];
}
