// The way out: the one module through which providers and the receivers of webhooks are called, and the one that knows got. It
// keeps traffic off private networks, at the provider's pace, within bounds of size, time and repetition, and the token out of
// every error.
import { createHash } from 'node:crypto';
import dns from 'node:dns';
import http from 'node:http';
import https from 'node:https';
import type { LookupFunction } from 'node:net';
import got, { type PlainResponse, ReadError, TimeoutError } from 'got';
import manifest from '../../package.json' with { type: 'json' };
import { ProviderError } from '../errors.ts';
import type { Log } from '../log.ts';
import { allowedHostTest, cleanBaseUrl, guardAgent, refusedAddress } from './addresses.ts';
import { outcomeOf, type RequestOutcome } from './outcomes.ts';
import { createLanes, type Lane, sleep } from './pace.ts';
import type { ProviderHttp, ProviderLimits, ProviderRequest, ProviderResponse } from './provider.ts';
import { defaultRetryBounds, isRepeatable, type RetryBounds, retryAfterMs, waitBeforeRepeat } from './retries.ts';

const userAgent = `posture-sync/${manifest.version}`;
/** Finding, reaching and greeting a host that answers takes less; longer is a network fault, not a slow page. */
const connectTimeoutMs = 10_000;
/** Of an answer whose body is of no use so much is read, so that its connection can be used again. */
const ignoredBodyBytes = 64 * 1024;

export interface EgressOptions {
  /** `host[:port]` entries that may be private, http, and asked faster than the provider's limit. */
  allowedHosts: readonly string[];
  log: Log;
  /** Resolves names; for tests. */
  lookup?: LookupFunction;
  /** After how long a 401 is asked once more: consoles answer it at times while a valid token is being renewed. */
  unauthorizedRepeatMs?: number;
  retries?: Partial<RetryBounds>;
  /** The largest answer that is read, in bytes after decompression. */
  maxBodyBytes?: number;
}

export interface OpenOptions {
  /** Cleaned here once more; see cleanBaseUrl. */
  baseUrl: string;
  /** The secret that requests carry: with the origin it is what limits are counted by, and it is struck from texts. Several are separated by line breaks. */
  credential: string;
  /** What the provider bears at most. */
  limits: ProviderLimits;
  /** Told what came of each request that went out, repeated ones too. */
  onAttempt?(outcome: RequestOutcome): void;
  /** The pace wanted, if not the limits'. Above them for allowed hosts only. */
  requestsPerSecond?: number;
  /** The largest answer that is read, if not that of all. */
  maxBodyBytes?: number;
}

/** What is told to somebody whose answer is its status alone. */
export interface Post {
  /** With path and query; looked at here once more. */
  url: string;
  headers: Readonly<Record<string, string>>;
  /** Sent byte by byte as it is. */
  body: string;
  timeoutMs: number;
}

/** `retryAfterMs`: what the answer asks for, a day at most. */
export interface PostAnswer {
  status: number;
  retryAfterMs: number | null;
}

export interface Egress {
  /** @throws ProviderError 'settings' for a URL or a pace that is not allowed */
  open(options: OpenOptions): ProviderHttp;
  /**
   * Posts once: no repetition, no redirect followed, no body read beyond some KiB.
   * @throws ProviderError where no answer came; the signal's reason
   */
  post(post: Post, signal: AbortSignal): Promise<PostAnswer>;
  /** Closes idle connections. */
  close(): void;
}

