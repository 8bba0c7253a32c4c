// Forward-auth: a gateway (nginx's auth_request, Caddy, Traefik, Envoy's ext_authz over HTTP) asks about each request of its users
// and lets it through on 200 alone. Which rule is asked stands in what the gateway's own configuration says: in the path, or in
// the query where the gateway sends no path of its users. docs/gateways.md shows how, config/gateways/ has the files.
import { METHODS } from 'node:http';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import Negotiator from 'negotiator';
import { callerOf } from '../http/guard.ts';
import { networkTest } from '../http/networks.ts';
import type { Log } from '../log.ts';
import { answerHeaders, reasonLine } from './answer-headers.ts';
import { answerBody } from './answers.ts';
import { type Answer, type Asked, type Decider, type GatewayOutcome, outcomeTexts } from './decisions.ts';
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

interface Params {
  /** `healthy`, or several separated by commas. */
  postures?: string;
}

/** 401: nobody knows which device it is. All other denials are 403; nginx makes an error of its own of any other status. */
const unidentified: ReadonlySet<GatewayOutcome> = new Set(['no_device', 'devices_differ']);
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

  const answerTo = (request: FastifyRequest, route: string, postures: readonly string[] | null): Answer => {
    const { raw } = request;
    const isTrusted = isProxy(raw.socket.remoteAddress);
    if (!isTrusted || identifyBy.length === 0) tellUnbelieved(raw.socket.remoteAddress);
    const identities = isTrusted ? identitiesOf(raw, identifyBy, isProxy) : nothing.identities;
    const by =
      postures === null ? { destination: isTrusted ? destinationOf(raw.headers) : nothing.destination } : { postures };
    const asked: Asked = { identities, by, route, callerId: callerOf(request).id };
    return decider.decide(asked);
  };

  const routeOptions = {
    // An answer is for a gateway, and the page has headers of its own.
    config: { scope: 'gateway:decide', isBare: true },
    // Whatever breaks before the decider can say so is a denial too, and no 500.
    errorHandler: (error: Error, request: FastifyRequest, reply: FastifyReply) => {
      log.error({ err: error, route: request.routeOptions.url, requestId: request.id }, 'deciding failed');
      const message = outcomeTexts.internal_error;
      const outcome = 'internal_error';
      reply.code(403).header('cache-control', 'no-store').header('x-posture-outcome', outcome);
      reply.send({ allowed: false, outcome, message });
    },
  } as const;

  const anyMethod = {
    ...routeOptions,
    method: [...server.supportedMethods],
    // A gateway may send its user's body along, of whatever type: nothing here depends on it, not even that there is a type.
    onRequest: (request: FastifyRequest, _reply: FastifyReply, next: () => void) => {
      request.headers['content-type'] = 'application/octet-stream';
      next();
    },
  };

  const add = (path: string, tell: typeof check) => {
    server.get(path, routeOptions, (request, reply) =>
      tell(request, reply, answerTo(request, path, queriedPostures(request))),
    );
    for (const end of ['', '/*']) {
      const [policy, posture] = [`${path}/policy${end}`, `${path}/posture/:postures${end}`];
      server.route({
        ...anyMethod,
        url: policy,
        handler: (request, reply) => tell(request, reply, answerTo(request, policy, null)),
      });
      server.route<{ Params: Params }>({
        ...anyMethod,
        url: posture,
        handler: (request, reply) =>
          tell(request, reply, answerTo(request, posture, named((request.params.postures ?? '').split(',')))),
      });
    }
  };
  add('/gateway/check', check);
  add('/gateway/refusal', refuse);
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

function check(request: FastifyRequest, reply: FastifyReply, answer: Answer): void {
  if (!answer.allowed) {
    refuse(request, reply, answer);
    return;
  }
  endBehindBody(request, reply);
  reply.headers(answerHeaders(answer)).send();
}

/** Also an answer that allows is told as a refusal here: for nginx, which asks once more to get something to show. */
function refuse(request: FastifyRequest, reply: FastifyReply, answer: Answer): void {
  endBehindBody(request, reply);
  const isUnidentified = unidentified.has(answer.outcome);
  reply.code(isUnidentified ? 401 : 403).headers(answerHeaders(answer));
  reply.header('x-posture-reason', reasonLine(answer));
  if (isUnidentified) reply.header('www-authenticate', challenge);
  if (wantsPage(request)) reply.headers(pageHeaders).send(refusalPage(answer));
  else
    reply
      .header('vary', 'accept')
      .header('x-content-type-options', 'nosniff')
      .send({ allowed: answer.allowed, ...answerBody(answer) });
}

/**
 * nginx without an empty Content-Length tells the length of a body that it does not send, and the next user's question would be
 * read as that body. So nothing is read behind a question that should have none.
 */
function endBehindBody({ method, headers }: FastifyRequest, reply: FastifyReply): void {
  if (method !== 'GET' && method !== 'HEAD') return;
  const { 'content-length': length } = headers;
  if ((length !== undefined && length !== '0') || headers['transfer-encoding'] !== undefined)
    reply.header('connection', 'close');
}

/** Programs say that they take anything; browsers say that they would rather have a page. */
function wantsPage(request: FastifyRequest): boolean {
  if (request.headers.accept === undefined) return false;
  return new Negotiator(request.raw).mediaTypes(['application/json', 'text/html'])[0] === 'text/html';
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
