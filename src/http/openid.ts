// People who sign in by OpenID Connect: authorization code with PKCE, state and nonce. The provider is asked when somebody signs in and
// not before, so that one that is away stops nobody else. This is all that an API process ever calls out for.
import * as client from 'openid-client';
import type { Person, Role } from '../posture/sign-in.ts';

export interface OpenIdSettings {
  readonly issuer: string;
  readonly clientId: string;
  /** Null: a public client, by PKCE alone. */
  readonly clientSecret: string | null;
  /** What the button says. */
  readonly name: string;
  readonly scopes: string;
  /** Of a claim, or the path to one, as in `realm_access.roles`. */
  readonly roleClaim: string;
  /** What stands there of administrators. */
  readonly adminRoles: readonly string[];
  readonly viewerRoles: readonly string[];
}

/** What only the browser that began may finish with. */
export interface Begun {
  state: string;
  nonce: string;
  verifier: string;
}

/** The provider cannot be used now; or never as we are set up. `reason` is for administrators. */
export type OpenIdFailure = { outcome: 'away' | 'wrongly set up'; reason: string };

export type Finished =
  | { outcome: 'signed in'; person: Person; role: Role }
  | { outcome: 'no role'; person: Person; found: unknown }
  /** The provider, or the person there, said no. */
  | { outcome: 'refused'; reason: string }
  /** It was begun elsewhere, too long ago, or finished already. */
  | { outcome: 'stale'; reason: string }
  | OpenIdFailure;

export interface OpenId {
  /** For the page on which people sign in. */
  readonly shown: { name: string; url: string };
  readonly settings: OpenIdSettings;
  /** @returns where to send the browser, and what it must come back with */
  begin(): Promise<{ outcome: 'begun'; url: string; begun: Begun } | OpenIdFailure>;
  /** @param search of the URL that the provider sent the browser back to */
  finish(search: string, begun: Begun): Promise<Finished>;
}

export const openIdPath = '/sign-in/openid';
export const openIdCallbackPath = `${openIdPath}/callback`;

const answerWithinSeconds = 10;
/** Providers change their keys and addresses now and then. */
const knownForMs = 3_600_000;

/** @param publicUrl PUBLIC_URL: where the provider sends people back to @param clock in ms, that only ever goes forward */
export function createOpenId(settings: OpenIdSettings, publicUrl: string, clock = () => performance.now()): OpenId {
  const base = publicUrl.replace(/\/+$/, '');
  let known: { config: client.Configuration; at: number } | null = null;
  const provider = async () => {
    if (known === null || clock() - known.at > knownForMs) known = { config: await discover(settings), at: clock() };
    return known.config;
  };
  return {
    shown: { name: settings.name, url: `${new URL(base).pathname.replace(/\/+$/, '')}${openIdPath}` },
    settings,
    async begin() {
      try {
        const config = await provider();
        const begun = {
          state: client.randomState(),
          nonce: client.randomNonce(),
          verifier: client.randomPKCECodeVerifier(),
        };
        const url = client.buildAuthorizationUrl(config, {
          redirect_uri: `${base}${openIdCallbackPath}`,
          scope: settings.scopes,
          state: begun.state,
          nonce: begun.nonce,
          code_challenge: await client.calculatePKCECodeChallenge(begun.verifier),
          code_challenge_method: 'S256',
        });
        return { outcome: 'begun', url: url.href, begun };
      } catch (error) {
        return failureOf(error, settings);
      }
    },
    async finish(search, begun) {
      try {
        return judge(
          await claimsOf(await provider(), `${base}${openIdCallbackPath}${search}`, begun, settings),
          settings,
        );
      } catch (error) {
        return refusalOf(error) ?? failureOf(error, settings);
      }
    },
  };
}

async function discover({ issuer, clientId, clientSecret }: OpenIdSettings): Promise<client.Configuration> {
  const server = new URL(issuer);
  const config = await client.discovery(server, clientId, undefined, clientAuthentication(clientSecret), {
    execute: [
      // Only of loopback, as the configuration sees to.
      ...(server.protocol === 'http:' ? [client.allowInsecureRequests] : []),
      // By default TLS alone vouches for what the token endpoint says.
      client.enableNonRepudiationChecks,
    ],
    timeout: answerWithinSeconds,
  });
  return config;
}

/** By the header, as the standard has it, unless the provider takes it in the body only. */
function clientAuthentication(secret: string | null): client.ClientAuth {
  if (secret === null) return client.None();
  const [byHeader, byBody] = [client.ClientSecretBasic(secret), client.ClientSecretPost(secret)];
  return (server, ...rest) => {
    const taken = server.token_endpoint_auth_methods_supported;
    const authenticate = taken === undefined || taken.includes('client_secret_basic') ? byHeader : byBody;
    authenticate(server, ...rest);
  };
}

