// What an administrator should know of the account: which accounts and sites the token sees (one of a single site sees
// less, without any error) and when it expires. Best effort throughout: knowing less is no reason to fail.
import type { ProviderContext } from '../provider.ts';
import { readTime, withinYears } from './cast.ts';
import { isRecord, textOf } from './failures.ts';

/** A console that does not tell soon is not waited for. */
const detailsTimeoutMs = 3_000;

/** The scope is shown to people; what is longer than that helps none of them, and it is kept with the integration. */
const most = { name: 200, names: 200 };

/** @returns each account and site of the rows once, sorted, of many the first 200: `Account One / Site A` */
export function scopeOf(rows: readonly unknown[]): string[] {
  const names = new Set<string>();
  for (const row of rows) {
    if (!isRecord(row)) continue;
    const parts = [row.accountName, row.siteName].map(part => textOf(part, most.name)).filter(part => part !== null);
    if (parts.length > 0) names.add(parts.join(' / '));
  }
  return [...names].sort().slice(0, most.names);
}

/** @returns when a token expires by its own word: newer tokens are JWTs, older ones tell nothing (null) */
export function expiryOfToken(token: string): Date | null {
  const payload = token.split('.')[1];
  if (payload === undefined) return null;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString());
    const expiry = isRecord(claims) ? claims.exp : undefined;
    if (typeof expiry !== 'number' || !(expiry > 0)) return null;
    return plausible(new Date(expiry * 1000));
  } catch {
    return null;
  }
}

/**
 * Asks the console when a token expires.
 * @returns null when the console does not tell, for whatever reason
 * @throws the signal's reason, and nothing else
 */
export async function askTokenExpiry(token: string, context: ProviderContext): Promise<Date | null> {
  const { http, signal } = context;
  try {
    const response = await http.request(
      {
        method: 'POST',
        path: '/web/api/v2.1/users/api-token-details',
        headers: { authorization: `ApiToken ${token}` },
        json: { data: { apiToken: token } },
        timeoutMs: detailsTimeoutMs,
      },
      // The request's own time-out starts when its turn comes; this one covers the wait for it too.
      AbortSignal.any([signal, AbortSignal.timeout(detailsTimeoutMs)]),
    );
    const data = isRecord(response.json) ? response.json.data : undefined;
    const at = response.status === 200 && isRecord(data) ? readTime(data.expiresAt) : null;
    return at && plausible(at);
  } catch {
    signal.throwIfAborted();
    return null;
  }
}

/** Milliseconds taken for seconds end in year 61970: such a date is a misunderstanding, and a warning of it would be too. */
function plausible(at: Date): Date | null {
  return withinYears(at, 1970);
}
