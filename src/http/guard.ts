// Who may ask what. Every route says in its config what scope it needs, or it is not registered; before anything of a
// request is read it is named, identified, limited, and let through or refused, without a query.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { Scope } from '../posture/scopes.ts';
import { isScope } from '../posture/scopes.ts';
import { cookieIn, sessionCookie } from './cookies.ts';
import { presentedKey } from './credentials.ts';
import { challenge } from './errors.ts';
import type { Caller, KeyRing } from './key-ring.ts';
import { type Limiter, requestLimits } from './limits.ts';
import { networkOf } from './networks.ts';
import type { Refusals, Refused } from './refusals.ts';

/** For a route that any key that holds may ask. */
export const anyKey = 'any key';
/** For a route that needs no key: health, and what /.well-known/ tells everybody. */
export const noKey = 'no key';
export type RouteScope = Scope | typeof anyKey | typeof noKey;

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What the key of a request needs. Every route has one. */
    scope?: RouteScope;
    /** What it needs besides. */
    alsoScope?: Scope;
    /** Not limited, and without a key: probes must not fail because somebody else asks much. */
    isProbe?: boolean;
    /** Whoever asks tries to sign in, and may do so less often than ask. */
    isSignIn?: boolean;
    /** A page for people: their browser asks them for a key as user name. */
    asksBrowsers?: boolean;
    /** What the pages ask to learn whether anybody is signed in: that nobody is, is no refusal that anybody must know of. */
    isAskedByPages?: boolean;
  }
  interface FastifyRequest {
    /** Null where the route needs no key; `callerOf` is for all others. */
    caller: Caller | null;
  }
  interface FastifyInstance {
    /** @returns whether the key of a request that was let through still holds: for answers that take long */
    stillHolds(request: FastifyRequest): boolean;
    /**
     * For what a request asks for besides that which its route is for; whoever lacks it is noted, as by the guard.
     * @throws AppError forbidden
     */
    mustHold(request: FastifyRequest, scope: Scope): void;
  }
}

const lacks = ({ session }: Caller, scope: Scope) =>
  `${session?.role == null ? 'the key' : `the role ${session.role}`} lacks the scope "${scope}"`;
/** Health, what tells everybody of us, the admin pages, which hold no data of their own, and what people sign in by. */
const openPaths =
  /^\/(healthz|readyz|\.well-known\/.+|admin|admin\/.*|api\/v2\/(session|sign-in)|sign-in\/openid(\/callback)?|)$/;
/** Where people come with a browser: there a session counts, and nowhere else. */
const pathsOfPeople = /^\/(api\/v2\/|(docs|openapi\.json)($|\?))/;
const browserChallenge = 'Basic realm="posture-sync: an API key as user name, and no password", charset="UTF-8"';
const refusedMessage =
  'an API key that holds is needed, as bearer token or as user name of basic authentication with an empty password';
const signedOutMessage = 'you are not signed in any more: sign in again';

/** @returns whose key the request has. For handlers of routes that need one. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('this route needs no key and has no caller');
  return request.caller;
}

export interface GuardParts {
  keys: Pick<KeyRing, 'identify' | 'stillHolds' | 'sessions'>;
  refusals: Pick<Refusals, 'note'>;
  limiter: Limiter;
}

/**
 * For the short way. A key counts as used and the request is counted, as by the guard.
 * @returns whose request it is, where that key held before on the same connection, still does, has the scope and is within its
 *   limit; else null, and the guard says why
 */
export function callerAtOnce({ keys, limiter }: GuardParts, request: IncomingMessage, scope: Scope): Caller | null {
  const caller = rememberedOn(keys, request);
  if (caller === null || !caller.granted.has(scope)) return null;
  return limiter.take(caller.id, limitOf(scope)) === 0 ? caller : null;
}

function limitOf(scope: RouteScope): number {
  if (scope === 'devices:report') return requestLimits.perReportKey;
  return scope.startsWith('gateway:') ? requestLimits.perGatewayKey : requestLimits.perKey;
}

/** Guards every route that is added from now on, and what has no route. */
export function guard(server: FastifyInstance, parts: GuardParts): void {
  const { keys, refusals, limiter } = parts;
  server.decorateRequest('caller', null);
  server.decorate('stillHolds', request => {
    const { scope = anyKey, alsoScope } = request.routeOptions.config;
    if (request.caller !== null && request.caller.session !== null) return keys.sessions.stillHolds(request.caller);
    const { caller, refusal } = identify(keys, request);
    return refusal === null && lacking(caller, scope, alsoScope) === null;
  });
  server.decorate('mustHold', (request, scope) => {
    const caller = callerOf(request);
    if (caller.granted.has(scope)) return;
    refusals.note({ caller, scope, reason: 'scope', address: request.ip });
    throw new AppError('forbidden', lacks(caller, scope));
  });
  server.addHook('onRoute', ({ url, config }) => checkRoute(url, config ?? {}));
  server.addHook('onRequest', (request, reply, next) => {
    const { scope = anyKey, isProbe = false } = configOf(request);
    if (isProbe && scope === noKey) return next();
    const token = scope === noKey ? null : tokenOf(request);
    if (token === null) return admit(parts, request, reply, next, scope === noKey ? null : identify(keys, request));
    const known = keys.sessions.known(token);
    if (known !== undefined) return admit(parts, request, reply, next, foundBySession(known));
    // Whoever makes tokens up costs a query each: they are counted before.
    const seconds = limiter.take(networkOf(request.ip), requestLimits.perNetwork);
    if (seconds > 0) return void tooMany(reply, seconds);
    keys.sessions.lookUp(token).then(caller => admit(parts, request, reply, next, foundBySession(caller)), next);
  });
}

