// Which URLs and addresses a provider's traffic may reach. Everything but global unicast is refused, because a URL typed by an
// administrator of one thing must not become a way into the network that the service runs in (SSRF).
import type http from 'node:http';
import net from 'node:net';
import ipaddr from 'ipaddr.js';
import { AppError, ProviderError } from '../errors.ts';

/** The code of the error that the guard throws into a connection. */
export const refusedAddress = 'ERR_EGRESS_REFUSED';

/**
 * @param address an IPv4 or IPv6 address in any spelling that resolvers return, without brackets
 * @returns true for global unicast only. False also for IPv6 that carries an IPv4 address within (v4-mapped,
 *   v4-compatible, NAT64, 6to4, Teredo), whatever that address is, and for what is no address at all
 */
export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address);
  if (parsed.range() !== 'unicast') return false;
  // ipaddr.js calls all that no table names 'unicast'; global unicast of IPv6 is 2000::/3 alone (RFC 4291, 2.4), which
  // leaves out ::/96 with its v4-compatible spellings of private addresses.
  return parsed.kind() === 'ipv4' || ((parsed.toByteArray()[0] ?? 0) & 0xe0) === 0x20;
}

/** Brackets off and lower case: the form in which hosts are compared. */
function bareHost(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, '$1').toLowerCase();
}

/** @returns true when a host is written as an address that is not public, or is a name that means this machine */
function isPrivateHost(hostname: string): boolean {
  const host = bareHost(hostname);
  if (net.isIP(host) !== 0) return !isPublicAddress(host);
  return host === 'localhost' || host.endsWith('.localhost');
}

/**
 * @param entries `host[:port]`, as in PROVIDER_ALLOWED_HOSTS; without a port every port is meant; IPv6 in brackets
 * @returns whether a URL's host and port are among them
 * @throws AppError 'invalid' for an entry that is no `host[:port]`
 */
export function allowedHostTest(entries: readonly string[]): (url: URL) => boolean {
  const allowed = entries.map(entry => {
    const found = /^(\[[^\]]+\]|[^:/@?#\s]+)(?::(\d{1,5}))?$/.exec(entry.trim());
    const base = found && URL.parse(`http://${found[1]}`);
    if (!found || !base) throw new AppError('invalid', `"${entry}" is no host[:port]`);
    return { host: bareHost(base.hostname), port: found[2] ?? null };
  });
  return url => {
    const host = bareHost(url.hostname);
    const port = url.port || (url.protocol === 'https:' ? '443' : '80');
    return allowed.some(entry => entry.host === host && (entry.port === null || Number(entry.port) === Number(port)));
  };
}

/**
 * Makes a base URL of what people paste: https is added where no scheme is, path, query and fragment are dropped.
 * @param allowedHosts `host[:port]` entries that may be private and http
 * @returns the origin, for example `https://usea1-011.sentinelone.net`
 * @throws ProviderError 'settings' with a message for the administrator
 */
export function cleanBaseUrl(text: string, allowedHosts: readonly string[]): string {
  const fail = (message: string) => new ProviderError('settings', message);
  const trimmed = text.trim();
  if (trimmed === '') throw fail('the URL is empty; expected for example https://example.sentinelone.net');
  const url = URL.parse(/^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `https://${trimmed}`);
  if (!url?.hostname) throw fail('the URL cannot be read; expected for example https://example.sentinelone.net');
  if (url.username !== '' || url.password !== '') throw fail('the URL must not hold a user name or password');
  // A name with the root's dot is the same host, and must not count as another one for limits.
  url.hostname = url.hostname.replace(/\.$/, '');
  const isAllowed = allowedHostTest(allowedHosts)(url);
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && isAllowed)) {
    const hint = ', http is refused; to allow it, name the host in PROVIDER_ALLOWED_HOSTS';
    throw fail(`the URL must begin with https://${url.protocol === 'http:' ? hint : ''}`);
  }
  if (!isAllowed && isPrivateHost(url.hostname)) {
    throw fail(`${url.hostname} is not a public address; to allow it, name the host in PROVIDER_ALLOWED_HOSTS`);
  }
  return url.origin;
}

function refuse(host: string, address: string): Error {
  const seen = host === address ? address : `${host} is ${address}, which`;
  const message = `${seen} is not a public address; to allow it, name the host in PROVIDER_ALLOWED_HOSTS`;
  return Object.assign(new Error(message), { code: refusedAddress });
}

/**
 * Makes an agent refuse every connection to an address that is not public. Checked where it counts, twice: on what the
 * name resolved to (the very list the connection is made from, so that a second, different answer of DNS cannot slip
 * in), and on the connected socket, before anything waiting to be written is.
 * @param agent changed in place
 * @param lookup resolves names; node's dns.lookup outside of tests
 * @param isReachable isPublicAddress outside of tests
 */
export function guardAgent<A extends http.Agent>(
  agent: A,
  lookup: net.LookupFunction,
  isReachable: (address: string) => boolean = isPublicAddress,
): A {
  const guardedLookup: net.LookupFunction = (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, found, family) => {
      if (error) return done(error, [], 0);
      const addresses = Array.isArray(found) ? found : [{ address: found, family: family ?? net.isIP(found) }];
      const reachable = addresses.filter(entry => isReachable(entry.address));
      const first = reachable[0];
      if (!first) return done(refuse(host, addresses[0]?.address ?? 'unknown'), [], 0);
      return options.all ? done(null, reachable) : done(null, first.address, first.family);
    });
  };
  const connect = agent.createConnection.bind(agent);
  agent.createConnection = (options, done) => {
    const host = bareHost(String(options.host ?? ''));
    // A literal address is never looked up.
    if (net.isIP(host) !== 0 && !isReachable(host)) throw refuse(host, host);
    const socket = connect({ ...options, lookup: guardedLookup }, done);
    if (socket instanceof net.Socket) {
      // Before all other listeners, TLS and the waiting request included: a destroyed socket writes nothing.
      socket.prependOnceListener('connect', () => {
        const address = socket.remoteAddress ?? 'unknown';
        if (!isReachable(address)) socket.destroy(refuse(host, address));
      });
    }
    return socket;
  };
  return agent;
}
