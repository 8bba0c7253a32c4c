// The variables of signing in by OpenID Connect, which config.ts has among its own, and what they make together.
import { define, need, parsed, read } from './config-values.ts';
import { AppError } from './errors.ts';
import type { OpenIdSettings } from './http/openid.ts';

const isLoopback = (host: string) => /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(host);
const roleNames = {
  allowed: 'texts separated by commas',
  schema: parsed<readonly string[]>(text => {
    const names = text.split(',').flatMap(entry => entry.trim() || []);
    return names.length > 0 && names.every(name => name.length <= 200) ? Object.freeze(names) : null;
  }, 'it holds none'),
};

export const openIdVariables = {
  openIdIssuer: define<string>({
    name: 'OPENID_ISSUER',
    about:
      'The OpenID provider by which people sign in to the pages, as it names itself: below it stands `/.well-known/openid-configuration`. Needs `OPENID_CLIENT_ID`; API processes must reach it.',
    fallback: null,
    fallbackAbout: 'none: people sign in with API keys and one-time links',
    allowed: 'a URL as in https://login.example.com/realms/main; http for loopback only',
    schema: parsed(text => {
      const found = URL.parse(text);
      if (found === null || !['https:', 'http:'].includes(found.protocol)) return null;
      if (found.protocol === 'http:' && !isLoopback(found.hostname)) throw new AppError('invalid', 'it is not secure');
      return text;
    }, 'it is no such URL'),
  }),
  openIdClientId: define<string>({
    name: 'OPENID_CLIENT_ID',
    about: 'What this service is called there. Its redirect URI is `PUBLIC_URL` with `/sign-in/openid/callback`.',
    fallback: null,
    fallbackAbout: 'none',
    allowed: 'printable characters without spaces',
    schema: parsed(text => (/^[\x21-\x7e]{1,500}$/.test(text) ? text : null), 'it has other characters'),
  }),
  openIdClientSecret: define<string>({
    name: 'OPENID_CLIENT_SECRET',
    about: 'Its secret there. A public client has none, and is known by PKCE alone.',
    fallback: null,
    fallbackAbout: 'none',
    allowed: 'printable characters',
    secret: true,
    schema: parsed(text => (/^[\x20-\x7e]{1,1000}$/.test(text) ? text : null), 'it has other characters'),
  }),
  openIdName: define<string>({
    name: 'OPENID_NAME',
    about: 'What the provider is called on the page on which people sign in.',
    fallback: 'single sign-on',
    allowed: 'up to 50 characters',
    schema: parsed(text => (text.length <= 50 ? text : null), 'it is too long'),
  }),
  openIdScopes: define<string>({
    name: 'OPENID_SCOPES',
    about: 'What the provider is asked for.',
    fallback: 'openid profile email',
    allowed: 'scopes separated by spaces, openid among them',
    schema: parsed(text => (text.split(/\s+/).includes('openid') ? text : null), 'openid is not among them'),
  }),
  openIdRoleClaim: define<string>({
    name: 'OPENID_ROLE_CLAIM',
    about:
      'Where it says what people are here: a claim with a text or a list of texts, or the path to one, as in `realm_access.roles`. Looked for in the ID token, then at the userinfo endpoint.',
    fallback: 'roles',
    allowed: 'the name of a claim, or names joined by dots',
    schema: parsed(text => (/^\S{1,200}$/.test(text) ? text : null), 'it holds spaces'),
  }),
  openIdAdminRole: define<readonly string[]>({
    name: 'OPENID_ADMIN_ROLE',
    about: 'What stands in that claim of administrators, who may do everything; one of several, separated by commas.',
    fallback: 'posture-sync-admin',
    ...roleNames,
  }),
  openIdViewerRole: define<readonly string[]>({
    name: 'OPENID_VIEWER_ROLE',
    about: 'What stands there of viewers, who read everything and change nothing.',
    fallback: 'posture-sync-viewer',
    ...roleNames,
  }),
} as const;

/** @throws AppError invalid also for an issuer without a client, and a client without an issuer */
export function readOpenId(environment: NodeJS.ProcessEnv): OpenIdSettings | null {
  const issuer = read(environment, openIdVariables.openIdIssuer);
  const clientId = read(environment, openIdVariables.openIdClientId);
  const clientSecret = read(environment, openIdVariables.openIdClientSecret);
  const settings = {
    name: need(environment, openIdVariables.openIdName),
    scopes: need(environment, openIdVariables.openIdScopes),
    roleClaim: need(environment, openIdVariables.openIdRoleClaim),
    adminRoles: need(environment, openIdVariables.openIdAdminRole),
    viewerRoles: need(environment, openIdVariables.openIdViewerRole),
  };
  const fail = (name: string, what: string) =>
    new AppError('invalid', `${name}: ${what}; allowed is OPENID_ISSUER with OPENID_CLIENT_ID`);
  if (issuer === null && clientId === null && clientSecret === null) return null;
  if (issuer === null)
    throw fail(clientId === null ? 'OPENID_CLIENT_SECRET' : 'OPENID_CLIENT_ID', 'there is no issuer for it');
  if (clientId === null) throw fail('OPENID_ISSUER', 'there is no client for it');
  return Object.freeze({ issuer, clientId, clientSecret, ...settings });
}
