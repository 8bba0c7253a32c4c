// The HTTP server: names and guards every request, answers errors as JSON, tells its health, and stops in a way that lets
// answers finish. It knows no route beyond health.
import type { IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { type FastifyInstance, type FastifyReply, type FastifyRequest, fastify } from 'fastify';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { healthDescribed, readinessDescribed } from './described.ts';
import { answerFailure, answerMalformed, answerNowhere, watchRoutes } from './errors.ts';
import { callerAtOnce, type GuardParts, guard, noKey } from './guard.ts';
import type { KeyRing } from './key-ring.ts';
import { createLatencies, type Latencies } from './latencies.ts';
import { createLimiter, type Limiter } from './limits.ts';
import type { Refusals } from './refusals.ts';
import { requestIdOf } from './request-id.ts';
import { securityHeaders } from './security-headers.ts';
import { createShortWays } from './short-way.ts';
import { createSendTogether } from './together.ts';

export interface ServerOptions {
  log: Log;
  /** TRUSTED_PROXIES: addresses whose forwarded headers count. */
  trustedProxies: readonly string[];
  keys: Pick<KeyRing, 'identify' | 'stillHolds' | 'sessions'>;
  refusals: Pick<Refusals, 'note'>;
  limiter?: Limiter;
  /** Path of PUBLIC_URL, '' for none: what a proxy leaves of it before our own paths is taken off. */
  under?: string;
  /** @returns why requests should go elsewhere for now; nothing when all is well */
  unreadiness(): Promise<string[]>;
  /** Called before any route is there, for what notes them all. */
  describe?(server: FastifyInstance): Promise<void>;
}

export interface RunningServer {
  /** Where it listens. */
  url: string;
  /**
   * Says that it is not ready and goes on answering for `drainMs`; then takes no more requests, waits for answers under
   * way at most 3 s, and cuts what is left.
   */
  stop(): Promise<void>;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Aborted by a stop: then it is not ready any more, every answer closes its connection, and streams should end. */
    stopping: AbortSignal;
    /** How long answers took. */
    latencies: Latencies;
  }
}

const stopWithinMs = 3_000;
/** A connection may be quiet for longer than load balancers keep theirs, so that it is never us who close it under a request. */
const timeouts = { keepAliveTimeout: 72_000, requestTimeout: 30_000 };
const stoppers = new WeakMap<FastifyInstance, () => void>();

/** @returns a server that does not listen yet; routes are added to it before it does */
export async function createServer(options: ServerOptions): Promise<FastifyInstance> {
  const { log, trustedProxies, unreadiness, under = '' } = options;
  const guarding: GuardParts = { limiter: createLimiter(), ...options };
  const stopping = new AbortController();
  const sendTogether = createSendTogether(log);
  const latencies = createLatencies();
  const shortWays = createShortWays({
    callerAtOnce: (request, scope) => callerAtOnce(guarding, request, scope),
    isOpen: () => !stopping.signal.aborted,
    sendTogether,
    latencies,
  });
  const server = fastify({
    logger: false,
    serverFactory: serve => shortWays.serverFor(serve, timeouts),
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    bodyLimit: 1024 * 1024,
    rewriteUrl: (request: IncomingMessage) => withoutPrefix(request.url ?? '/', under),
    // Ids of devices stand in paths, and may be long.
    routerOptions: { maxParamLength: 512 },
    // Those who still come while it closes get their answer.
    return503OnClosing: false,
    genReqId: request => requestIdOf(request.headers['x-request-id']),
    frameworkErrors: (error, request, reply) => {
      nameAnswer(request, reply);
      answerFailure(log, error, request, reply);
    },
    clientErrorHandler: answerMalformed,
  });
  stoppers.set(server, () => stopping.abort());
  server.decorate('stopping', stopping.signal);
  server.addHook('onRequest', (request, reply, next) => {
    nameAnswer(request, reply);
    if (stopping.signal.aborted) reply.header('connection', 'close');
    next();
  });
  server.decorate('latencies', latencies);
  server.addHook('onResponse', ({ is404, routeOptions, method }, reply, next) => {
    latencies.note((is404 ? null : routeOptions.url) ?? 'none', method, reply.statusCode, reply.elapsedTime);
    next();
  });
  guard(server, guarding);
  server.decorate('sendTogether', sendTogether);
  server.decorate('addShortWay', way => shortWays.add(way));
  const routes = watchRoutes(server);
  // Before a body is read, which nobody wants, and whose faults would be told instead.
  server.addHook('onRequest', (request, reply, next) => {
    if (request.is404) answerNowhere(routes, request, reply);
    else next();
  });
  server.setNotFoundHandler((request, reply) => answerNowhere(routes, request, reply));
  server.setErrorHandler((error, request, reply) => answerFailure(log, error, request, reply));
  await options.describe?.(server);
  addHealth(server, once(unreadiness));
  return server;
}

/** Some proxies take the prefix off by themselves, some do not. */
function withoutPrefix(url: string, under: string): string {
  if (under === '' || !url.startsWith(under)) return url;
  const rest = url.slice(under.length);
  if (rest === '' || rest.startsWith('?')) return `/${rest}`;
  return rest.startsWith('/') ? rest : url;
}

function nameAnswer(request: FastifyRequest, reply: FastifyReply): void {
  if (request.routeOptions.config?.isBare !== true) reply.headers(securityHeaders);
  reply.header('x-request-id', request.id);
}

function addHealth(server: FastifyInstance, unreadiness: () => Promise<string[]>): void {
  const config = { scope: noKey, isProbe: true } as const;
  server.get('/healthz', { config: { ...config, described: healthDescribed } }, async () => ({ status: 'ok' }));
  server.get('/readyz', { config: { ...config, described: readinessDescribed } }, async (_request, reply) => {
    const reasons = server.stopping.aborted ? ['the service stops'] : await unreadiness();
    if (reasons.length === 0) return { status: 'ready' };
    return await reply.code(503).header('retry-after', '5').send({ status: 'not ready', reasons });
  });
}

/** Everybody may ask whether it is ready: those who ask at once share one look. */
function once<T>(look: () => Promise<T>): () => Promise<T> {
  let looking: Promise<T> | null = null;
  return () => {
    looking ??= look().finally(() => {
      looking = null;
    });
    return looking;
  };
}

/**
 * @param drainMs how long it goes on answering once it has said that it is not ready: for load balancers to notice
 * @throws AppError conflict when the address cannot be listened on
 */
export async function listen(
  server: FastifyInstance,
  host: string,
  port: number,
  { drainMs = 0 } = {},
): Promise<RunningServer> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    throw notListening(error, host, port);
  }
  const address = server.server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    stop: async () => {
      stoppers.get(server)?.();
      await sleep(drainMs);
      const cut = setTimeout(() => server.server.closeAllConnections(), stopWithinMs);
      // Connections whose last answer began before the stop are idle once it is out, and nobody else closes them.
      const idle = setInterval(() => server.server.closeIdleConnections(), 50);
      await server.close();
      clearTimeout(cut);
      clearInterval(idle);
    },
  };
}

function notListening(error: unknown, host: string, port: number): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  const reason = {
    EADDRINUSE: 'it is taken',
    EACCES: 'that is not allowed',
    EADDRNOTAVAIL: 'no such address is here',
  };
  if (!(code in reason)) return error;
  return new AppError(
    'conflict',
    `cannot listen on ${host} port ${port}: ${reason[code as keyof typeof reason]}; set HOST and PORT to others`,
  );
}
