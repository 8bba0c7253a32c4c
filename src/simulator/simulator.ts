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
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AppError } from '../errors.ts';
import type { Log } from '../log.ts';
import { type ChurnRates, churnAtPace } from './churn.ts';
import { handle, noRequests, type Parts, type RequestCounters, rateLimit } from './console.ts';
import { checkFault, createFaultBoard, type FaultName, type FaultOptions, parseFault } from './faults.ts';
import { createFleet, type Fleet } from './fleet.ts';
import { makeToken, type TokenOptions } from './token.ts';

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

/** 5,000 ids stand in the query of a GET: 100 KB, where Node allows 16. */
const largestHead = 262_144;

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
  const counters = noRequests();
  const perSecond = options.requestsPerSecond === undefined ? 25 : options.requestsPerSecond;
  const parts: Parts = {
    fleet,
    board,
    counters,
    latencyMs: options.latencyMs ?? 0,
    gzip: options.gzip ?? true,
    live: options.live ?? false,
    log: options.log,
    now,
    token: () => token,
    throttled: rateLimit(perSecond, options.monotonicMs ?? (() => performance.now())),
  };
  const server = createServer(
    { keepAliveTimeout: 60_000, maxHeaderSize: largestHead },
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

/** What the command line gives. */
export interface StartOptions {
  agents: number;
  seed: number;
  /** 0 or absent for a free one. */
  port?: number;
  latencyMs?: number;
  /** As `--fault` has them, for example `throttled:times=2`. */
  faults?: readonly string[];
  /** 0 switches the limit off. */
  requestsPerSecond?: number;
  gzip?: boolean;
  /** How fast things happen: 1 as in a usual organisation, 0 not at all. */
  pace?: number;
  log?: Log;
}

/**
 * Starts a console whose fleet lives: at the start of each sweep it moves on to the present. For a command; tests use
 * `createSimulator`. Throws AppError `invalid` for figures out of range and unknown faults.
 */
export async function startSimulator(options: StartOptions): Promise<Simulator> {
  const { agents, seed, port = 0, latencyMs = 0, requestsPerSecond, pace = 1, faults = [], gzip = true, log } = options;
  const inRange = (name: string, value: number, high: number): void => {
    if (!(value >= 0 && value <= high)) throw new AppError('invalid', `${name} must be a number from 0 to ${high}`);
  };
  inRange('agents', agents, 2_000_000);
  inRange('seed', seed, 1_000_000);
  inRange('port', port, 65_535);
  inRange('latency', latencyMs, 600_000);
  inRange('pace', pace, 1_000);
  return createSimulator({
    agents,
    seed,
    port,
    latencyMs,
    faults,
    gzip,
    live: true,
    churn: churnAtPace(pace),
    ...(requestsPerSecond === undefined
      ? {}
      : { requestsPerSecond: requestsPerSecond === 0 ? null : requestsPerSecond }),
    ...(log ? { log } : {}),
  });
}
