// Answering requests as the console does: paths, authorization, rate limit and faults, in the order in which a real
// request meets them.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Answer, badRequest, jsonAnswer, nginxAnswer, unauthorized, wrongPath } from './answers.ts';
import { createBufferPool } from './body.ts';
import { control } from './control.ts';
import { faultAnswer } from './fault-answers.ts';
import type { Striking } from './fault-pages.ts';
import type { FaultBoard, RequestFacts } from './faults.ts';
import type { Fleet } from './fleet.ts';
import { answerAgents, answerCount, type Read, readQuery } from './pages.ts';
import type { SimulatorToken } from './token.ts';
import { send } from './wire.ts';

/** Requests to the console's paths, by outcome. Control requests do not count. */
export interface RequestCounters {
  total: number;
  /** 200s of GET /agents. */
  pages: number;
  /** Rows in them. */
  rows: number;
  ok: number;
  /** 401 and 403. */
  refused: number;
  throttled: number;
  /** Other statuses from 400 on. */
  failed: number;
  /** Never answered or cut before the headers, by a fault. */
  unanswered: number;
  /** Met by a fault, whatever the outcome. */
  faulted: number;
  byStatus: Record<string, number>;
  /** The last 100 as `METHOD path?query`, newest last. */
  recent: string[];
}

/** Counters that stand at nothing. */
export function noRequests(): RequestCounters {
  return {
    total: 0,
    pages: 0,
    rows: 0,
    ok: 0,
    refused: 0,
    throttled: 0,
    failed: 0,
    unanswered: 0,
    faulted: 0,
    byStatus: {},
    recent: [],
  };
}

const base = '/web/api/v2.1';
const recentKept = 100;
const largestRequest = 65_536;
const buffers = createBufferPool();

/** What answering needs. */
export interface Parts {
  fleet: Fleet;
  board: FaultBoard;
  counters: RequestCounters;
  latencyMs: number;
  gzip: boolean;
  live: boolean;
  log: Log | undefined;
  now: () => Date;
  token: () => SimulatorToken;
  throttled: (key: string) => boolean;
}

/** At most so many requests in any second, for each key. */
export function rateLimit(perSecond: number | null, monotonicMs: () => number): (key: string) => boolean {
  const seen = new Map<string, number[]>();
  return key => {
    if (perSecond === null) return false;
    const at = monotonicMs();
    const recent = (seen.get(key) ?? []).filter(time => at - time < 1_000);
    const full = recent.length >= perSecond;
    if (!full) recent.push(at);
    seen.set(key, recent);
    return full;
  };
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > largestRequest) throw new AppError('invalid', 'the body is too large');
    chunks.push(bytes);
  }
  if (size === 0) return {};
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch {
    throw new AppError('invalid', 'the body is not JSON');
  }
}

function count(counters: RequestCounters, status: number): void {
  counters.byStatus[status] = (counters.byStatus[status] ?? 0) + 1;
  if (status < 400) counters.ok++;
  else if (status === 401 || status === 403) counters.refused++;
  else if (status === 429) counters.throttled++;
  else counters.failed++;
}

/** `ApiToken` in any case: `APIToken` has been seen to work. */
function authorized(header: string | undefined, token: SimulatorToken, now: Date): boolean {
  const given = /^apitoken (\S+)$/i.exec(header ?? '')?.[1];
  return given === token.text && now.getTime() < token.expiresAt.getTime();
}

function tokenDetails(body: unknown, token: SimulatorToken): Answer {
  const data = typeof body === 'object' && body !== null && 'data' in body ? body.data : null;
  const given = typeof data === 'object' && data !== null && 'apiToken' in data ? data.apiToken : null;
  if (given !== token.text) return badRequest('apiToken: Invalid token');
  const whole = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');
  return jsonAnswer({ data: { createdAt: whole(token.createdAt), expiresAt: whole(token.expiresAt) } });
}

function route(method: string, path: string): RequestFacts['target'] | 'status' | null {
  if (method === 'GET' && path === `${base}/agents`) return 'listing';
  if (method === 'GET' && path === `${base}/agents/count`) return 'count';
  if (method === 'POST' && path === `${base}/users/api-token-details`) return 'token';
  if (method === 'GET' && path === `${base}/system/status`) return 'status';
  return null;
}

/** Answers a request to one of the console's paths. */
async function answerConsole(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { board, counters, fleet } = parts;
  const url = request.url ?? '/';
  const [path = '/', search = ''] = url.split('?', 2);
  counters.total++;
  counters.recent.push(`${request.method} ${url}`);
  if (counters.recent.length > recentKept) counters.recent.shift();
  response.setHeader('X-RQID', `sim-${String(counters.total).padStart(8, '0')}`);
  response.setHeader('Server', 'nginx');
  response.setHeader('Cache-Control', 'no-store');
  let striking: Striking = new Map();
  const reply = async (answer: Answer): Promise<void> => {
    count(counters, answer.status);
    if (parts.latencyMs > 0) await sleep(parts.latencyMs);
    await send({ request, response, striking, gzip: parts.gzip }, answer);
  };
  const target = route(request.method ?? 'GET', path);
  if (target === 'status') return reply(jsonAnswer({ data: { health: 'ok' } }));
  if (target === null) return reply(wrongPath());
  if (parts.throttled(request.headers.authorization ?? '')) return reply(nginxAnswer(429, 'Too Many Requests'));
  const body = target === 'token' ? await readBody(request) : null;
  const read: Read = readQuery(target === 'token' ? '' : search);
  const page = read.query?.cursor?.page ?? 1;
  striking = board.strike({ target: target === 'listing' && read.query?.ids ? 'ids' : target, page });
  if (striking.size > 0) counters.faulted++;
  if (striking.has('timeout') || striking.has('cut-before-headers')) {
    counters.unanswered++;
    if (striking.has('cut-before-headers')) request.socket.destroy();
    return;
  }
  const fault = faultAnswer(striking, parts.now());
  if (fault) return reply(fault);
  const token = parts.token();
  if (!authorized(request.headers.authorization, token, parts.now())) return reply(unauthorized());
  if (target === 'token') return reply(tokenDetails(body, token));
  if (!read.query) return reply(badRequest(read.refusal));
  if (parts.live && page === 1) fleet.advanceTo(parts.now());
  if (target === 'count') return reply(answerCount({ fleet, striking, token }, read.query));
  const answered = answerAgents({ fleet, striking, token }, read.query, buffers);
  counters.pages++;
  counters.rows += answered.rows;
  await reply(answered.answer);
  answered.done();
}

/** Answers any request: the console's, or the simulator's own below /simulator. Never throws. */
export async function handle(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  try {
    if (path !== '/simulator' && !path.startsWith('/simulator/')) return await answerConsole(parts, request, response);
    const body = await readBody(request);
    const answer = control(request.method ?? 'GET', path, body, parts) ?? wrongPath();
    await send({ request, response, striking: new Map(), gzip: false }, answer);
  } catch (error) {
    if (!(error instanceof AppError)) parts.log?.error({ err: error }, 'the simulator failed to answer');
    if (response.headersSent) {
      request.socket.destroy();
      return;
    }
    const answer = error instanceof AppError ? badRequest(error.message) : nginxAnswer(500, 'Internal Server Error');
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}
