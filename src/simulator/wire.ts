// How bytes leave: whole, compressed when the client asks, or with the faults of the line: in drips, cut, endless.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import type { Answer } from './answers.ts';
import type { Striking } from './fault-pages.ts';

const compress = promisify(gzip);
const pieceBytes = 4_096;
const fillerBytes = 2 ** 20;

/** Where an answer goes, and how. */
export interface Line {
  request: IncomingMessage;
  response: ServerResponse;
  striking: Striking;
  /** True when bodies may be compressed. */
  gzip: boolean;
}

/** Sends one answer as the striking faults let it; resolves when it has left or was cut. */
export async function send(line: Line, answer: Answer): Promise<void> {
  const { request, response, striking } = line;
  const huge = striking.get('huge-body');
  if (huge && answer.status === 200) {
    response.writeHead(200, answer.headers);
    await fill(response, huge.options.bytes ?? 2 ** 29);
    return;
  }
  let body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
  let headers = answer.headers;
  const wanted = String(request.headers['accept-encoding'] ?? '').includes('gzip');
  if (line.gzip && wanted && body.length > 1_024 && !('content-encoding' in headers)) {
    body = await compress(body, { level: constants.Z_BEST_SPEED });
    headers = { ...headers, 'content-encoding': 'gzip' };
  }
  response.writeHead(answer.status, { ...headers, 'content-length': String(body.length) });
  if (striking.has('cut-mid-body')) {
    await new Promise<void>(resolve => {
      response.once('close', resolve);
      response.write(body.subarray(0, Math.max(1, body.length >> 1)), () => request.socket.destroy());
    });
    return;
  }
  const slow = striking.get('slow');
  if (slow) {
    await drip(response, body, slow.options.dripMs ?? 500);
    return;
  }
  await finish(response, body);
}

/** Resolves when all bytes have been handed to the system, so that their buffer may be used again, or the line is cut. */
function finish(response: ServerResponse, body: Buffer | string): Promise<void> {
  return new Promise(resolve => {
    response.once('close', resolve);
    response.end(body, () => resolve());
  });
}

async function drip(response: ServerResponse, body: Buffer, pauseMs: number): Promise<void> {
  for (let at = 0; at < body.length && !response.destroyed; at += pieceBytes) {
    response.write(body.subarray(at, at + pieceBytes));
    await sleep(pauseMs, undefined, { ref: false });
  }
  await finish(response, '');
}

/** Valid JSON, most of it spaces, as fast as the client takes it. */
async function fill(response: ServerResponse, bytes: number): Promise<void> {
  const filler = Buffer.alloc(fillerBytes, ' ');
  const flows = (chunk: string | Buffer): Promise<void> =>
    new Promise(resolve => {
      response.once('close', resolve);
      response.write(chunk, () => {
        response.off('close', resolve);
        resolve();
      });
    });
  await flows('{"data":[');
  for (let sent = 0; sent < bytes && !response.destroyed; sent += fillerBytes) await flows(filler);
  await finish(response, '],"pagination":{"nextCursor":null,"totalItems":0}}');
}
