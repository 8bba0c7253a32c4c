// Closes the net for every test, at the socket. Only loopback can be reached.
import net from 'node:net';

const loopback = /^(127(\.\d+){3}|localhost|\[?::1\]?)(:\d+)?$/;

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
  const host = hostOf(args);
  if (host !== null && !loopback.test(host)) throw new Error(`a test tried to connect to ${host}`);
  return Reflect.apply(connect, this, args);
};

/** For who closes the net by other means. */
export function stopGuarding(): void {
  net.Socket.prototype.connect = connect;
}

/** @returns the host that a call of Socket.connect asks for; null for a local socket or the default, which is localhost */
function hostOf(args: unknown[]): string | null {
  // net.connect hands over its normalised arguments as one array.
  const [first, second] = Array.isArray(args[0]) ? args[0] : args;
  if (typeof first === 'object' && first !== null && 'host' in first)
    return typeof first.host === 'string' ? first.host : null;
  return typeof first === 'number' && typeof second === 'string' ? second : null;
}
