// Every refusal and failure as JSON `{message}`: ours, Fastify's, those of a request that is no HTTP, and those of the
// database being away. What is a fault of ours goes to the log, and its text nowhere else.
import type { Socket } from 'node:net';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type AppErrorCode, ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import { requestIdOf } from './request-id.ts';

const statuses: Record<AppErrorCode, number> = {
  invalid: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  gone: 410,
  precondition: 412,
  busy: 503,
};

/** Of every 401. Basic is taken but not named: browsers would ask their users for a password. */
export const challenge = 'Bearer realm="posture-sync"';

/** Lost or refused connections, a server that starts or stops, too many sessions, a lock that was not to be had. */
const databaseAway = /^(ECONNREFUSED|ECONNRESET|ETIMEDOUT|EPIPE|ENOTFOUND|EAI_AGAIN|08\w{3}|57P0[1-3]|53300|55P03)$/;

export function answerFailure(log: Log, error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  if (error instanceof AppError) {
    if (error.code === 'busy') reply.header('retry-after', '1');
    if (error.code === 'unauthorized') reply.header('www-authenticate', challenge);
    reply.code(statuses[error.code]).send({ message: error.message, ...(error.fields && { fields: error.fields }) });
    return;
  }
  // Settings that cannot work, seen before anybody was asked.
  if (error instanceof ProviderError && error.kind === 'settings') {
    reply.code(400).send({ message: error.message });
    return;
  }
  const status = clientErrorStatus(error);
  if (status !== null) {
    reply.code(status).send({ message: clientErrorMessage(error) });
    return;
  }
  const told = { err: error, method: request.method, route: request.routeOptions.url, requestId: request.id };
  if (isDatabaseAway(error)) {
    log.warn(told, 'a request failed without the database');
    const message = 'the database is away or busy; nothing was changed';
    reply.code(503).header('retry-after', '1').send({ message });
    return;
  }
  // Its text may tell of our inside: it goes to the log alone.
  log.error(told, 'a request failed');
  reply.code(500).send({ message: 'internal error' });
}

/** Fastify's own refusals: a body that is no JSON, too large, of another type. */
function clientErrorStatus(error: unknown): number | null {
  if (!(error instanceof Error) || !('statusCode' in error)) return null;
  const status = Number(error.statusCode);
  return status >= 400 && status < 500 ? status : null;
}

/** What may be sent is not the same everywhere: mostly it is JSON. */
function clientErrorMessage(error: unknown): string {
  if (!(error instanceof Error)) return '';
  const isOfOtherType = 'code' in error && error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE';
  return isOfOtherType
    ? `${error.message}: bodies are JSON, sent as application/json, where nothing else is said`
    : error.message;
}

/** drizzle and the pool wrap the driver's error. */
function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if ('code' in error && databaseAway.test(String(error.code))) return true;
  if (/^Connection terminated|^timeout exceeded when trying to connect/.test(error.message)) return true;
  return error.cause !== undefined && isDatabaseAway(error.cause);
}

interface Route {
  pattern: RegExp;
  methods: string[];
  /** How many parts of the path may be anything. */
  open: number;
}

/** Notes the routes that are added from now on. */
export function watchRoutes(server: FastifyInstance): readonly Route[] {
  const routes: Route[] = [];
  server.addHook('onRoute', ({ url, method }) => {
    // What may be anything stands at every second place.
    const pieces = url.split(/(:[A-Za-z_]+|\*)/);
    const open = (pieces.length - 1) / 2;
    const parts = pieces.map(part => {
      if (part === '*') return '.*';
      return part.startsWith(':') ? '[^/]+' : part.replace(/[^\w/]/g, '\\$&');
    });
    routes.push({ pattern: new RegExp(`^${parts.join('')}$`), methods: [method].flat(), open });
  });
  return routes;
}

/** What has no route: 405 where other methods have one, else 404. */
export function answerNowhere(routes: readonly Route[], request: FastifyRequest, reply: FastifyReply): void {
  const [path = ''] = request.url.split('?');
  const matching = routes.filter(({ pattern }) => pattern.test(path));
  // What has a path of its own (`keys/scopes`) is another thing than what else would match it (`keys/:keyId`).
  const open = Math.min(...matching.map(route => route.open));
  const allowed = matching.filter(route => route.open === open).flatMap(({ methods }) => methods);
  if (allowed.length === 0) {
    reply.code(404).send({ message: 'there is nothing here' });
    return;
  }
  const allow = [...new Set(allowed)].sort().join(', ');
  reply
    .code(405)
    .header('allow', allow)
    .send({ message: `${request.method} is not possible here; ${allow} is` });
}

const malformed: Record<string, [status: string, message: string]> = {
  HPE_HEADER_OVERFLOW: ['431 Request Header Fields Too Large', 'the headers are too large'],
  ERR_HTTP_REQUEST_TIMEOUT: ['408 Request Timeout', 'the request did not come in time'],
};

/** A request that cannot be read as HTTP: answered on the bare socket, which is closed. */
export function answerMalformed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const [status, message] = malformed[error.code ?? ''] ?? ['400 Bad Request', 'this is no HTTP request'];
  const body = JSON.stringify({ message });
  const headers = [
    'content-type: application/json; charset=utf-8',
    `content-length: ${body.length}`,
    `x-request-id: ${requestIdOf(undefined)}`,
    'connection: close',
  ];
  socket.end(`HTTP/1.1 ${status}\r\n${headers.join('\r\n')}\r\n\r\n${body}`);
}
