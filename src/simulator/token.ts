// The simulated API token: a JWT as newer consoles give out, or 80 plain characters as older ones did, with its end of
// life and the sites that it may see.
import { createRandom } from './random.ts';

export interface TokenOptions {
  form?: 'jwt' | 'plain';
  /** 180 days after the start if not given. In the past: every request is answered 401. */
  expiresAt?: Date;
  /** Ids of the sites that the token may see; every site if not given. A limited token gets no error, only fewer agents. */
  siteIds?: readonly string[];
}

export interface SimulatorToken {
  text: string;
  createdAt: Date;
  expiresAt: Date;
  siteIds: ReadonlySet<string> | null;
}

const lifetimeMs = 180 * 86_400_000;

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** @param token a text is taken as it is, a plain one with the default end of life; else made from a seed */
export function makeToken(token: string | TokenOptions, seed: number, now: Date): SimulatorToken {
  const options = typeof token === 'string' ? {} : token;
  const expiresAt = options.expiresAt ?? new Date(now.getTime() + lifetimeMs);
  const createdAt = new Date(Math.min(now.getTime(), expiresAt.getTime()) - 86_400_000);
  const random = createRandom(seed);
  const noise = (length: number): string =>
    Array.from({ length }, () => 'ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789'.charAt(random() * 55)).join(
      '',
    );
  const seconds = (date: Date): number => Math.floor(date.getTime() / 1_000);
  const text =
    typeof token === 'string'
      ? token
      : options.form === 'plain'
        ? noise(80)
        : [
            part({ kid: 'simulated', alg: 'ES256' }),
            part({
              sub: 'serviceuser-posture@mgmt-1',
              iss: 'authn-simulated',
              deployment_id: '1',
              type: 'user',
              exp: seconds(expiresAt),
              iat: seconds(createdAt),
              jti: noise(22),
            }),
            noise(86),
          ].join('.');
  return { text, createdAt, expiresAt, siteIds: options.siteIds ? new Set(options.siteIds) : null };
}
