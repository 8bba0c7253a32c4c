// The short way of a request, past the router: for what gateways ask at each request of their users, where carrying a question and
// its answer takes longer than deciding. It takes only what leaves nothing to think about: a GET without a body, by a key that
// held before on the same connection, within its limits. All else goes the usual way, which has every rule and every refusal.
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { Scope } from '../posture/scopes.ts';
import type { Caller } from './key-ring.ts';
import type { Latencies } from './latencies.ts';
import { requestIdOf } from './request-id.ts';
import type { SendTogether } from './together.ts';

/** An answer before it is sent, by either way. */
export interface PlainAnswer {
  readonly status: number;
  /** Each name, in lower case, followed by its value. */
  readonly headers: string[];
  /** Its type stands in the headers. */
  readonly body: string | null;
}

export interface ShortWay {
  /** What the key needs. */
  readonly scope: Scope;
  /** What its answers are counted under. */
  readonly route: string;
  /** @returns what gives the answer, or null for a request that should go the usual way; nothing has happened then */
  read(request: IncomingMessage): ((caller: Caller) => PlainAnswer) | null;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Adds a short way beside routes that answer the same; there is one at most. */
    addShortWay(way: ShortWay): void;
  }
}

export interface ShortWays {
  add(way: ShortWay): void;
  /** @returns a server that tries the short way first @param serve the usual way */
  serverFor(serve: RequestListener, timeouts: Pick<Server, 'keepAliveTimeout' | 'requestTimeout'>): Server;
}

export interface ShortWayParts {
  /** @returns whose request it is, when that needs no second look; a request is counted by asking */
  callerAtOnce(request: IncomingMessage, scope: Scope): Caller | null;
  /** Whether it may be taken at all now. */
  isOpen(): boolean;
  sendTogether: SendTogether;
  latencies: Pick<Latencies, 'byTurn'>;
}

export function createShortWays({ callerAtOnce, isOpen, sendTogether, latencies }: ShortWayParts): ShortWays {
  let way: ShortWay | null = null;
  let counter = latencies.byTurn('');
  const isTaken = (request: IncomingMessage, response: ServerResponse): boolean => {
    if (way === null || request.method !== 'GET' || hasBody(request) || !isOpen()) return false;
    const answerTo = way.read(request);
    const caller = answerTo === null ? null : callerAtOnce(request, way.scope);
    if (answerTo === null || caller === null) return false;
    counter.begin();
    const { status, headers, body } = answerTo(caller);
    counter.count(status);
    headers.push('x-request-id', requestIdOf(request.headers['x-request-id']));
    headers.push('content-length', body === null ? '0' : String(Buffer.byteLength(body)));
    sendTogether(response, () => {
      counter.end();
      response.writeHead(status, headers).end(body ?? undefined);
    });
    return true;
  };
  return {
    add(added) {
      way = added;
      counter = latencies.byTurn(added.route);
    },
    serverFor(serve, { keepAliveTimeout, requestTimeout }) {
      const server = createServer((request, response) => {
        if (!isTaken(request, response)) serve(request, response);
      });
      return Object.assign(server, { keepAliveTimeout, requestTimeout });
    },
  };
}

/** Whether a request tells of a body. */
export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  const { 'content-length': length } = headers;
  return (length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined;
}
