// AuthZEN 1.0 for gateways and applications that speak it: one decision, several at once, and where they are had. A denial is
// an answer like any other; errors are for requests that could not be read. https://openid.net/specs/authorization-api-1_0.html
import { setImmediate as turn } from 'node:timers/promises';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors.ts';
import { callerOf, noKey } from '../http/guard.ts';
import { type AnswerBody, answerBody } from './answers.ts';
import {
  askedBy,
  type Evaluation,
  type Evaluations,
  readEvaluation,
  readEvaluations,
  withDefaults,
} from './authzen-request.ts';
import type { Decider } from './decisions.ts';
import { authZenMetadata, evaluation, evaluations } from './described.ts';

export interface AuthZenParts {
  decider: Decider;
  /** PUBLIC_URL, without a slash at its end. */
  publicUrl: string;
}

const paths = { evaluation: '/access/v1/evaluation', evaluations: '/access/v1/evaluations' };
const wellKnown = '/.well-known/authzen-configuration';
const config = { scope: 'gateway:decide', isBare: true } as const;

/** A reason in one language. */
type ReasonText = { readonly en: string };

interface Decision {
  readonly decision: boolean;
  readonly context: AnswerBody & { readonly reason_admin?: ReasonText; readonly reason_user?: ReasonText };
}

/** One that could not be read, among others that could. */
interface Failed {
  readonly decision: false;
  readonly context: { readonly error: { readonly status: number; readonly message: string } };
}

export function addAuthZen(server: FastifyInstance, { decider, publicUrl }: AuthZenParts): void {
  addMetadata(server, publicUrl);
  const decide = (evaluation: Evaluation, route: string, callerId: string) =>
    told(decider, { ...askedBy(evaluation), route, callerId });
  server.register(async scope => {
    takeJsonAlone(scope);
    scope.addHook('onRequest', (request, reply, next) => {
      // The specification wants the very same, also where the log has it shorter.
      const given = request.headers['x-request-id'];
      if (typeof given === 'string' && given !== '' && given !== request.id) reply.header('x-request-id', given);
      next();
    });
    scope.post(paths.evaluation, { config: { ...config, described: evaluation } }, (request, reply) => {
      const decision = decide(readEvaluation(request.body), paths.evaluation, callerOf(request).id);
      server.sendTogether(reply.raw, () => void reply.send(decision));
    });
    scope.post(paths.evaluations, { config: { ...config, described: evaluations } }, async request => {
      const asked = readEvaluations(request.body);
      const callerId = callerOf(request).id;
      const one = (evaluation: Evaluation) => decide(evaluation, paths.evaluations, callerId);
      const isSingle = asked.evaluations === undefined || asked.evaluations.length === 0;
      return isSingle ? one(readEvaluation(request.body)) : { evaluations: await evaluateAll(asked, one) };
    });
  });
}

/** A thousand evaluations by a large policy take a second: others are answered in between. */
const turnAfterMs = 5;

/** In their order, up to the one that settles the whole. Each tells the revision that it is of. */
async function evaluateAll(
  asked: Evaluations,
  one: (evaluation: Evaluation) => Decision,
): Promise<(Decision | Failed)[]> {
  const semantic = asked.options?.evaluations_semantic ?? 'execute_all';
  let begun = performance.now();
  const decisions: (Decision | Failed)[] = [];
  for (const item of asked.evaluations ?? []) {
    const made = evaluateOne(item, asked, one);
    decisions.push(made);
    if (semantic === (made.decision ? 'permit_on_first_permit' : 'deny_on_first_deny')) break;
    if (performance.now() - begun < turnAfterMs) continue;
    await turn();
    begun = performance.now();
  }
  return decisions;
}

function evaluateOne(item: unknown, asked: Evaluations, one: (evaluation: Evaluation) => Decision): Decision | Failed {
  try {
    return one(withDefaults(item, asked));
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'invalid') throw error;
    return { decision: false, context: { error: { status: 400, message: error.message } } };
  }
}

function told(decider: Decider, asked: Parameters<Decider['decide']>[0]): Decision {
  const answer = decider.decide(asked);
  const context = answerBody(answer);
  if (answer.allowed) return { decision: true, context };
  return { decision: false, context: { ...context, ...reasonsOf(context) } };
}

/** For administrators what was found; for whoever is refused what the policy has for people to read. */
function reasonsOf({ message, reasons, refusals }: AnswerBody): { reason_admin: ReasonText; reason_user: ReasonText } {
  const found = reasons.map(reason => reason.message).join('; ');
  const advice = refusals.flatMap(({ description, resolution }) =>
    [description, resolution].filter(text => text !== null),
  );
  return {
    reason_admin: { en: found === '' ? message : `${message}: ${found}` },
    reason_user: { en: advice.length === 0 ? message : [...new Set(advice)].join(' ') },
  };
}

/** Another type is refused as malformed: the specification has no 415. */
function takeJsonAlone(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser('application/json', { parseAs: 'string' }, (_request: FastifyRequest, body, done) => {
    try {
      done(null, JSON.parse(String(body)));
    } catch {
      done(new AppError('invalid', body === '' ? 'the body is empty' : 'the body is no JSON'), undefined);
    }
  });
  scope.setErrorHandler(error => {
    const isOther = error instanceof Error && 'statusCode' in error && error.statusCode === 415;
    throw isOther ? new AppError('invalid', 'the content type must be application/json') : error;
  });
}

/** Where PUBLIC_URL has a path, it stands behind the well-known one. */
function addMetadata(server: FastifyInstance, publicUrl: string): void {
  const metadata = {
    policy_decision_point: publicUrl,
    access_evaluation_endpoint: `${publicUrl}${paths.evaluation}`,
    access_evaluations_endpoint: `${publicUrl}${paths.evaluations}`,
  };
  const { pathname } = new URL(publicUrl);
  const urls = pathname === '/' ? [wellKnown] : [wellKnown, `${wellKnown}${pathname.replaceAll(':', '::')}`];
  const config = { scope: noKey, isBare: true } as const;
  for (const url of urls)
    server.get(
      url,
      { config: url === wellKnown ? { ...config, described: authZenMetadata } : config },
      (_request, reply) => {
        reply.header('cache-control', 'public, max-age=3600').send(metadata);
      },
    );
}
