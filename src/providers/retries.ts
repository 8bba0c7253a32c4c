// When a request is repeated, and after how long. Pure.

export interface RetryBounds {
  /** How often a request is sent at most. */
  attempts: number;
  /** The wait before the second attempt; doubled for each further one. */
  baseMs: number;
  /** The longest wait. Who asks for more by Retry-After is not waited for, and not asked again. */
  capMs: number;
}

/**
 * The longest wait that is believed. Who has to wait longer asks once a day instead: answers of a year, or until year
 * 9999, come from maintenance pages and mistakes, and would silence an integration that nobody paused.
 */
const longestAskedMs = 24 * 3_600_000;

export const defaultRetryBounds: RetryBounds = { attempts: 4, baseMs: 1_000, capMs: 60_000 };

/** Too slow, too many, or down: worth another attempt. 400, 401 and 403 never are. */
export function isRepeatable(status: number): boolean {
  return status === 408 || status === 429 || status >= 500;
}

/**
 * @param headers a response's, by lower-case name
 * @param now ms since 1970
 * @returns ms to wait by Retry-After, given as seconds or as an HTTP date, a day at most; null without one that can be
 *   read
 */
export function retryAfterMs(
  headers: Readonly<Record<string, string | string[] | undefined>>,
  now: number,
): number | null {
  const header = headers['retry-after'];
  const text = (Array.isArray(header) ? header[0] : header)?.trim();
  if (!text) return null;
  if (/^\d+(\.\d+)?$/.test(text)) return Math.min(longestAskedMs, Math.ceil(Number(text) * 1000));
  // Only a date with a weekday: Date.parse would take "5s" or "-1" for one.
  const at = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(at) ? null : Math.min(longestAskedMs, Math.max(0, at - now));
}

/**
 * @param attempt the number of the attempt that failed, from 1
 * @param askedMs what Retry-After asks for
 * @param random from 0 to 1: half of the wait is spread, so that integrations do not come back together
 * @returns ms to wait, or null when the request is not to be repeated
 */
export function waitBeforeRepeat(
  attempt: number,
  askedMs: number | null,
  bounds: RetryBounds,
  random: number,
): number | null {
  if (attempt >= bounds.attempts) return null;
  if (askedMs !== null) return askedMs > bounds.capMs ? null : askedMs;
  return Math.min(bounds.capMs, bounds.baseMs * 2 ** (attempt - 1)) * (0.5 + random / 2);
}
