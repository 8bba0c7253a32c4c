// HTTP requests byte by byte, for what clients refuse to send: the same header twice, another Host, any path. One connection a
// request.
import net from 'node:net';

export interface WireRequest {
  method?: string;
  /** Pairs, in the order in which they are sent. Host and Connection are added where they are not there. */
  headers?: readonly (readonly [name: string, value: string])[];
  body?: string;
  /** A path that is asked for first, with the same Authorization and without waiting for its answer, which must tell its length. */
  behind?: string | null;
  /** After so long without an answer it fails. */
  withinMs?: number;
}

export interface WireAnswer {
  status: number;
  /** By name in lower case; of one that was sent twice the last. */
  headers: Record<string, string>;
  body: string;
}

/** @param target `http://127.0.0.1:8080` @param path as it is sent, with the query */
export function send(target: string, path: string, request: WireRequest = {}): Promise<WireAnswer> {
  const { method = 'GET', headers = [], body = '', behind = null, withinMs = 60_000 } = request;
  const { hostname, port, host } = new URL(target);
  const all = [...headers];
  const has = (name: string) => all.some(([each]) => each.toLowerCase() === name);
  if (!has('host')) all.unshift(['Host', host]);
  if (!has('connection')) all.push(['Connection', 'close']);
  if (body !== '') all.push(['Content-Length', String(Buffer.byteLength(body))]);
  const head = [`${method} ${path} HTTP/1.1`, ...all.map(([name, value]) => `${name}: ${value}`)].join('\r\n');
  const authorization = headers.filter(([name]) => name === 'Authorization').map(pair => `${pair.join(': ')}\r\n`);
  const first = behind === null ? '' : `GET ${behind} HTTP/1.1\r\nHost: ${host}\r\n${authorization.join('')}\r\n`;
  return new Promise((resolve, reject) => {
    const socket = net.connect({ host: hostname, port: Number(port) });
    const chunks: Buffer[] = [];
    socket.setTimeout(withinMs, () => socket.destroy(new Error(`no answer within ${withinMs} ms`)));
    socket.on('error', reject);
    socket.on('data', chunk => chunks.push(chunk));
    socket.on('end', () => {
      socket.destroy();
      const bytes = Buffer.concat(chunks);
      resolve(answerOf(behind === null ? bytes : behindFirst(bytes)));
    });
    // Headers are bytes: a text in UTF-8 is sent as such.
    socket.write(`${first}${head}\r\n\r\n${body}`);
  });
}

function behindFirst(bytes: Buffer): Buffer {
  const body = bytes.indexOf('\r\n\r\n') + 4;
  const length = /\r\ncontent-length: (\d+)/i.exec(bytes.subarray(0, body).toString('latin1'))?.[1];
  return bytes.subarray(body + Number(length));
}

function answerOf(bytes: Buffer): WireAnswer {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no answer: ${JSON.stringify(bytes.toString().slice(0, 200))}`);
  const [first = '', ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(':');
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const rest = bytes.subarray(end + 4);
  const body = headers['transfer-encoding'] === 'chunked' ? unchunked(rest) : rest;
  return { status: Number(first.split(' ')[1]), headers, body: body.toString('utf8') };
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const line = bytes.indexOf('\r\n', at);
    const size = Number.parseInt(bytes.subarray(at, line).toString(), 16);
    if (!(size > 0)) break;
    parts.push(bytes.subarray(line + 2, line + 2 + size));
    at = line + 4 + size;
  }
  return Buffer.concat(parts);
}
