// Signing in to the pages, who is signed in, and signing out. A session is a cookie that scripts cannot read; whoever has it asks the
// same API as everybody, with the scopes of the key or the role that it was made with.
import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { AppError } from '../errors.ts';
import { type Cookies, cookieIn, cookiesOf, sessionCookie } from '../http/cookies.ts';
import { anyKey, callerOf, noKey } from '../http/guard.ts';
import type { Caller } from '../http/key-ring.ts';
import { type Opened, signInByKey, signInByLink, signOut } from '../operations/sessions.ts';
import { roles } from '../posture/sign-in.ts';
import { rfc3339 } from '../posture/times.ts';
import { type ApiParts, type ApiServer, answers, maybeTime, Nothing, requestOf } from './common.ts';

const tags = ['Sign in'];
const url = '/session';

const Session = z
  .object({
    id: z.string().describe('Who that is in the audit log.'),
    name: z.string().describe('Of the key; of a person the e-mail address, where it is known.'),
    displayName: z.string(),
    kind: z.enum(['key', 'link', 'openid']).describe('What it was signed in with.'),
    role: z.enum(roles).nullable().describe('Null: the scopes are those of a key.'),
    scopes: z.array(z.string()).describe('All that they include.'),
    expiresAt: maybeTime.describe('Null: a key that was sent with the request, and holds until it is revoked.'),
  })
  .meta({ id: 'Session' });

const WaysIn = z
  .object({
    apiKey: z.literal(true),
    openIdConnect: z
      .object({
        name: z.string().describe('What the button says.'),
        url: z.string().describe('Where to go, on this host; with `?to=` and the path of a page to come back to.'),
      })
      .nullable(),
  })
  .meta({ id: 'WaysIn' });

const credential = z.string().min(1).max(600).optional();
const Credentials = z
  .strictObject({ key: credential, link: credential })
  .refine(({ key, link }) => (key === undefined) !== (link === undefined), 'either `key` or `link` is needed')
  .meta({ id: 'Credentials', description: 'Either an API key, or the code of a link that signs in once.' });

/** No parameters. */
const none = z.strictObject({});

const wrongKey = 'this key is not known here, or holds no more; `posture-sync key create` makes one';
const wrongLink =
  'this link was used already, or has expired: it signs in once; `posture-sync sign-in` makes another one';

export function addSession(server: ApiServer, parts: ApiParts): void {
  const { signIn } = parts;
  const cookies = cookiesOf(parts.publicUrl);
  server.get(
    '/sign-in',
    {
      config: { scope: noKey },
      schema: {
        ...{ tags, summary: 'Tell how people can sign in', operationId: 'getWaysIn', querystring: none },
        response: answers(WaysIn),
      },
    },
    async () => ({ apiKey: true as const, openIdConnect: signIn.openId?.shown ?? null }),
  );
  addSigningIn(server, parts, cookies);
  server.get(
    url,
    {
      config: { scope: anyKey, isAskedByPages: true },
      schema: {
        ...{ tags, summary: 'Tell who is signed in', operationId: 'getSession', querystring: none },
        description: 'By a session, or by a key that is sent with the request. 401: nobody.',
        response: answers(Session),
      },
    },
    async request => bodyOf(callerOf(request)),
  );
  server.delete(
    url,
    {
      config: { scope: anyKey },
      schema: {
        ...{ tags, summary: 'Sign out', operationId: 'signOut', querystring: none },
        description: 'Within a second the session holds nowhere any more. A key that is sent instead goes on to hold.',
        response: answers(Nothing),
      },
    },
    async (request, reply) => {
      const { session } = callerOf(request);
      if (session !== null) {
        await signOut(requestOf(parts, request), session.id);
        signIn.keys.sessions.forget(session.id);
      }
      return await reply.header('set-cookie', cookies.noSession()).send(undefined);
    },
  );
}

function addSigningIn(server: ApiServer, { db, now, signIn }: ApiParts, cookies: Cookies): void {
  const { keys, refusals } = signIn;
  server.post(
    url,
    {
      config: { scope: noKey, isSignIn: true },
      schema: {
        ...{ tags, summary: 'Sign in with an API key or a one-time link', operationId: 'signIn', querystring: none },
        description: 'The answer sets a cookie that scripts cannot read, for 12 hours or until the key ends.',
        body: Credentials,
        response: answers(Session),
      },
    },
    async (request, reply) => {
      const { body, ip: address, headers } = request;
      const replaces = cookieIn(headers.cookie, sessionCookie);
      const { key = '', link } = body;
      if (link !== undefined) {
        const opened = await signInByLink({ db, now }, link, replaces);
        if (opened !== null) return await begin(signIn, cookies, reply, opened);
        refusals.note({ caller: null, scope: null, reason: 'unknown', address });
        throw new AppError('unauthorized', wrongLink);
      }
      const { caller, refusal } = keys.identify(key.trim());
      if (refusal !== null) {
        refusals.note({ caller, scope: null, reason: refusal, address });
        throw new AppError('unauthorized', wrongKey);
      }
      return await begin(signIn, cookies, reply, await signInByKey({ db, now }, key.trim(), caller, replaces));
    },
  );
}

async function begin(
  { keys }: ApiParts['signIn'],
  cookies: Cookies,
  reply: FastifyReply,
  { token, expiresAt }: Opened,
) {
  const caller = await keys.sessions.lookUp(token);
  // Somebody revoked the key in this very moment.
  if (caller === null) throw new AppError('unauthorized', wrongKey);
  reply.header('set-cookie', cookies.session(token, expiresAt));
  return bodyOf(caller);
}

function bodyOf({ actor, session, granted, expiresAt }: Caller): z.infer<typeof Session> {
  return {
    ...{ id: actor.id, name: actor.loginName, displayName: actor.displayName },
    ...{ kind: session?.kind ?? 'key', role: session?.role ?? null },
    scopes: [...granted],
    expiresAt: rfc3339(expiresAt),
  };
}
