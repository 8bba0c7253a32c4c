// What the console's failures mean. One table maps status and code to a kind, and the odd shapes of error bodies are
// read as well as they can be: titles, details, codes and request ids help whoever has to act.
import { ProviderError, type ProviderErrorKind } from '../../errors.ts';
import type { ProviderResponse } from '../provider.ts';
import { retryAfterMs } from '../retries.ts';

/** What an error body says. Newer services of the same host have shapes of their own, proxies send HTML or text. */
interface Complaint {
  code: number | null;
  title: string | null;
  detail: string | null;
  /** The body is a page or a text: not the console speaks, but something that stands before it. */
  isForeign: boolean;
}

/** The code of every problem of permission, licence or scope. Other 403s come from what stands before the console. */
const insufficientPermissions = 4030010;

/** First match wins. `status` 5 means 500 to 599. */
const meanings: readonly { status: number; when?: (complaint: Complaint) => boolean; kind: ProviderErrorKind }[] = [
  // A proxy or a firewall that wants a sign-in of its own says nothing of the token.
  { status: 401, when: ({ isForeign }) => isForeign, kind: 'unavailable' },
  // The console itself answers /agents with 401 for a bad token only; on other paths it proves nothing.
  { status: 401, kind: 'auth' },
  { status: 403, when: ({ code }) => code === insufficientPermissions, kind: 'permission' },
  // A firewall, a maintenance page, a blocked address: nobody's settings.
  { status: 403, kind: 'unavailable' },
  // A site or account that is not there, or not ours, is the only part of a query that an administrator chose.
  { status: 400, when: ({ title, detail }) => /site|account/i.test(`${title} ${detail}`), kind: 'settings' },
  // The console refuses a query that we made. With a code it was the console itself; without, something before it.
  { status: 400, when: ({ code }) => code !== null, kind: 'malformed' },
  // Never an empty page: read as one, it would empty a fleet.
  { status: 404, kind: 'unavailable' },
  { status: 429, kind: 'throttled' },
];

function kindOf(status: number, complaint: Complaint): ProviderErrorKind {
  return meanings.find(row => row.status === status && (row.when?.(complaint) ?? true))?.kind ?? 'unavailable';
}

/**
 * @param response any answer that is no page of agents
 * @param now the time that an HTTP date in Retry-After is compared with
 */
export function failureOf(response: ProviderResponse, now: Date): ProviderError {
  const complaint = complaintOf(response);
  // A 200 may carry errors too; their code begins with the status that is meant: 4030010 is a 403.
  const coded = Math.floor((complaint.code ?? 0) / 10_000);
  const status = response.status === 200 && coded >= 400 && coded < 600 ? coded : response.status;
  const kind =
    status !== 200
      ? kindOf(status, complaint)
      : hasErrors(response.json) || !isHtml(response)
        ? 'malformed'
        : 'unavailable';
  return new ProviderError(kind, sentence(response, complaint), {
    status: response.status,
    code: complaint.code === null ? null : String(complaint.code),
    requestId: requestIdOf(response),
    detail: complaint.detail,
    retryAfterMs: retryAfterMs(response.headers, now.getTime()),
  });
}

/** A 200 whose body does not have the shape that the API promises. */
export function malformed(what: string, response: ProviderResponse): ProviderError {
  const requestId = requestIdOf(response);
  const message = `SentinelOne's answer cannot be understood: ${what}${requestId ? ` (request ${requestId})` : ''}`;
  return new ProviderError('malformed', message, { status: response.status, requestId });
}

/** True when a body, though of status 200, reports errors. */
export function hasErrors(json: unknown): boolean {
  const errors = isRecord(json) ? json.errors : undefined;
  return Array.isArray(errors) ? errors.length > 0 : isRecord(errors) && Object.keys(errors).length > 0;
}

