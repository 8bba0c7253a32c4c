// The way of a browser to the OpenID provider and back. What it must come back with goes along in a cookie of its own, for ten minutes;
// then a session begins, and the browser goes on to the page that was asked for.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { type Cookies, cookieIn, cookiesOf, sessionCookie } from '../http/cookies.ts';
import { type Description, ErrorBody, textAnswer } from '../http/described.ts';
import { noKey } from '../http/guard.ts';
import { type Begun, type Finished, type OpenId, openIdCallbackPath, openIdPath } from '../http/openid.ts';
import { noteNoRole, signInPerson } from '../operations/sessions.ts';
import { pageToShow } from '../posture/sign-in.ts';
import { type ApiParts, Nothing } from './common.ts';
import { type SignInFailure, showFailure } from './sign-in-page.ts';

const cookie = 'posture_sync_openid';
const lastsMs = 600_000;
const tags = ['Sign in'];
const page = (what: string) => textAnswer(what, 'text/html');
const failures = {
  404: page('OpenID Connect is not set up.'),
  429: ErrorBody,
  500: ErrorBody,
  502: page('The provider or the service is wrongly set up.'),
  503: page('The provider cannot be reached.'),
};

const beginning: Description = {
  ...{ tags, summary: 'Sign in by OpenID Connect', operationId: 'beginOpenId' },
  description: 'For browsers.',
  querystring: z.object({ to: z.string().optional().describe('A page to come back to: `/admin/devices`.') }),
  response: { 302: Nothing.describe('To the provider.'), ...failures },
};
const finishing: Description = {
  ...{ tags, summary: 'Come back from the OpenID provider', operationId: 'finishOpenId' },
  description: 'What is registered at the provider as redirect URI. Its answer sets the cookie of a session.',
  response: {
    ...{ 303: Nothing.describe('To the page that was asked for.'), ...failures },
    400: page('It was begun in another browser, too long ago, or finished already.'),
    403: page('The provider refused, or the person has no role here.'),
  },
};

type Parts = Pick<ApiParts, 'db' | 'now' | 'log' | 'publicUrl' | 'signIn'>;

export function addOpenId(server: FastifyInstance, parts: Parts): void {
  const { openId } = parts.signIn;
  const cookies = cookiesOf(parts.publicUrl);
  const base = new URL(parts.publicUrl).pathname.replace(/\/+$/, '');
  const back = `${base}/admin/sign-in`;
  const config = { scope: noKey, isSignIn: true, isBare: true } as const;
  server.get(openIdPath, { config: { ...config, described: beginning } }, async (request, reply) => {
    if (openId === null) return showFailure(reply, notSetUp, back);
    const begun = await openId.begin();
    if (begun.outcome !== 'begun') return fail(parts, openId, begun, reply, back);
    const { to } = request.query as { to?: unknown };
    const value = written(begun.begun, wantedPage(to));
    reply.header('set-cookie', cookies.onTheWay(cookie, value, openIdPath, lastsMs));
    return reply.header('cache-control', 'no-store').redirect(begun.url, 302);
  });
  server.get(openIdCallbackPath, { config: { ...config, described: finishing } }, async (request, reply) => {
    if (openId === null) return showFailure(reply, notSetUp, back);
    const begun = read(cookieIn(request.headers.cookie, cookie));
    // Whatever comes of it, nobody finishes with it again.
    reply.header('set-cookie', cookies.onTheWay(cookie, '', openIdPath, 0));
    if (begun === null) return fail(parts, openId, noCookie, reply, back);
    const at = request.url.indexOf('?');
    const finished = await openId.finish(at < 0 ? '' : request.url.slice(at), begun.begun);
    if (finished.outcome === 'no role')
      await noteNoRole(parts, finished.person, openId.settings.roleClaim, finished.found);
    if (finished.outcome !== 'signed in') return fail(parts, openId, finished, reply, back);
    await begin(parts, finished, cookies, request, reply);
    return reply.header('cache-control', 'no-store').redirect(`${base}${begun.to}`, 303);
  });
}

/** Browsers drop a cookie of more than 4,096 bytes: an address as long as filters can make it would end the whole attempt. */
const longestPage = 2_000;

