// What a gateway tells of the request it asks about: which device sent it, and where it goes. Only what a trusted proxy sent is
// read. Whatever is there twice, unreadable or contradictory is not known, and never a guess.
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { Destination } from '../posture/decide.ts';
import { canonicalAddress } from '../posture/identifiers.ts';
import { fingerprintOf } from './client-certificate.ts';
import type { Identity } from './decisions.ts';

/** How a gateway says which device it is (IDENTIFY_BY). */
export type IdentitySource =
  | { readonly kind: 'id' | 'serial' | 'certificate' /** In lower case. */; readonly header: string }
  | { readonly kind: 'address' };

/** Is no device's, whatever kind it is of. */
const unreadable = '';

/**
 * @param isProxy whether an address is one of TRUSTED_PROXIES; the request must come from one
 * @returns what identifies the device. An address counts only where no header does: it is the weakest, and must not stand in
 *   for something stronger that cannot be read
 */
export function identitiesOf(
  request: IncomingMessage,
  sources: readonly IdentitySource[],
  isProxy: (address: string) => boolean,
): Identity[] {
  const identities: Identity[] = [];
  let byAddress = false;
  for (const source of sources) {
    if (source.kind === 'address') byAddress = true;
    else {
      const text = request.headers[source.header];
      // Gateways that have nothing to say send an empty one.
      if (text !== undefined && text !== '') identities.push(identityOf(source.kind, oneValue(request, source.header)));
    }
  }
  if (identities.length > 0 || !byAddress) return identities;
  const value = clientAddress(request.headers['x-forwarded-for'], isProxy);
  return value === null ? identities : [{ kind: 'address', value }];
}

function identityOf(kind: 'id' | 'serial' | 'certificate', text: string | null): Identity {
  if (kind !== 'certificate') return { kind, value: text ?? unreadable };
  return { kind: 'certificate_fingerprint', value: (text === null ? null : fingerprintOf(text)) ?? unreadable };
}

/** @returns a header that was sent once, read as UTF-8; null otherwise */
function oneValue(request: IncomingMessage, name: string): string | null {
  const value = request.headers[name];
  if (typeof value !== 'string') return null;
  // Node joins what was sent twice by a comma and a space, which may stand in one value, too.
  if (value.includes(', ') && timesSent(request.rawHeaders, name) !== 1) return null;
  return inUtf8(value);
}

function timesSent(rawHeaders: readonly string[], name: string): number {
  let times = 0;
  for (let i = 0; i < rawHeaders.length; i += 2) if (rawHeaders[i]?.toLowerCase() === name) times++;
  return times;
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Node reads headers as Latin-1. */
function inUtf8(value: string): string | null {
  if (!/[\x80-\xff]/.test(value)) return value;
  try {
    return utf8.decode(Buffer.from(value, 'latin1'));
  } catch {
    return null;
  }
}

/**
 * The first address from the right that is not a proxy's: those further left are what the client says of itself.
 * @returns null where nothing but proxies stands there: an address among TRUSTED_PROXIES is no device's
 */
function clientAddress(header: string | string[] | undefined, isProxy: (address: string) => boolean): string | null {
  if (typeof header !== 'string') return null;
  for (let end = header.length; end > 0; ) {
    const comma = header.lastIndexOf(',', end - 1);
    const entry = header.slice(comma + 1, end).trim();
    if (!isProxy(entry)) return canonicalAddress(entry) ?? unreadable;
    end = comma;
  }
  return null;
}

const hostAndPort = /^(\[[0-9A-Fa-f:.]+\]|[^\s:/@?#,[\]]+)(?::(\d{1,5}))?$/;
/** By what X-Forwarded-Proto says. */
const usualPorts = new Map([
  ['http', 80],
  ['ws', 80],
  ['https', 443],
  ['wss', 443],
]);

/**
 * Where the request goes, by X-Forwarded-Host, -Port and -Proto, by X-Original-URL, else by Host.
 * @param headers of a request that came from a trusted proxy
 * @returns what is contradictory or unreadable is null, and so matches only rules that leave it open
 */
export function destinationOf(headers: IncomingHttpHeaders): Destination {
  const original = originalUrl(headers['x-original-url']);
  const forwarded = hostOf(headers['x-forwarded-host']);
  const named = forwarded === undefined && original === undefined ? hostOf(headers.host) : forwarded;
  const host = agreed(named?.host, original?.host);
  const port = agreed(portOf(headers['x-forwarded-port']), named?.port, original?.port);
  const scheme = agreed(usualPort(headers['x-forwarded-proto']), original?.usualPort);
  return { host: host ?? null, port: port === undefined ? (scheme ?? null) : port, proto: 'tcp' };
}

/** @returns the value that all have that say anything (undefined says nothing); null where they differ or one is null */
function agreed<T>(...values: (T | null | undefined)[]): T | null | undefined {
  let found: T | null | undefined;
  for (const value of values) {
    if (value === undefined) continue;
    if (found !== undefined && found !== value) return null;
    found = value;
  }
  return found;
}

/** Null: unreadable; undefined: not there. So for the next ones, too. */
function hostOf(
  value: string | string[] | undefined,
): { host: string; port: number | undefined } | { host: null; port: null } | undefined {
  if (value === undefined || value === '') return undefined;
  const [, host, port] = (typeof value === 'string' ? hostAndPort.exec(value) : null) ?? [];
  if (host === undefined) return { host: null, port: null };
  return { host: bareHost(host), port: port === undefined ? undefined : Number(port) };
}

function bareHost(host: string): string {
  return host.toLowerCase().replace(/\.$/, '');
}

function portOf(value: string | string[] | undefined): number | null | undefined {
  if (value === undefined || value === '') return undefined;
  return typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : null;
}

function usualPort(value: string | string[] | undefined): number | null | undefined {
  if (value === undefined || value === '') return undefined;
  return (typeof value === 'string' ? usualPorts.get(value.toLowerCase()) : null) ?? null;
}

interface OriginalUrl {
  host: string | null;
  port: number | null | undefined;
  usualPort: number | null;
}

/** Some gateways put only the path there, which says nothing of where it goes. */
function originalUrl(value: string | string[] | undefined): OriginalUrl | undefined {
  if (value === undefined || value === '' || value[0] === '/') return undefined;
  const [, scheme = '', authority = ''] = (typeof value === 'string' ? /^(\w+):\/\/([^/?#]*)/.exec(value) : null) ?? [];
  const named = hostOf(authority);
  return { host: named?.host ?? null, port: named?.port, usualPort: usualPort(scheme) ?? null };
}

const originalUris = ['x-forwarded-uri', 'x-original-uri', 'x-original-url'] as const;

/**
 * Whether a gateway passed its user's query on to us: then it says nothing of what the gateway wants to know, and a user must
 * not choose that.
 * @param url of the request to us
 */
export function isUsersQuery(url: string, headers: IncomingHttpHeaders): boolean {
  for (const name of originalUris) {
    const value = headers[name];
    const mark = typeof value === 'string' ? value.indexOf('?') : -1;
    if (typeof value !== 'string' || mark < 0) continue;
    const users = value.slice(mark + 1).split('&');
    const own = url.slice(url.indexOf('?') + 1).split('&');
    if (own.some(part => part !== '' && users.includes(part))) return true;
  }
  return false;
}
