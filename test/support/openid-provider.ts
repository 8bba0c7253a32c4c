// A real OpenID provider on loopback, npm's oidc-provider, with people who sign in by its own pages; and a browser that is as simple as
// they are: it follows redirects, keeps cookies by origin, and fills in forms.
import { createServer, type Server } from 'node:http';
import Provider from 'oidc-provider';
import { onTestFinished, vi } from 'vitest';
import type { OpenIdSettings } from '../../src/http/openid.ts';
import { freePort } from './free-port.ts';

export interface TestProvider {
  issuer: string;
  clientId: string;
  clientSecret: string;
  /** Stops answering, and answers again at the same place. */
  stop(): Promise<void>;
  start(): Promise<void>;
}

/** Claims by the name that somebody signs in with. */
export type People = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** Ends with the test. @param callback the redirect URI that it knows @param inIdToken whether claims stand there too, and not at userinfo alone */
export async function startProvider(
  people: People,
  callback: string,
  { inIdToken = false } = {},
): Promise<TestProvider> {
  const port = await freePort();
  const issuer = `http://127.0.0.1:${port}`;
  const client = { clientId: 'posture-sync', clientSecret: 'a secret: with % and spaces' };
  // It warns of what is right in tests alone.
  const quiet = vi.spyOn(console, 'warn').mockImplementation(() => {});
  const provider = new Provider(issuer, {
    clients: [{ client_id: client.clientId, client_secret: client.clientSecret, redirect_uris: [callback] }],
    cookies: { keys: ['test'] },
    claims: {
      openid: ['sub'],
      profile: ['name', 'preferred_username', 'roles', 'realm_access'],
      email: ['email', 'email_verified'],
    },
    conformIdTokenClaims: !inIdToken,
    findAccount: (_context, id) => ({ accountId: id, claims: async () => ({ sub: id, ...people[id] }) }),
    pkce: { required: () => true },
    ttl: { AccessToken: 600, AuthorizationCode: 60, Grant: 600, IdToken: 600, Interaction: 600, Session: 600 },
  });
  quiet.mockRestore();
  let server: Server | null = null;
  const start = async () => {
    const made = createServer(provider.callback());
    await new Promise<void>(resolve => made.listen(port, '127.0.0.1', resolve));
    server = made;
  };
  const stop = async () => {
    const ended = server;
    server = null;
    ended?.closeAllConnections();
    await new Promise<void>(resolve => (ended === null ? resolve() : ended.close(() => resolve())));
  };
  await start();
  onTestFinished(stop);
  return { issuer, ...client, stop, start };
}

export function settingsOf(provider: TestProvider, more: Partial<OpenIdSettings> = {}): OpenIdSettings {
  const { issuer, clientId, clientSecret } = provider;
  return {
    ...{ issuer, clientId, clientSecret, name: 'Example login', scopes: 'openid profile email', roleClaim: 'roles' },
    ...{ adminRoles: ['posture-sync-admin'], viewerRoles: ['posture-sync-viewer'], ...more },
  };
}

export interface Visit {
  url: string;
  status: number;
  headers: Headers;
  text: string;
}

export interface Visitor {
  /** Goes there, and wherever that leads by redirects, until `before` says so of where it would go next. */
  go(url: string, options?: { body?: URLSearchParams; before?: (url: string) => boolean }): Promise<Visit>;
  /** Signs in on the provider's own pages, and agrees. @param before as of `go` */
  signIn(url: string, name: string, before?: (url: string) => boolean): Promise<Visit>;
  /** What is sent to an address. */
  cookies(url: string): string;
}

export function createVisitor(): Visitor {
  const jar = new Map<string, { name: string; value: string; origin: string; path: string }>();
  const keep = (url: URL, headers: Headers) => {
    for (const line of headers.getSetCookie()) {
      const [pair = '', ...attributes] = line.split('; ');
      const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)];
      const path = attributes.find(each => /^path=/i.test(each))?.slice(5) ?? '/';
      const isGone = attributes.some(each => /^max-age=0$/i.test(each)) || value === '';
      const at = `${url.origin} ${path} ${name}`;
      if (isGone) jar.delete(at);
      else jar.set(at, { name, value, origin: url.origin, path });
    }
  };
  const cookies = (url: string) => {
    const { origin, pathname } = new URL(url);
    const sent = [...jar.values()].filter(each => each.origin === origin && pathname.startsWith(each.path));
    return sent.map(({ name, value }) => `${name}=${value}`).join('; ');
  };
  const go: Visitor['go'] = async (first, { body, before = () => false } = {}) => {
    let [url, sent] = [first, body];
    for (let hops = 0; hops < 20; hops++) {
      const post = sent === undefined ? {} : { method: 'POST', body: sent };
      const answer = await fetch(url, { ...post, redirect: 'manual', headers: { cookie: cookies(url) } });
      keep(new URL(url), answer.headers);
      const text = await answer.text();
      const next = answer.headers.get('location');
      if (next === null) return { url, status: answer.status, headers: answer.headers, text };
      const to = new URL(next, url).href;
      if (before(to)) return { url: to, status: answer.status, headers: answer.headers, text };
      [url, sent] = [to, undefined];
    }
    throw new Error(`${first} leads round in a circle`);
  };
  const signIn: Visitor['signIn'] = async (url, name, before) => {
    let page = await go(url, before === undefined ? {} : { before });
    for (const form of [{ prompt: 'login', login: name, password: 'x' }, { prompt: 'consent' }]) {
      const action = /<form[^>]*action="([^"]+)"/.exec(page.text)?.[1];
      if (action === undefined) return page;
      const body = new URLSearchParams(form);
      page = await go(new URL(action, page.url).href, before === undefined ? { body } : { body, before });
    }
    return page;
  };
  return { go, signIn, cookies };
}
