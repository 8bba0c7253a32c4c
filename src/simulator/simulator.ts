// A faithful fake of a SentinelOne console for the demo, tests and the bench: GET /web/api/v2.1/agents with its paging,
// limits and error bodies, /agents/count, /users/api-token-details and /system/status, over a seeded fleet.
//
// Where it differs from the real console:
// - It speaks plain HTTP on loopback, answers with Content-Length instead of chunks, and in a millisecond instead of 1.4 s.
// - A cursor carries its page's number, which faults at page n need; a wrong cursor is answered 400 (not documented).
// - Of some 200 query names it knows those in query.ts (others are 400, as unknown ones are), of 90 sort names 14.
// - isDecommissioned and isUninstalled that are not given mean False; the real default is not documented.
// - The rate limit is at most 25 requests in any second of a token. The vendor says 25 a second without burst, which a
//   stricter server may read as one every 40 ms.
// - Totals are exact; an agent's threats, groups and tags do not exist as resources of their own.
// - Times between agents are spread evenly; the real console writes last contacts in batches.
// - Ids grow with the installation's counter; they encode no time.
// - /simulator and what is below it are not the console's (see control.ts).
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Answer, badRequest, jsonAnswer, nginxAnswer, unauthorized, wrongPath } from './answers.ts';
import { createBufferPool } from './body.ts';
import type { ChurnRates } from './churn.ts';
import { control } from './control.ts';
import { faultAnswer } from './fault-answers.ts';
import type { Striking } from './fault-pages.ts';
import {
  checkFault,
  createFaultBoard,
  type FaultBoard,
  type FaultName,
  type FaultOptions,
  parseFault,
  type RequestFacts,
} from './faults.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { answerAgents, answerCount, type Read, readQuery } from './pages.ts';
import { makeToken, type SimulatorToken, type TokenOptions } from './token.ts';
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
  /** Met by a fault, whatever the outcome. */
  faulted: number;
  byStatus: Record<string, number>;
  /** The last 100 as `METHOD path?query`, newest last. */
  recent: string[];
}

export interface SimulatorOptions {
  /** The fleet to show; made of `agents` and `seed` if not given. */
  fleet?: Fleet;
  agents?: number;
  seed?: number;
  churn?: ChurnRates;
  /** A free port if not given. */
  port?: number;
  /** Before each answer, in ms. */
  latencyMs?: number;
  /** 25 if not given; null switches the limit off. */
  requestsPerSecond?: number | null;
  token?: string | TokenOptions;
  /** Faults that are on from the start: names with options, or as the command line has them. */
  faults?: readonly (string | { name: FaultName; options?: FaultOptions })[];
  /** Whether bodies are compressed for clients that ask; true if not given. */
  gzip?: boolean;
  /** Whether the fleet moves on to `now()` at each first page, so that it changes without any timer. */
  live?: boolean;
  log?: Log;
  now?: () => Date;
  /** Milliseconds for the rate limit; the process's own clock if not given. */
  monotonicMs?: () => number;
}

export interface Simulator {
  /** Base URL without trailing slash. */
  readonly url: string;
  readonly token: string;
  readonly fleet: Fleet;
  readonly requests: RequestCounters;
  setFault(name: FaultName, options?: FaultOptions): void;
  /** One fault, or all of them. */
  clearFaults(name?: FaultName): void;
  /** Takes another token from now on, as when an administrator replaces an expired one. */
  replaceToken(token?: string | TokenOptions): string;
  /** Ends all connections. */
  close(): Promise<void>;
}

const base = '/web/api/v2.1';
const recentKept = 100;
const largestRequest = 65_536;

interface Parts {
  fleet: Fleet;
  board: FaultBoard;
  counters: RequestCounters;
  options: SimulatorOptions;
  now: () => Date;
  token: () => SimulatorToken;
  throttled: (key: string) => boolean;
}

