// Forward-auth: a gateway (nginx's auth_request, Caddy, Traefik, Envoy's ext_authz over HTTP) asks about each request of its users
// and lets it through on 200 alone. Which rule is asked stands in what the gateway's own configuration says: in the path, or in
// the query where the gateway sends no path of its users. docs/gateways.md shows how, config/gateways/ has the files.
import { type IncomingMessage, METHODS } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { callerOf } from '../http/guard.ts';
import { networkTest } from '../http/networks.ts';
import { hasBody, type PlainAnswer } from '../http/short-way.ts';
import type { Log } from '../log.ts';
import { answerHeaders, reasonLine } from './answer-headers.ts';
import { answerBody } from './answers.ts';
import { type Answer, type Asked, type Decider, type GatewayOutcome, outcomeTexts } from './decisions.ts';
import { forwardAuth } from './described.ts';
import { destinationOf, type IdentitySource, identitiesOf, isUsersQuery } from './forwarded.ts';
import { pageHeaders, refusalPage } from './refusal-page.ts';

export interface ForwardAuthParts {
  decider: Decider;
  /** IDENTIFY_BY: how gateways say which device asks. */
  identifyBy: readonly IdentitySource[];
  /** TRUSTED_PROXIES: from elsewhere nothing that stands in a request identifies anything. */
  trustedProxies: readonly string[];
  log: Log;
}

/** What a gateway's own configuration asks. */
interface Question {
  /** Of the route, for the decision log. */
  readonly route: string;
  /** Null: the policy's access rules decide. */
  readonly postures: readonly string[] | null;
}

interface Params {
  /** `healthy`, or several separated by commas. */
  postures?: string;
}

/** 401: nobody knows which device it is. All other denials are 403; nginx makes an error of its own of any other status. */
const unidentified: ReadonlySet<GatewayOutcome> = new Set(['no_device', 'devices_differ']);
const checkPath = '/gateway/check';
const refusalPath = '/gateway/refusal';
const jsonHeaders = ['content-type', 'application/json; charset=utf-8'] as const;
const challenge = 'Device realm="posture-sync"';
const mostTold = 100;
/** Of nobody: headers of an untrusted peer are not even read. */
const nothing = { identities: [], destination: {} } as const;

export function addForwardAuth(server: FastifyInstance, parts: ForwardAuthParts): void {
  for (const method of METHODS) {
    if (method !== 'CONNECT' && !server.supportedMethods.includes(method)) server.addHttpMethod(method);
  }
  // Apart, for its own way with bodies.
  server.register(async scope => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser('*', (_request, payload, done) => {
      payload.resume();
      done(null);
    });
    addRoutes(scope, parts);
  });
}

function addRoutes(server: FastifyInstance, { decider, identifyBy, trustedProxies, log }: ForwardAuthParts): void {
  const isProxy = networkTest(trustedProxies);
  const tellUnbelieved = unbelievedTeller(identifyBy, log);

  const answerTo = (request: IncomingMessage, { route, postures }: Question, callerId: string): PlainAnswer => {
    try {
      const address = request.socket.remoteAddress;
      const isTrusted = isProxy(address);
      if (!isTrusted || identifyBy.length === 0) tellUnbelieved(address);
      const identities = isTrusted ? identitiesOf(request, identifyBy, isProxy) : nothing.identities;
      const by =
        postures === null
          ? { destination: isTrusted ? destinationOf(request.headers) : nothing.destination }
          : { postures };
      const answer = decider.decide({ identities, by, route, callerId } satisfies Asked);
      return answer.allowed && !route.startsWith(refusalPath) ? passing(answer) : refusing(request, answer);
    } catch (error) {
      // Whatever breaks before the decider can say so is a denial too, and no 500.
      log.error({ err: error, route, requestId: request.headers['x-request-id'] }, 'deciding failed');
      return failing();
    }
  };

  const send = (request: FastifyRequest, reply: FastifyReply, question: Question) => {
    endBehindBody(request, reply);
    const { status, headers, body } = answerTo(request.raw, question, callerOf(request).id);
    reply.code(status);
    for (let i = 0; i < headers.length; i += 2) reply.header(headers[i] ?? '', headers[i + 1]);
    server.sendTogether(reply.raw, () => void reply.send(body ?? undefined));
  };

  // An answer is for a gateway, and the page has headers of its own.
  const config = { scope: 'gateway:decide', isBare: true } as const;
  const anyMethod = {
    method: [...server.supportedMethods],
    // A gateway may send its user's body along, of whatever type: nothing here depends on it, not even that there is a type.
    onRequest: (request: FastifyRequest, _reply: FastifyReply, next: () => void) => {
      request.headers['content-type'] = 'application/octet-stream';
      next();
    },
  };

  for (const [path, page] of [
    [checkPath, 'check'],
    [refusalPath, 'refusal'],
  ] as const) {
    server.get(path, { config: { ...config, described: forwardAuth(page, 'query') } }, (request, reply) =>
      send(request, reply, { route: path, postures: queriedPostures(request) }),
    );
    for (const end of ['', '/*']) {
      const [policy, posture] = [`${path}/policy${end}`, `${path}/posture/:postures${end}`];
      server.route({
        ...anyMethod,
        config: { ...config, described: forwardAuth(page, 'policy', end !== '') },
        url: policy,
        handler: (request, reply) => send(request, reply, { route: policy, postures: null }),
      });
      server.route<{ Params: Params }>({
        ...anyMethod,
        config: { ...config, described: forwardAuth(page, 'posture', end !== '') },
        url: posture,
        handler: (request, reply) =>
          send(request, reply, { route: posture, postures: named((request.params.postures ?? '').split(',')) }),
      });
    }
  }
  server.addShortWay({
    scope: 'gateway:decide',
    // Beside the routes themselves: which of them it is would have to be looked up.
    route: `${checkPath} (short way)`,
    read: request => {
      const question = plainQuestion(request);
      return question === null ? null : caller => answerTo(request, question, caller.id);
    },
  });
}

