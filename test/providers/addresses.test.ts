// The egress guard: which URLs are taken, which addresses are reached, and that a second answer of DNS changes nothing.
import http from 'node:http';
import https from 'node:https';
import net, { type LookupFunction } from 'node:net';
import { describe, expect, test } from 'vitest';
import { cleanBaseUrl, guardAgent, isPublicAddress } from '../../src/providers/addresses.ts';
import { failureOf, openWay, serve } from './support.ts';

describe('a base URL', () => {
  test.each([
    ['usea1-011.sentinelone.net', 'https://usea1-011.sentinelone.net'],
    ['  https://usea1-011.sentinelone.net/ \n', 'https://usea1-011.sentinelone.net'],
    ['https://usea1-011.sentinelone.net/dashboard?x=1#y', 'https://usea1-011.sentinelone.net'],
    ['usea1-011.sentinelone.net/web/api', 'https://usea1-011.sentinelone.net'],
    ['HTTPS://USEA1-011.SentinelOne.net', 'https://usea1-011.sentinelone.net'],
    ['https://a.example.:443', 'https://a.example'],
    ['a.example:8443', 'https://a.example:8443'],
    ['https://93.184.216.34', 'https://93.184.216.34'],
    ['https://[2606:2800:220:1::1]', 'https://[2606:2800:220:1::1]'],
  ])('%j becomes %s', (text, url) => {
    expect(cleanBaseUrl(text, [])).toBe(url);
  });

  test.each([
    ['', 'empty'],
    ['   ', 'empty'],
    ['https://', 'cannot be read'],
    ['https://a b', 'cannot be read'],
    ['http://a.example', 'http is refused'],
    ['ftp://a.example', 'must begin with https://'],
    ['file:///etc/passwd', 'cannot be read'],
    ['https://user:pass@a.example', 'user name or password'],
    ['token@a.example', 'user name or password'],
    ['localhost', 'not a public address'],
    ['https://LOCALHOST.:8080', 'not a public address'],
    ['https://console.localhost', 'not a public address'],
  ])('%j is refused: %s', (text, why) => {
    expect(() => cleanBaseUrl(text, [])).toThrow(why);
  });

  test.each([
    '127.0.0.1',
    '127.1',
    '0177.0.0.1',
    '0x7f.0.0.1',
    '0x7f000001',
    '2130706433',
    '017700000001',
    '１２７.0.0.1',
    '127.0.0.1.',
    '0',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '100.127.255.254',
    '224.0.0.1',
    '240.0.0.1',
    '255.255.255.255',
    '192.0.2.1',
    '198.18.0.1',
    '[::]',
    '[::1]',
    '[0:0:0:0:0:0:0:1]',
    '[::127.0.0.1]',
    '[::8.8.8.8]',
    '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]',
    '[::ffff:8.8.8.8]',
    '[::ffff:0:127.0.0.1]',
    '[64:ff9b::7f00:1]',
    '[64:ff9b::8.8.8.8]',
    '[64:ff9b:1::a00:1]',
    '[2002:7f00:1::]',
    '[2001::1]',
    '[2001:db8::1]',
    '[fe80::1]',
    '[fec0::1]',
    '[fc00::1]',
    '[fd12:3456:789a::1]',
    '[ff02::1]',
    '[100::1]',
    '[4000::1]',
  ])('that is the address %s is refused in this spelling', host => {
    expect(() => cleanBaseUrl(`https://${host}`, [])).toThrow('not a public address');
    expect(() => cleanBaseUrl(`https://${host}:8443/x`, ['a.example'])).toThrow('not a public address');
  });

  test.each([
    ['http://127.0.0.1:9000', ['127.0.0.1:9000']],
    ['http://127.0.0.1:9000', ['127.0.0.1']],
    ['https://10.0.0.5', ['10.0.0.5']],
    ['http://[::1]:9000', ['[::1]:9000']],
    ['http://console.example', ['Console.Example:80']],
    ['https://console.example', ['console.example:443']],
  ])('%s is taken when %j are allowed', (url, allowed) => {
    expect(cleanBaseUrl(url, allowed)).toBe(url);
  });

  test.each([
    ['http://127.0.0.1:9001', ['127.0.0.1:9000']],
    ['http://127.0.0.1', ['127.0.0.1:9000']],
    ['http://127.0.0.2:9000', ['127.0.0.1:9000']],
    ['http://a.console.example', ['console.example']],
  ])('%s is refused when only %j are allowed', (url, allowed) => {
    expect(() => cleanBaseUrl(url, allowed)).toThrow();
  });

  test.each(['a b', 'http://a.example', 'a.example/x', 'a.example:http', ''])(
    'the allowed host %j is an error',
    entry => {
      expect(() => cleanBaseUrl('a.example', [entry])).toThrow('is no host[:port]');
    },
  );
});

describe('an address', () => {
  test.each([
    '8.8.8.8',
    '93.184.216.34',
    '172.15.0.1',
    '172.32.0.1',
    '100.128.0.1',
    '2606:2800:220:1::1',
    '2a00:1450::1',
  ])('%s is public', address => {
    expect(isPublicAddress(address)).toBe(true);
  });

  test.each(['', 'a.example', 'fe80::1%eth0', '::ffff:10.0.0.1', '999.1.1.1', 'unknown'])(
    '%j is not public',
    address => {
      expect(isPublicAddress(address)).toBe(false);
    },
  );
});