function wantedPage(to: unknown): string {
  const page = pageToShow(typeof to === 'string' ? to : undefined);
  return page.length > longestPage ? pageToShow(undefined) : page;
}

async function begin(
  { db, now }: Parts,
  { person, role }: Extract<Finished, { outcome: 'signed in' }>,
  cookies: Cookies,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  const replaces = cookieIn(request.headers.cookie, sessionCookie);
  const { token, expiresAt } = await signInPerson({ db, now }, person, role, replaces);
  reply.header('set-cookie', cookies.session(token, expiresAt));
}

const noCookie = { outcome: 'stale', reason: 'the browser sent no cookie of an attempt to sign in' } as const;

function fail(
  { log }: Parts,
  { settings }: OpenId,
  failed: Exclude<Finished, { outcome: 'signed in' }>,
  reply: FastifyReply,
  back: string,
): FastifyReply {
  const reason = failed.outcome === 'no role' ? `no role in ${settings.roleClaim}` : failed.reason;
  log.info({ outcome: failed.outcome, reason }, 'somebody was not signed in by OpenID Connect');
  return showFailure(reply, failureOf(failed, settings), back);
}

const notSetUp: SignInFailure = {
  ...{ status: 404, title: 'Signing in by OpenID Connect is not set up here' },
  todo: ['Sign in with an API key. Whoever runs this service sets it up with `OPENID_ISSUER`.'],
};

function failureOf(failed: Exclude<Finished, { outcome: 'signed in' }>, settings: OpenId['settings']): SignInFailure {
  const { name, roleClaim, adminRoles, viewerRoles } = settings;
  switch (failed.outcome) {
    case 'no role': {
      const { found, person } = failed;
      const shown = found === undefined ? 'it is not there' : `there stands \`${shownAs(found)}\``;
      return {
        ...{ status: 403, title: `${name} knows you, but you have no role here` },
        todo: [
          `You came as \`${person.login}\`. Ask whoever manages ${name} to give you a role, then sign in again.`,
          `The claim \`${roleClaim}\` must hold ${quoted([...adminRoles, ...viewerRoles])}; ${shown}.`,
        ],
      };
    }
    case 'refused':
      return {
        ...{ status: 403, title: `${name} did not sign you in`, why: `It said: ${failed.reason}` },
        todo: ['Try again. If it goes on, ask whoever manages your account there.'],
      };
    case 'stale':
      return {
        ...{ status: 400, title: 'This attempt to sign in cannot be finished', why: failed.reason },
        todo: [
          'It was begun in another window or browser, took longer than ten minutes, or was finished already. Sign in again.',
        ],
      };
    case 'away':
      return {
        ...{ status: 503, title: `${name} cannot be reached right now`, why: failed.reason },
        todo: [
          'Try again in a minute. With an API key, or a link that `posture-sync sign-in` prints, you get in meanwhile.',
        ],
      };
    case 'wrongly set up':
      return {
        ...{ status: 502, title: `Signing in with ${name} does not work`, why: failed.reason },
        todo: [
          'Whoever runs this service should compare the variables `OPENID_*` with what is registered there. With an API key you get in meanwhile.',
        ],
      };
  }
}

/** Cut, and without what would end the mark. */
const shownAs = (found: unknown) => JSON.stringify(found).slice(0, 200).replaceAll('`', "'");
const quoted = (texts: readonly string[]) => texts.map(text => `\`${text}\``).join(' or ');

const written = ({ state, nonce, verifier }: Begun, to: string) =>
  [state, nonce, verifier, Buffer.from(to).toString('base64url')].join('.');

/** @returns null for what is none of ours. Where it leads to is looked at again: whoever has the browser may write cookies */
function read(value: string | null): { begun: Begun; to: string } | null {
  const [, state, nonce, verifier, to] = /^([\w-]+)\.([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(value ?? '') ?? [];
  if (state === undefined || nonce === undefined || verifier === undefined || to === undefined) return null;
  return { begun: { state, nonce, verifier }, to: pageToShow(Buffer.from(to, 'base64url').toString()) };
}
