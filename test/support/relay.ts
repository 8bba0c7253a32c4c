// A relay in front of a server, to take it away: connections are refused and cut, or hang, until it heals.
import net from 'node:net';

export class Relay {
  readonly url: string;
  #server: net.Server;
  #sockets = new Set<net.Socket>();
  #failure: 'refuses' | 'hangs' | null = null;

  private constructor(url: string, server: net.Server) {
    this.url = url;
    this.#server = server;
  }

  /** @param target postgres://... of the server */
  static async to(target: string): Promise<Relay> {
    const { hostname, port } = new URL(target);
    const server = net.createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const url = new URL(target);
    url.hostname = '127.0.0.1';
    url.port = String((server.address() as net.AddressInfo).port);
    const relay = new Relay(url.href, server);
    server.on('connection', socket => relay.#relay(socket, hostname, Number(port)));
    return relay;
  }

  #relay(socket: net.Socket, host: string, port: number): void {
    if (this.#failure === 'refuses') {
      socket.destroy();
      return;
    }
    const upstream = net.connect(port, host);
    for (const [from, to] of [
      [socket, upstream],
      [upstream, socket],
    ] as const) {
      this.#sockets.add(from);
      from.on('data', chunk => {
        if (this.#failure === null) to.write(chunk);
      });
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
    }
  }

  fail(how: 'refuses' | 'hangs'): void {
    this.#failure = how;
    if (how === 'refuses') for (const socket of this.#sockets) socket.destroy();
  }

  heal(): void {
    this.#failure = null;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise(resolve => this.#server.close(resolve));
  }
}
