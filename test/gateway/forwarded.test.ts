// What is read of a request that a gateway asks about, from requests that came over the wire: which device, and where to.
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { destinationOf, type IdentitySource, identitiesOf, isUsersQuery } from '../../src/gateway/forwarded.ts';
import { networkTest } from '../../src/http/networks.ts';
import { anna } from '../support/certificates.ts';
import { send, type WireRequest } from '../support/wire-request.ts';

const all: IdentitySource[] = [
  { kind: 'id', header: 'x-device-id' },
  { kind: 'serial', header: 'x-device-serial' },
  { kind: 'certificate', header: 'x-client-certificate' },
  { kind: 'address' },
];
const isProxy = networkTest(['127.0.0.1', '10.1.0.0/16', '2001:db8:1::/48']);

type Headers = NonNullable<WireRequest['headers']>;
const from = (list: string): Headers => [['X-Forwarded-For', list]];

describe('what is forwarded', () => {
  let sources = all;
  const server = http.createServer((request, response) => {
    const identities = identitiesOf(request, sources, isProxy);
    response.end(JSON.stringify({ identities, destination: destinationOf(request.headers) }));
  });
  let url: string;
  beforeAll(async () => {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => void server.close());

  const read = async (headers: Headers) => JSON.parse((await send(url, '/', { headers })).body);

  it.each<[string, Headers, [string, string][]]>([
    ['nothing', [], []],
    ['an id', [['X-Device-Id', 'lt-0042']], [['id', 'lt-0042']]],
    ['an id beyond ASCII, in UTF-8', [['X-Device-Id', 'lt-é—あ']], [['id', 'lt-é—あ']]],
    ['an id with a comma', [['X-Device-Id', 'a, b']], [['id', 'a, b']]],
    ['a serial number as it is written', [['x-device-serial', ' c02xk1zzjg5j ']], [['serial', 'c02xk1zzjg5j']]],
    ['a certificate', [['X-Client-Certificate', anna.fingerprint]], [['certificate_fingerprint', anna.fingerprint]]],
    [
      'empty headers',
      [
        ['X-Device-Id', ''],
        ['X-Client-Certificate', ''],
      ],
      [],
    ],
    ['empty headers, and an address', [['X-Device-Id', ''], ...from('192.0.2.7')], [['address', '192.0.2.7']]],
    [
      'two of them',
      [
        ['X-Device-Id', 'a'],
        ['X-Device-Serial', 'b'],
      ],
      [
        ['id', 'a'],
        ['serial', 'b'],
      ],
    ],
    ['an id, whatever the address', [['X-Device-Id', 'a'], ...from('192.0.2.7')], [['id', 'a']]],
    [
      'an id twice',
      [
        ['X-Device-Id', 'a'],
        ['X-Device-Id', 'b'],
      ],
      [['id', '']],
    ],
    [
      'an id twice, the second time empty',
      [
        ['X-Device-Id', 'a'],
        ['x-device-id', ''],
      ],
      [['id', '']],
    ],
    [
      'a certificate that is none, whatever the address',
      [['X-Client-Certificate', 'anna'], ...from('192.0.2.7')],
      [['certificate_fingerprint', '']],
    ],
    [
      'a certificate twice',
      [
        ['X-Client-Certificate', anna.fingerprint],
        ['X-Client-Certificate', anna.fingerprint],
      ],
      [['certificate_fingerprint', '']],
    ],
    ['an address', from('192.0.2.7'), [['address', '192.0.2.7']]],
    ['an address of version 6, in one way of writing', from('2001:DB8:0:0::7'), [['address', '2001:db8::7']]],
    ['an address written as IPv6', from('::ffff:192.0.2.7'), [['address', '192.0.2.7']]],
    ['addresses that the client made up before its own', from('198.51.100.1, 192.0.2.7'), [['address', '192.0.2.7']]],
    [
      'an address before trusted proxies',
      from('198.51.100.1, 192.0.2.7,10.1.2.3 , 2001:db8:1::9'),
      [['address', '192.0.2.7']],
    ],
    ['the header twice', [...from('198.51.100.1'), ...from('192.0.2.7')], [['address', '192.0.2.7']]],
    ['trusted proxies alone', from('10.1.2.3, 10.1.9.9'), []],
    ['a proxy that the client claims to be', from('10.1.2.3, 192.0.2.7'), [['address', '192.0.2.7']]],
    ['no address', from('unknown'), [['address', '']]],
    ['no address behind one', from('192.0.2.7, unknown'), [['address', '']]],
    ['an address with a port', from('192.0.2.7:4711'), [['address', '']]],
    ['commas', from(',, ,'), [['address', '']]],
  ])('identifies by %s', async (_, headers, expected) => {
    expect((await read(headers)).identities).toEqual(expected.map(([kind, value]) => ({ kind, value })));
  });

  it('is an id that is no UTF-8 for nobody’s', async () => {
    const socketText = Buffer.from([0x61, 0xff, 0xfe]).toString('latin1');
    const raw = { headers: { 'x-device-id': socketText }, rawHeaders: [] } as unknown as http.IncomingMessage;
    expect(identitiesOf(raw, all, isProxy)).toEqual([{ kind: 'id', value: '' }]);
  });

  it('identifies by nothing that is not named', async () => {
    sources = [{ kind: 'serial', header: 'x-device-serial' }];
    const { identities } = await read([['X-Device-Id', 'a'], ...from('192.0.2.7')]);
    sources = all;
    expect(identities).toEqual([]);
  });

  it.each<[string, Headers, string | null, number | null]>([
    [
      'X-Forwarded-Host and -Proto',
      [
        ['X-Forwarded-Host', 'wiki.example.com'],
        ['X-Forwarded-Proto', 'https'],
      ],
      'wiki.example.com',
      443,
    ],
    [
      'http',
      [
        ['X-Forwarded-Host', 'wiki'],
        ['X-Forwarded-Proto', 'http'],
      ],
      'wiki',
      80,
    ],
    [
      'web sockets',
      [
        ['X-Forwarded-Host', 'wiki'],
        ['X-Forwarded-Proto', 'WSS'],
      ],
      'wiki',
      443,
    ],
    ['a host in capitals, with the root’s dot', [['X-Forwarded-Host', 'Wiki.Example.COM.']], 'wiki.example.com', null],
    [
      'a port with the host',
      [
        ['X-Forwarded-Host', 'wiki:8443'],
        ['X-Forwarded-Proto', 'https'],
      ],
      'wiki',
      8443,
    ],
    [
      'X-Forwarded-Port',
      [
        ['X-Forwarded-Host', 'wiki'],
        ['X-Forwarded-Port', '8443'],
        ['X-Forwarded-Proto', 'https'],
      ],
      'wiki',
      8443,
    ],
    [
      'ports that differ',
      [
        ['X-Forwarded-Host', 'wiki:22'],
        ['X-Forwarded-Port', '443'],
      ],
      'wiki',
      null,
    ],
    ['an address of version 6', [['X-Forwarded-Host', '[2001:db8::5]:443']], '[2001:db8::5]', 443],
    ['the original URL', [['X-Original-URL', 'https://wiki.example.com/a?b=c']], 'wiki.example.com', 443],
    ['the original URL with a port', [['X-Original-URL', 'https://wiki:8443/']], 'wiki', 8443],
    [
      'both, which agree',
      [
        ['X-Original-URL', 'https://wiki/'],
        ['X-Forwarded-Host', 'Wiki'],
      ],
      'wiki',
      443,
    ],
    [
      'hosts that differ',
      [
        ['X-Original-URL', 'https://hr/'],
        ['X-Forwarded-Host', 'wiki'],
      ],
      null,
      443,
    ],
    [
      'schemes that differ',
      [
        ['X-Original-URL', 'https://wiki/'],
        ['X-Forwarded-Proto', 'http'],
      ],
      'wiki',
      null,
    ],
    [
      'an original path, which says nothing',
      [
        ['X-Original-URL', '/a'],
        ['X-Forwarded-Host', 'wiki'],
      ],
      'wiki',
      null,
    ],
    ['an original URL with a user', [['X-Original-URL', 'https://wiki@hr/']], null, 443],
    ['no URL', [['X-Original-URL', 'wiki']], null, null],
    ['Host alone', [['Host', 'wiki:8080']], 'wiki', 8080],
    [
      'Host and a scheme',
      [
        ['Host', 'wiki'],
        ['X-Forwarded-Proto', 'https'],
      ],
      'wiki',
      443,
    ],
    [
      'Host, which the forwarded one replaces',
      [
        ['Host', 'hr'],
        ['X-Forwarded-Host', 'wiki'],
      ],
      'wiki',
      null,
    ],
    [
      'a host twice',
      [
        ['X-Forwarded-Host', 'wiki'],
        ['X-Forwarded-Host', 'hr'],
      ],
      null,
      null,
    ],
    ['a list of hosts', [['X-Forwarded-Host', 'wiki, hr']], null, null],
    [
      'no host',
      [
        ['X-Forwarded-Host', 'wi ki'],
        ['X-Forwarded-Proto', 'https'],
      ],
      null,
      null,
    ],
    [
      'an unknown scheme',
      [
        ['X-Forwarded-Host', 'wiki'],
        ['X-Forwarded-Proto', 'constructor'],
      ],
      'wiki',
      null,
    ],
    [
      'a port that is none',
      [
        ['X-Forwarded-Host', 'wiki'],
        ['X-Forwarded-Port', '44x3'],
        ['X-Forwarded-Proto', 'https'],
      ],
      'wiki',
      null,
    ],
  ])('leads by %s', async (_, headers, host, port) => {
    const { destination } = await read(headers);
    // A host that cannot be read leaves the scheme's port, which then opens nothing that names a host.
    const { host: found, port: foundPort, proto } = destination;
    expect([found, host === null ? port : foundPort, proto]).toEqual([host, port, 'tcp']);
  });
});

describe('a query', () => {
  it.each<[string, string, Record<string, string>, boolean]>([
    ['of the gateway', 'posture=healthy', { 'x-forwarded-uri': '/a?b=c' }, false],
    ['of the gateway, told nothing of its user', 'posture=healthy', {}, false],
    ['passed on by the gateway', 'posture=weak', { 'x-forwarded-uri': '/a?posture=weak' }, true],
    ['passed on behind its own', 'posture=healthy&posture=weak', { 'x-forwarded-uri': '/a?posture=weak' }, true],
    ['passed on, escaped', '%70osture=weak', { 'x-original-uri': '/a?%70osture=weak' }, true],
    ['passed on, as the original URL tells', 'posture=weak', { 'x-original-url': 'https://a/?posture=weak' }, true],
    ['passed on, of several parts', 'b=c&posture=weak', { 'x-forwarded-uri': '/a?b=c&posture=weak' }, true],
    ['of the gateway, while the user has an empty one', 'posture=healthy', { 'x-forwarded-uri': '/a?' }, false],
  ])('%s', (_, query, headers, isUsers) => {
    expect(isUsersQuery(query, headers)).toBe(isUsers);
  });
});
