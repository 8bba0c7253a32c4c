// The cookies of people who are signed in, or about to be: never readable by scripts, sent to this service alone, and only from its own
// pages. Written and read here and nowhere else.
import { parseCookie, stringifySetCookie } from 'cookie';

/** Carries the token of a session. */
export const sessionCookie = 'posture_sync_session';

export interface Cookies {
  /** @returns the header of an answer that gives the browser a session */
  session(token: string, expiresAt: Date): string;
  /** @returns the header that takes it away again */
  noSession(): string;
  /** What is needed when somebody comes back from another site, which sends only cookies that are less strict. */
  onTheWay(name: string, value: string, path: string, maxAgeMs: number): string;
}

/** @param publicUrl PUBLIC_URL: its path is where cookies are sent, and by https alone where it has that */
export function cookiesOf(publicUrl: string): Cookies {
  const { pathname, protocol } = new URL(publicUrl);
  const base = pathname.replace(/\/+$/, '');
  const shared = { httpOnly: true, secure: protocol === 'https:' } as const;
  const strict = { ...shared, name: sessionCookie, sameSite: 'strict', path: base === '' ? '/' : base } as const;
  return {
    session: (value, expires) => stringifySetCookie({ ...strict, value, expires }),
    noSession: () => stringifySetCookie({ ...strict, value: '', maxAge: 0 }),
    onTheWay: (name, value, path, maxAgeMs) =>
      stringifySetCookie({
        ...{ ...shared, name, value, sameSite: 'lax', path: `${base}${path}` },
        maxAge: Math.floor(maxAgeMs / 1_000),
      }),
  };
}

/** @returns what a request has in a cookie; null where it has none of that name */
export function cookieIn(header: string | undefined, name: string): string | null {
  if (header?.includes(name) !== true) return null;
  return parseCookie(header)[name] ?? null;
}