const configOf = (request: FastifyRequest): FastifyContextConfig => (request.is404 ? {} : request.routeOptions.config);

/** @returns the session's token of a request that sends no key and comes to where sessions count; else null */
function tokenOf({ headers, url }: FastifyRequest): string | null {
  if (headers.authorization !== undefined || headers.cookie === undefined || !pathsOfPeople.test(url)) return null;
  return cookieIn(headers.cookie, sessionCookie);
}

const foundBySession = (caller: Caller | null): Found =>
  caller === null ? { caller, refusal: 'signed out' } : { caller, refusal: null };

/** Counts a request, and lets it through or refuses it. @param found who asks; null where nobody needs to be known */
function admit(
  { limiter, refusals }: GuardParts,
  request: FastifyRequest,
  reply: FastifyReply,
  next: (error?: Error) => void,
  found: Found | null,
): void {
  const { scope = anyKey, alsoScope, isSignIn, asksBrowsers, isAskedByPages } = configOf(request);
  const caller = found?.refusal === null ? found.caller : null;
  const network = networkOf(request.ip);
  const seconds = caller
    ? limiter.take(caller.id, limitOf(scope))
    : limiter.take(network, requestLimits.perNetwork) ||
      (isSignIn ? limiter.take(`sign-in ${network}`, requestLimits.signInsPerNetwork) : 0);
  if (seconds > 0) {
    tooMany(reply, seconds);
    return;
  }
  if (found !== null && caller === null) {
    const asking = asksBrowsers ? browserChallenge : challenge;
    const { refusal } = found;
    const isNobody = refusal === 'missing' && isAskedByPages === true;
    // Sessions end every day, and whoever comes back with one, or to sign in, attacks nothing.
    if (refusal === 'signed out') unauthorized(reply, asking, signedOutMessage);
    else if (isNobody) unauthorized(reply, asking);
    else {
      refusals.note({ caller: found.caller, scope: null, reason: refusal ?? 'missing', address: request.ip });
      unauthorized(reply, asking);
    }
    return;
  }
  const missing = caller === null ? null : lacking(caller, scope, alsoScope);
  if (caller !== null && missing !== null) {
    refusals.note({ caller, scope: missing, reason: 'scope', address: request.ip });
    reply.code(403).send({ message: lacks(caller, missing) });
    return;
  }
  request.caller = caller;
  next();
}

function lacking({ granted }: Caller, scope: RouteScope, alsoScope: Scope | undefined): Scope | null {
  if (scope !== anyKey && scope !== noKey && !granted.has(scope)) return scope;
  return alsoScope !== undefined && !granted.has(alsoScope) ? alsoScope : null;
}

/** @throws Error for a route that does not say what it needs: a fault of ours, found when the service starts */
function checkRoute(url: string, { scope, isProbe }: FastifyContextConfig): void {
  if (scope === undefined || !(scope === anyKey || scope === noKey || isScope(scope)))
    throw new Error(`the route ${url} does not say in its config which scope it needs`);
  if (scope === noKey && !openPaths.test(url)) throw new Error(`the route ${url} must need a key`);
  if (isProbe && scope !== noKey) throw new Error(`the route ${url} needs a key and so is no probe`);
}

type Found =
  | ReturnType<KeyRing['identify']>
  | { caller: null; refusal: Extract<Refused['reason'], 'missing' | 'malformed'> | 'signed out' };

/** By connection: the header that was right, and whose it was. A gateway sends the same one a million times. */
const remembered = new WeakMap<Socket, { header: string; caller: Caller }>();

/** @returns whose key the same connection had before, if it is presented again and still holds */
function rememberedOn(keys: GuardParts['keys'], { headers, socket }: IncomingMessage): Caller | null {
  const last = remembered.get(socket);
  if (last === undefined || headers.authorization === undefined) return null;
  return isSame(last.header, headers.authorization) && keys.stillHolds(last.caller) ? last.caller : null;
}

function identify(keys: GuardParts['keys'], { headers: { authorization }, raw }: FastifyRequest): Found {
  const known = rememberedOn(keys, raw);
  if (known !== null) return { caller: known, refusal: null };
  const presented = presentedKey(authorization);
  if (typeof presented === 'string') return { caller: null, refusal: presented };
  const found = keys.identify(presented.key);
  if (found.refusal === null && authorization !== undefined)
    remembered.set(raw.socket, { header: authorization, caller: found.caller });
  return found;
}

/** In a time that hangs on the length of what was presented alone: behind a proxy several clients may share a connection. */
function isSame(right: string, presented: string): boolean {
  let difference = right.length ^ presented.length;
  for (let i = 0; i < presented.length; i++) difference |= presented.charCodeAt(i) ^ right.charCodeAt(i % right.length);
  return difference === 0;
}

/** One answer for every reason, so that it tells nobody whether a key ever held. */
function unauthorized(reply: FastifyReply, asking: string, message = refusedMessage): void {
  reply.code(401).header('www-authenticate', asking).send({ message });
}

/** Answers 429. @param seconds after which to come back */
export function tooMany(reply: FastifyReply, seconds: number): FastifyReply {
  return reply
    .code(429)
    .header('retry-after', String(seconds))
    .send({ message: `too many requests: retry in ${seconds} s` });
}