/** @throws AppError 'invalid' for an entry of allowedHosts that is no `host[:port]` */
export function createEgress(options: EgressOptions): Egress {
  const isAllowed = allowedHostTest(options.allowedHosts);
  const bounds: RetryBounds = { ...defaultRetryBounds, ...options.retries };
  const lookup = options.lookup ?? dns.lookup;
  // Certificates are checked in both; only where the sockets may go differs.
  const guarded = { https: guardAgent(new https.Agent({ keepAlive: true }), lookup) };
  const free = {
    http: new http.Agent({ keepAlive: true, lookup }),
    https: new https.Agent({ keepAlive: true, lookup }),
  };
  const openLane = createLanes();

  return {
    open({ baseUrl, credential, limits, requestsPerSecond = limits.requestsPerSecond, onAttempt = () => {}, ...own }) {
      const origin = cleanBaseUrl(baseUrl, options.allowedHosts);
      const allowed = isAllowed(new URL(origin));
      if (requestsPerSecond > limits.requestsPerSecond && !allowed) {
        throw new ProviderError(
          'settings',
          `requestsPerSecond must be at most ${limits.requestsPerSecond}, the limit of the provider`,
        );
      }
      const key = createHash('sha256').update(`${origin}\n${credential}`).digest('base64');
      const lane = openLane(key, { requestsPerSecond, atOnce: limits.atOnce });
      const secrets = credential
        .split('\n')
        .flatMap(part => (part === '' ? [] : [...new Set([part, encodeURIComponent(part)])]));
      const out: Way = {
        origin,
        agent: allowed ? free : guarded,
        mayBeHttp: allowed,
        timeoutMs: limits.pageTimeoutMs,
        maxBodyBytes: own.maxBodyBytes ?? options.maxBodyBytes ?? 64 * 1024 * 1024,
        needsBody: true,
        secrets,
        onAttempt,
        // A server may echo what it was sent.
        strike: text => secrets.reduce((struck, form) => struck.replaceAll(form, '[secret]'), text),
      };
      const repeats = { bounds, unauthorizedMs: options.unauthorizedRepeatMs ?? 5_000, log: options.log };
      return { request: (request, signal) => requestWithin(request, signal, out, lane, repeats) };
    },
    async post({ url, headers, body, timeoutMs }, signal) {
      const origin = cleanBaseUrl(url, options.allowedHosts);
      const { pathname, search } = new URL(url);
      const allowed = isAllowed(new URL(origin));
      const way: Way = {
        origin,
        agent: allowed ? free : guarded,
        mayBeHttp: allowed,
        timeoutMs,
        maxBodyBytes: ignoredBodyBytes,
        needsBody: false,
        secrets: [],
        onAttempt: () => {},
        strike: text => text,
      };
      const request = { method: 'POST', path: `${pathname}${search}`, headers, body } as const;
      const outcome = await send(request, signal, way);
      if ('error' in outcome) throw outcome.error;
      const { status, headers: answered } = outcome.response;
      return { status, retryAfterMs: retryAfterMs(answered, Date.now()) };
    },
    close() {
      for (const agent of [guarded.https, free.http, free.https]) agent.destroy();
    },
  };
}

/** Where requests of one integration go, and what they are held to. */
interface Way {
  origin: string;
  agent: { http?: http.Agent; https: https.Agent };
  /** Whether http:// would be allowed. */
  mayBeHttp: boolean;
  timeoutMs: number;
  maxBodyBytes: number;
  /** False: the status is the whole answer, whatever becomes of the rest. */
  needsBody: boolean;
  /** What must not be in any text that leaves this module: the credential's parts, as they are and as in URLs. */
  secrets: readonly string[];
  onAttempt(outcome: RequestOutcome): void;
  strike(text: string): string;
}

/** What came of one attempt. `isRepeatable` is about failures; a response's status tells for itself. */
type Outcome = { response: ProviderResponse } | { error: ProviderError; isRepeatable: boolean };