type Claims = Readonly<Record<string, unknown>> & { sub: string };

/** @returns the claims of the ID token; and what the provider tells besides, where the role is not among them */
async function claimsOf(
  config: client.Configuration,
  url: string,
  begun: Begun,
  settings: OpenIdSettings,
): Promise<Claims> {
  const tokens = await client.authorizationCodeGrant(config, new URL(url), {
    pkceCodeVerifier: begun.verifier,
    expectedState: begun.state,
    expectedNonce: begun.nonce,
    idTokenExpected: true,
  });
  const claims = tokens.claims();
  if (claims === undefined) throw new Error('there is no ID token');
  const isWhole = claimAt(claims, settings.roleClaim) !== undefined && typeof claims.email === 'string';
  if (isWhole || config.serverMetadata().userinfo_endpoint === undefined) return claims;
  return { ...(await client.fetchUserInfo(config, tokens.access_token, claims.sub)), ...claims };
}

/** @returns what stands under a name, or else under a path; undefined: nothing */
function claimAt(claims: Readonly<Record<string, unknown>>, name: string): unknown {
  // Some are called like a URL, with dots.
  if (Object.hasOwn(claims, name)) return claims[name];
  let found: unknown = claims;
  for (const step of name.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, step)) return undefined;
    found = (found as Record<string, unknown>)[step];
  }
  return found;
}

function judge(claims: Claims, { roleClaim, adminRoles, viewerRoles }: OpenIdSettings): Finished {
  const person = personOf(claims);
  const isClaimed = roleClaim !== 'email' || isVerified(claims);
  const found = isClaimed ? claimAt(claims, roleClaim) : undefined;
  const named = [found].flat().filter(role => typeof role === 'string');
  const has = (wanted: readonly string[]) => wanted.some(role => named.includes(role));
  if (has(adminRoles)) return { outcome: 'signed in', person, role: 'admin' };
  if (has(viewerRoles)) return { outcome: 'signed in', person, role: 'viewer' };
  return { outcome: 'no role', person, found };
}

/** Not all providers tell; those that say no mean it. For deciding by it a yes is needed. */
const isVerified = ({ email_verified }: Claims) => email_verified === true || email_verified === 'true';

function personOf(claims: Claims): Person {
  const text = (name: string) => {
    const value = claims[name];
    return typeof value === 'string' && value !== '' ? value.slice(0, 200) : null;
  };
  const email = claims.email_verified === false || claims.email_verified === 'false' ? null : text('email');
  const login = email ?? text('preferred_username') ?? claims.sub;
  return { subject: claims.sub, login, name: text('name') ?? login };
}

/** @returns null for what is no refusal of this one attempt */
function refusalOf(error: unknown): Finished | null {
  if (error instanceof client.AuthorizationResponseError)
    return { outcome: 'refused', reason: told(error.error, error.error_description) };
  if (error instanceof client.ResponseBodyError && error.error === 'invalid_grant')
    return { outcome: 'stale', reason: told(error.error, error.error_description) };
  const isStale =
    error instanceof client.ClientError &&
    /^OAUTH_(INVALID_RESPONSE|JWT_CLAIM_COMPARISON_FAILED|JWT_TIMESTAMP_CHECK_FAILED)$/.test(error.code ?? '');
  return isStale ? { outcome: 'stale', reason: error.message } : null;
}

function failureOf(error: unknown, { issuer }: OpenIdSettings): OpenIdFailure {
  if (error instanceof client.ResponseBodyError)
    return { outcome: 'wrongly set up', reason: `${issuer} says: ${told(error.error, error.error_description)}` };
  // How many answer a client that they do not know, or not by that secret.
  if (error instanceof client.WWWAuthenticateChallengeError)
    return { outcome: 'wrongly set up', reason: `${issuer} does not take this client id with this secret` };
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const isAway =
    error instanceof TypeError ||
    (error instanceof client.ClientError && /^OAUTH_(TIMEOUT|ABORT)$/.test(error.code ?? ''));
  if (isAway) return { outcome: 'away', reason: `${issuer} cannot be reached${code === '' ? '' : ` (${code})`}` };
  const reason = error instanceof Error ? error.message : String(error);
  return { outcome: 'wrongly set up', reason: `${issuer} answers otherwise than it should: ${reason}` };
}

const told = (code: string, description: string | undefined) =>
  (description === undefined || description === '' ? code : `${code}: ${description}`).slice(0, 300);