/** A resolver whose answers are these lists in turn, the last for ever. */
function resolver(...answers: string[][]): LookupFunction {
  let turn = 0;
  return (_host, _options, done) => {
    const answer = answers[Math.min(turn, answers.length - 1)] ?? [];
    turn += 1;
    done(
      null,
      answer.map(address => ({ address, family: net.isIP(address) })),
    );
  };
}

/** Requests through a guarded agent; the name is one that the tests' closed net lets through. */
async function get(
  port: number,
  lookup: LookupFunction,
  isReachable?: (address: string) => boolean,
  { host = 'localhost', by = http }: { host?: string; by?: typeof http | typeof https } = {},
) {
  const agent = guardAgent(new by.Agent(), lookup, isReachable);
  return await new Promise<string>((resolve, reject) => {
    const asked = by.get({ host, port, agent, headers: { authorization: 'x' } }, response => {
      response.resume();
      response.once('end', () => resolve(`status ${response.statusCode}`));
    });
    asked.once('error', reject);
  });
}

/** A listener that counts the bytes that reach it. */
async function countBytes() {
  const seen = { connections: 0, bytes: 0 };
  const server = net.createServer(socket => {
    seen.connections += 1;
    socket.on('data', data => {
      seen.bytes += data.length;
    });
    socket.on('error', () => {});
  });
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as net.AddressInfo;
  return { port, seen, close: () => new Promise(resolve => server.close(resolve)) };
}

describe('a connection', () => {
  test.each([[['127.0.0.1']], [['::1']], [['10.0.0.1', '::ffff:127.0.0.1']], [['64:ff9b::7f00:1']], [['fd00::1']]])(
    'to a name that is %j is not made',
    async addresses => {
      const { port, seen, close } = await countBytes();
      await expect(get(port, resolver(addresses))).rejects.toMatchObject({
        code: 'ERR_EGRESS_REFUSED',
        message: expect.stringContaining(`localhost is ${addresses[0]}`),
      });
      await close();
      expect(seen).toEqual({ connections: 0, bytes: 0 });
    },
  );

  test('to an address that was never looked up is not made either', async () => {
    const { port, seen, close } = await countBytes();
    for (const host of ['127.0.0.1', '::1']) {
      await expect(get(port, resolver([]), isPublicAddress, { host })).rejects.toMatchObject({
        code: 'ERR_EGRESS_REFUSED',
      });
    }
    await close();
    expect(seen.connections).toBe(0);
  });

  test('is made only to those of several addresses that may be reached', async () => {
    const server = await serve((_, response) => response.end('ok'));
    const tried: string[] = [];
    const isReachable = (address: string) => {
      tried.push(address);
      return address === '127.0.0.1';
    };
    expect(await get(server.port, resolver(['10.0.0.1', '127.0.0.1']), isReachable)).toBe('status 200');
    // Twice asked of the name, once of the socket.
    expect(tried).toEqual(['10.0.0.1', '127.0.0.1', '127.0.0.1']);
  });

  test.each([
    ['http', http],
    ['https', https],
  ])('by %s whose socket turns out to lead elsewhere is cut before a byte is sent', async (_, by) => {
    const { port, seen, close } = await countBytes();
    // As if a proxy, a NAT or a second answer of DNS stood between the name that was looked up and the socket.
    let asked = 0;
    const isReachable = () => {
      asked += 1;
      return asked === 1;
    };
    const work = get(port, resolver(['127.0.0.1']), isReachable, { by });
    await expect(work).rejects.toMatchObject({ code: 'ERR_EGRESS_REFUSED' });
    await close();
    expect(seen).toMatchObject({ bytes: 0 });
  });

  test('to a name that was public a moment ago and is now private is not made', async () => {
    const server = await serve((_, response) => response.end('ok'));
    // Stands for a public address in the first answer.
    const isReachable = (address: string) => address === '127.0.0.1';
    const lookup = resolver(['127.0.0.1'], ['169.254.169.254']);
    expect(await get(server.port, lookup, isReachable)).toBe('status 200');
    await expect(get(server.port, lookup, isReachable)).rejects.toMatchObject({ code: 'ERR_EGRESS_REFUSED' });
    expect(server.requests).toHaveLength(1);
  });
});

test('the way out is guarded: a name that leads to this machine is the administrator’s to mend, and not asked again', async () => {
  let lookups = 0;
  const lookup: LookupFunction = (_host, _options, done) => {
    lookups += 1;
    done(null, [{ address: '127.0.0.1', family: 4 }]);
  };
  // The closed net of the tests lets only this machine's names through; here one of them stands for a console.
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
    const options: unknown = Array.isArray(args[0]) ? args[0][0] : args[0];
    if (typeof options === 'object' && options !== null && 'host' in options) options.host = 'localhost';
    return Reflect.apply(connect, this, args);
  };
  try {
    const way = openWay('https://console.example', { allowedHosts: [], lookup, requestsPerSecond: 20 });
    const error = await failureOf(way.request({ path: '/', headers: {} }, new AbortController().signal));
    expect(error).toMatchObject({ kind: 'settings', message: expect.stringContaining('PROVIDER_ALLOWED_HOSTS') });
    expect(lookups).toBe(1);
  } finally {
    net.Socket.prototype.connect = connect;
  }
});