function sentence(response: ProviderResponse, complaint: Complaint): string {
  const texts = [complaint.title, complaint.detail].filter(text => text !== null);
  const requestId = requestIdOf(response);
  const marks = [
    ...(complaint.code === null ? [] : [`code ${complaint.code}`]),
    ...(requestId === null ? [] : [`request ${requestId}`]),
  ];
  const said = texts.length === 0 ? '' : `: ${texts.map(text => text.replace(/[.\s]+$/, '')).join('. ')}`;
  return `SentinelOne answered ${response.status}${said}${marks.length === 0 ? '' : ` (${marks.join(', ')})`}`;
}

function complaintOf(response: ProviderResponse): Complaint {
  const { json, excerpt } = response;
  if (!isRecord(json)) {
    if (response.status === 200 && !isHtml(response))
      return { code: null, title: 'no JSON that can be read', detail: null, isForeign: true };
    // JSON with a page of HTML appended has been seen: what stands in its first error is still worth reading.
    const title = /"title"\s*:\s*"([^"]*)"/.exec(excerpt)?.[1];
    const code = /"code"\s*:\s*(\d+)/.exec(excerpt)?.[1];
    const detail = /"detail"\s*:\s*"([^"]*)"/.exec(excerpt)?.[1];
    return {
      code: numberOf(code),
      title: textOf(title) ?? plainText(excerpt),
      detail: textOf(detail),
      isForeign: json === undefined && code === undefined && excerpt.trim() !== '',
    };
  }
  return { ...readComplaint(json), isForeign: false };
}

function readComplaint(json: Readonly<Record<string, unknown>>): Omit<Complaint, 'isForeign'> {
  const errors = Array.isArray(json.errors) ? json.errors : [json.errors];
  const first: unknown = errors.find(error => error !== null && error !== undefined);
  if (isRecord(first)) {
    const title = textOf(first.title) ?? textOf(first.message) ?? textOf(first.error);
    return { code: numberOf(first.code), title, detail: textOf(first.detail) };
  }
  if (typeof first === 'string') return { code: null, title: textOf(first), detail: null };
  const error = isRecord(json.error) ? json.error : json;
  return {
    code: numberOf(error.code),
    title: textOf(error.error) ?? textOf(error.title) ?? textOf(error.message),
    detail: textOf(error.detail) ?? (textOf(error.error) === null ? null : textOf(error.message)),
  };
}

/** HTML is told by its title or its words, text by its first line. */
function plainText(excerpt: string): string | null {
  const title = /<title[^>]*>([^<]*)/i.exec(excerpt)?.[1];
  const words = excerpt.replace(/<(style|script)[\s\S]*?(<\/\1>|$)/gi, ' ').replace(/<[^>]*(>|$)/g, ' ');
  return textOf(title) ?? textOf(words);
}

function isHtml(response: ProviderResponse): boolean {
  return /html/i.test(String(response.headers['content-type'] ?? '')) || /^\s*</.test(response.excerpt);
}

function requestIdOf(response: ProviderResponse): string | null {
  const header = response.headers['x-rqid'];
  return textOf(Array.isArray(header) ? header[0] : header);
}

function numberOf(value: unknown): number | null {
  const number = typeof value === 'string' && value !== '' ? Number(value) : value;
  return typeof number === 'number' && Number.isSafeInteger(number) ? number : null;
}

/** @returns a text fit to be shown and stored, cut at `longest` characters; null for what is no text, or an empty one */
export function textOf(value: unknown, longest = 300): string | null {
  if (typeof value !== 'string') return null;
  // Whatever stands in a body may end up in the database and on a terminal: no control characters, no half characters.
  // Cut roughly first: white space that is folded may make room, but a text of megabytes is not searched for it.
  const text = value
    .slice(0, 4 * longest)
    .replace(/[\s\p{Cc}]+/gu, ' ')
    .trim()
    .slice(0, longest)
    .toWellFormed();
  return text === '' ? null : text;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