async function requestWithin(
  request: ProviderRequest,
  signal: AbortSignal,
  way: Way,
  lane: Lane,
  repeats: { bounds: RetryBounds; unauthorizedMs: number; log: Log },
): Promise<ProviderResponse> {
  let unauthorizedRepeats = 0;
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await lane.run(() => send(request, signal, way), signal);
    signal.throwIfAborted();
    way.onAttempt('error' in outcome ? outcome.error.kind : outcomeOf(outcome.response.status));
    let waitMs: number | null = null;
    // What is posted may have happened: only reads are repeated.
    if ((request.method ?? 'GET') === 'GET') {
      if ('error' in outcome) {
        if (outcome.isRepeatable) waitMs = waitBeforeRepeat(attempt, null, repeats.bounds, Math.random());
      } else if (outcome.response.status === 401 && unauthorizedRepeats === 0) {
        unauthorizedRepeats += 1;
        waitMs = repeats.unauthorizedMs;
      } else if (isRepeatable(outcome.response.status)) {
        const askedMs = retryAfterMs(outcome.response.headers, Date.now());
        waitMs = waitBeforeRepeat(attempt, askedMs, repeats.bounds, Math.random());
        // The provider asked all of us to wait, not this request alone.
        if (waitMs !== null && askedMs !== null) lane.holdFor(waitMs);
      }
    }
    if (waitMs === null) {
      if ('error' in outcome) throw outcome.error;
      return outcome.response;
    }
    const reason = 'error' in outcome ? { code: outcome.error.code } : { status: outcome.response.status };
    repeats.log.debug({ origin: way.origin, attempt, waitMs: Math.round(waitMs), ...reason }, 'request repeated');
    await sleep(waitMs, signal);
  }
}

/** One attempt. Throws the signal's reason and what is our own fault; all else is an outcome. */
async function send(request: ProviderRequest & { body?: string }, signal: AbortSignal, way: Way): Promise<Outcome> {
  const url = `${way.origin}${request.path}`;
  if (!request.path.startsWith('/')) throw new Error('a provider asked for a path that does not begin with a slash');
  signal.throwIfAborted();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  let head: PlainResponse | undefined;
  try {
    // A stream, because got's promises hold the whole body before one can count it.
    const stream = got.stream(url, {
      method: request.method ?? 'GET',
      headers: { accept: 'application/json', ...request.headers, 'user-agent': userAgent },
      ...(request.json === undefined ? {} : { json: request.json }),
      ...(request.body === undefined ? {} : { body: request.body }),
      agent: way.agent,
      followRedirect: false,
      throwHttpErrors: false,
      retry: { limit: 0 },
      timeout: {
        lookup: connectTimeoutMs,
        connect: connectTimeoutMs,
        secureConnect: connectTimeoutMs,
        request: request.timeoutMs ?? way.timeoutMs,
      },
      signal,
    });
    // Ending a stream early may make it emit an error after the loop below has left it.
    stream.on('error', () => {});
    stream.once('response', (response: PlainResponse) => {
      head = response;
    });
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > way.maxBodyBytes && !way.needsBody) break;
      if (bytes > way.maxBodyBytes) return tooLarge(way);
      chunks.push(chunk);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!head || way.needsBody) return failure(error, way, head !== undefined);
  }
  if (!head) return { error: new ProviderError('unavailable', `${way.origin} gave no answer`), isRepeatable: true };
  if (!way.needsBody)
    return { response: { status: head.statusCode, headers: head.headers, json: undefined, excerpt: '' } };
  if (head.statusCode >= 300 && head.statusCode < 400) return redirected(head, way);
  return { response: read(head, chunks, bytes, way) };
}

function read(head: PlainResponse, chunks: Uint8Array[], bytes: number, way: Way): ProviderResponse {
  const body = Buffer.concat(chunks, bytes);
  // Searched as bytes: of a page of agents only the parsed text is ever made.
  const strike = way.secrets.some(secret => body.includes(secret)) ? way.strike : (text: string) => text;
  // Copied from the bytes: a slice of the text would keep all of it in memory for as long as an error lives. Long enough
  // that a secret which begins in it also ends in it.
  const longest = Math.max(0, ...way.secrets.map(secret => secret.length));
  const excerpt = strike(body.toString('utf8', 0, 2000 + longest)).slice(0, 500);
  const headers = Object.entries(head.headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? way.strike(value) : value?.map(way.strike),
  ]);
  return { status: head.statusCode, headers: Object.fromEntries(headers), json: parseJson(body, strike), excerpt };
}

