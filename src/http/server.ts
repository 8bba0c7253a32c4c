// The HTTP server: security headers, JSON errors, health, a stop that lets answers finish. It knows no route beyond health.
import helmet from '@fastify/helmet';
import { type FastifyInstance, fastify } from 'fastify';
import { AppError, type AppErrorCode } from '../errors.ts';
import type { Log } from '../log.ts';

export interface ServerOptions {
  log: Log;
  /** TRUSTED_PROXIES: addresses whose forwarded headers count. */
  trustedProxies: readonly string[];
  /** @returns why requests should go elsewhere for now; nothing when all is well */
  unreadiness(): Promise<string[]>;
}

export interface RunningServer {
  /** Where it listens. */
  url: string;
  /** Takes no more requests, waits for answers under way at most 3 s, and cuts what is left. */
  stop(): Promise<void>;
}

const statuses: Record<AppErrorCode, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  busy: 503,
};

const stopWithinMs = 3_000;

/** @returns a server that does not listen yet; routes are added to it before it does */
export async function createServer({ log, trustedProxies, unreadiness }: ServerOptions): Promise<FastifyInstance> {
  const server = fastify({
    logger: false,
    trustProxy: trustedProxies.length > 0 ? [...trustedProxies] : false,
    bodyLimit: 1024 * 1024,
    requestTimeout: 30_000,
  });
  await server.register(helmet);
  server.setNotFoundHandler(async (_request, reply) => {
    await reply.code(404).send({ message: 'there is nothing here' });
  });
  server.setErrorHandler(async (error, request, reply) => {
    if (error instanceof AppError) {
      if (error.code === 'busy') reply.header('retry-after', '1');
      return await reply.code(statuses[error.code]).send({ message: error.message });
    }
    const status = clientErrorStatus(error);
    if (status !== null) return await reply.code(status).send({ message: error instanceof Error ? error.message : '' });
    // Its text may tell of our inside: it goes to the log alone.
    log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'a request failed');
    return await reply.code(500).send({ message: 'internal error' });
  });
  server.get('/healthz', async () => ({ status: 'ok' }));
  server.get('/readyz', async (_request, reply) => {
    const reasons = await unreadiness();
    if (reasons.length === 0) return { status: 'ready' };
    return await reply.code(503).header('retry-after', '5').send({ status: 'not ready', reasons });
  });
  return server;
}

/** Fastify's own refusals: a body that is no JSON, too large, of another type. */
function clientErrorStatus(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  const status = Number(error.statusCode);
  return status >= 400 && status < 500 ? status : null;
}

/** @throws AppError conflict when the address cannot be listened on */
export async function listen(server: FastifyInstance, host: string, port: number): Promise<RunningServer> {
  try {
    await server.listen({ host, port });
  } catch (error) {
    await server.close();
    const code = error instanceof Error && 'code' in error ? String(error.code) : '';
    const reason = {
      EADDRINUSE: 'it is taken',
      EACCES: 'that is not allowed',
      EADDRNOTAVAIL: 'no such address is here',
    };
    if (!(code in reason)) throw error;
    throw new AppError(
      'conflict',
      `cannot listen on ${host} port ${port}: ${reason[code as keyof typeof reason]}; set HOST and PORT to others`,
    );
  }
  const address = server.server.address();
  const actual = typeof address === 'object' && address !== null ? address.port : port;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}`,
    stop: async () => {
      const cut = setTimeout(() => server.server.closeAllConnections(), stopWithinMs);
      await server.close();
      clearTimeout(cut);
    },
  };
}
