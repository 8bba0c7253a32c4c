// A port for a program that has to be told one before it listens. It lies below those that Linux gives to whoever connects or asks
// for any, so that nobody gets it in the moment between.
import { once } from 'node:events';
import net from 'node:net';

const [least, count] = [20_000, 12_000];

export async function freePort(): Promise<number> {
  for (;;) {
    const port = least + Math.floor(Math.random() * count);
    const server = net.createServer().listen(port, '127.0.0.1');
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    server.close();
    await once(server, 'close');
    return port;
  }
}