/** At most so many requests in any second, for each key. */
function rateLimit(perSecond: number | null, monotonicMs: () => number): (key: string) => boolean {
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
  const { board, counters, fleet, options } = parts;
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
    if (options.latencyMs) await sleep(options.latencyMs);
    await send({ request, response, striking, gzip: options.gzip ?? true }, answer);
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
  const fault = faultAnswer(striking, parts.now());
  if (fault) return reply(fault);
  const token = parts.token();
  if (!authorized(request.headers.authorization, token, parts.now())) return reply(unauthorized());
  if (target === 'token') return reply(tokenDetails(body, token));
  if (!read.query) return reply(badRequest(read.refusal));
  if (options.live && page === 1) fleet.advanceTo(parts.now());
  if (target === 'count') return reply(answerCount({ fleet, striking, token }, read.query));
  const answered = answerAgents({ fleet, striking, token }, read.query, buffers);
  counters.pages++;
  counters.rows += answered.rows;
  await reply(answered.answer);
  answered.done();
}

const buffers = createBufferPool();

async function handle(parts: Parts, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '/').split('?', 1)[0] ?? '/';
  try {
    if (path !== '/simulator' && !path.startsWith('/simulator/')) return await answerConsole(parts, request, response);
    const body = await readBody(request);
    const answer = control(request.method ?? 'GET', path, body, parts) ?? wrongPath();
    await send({ request, response, striking: new Map(), gzip: false }, answer);
  } catch (error) {
    if (!(error instanceof AppError)) parts.options.log?.error({ err: error }, 'the simulator failed to answer');
    if (response.headersSent) {
      request.socket.destroy();
      return;
    }
    const answer = error instanceof AppError ? badRequest(error.message) : nginxAnswer(500, 'Internal Server Error');
    response.writeHead(answer.status, answer.headers).end(answer.body);
  }
}

async function listen(server: Server, port: number): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return (server.address() as AddressInfo).port;
}

/**
 * Starts a simulated console on loopback. Throws AppError `invalid` for an unknown fault, and what `listen` throws when
 * the port is taken.
 */
export async function createSimulator(options: SimulatorOptions = {}): Promise<Simulator> {
  const now = options.now ?? (() => new Date());
  const seed = options.seed ?? 1;
  const fleet =
    options.fleet ??
    createFleet({ agents: options.agents ?? 500, seed, now, ...(options.churn ? { churn: options.churn } : {}) });
  const board = createFaultBoard();
  for (const fault of options.faults ?? []) {
    const { name, options: given } =
      typeof fault === 'string' ? parseFault(fault) : checkFault(fault.name, { ...fault.options });
    board.set(name, given);
  }
  let token = makeToken(options.token ?? {}, seed, now());
  const counters: RequestCounters = {
    total: 0,
    pages: 0,
    rows: 0,
    ok: 0,
    refused: 0,
    throttled: 0,
    failed: 0,
    faulted: 0,
    byStatus: {},
    recent: [],
  };
  const perSecond = options.requestsPerSecond === undefined ? 25 : options.requestsPerSecond;
  const parts: Parts = {
    fleet,
    board,
    counters,
    options,
    now,
    token: () => token,
    throttled: rateLimit(perSecond, options.monotonicMs ?? (() => performance.now())),
  };
  const server = createServer(
    { keepAliveTimeout: 60_000 },
    (request, response) => void handle(parts, request, response),
  );
  const port = await listen(server, options.port ?? 0);
  const url = `http://127.0.0.1:${port}`;
  options.log?.info({ url, agents: fleet.listed(), seed: fleet.seed }, 'simulator listens');
  return {
    url,
    get token() {
      return token.text;
    },
    fleet,
    requests: counters,
    setFault: (name, given) => board.set(name, given),
    clearFaults: name => board.clear(name),
    replaceToken: replacement => {
      token = makeToken(replacement ?? {}, seed + counters.total + 1, now());
      return token.text;
    },
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