const plainUrl =
  /^\/gateway\/check(?:\?posture=(?<queried>[\w.-]+)|(?<rule>\/policy|\/posture\/(?<named>[\w.,-]{1,512}))(?<path>\/[\w./~-]*)?)?$/;

/** @returns what is asked, as the routes have it; null for a URL that leaves anything to decode */
function plainQuestion({ url = '', headers }: IncomingMessage): Question | null {
  const { groups } = plainUrl.exec(url) ?? {};
  if (groups === undefined) return null;
  const { queried, rule, named: names, path } = groups;
  if (queried !== undefined)
    return { route: checkPath, postures: isUsersQuery(url, headers) ? [] : namedOnce(queried) };
  if (rule === undefined) return { route: checkPath, postures: null };
  const route = `${checkPath}${names === undefined ? rule : '/posture/:postures'}${path === undefined ? '' : '/*'}`;
  return { route, postures: names === undefined ? null : named(names.split(',')) };
}

/** Whoever sets a gateway up gets 401 for everything, and should find out why: it is told once a gateway. */
function unbelievedTeller(identifyBy: readonly IdentitySource[], log: Log): (address: string | undefined) => void {
  const told = new Set<string>();
  return (address = '') => {
    if (told.has(address) || told.size >= mostTold) return;
    told.add(address);
    if (identifyBy.length === 0)
      log.warn({ address }, 'a gateway asks, and IDENTIFY_BY names nothing to recognise devices by');
    else
      log.warn(
        { address },
        'a gateway asks that is not among TRUSTED_PROXIES: nothing that it says of a device counts',
      );
  };
}

function passing(answer: Answer): PlainAnswer {
  return { status: 200, headers: answerHeaders(answer), body: null };
}

/** Also an answer that allows is told as a refusal where nginx asks once more to get something to show. */
function refusing(request: IncomingMessage, answer: Answer): PlainAnswer {
  const isUnidentified = unidentified.has(answer.outcome);
  const headers = answerHeaders(answer);
  headers.push('x-posture-reason', reasonLine(answer));
  if (isUnidentified) headers.push('www-authenticate', challenge);
  const status = isUnidentified ? 401 : 403;
  if (wantsPage(request)) {
    headers.push(...pageHeaders);
    return { status, headers, body: refusalPage(answer) };
  }
  headers.push(...jsonHeaders, 'vary', 'accept', 'x-content-type-options', 'nosniff');
  return { status, headers, body: JSON.stringify({ allowed: answer.allowed, ...answerBody(answer) }) };
}

function failing(): PlainAnswer {
  const outcome = 'internal_error';
  return {
    status: 403,
    headers: [...jsonHeaders, 'cache-control', 'no-store', 'x-posture-outcome', outcome],
    body: JSON.stringify({ allowed: false, outcome, message: outcomeTexts[outcome] }),
  };
}

/**
 * nginx without an empty Content-Length tells the length of a body that it does not send, and the next user's question would be
 * read as that body. So nothing is read behind a question that should have none.
 */
function endBehindBody(request: FastifyRequest, reply: FastifyReply): void {
  const { method } = request;
  if ((method === 'GET' || method === 'HEAD') && hasBody(request)) reply.header('connection', 'close');
}

/** Programs say that they take anything; browsers say that they would rather have a page. */
function wantsPage(request: IncomingMessage): boolean {
  if (request.headers.accept === undefined) return false;
  return new Negotiator(request).mediaTypes(['application/json', 'text/html'])[0] === 'text/html';
}

/** @returns the postures of `?posture=`, null without it: then the policy's access rules decide */
function queriedPostures(request: FastifyRequest): readonly string[] | null {
  const { posture } = request.query as { posture?: string | string[] };
  if (posture === undefined) return null;
  // A posture that a user chose is none.
  if (isUsersQuery(request.url, request.headers)) return [];
  return typeof posture === 'string' ? namedOnce(posture) : named(posture);
}

function named(names: readonly string[]): string[] {
  return names.map(name => (name.startsWith('posture:') ? name : `posture:${name}`));
}

/** A gateway asks for the same posture each time. */
const lists = new Map<string, readonly string[]>();
const mostLists = 1_000;

function namedOnce(name: string): readonly string[] {
  let list = lists.get(name);
  if (list === undefined) {
    list = named([name]);
    if (lists.size < mostLists) lists.set(name, list);
  }
  return list;
}
