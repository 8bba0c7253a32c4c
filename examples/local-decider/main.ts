// A decider beside whatever it protects: keeps a copy of what posture-sync knows and answers from it on a local port, also while
// posture-sync is away, until the copy is too old. See README.md here.
import { open, readFile, rename } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseArgs } from 'node:util';
import { Copy, type Question } from './copy.ts';
import { follow, linesOf } from './follow.ts';

const usage = `usage: main.ts --url URL [--key-file FILE] [--port 8090] [--max-age 900] [--keep FILE]
  --url       of posture-sync: http://127.0.0.1:8080
  --key-file  holds an API key with the scope gateway:stream; without it the environment variable KEY does
  --port      where to answer, on 127.0.0.1; 0: any that is free
  --max-age   seconds after which a copy that is not renewed decides nothing
  --keep      a file to keep the copy in, so that a restart needs no service`;

const options = readOptions();
const keyFile = options['key-file'];
const key =
  keyFile === undefined
    ? process.env.KEY
    : (await readFile(keyFile, 'utf8').catch(error => fail(`the key cannot be read: ${error.message}`))).trim();
if (
  !URL.canParse(options.url ?? '') ||
  !key ||
  ![options.port, options['max-age']].every(number => /^\d{1,7}$/.test(number))
) {
  console.error(usage);
  process.exit(2);
}
const maxAgeMs = Number(options['max-age']) * 1_000;
const { url = '', keep } = options;
const log = (line: string) => console.error(line);
const stop = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());

let copy = keep === undefined ? null : await readKept(keep);
let isKept = true;

const server = createServer((request, response) => {
  const { pathname, searchParams: asked } = new URL(request.url ?? '/', 'http://localhost');
  const answer = (status: number, body: unknown) => {
    response.writeHead(status, { 'content-type': 'application/json' }).end(`${JSON.stringify(body)}\n`);
  };
  if (pathname === '/status')
    return answer(200, copy && { devices: copy.size, revision: copy.revision, copyAgeMs: Math.round(copy.ageMs()) });
  if (pathname !== '/decide') return answer(404, { message: 'ask /decide or /status' });
  if (copy === null) return answer(503, { allowed: false, outcome: 'copy_stale', message: 'there is no copy yet' });
  return answer(200, copy.decide(questionOf(asked), maxAgeMs));
});
server.on('error', error => fail(`cannot answer: ${error.message}`));
server.listen(Number(options.port), '127.0.0.1', () => {
  console.log(`answers on http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});

const keeping = setInterval(() => void store(), 60_000);
await follow({
  url,
  key,
  signal: stop.signal,
  copy,
  onCopy: renewed => {
    copy = renewed;
    isKept = false;
  },
  log,
});
clearInterval(keeping);
server.close();
server.closeAllConnections();
await store();

function fail(line: string): never {
  console.error(line);
  process.exit(1);
}

/** Ends the program where an option is unknown or lacks its value. */
function readOptions() {
  try {
    return parseArgs({
      options: {
        url: { type: 'string' },
        'key-file': { type: 'string' },
        port: { type: 'string', default: '8090' },
        'max-age': { type: 'string', default: '900' },
        keep: { type: 'string' },
      },
    }).values;
  } catch {
    console.error(usage);
    process.exit(2);
  }
}

function questionOf(asked: URLSearchParams): Question {
  const port = asked.get('port');
  return {
    device: asked.get('device'),
    serial: asked.get('serial'),
    destination: {
      host: asked.get('host'),
      // What is no number reaches nothing but rules for every port.
      port: port === null ? null : Number(port),
      proto: asked.get('proto'),
    },
  };
}

/** Writes the copy beside the file first: one that is cut must not replace one that is whole. */
async function store(): Promise<void> {
  if (keep === undefined || copy === null || isKept) return;
  isKept = true;
  // All at once, as the copy is now: it changes while a file is written.
  const lines = [...copy.records()].map(record => JSON.stringify(record));
  const file = await open(`${keep}.new`, 'w', 0o600);
  try {
    await file.writeFile(`${lines.join('\n')}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(`${keep}.new`, keep);
}

/** @returns the copy that was kept, or null where there is none that is whole */
async function readKept(path: string): Promise<Copy | null> {
  const kept = new Copy();
  let isWhole = false;
  try {
    const file = await open(path);
    for await (const line of linesOf(file.createReadStream())) {
      const record = JSON.parse(line);
      kept.take(record, null);
      isWhole = record.end !== undefined;
    }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    // At the first start there is none yet.
    log(code === 'ENOENT' ? `${path} will be the copy that is kept` : `no copy was kept: ${message}`);
    return null;
  }
  return isWhole ? kept : null;
}
