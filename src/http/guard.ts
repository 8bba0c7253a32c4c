// Who may ask what. Every route says in its config what scope it needs, or it is not registered; before anything of a
// request is read it is named, identified, limited, and let through or refused, without a query.
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import type { Scope } from '../posture/scopes.ts';
import { isScope } from '../posture/scopes.ts';
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
    /** A page for people: their browser asks them for a key as user name. */
    asksBrowsers?: boolean;
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

const lacks = (scope: Scope) => `the key lacks the scope "${scope}"`;
/** Health, what tells everybody of us, and the admin pages, which hold no data of their own. */
const openPaths = /^\/(healthz|readyz|\.well-known\/.+|admin|admin\/.*|)$/;
const browserChallenge = 'Basic realm="posture-sync: an API key as user name, and no password", charset="UTF-8"';
const refusedMessage =
  'an API key that holds is needed, as bearer token or as user name of basic authentication with an empty password';

/** @returns whose key the request has. For handlers of routes that need one. */
export function callerOf(request: FastifyRequest): Caller {
  if (request.caller === null) throw new Error('this route needs no key and has no caller');
  return request.caller;
}

export interface GuardParts {
  keys: Pick<KeyRing, 'identify' | 'stillHolds'>;
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
export function guard(server: FastifyInstance, { keys, refusals, limiter }: GuardParts): void {
  server.decorateRequest('caller', null);
  server.decorate('stillHolds', request => {
    const { scope = anyKey, alsoScope } = request.routeOptions.config;
    const { caller, refusal } = identify(keys, request);
    return refusal === null && lacking(caller, scope, alsoScope) === null;
  });
  server.decorate('mustHold', (request, scope) => {
    const caller = callerOf(request);
    if (caller.granted.has(scope)) return;
    refusals.note({ caller, scope, reason: 'scope', address: request.ip });
    throw new AppError('forbidden', lacks(scope));
  });
  server.addHook('onRoute', ({ url, config }) => checkRoute(url, config ?? {}));
  server.addHook('onRequest', (request, reply, next) => {
    const { scope = anyKey, alsoScope, isProbe = false } = request.is404 ? {} : request.routeOptions.config;
    if (isProbe && scope === noKey) return next();
    const found = scope === noKey ? null : identify(keys, request);
    const caller = found?.refusal === null ? found.caller : null;
    const seconds = caller
      ? limiter.take(caller.id, limitOf(scope))
      : limiter.take(networkOf(request.ip), requestLimits.perNetwork);
    if (seconds > 0) {
      tooMany(reply, seconds);
      return;
    }
    if (scope === noKey) return next();
    if (caller === null) {
      const reason = found?.refusal ?? 'missing';
      refusals.note({ caller: found?.caller ?? null, scope: null, reason, address: request.ip });
      return unauthorized(reply, request.routeOptions.config.asksBrowsers ? browserChallenge : challenge);
    }
    const missing = lacking(caller, scope, alsoScope);
    if (missing !== null) {
      refusals.note({ caller, scope: missing, reason: 'scope', address: request.ip });
      reply.code(403).send({ message: lacks(missing) });
      return;
    }
    request.caller = caller;
    next();
  });
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
  | { caller: null; refusal: Extract<Refused['reason'], 'missing' | 'malformed'> };

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
function unauthorized(reply: FastifyReply, asking: string): void {
  reply.code(401).header('www-authenticate', asking).send({ message: refusedMessage });
}

/** Answers 429. @param seconds after which to come back */
export function tooMany(reply: FastifyReply, seconds: number): FastifyReply {
  return reply
    .code(429)
    .header('retry-after', String(seconds))
    .send({ message: `too many requests: retry in ${seconds} s` });
}