/** HTML comes with any status, so the body itself tells whether it is JSON, never its declared type. */
function parseJson(body: Buffer, strike: (text: string) => string): unknown {
  if (body.length === 0 || body[0] === 0x3c) return undefined;
  try {
    // A byte order mark is no JSON, and some proxies add one.
    return JSON.parse(strike(body.toString('utf8', body[0] === 0xef && body[1] === 0xbb ? 3 : 0)));
  } catch {
    return undefined;
  }
}

function tooLarge(way: Way): Outcome {
  const message = `${way.origin} sent an answer larger than ${way.maxBodyBytes} bytes`;
  return { error: new ProviderError('malformed', message), isRepeatable: false };
}

function redirected(head: PlainResponse, way: Way): Outcome {
  const where = way.strike(head.headers.location ?? '').slice(0, 200);
  const message = `${way.origin} redirects to ${where || 'another place'}; redirects are not followed, so that the token goes to no stranger: set the URL of the console itself`;
  return { error: new ProviderError('settings', message, { status: head.statusCode }), isRepeatable: false };
}

/** Codes whose meaning is the administrator's to mend; repeating would not help. */
const settingsCodes: Readonly<Record<string, string>> = {
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is not signed by a known authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is not signed by a known authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is not signed by a known authority',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_INVALID_CHAR: 'the token holds characters that cannot be sent',
};

/**
 * Says what got's error means, in our words: got's own carries its options, and with them the token, so nothing of it
 * but the code leaves this function.
 */
function failure(error: unknown, way: Way, hasAnswered: boolean): Outcome {
  if (!(error instanceof Error)) throw error;
  const code = codeOf(error);
  if (error instanceof TimeoutError && !['lookup', 'connect', 'secureConnect'].includes(error.event)) {
    const message = `${way.origin} did not answer in time`;
    // Not repeated: the same page would take as long again, and the provider can ask for a smaller one.
    return { error: new ProviderError('unavailable', message, { code, timedOut: true }), isRepeatable: false };
  }
  if (code === refusedAddress) {
    return { error: new ProviderError('settings', way.strike(error.message), { code }), isRepeatable: false };
  }
  const wrong = code === null ? undefined : settingsCodes[code];
  if (wrong !== undefined) {
    const message = `${way.origin} cannot be used: ${wrong}`;
    return { error: new ProviderError('settings', message, { code }), isRepeatable: false };
  }
  // Z_BUF_ERROR is a body cut short; the others of zlib, brotli and zstd are bytes that nobody can read.
  if (code !== null && /^(Z_|ERR__ERROR|ERR_BROTLI|ZSTD_|ERR_ZSTD)/.test(code) && code !== 'Z_BUF_ERROR') {
    const message = `${way.origin} sent a body that cannot be decompressed`;
    return { error: new ProviderError('malformed', message, { code }), isRepeatable: false };
  }
  return { error: new ProviderError('unavailable', unreached(way, code, hasAnswered), { code }), isRepeatable: true };
}

function unreached(way: Way, code: string | null, hasAnswered: boolean): string {
  if (code === 'ENOTFOUND') return `${way.origin} is not known to DNS; is the URL right?`;
  const mark = code === null ? '' : ` (${code})`;
  // A URL without a scheme is taken for https, and an allowed host is often a plain server on the own network.
  if (way.mayBeHttp && way.origin.startsWith('https:') && (code === 'EPROTO' || code?.startsWith('ERR_SSL_'))) {
    return `${way.origin} does not speak TLS as it should${mark}; if it is a plain http server, write http:// in the URL`;
  }
  return hasAnswered
    ? `${way.origin} ended the connection in the middle of an answer${mark}`
    : `${way.origin} cannot be reached${mark}`;
}

/** What broke while reading is told by the cause: got names it after where it happened. */
function codeOf(error: Error): string | null {
  if (error instanceof ReadError && error.cause instanceof Error && 'code' in error.cause)
    return String(error.cause.code);
  return 'code' in error && typeof error.code === 'string' ? error.code : null;
}
