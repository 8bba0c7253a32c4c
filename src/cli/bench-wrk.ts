// Load by wrk, from a process of its own on the same machine: as fast as it goes, or at about a given rate. Each request is about
// another device.
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../errors.ts';

export interface Load {
  url: string;
  /** A file with the id of a device a line. */
  idsFile: string;
  /** Where the script for wrk is put. */
  dir: string;
  seconds: number;
  headers?: Readonly<Record<string, string>>;
  /** API keys, each in its turn: one alone has a limit. */
  keys?: readonly string[];
  /** The header that says which device it is; where there is a body or a path, `ID` in that does. */
  idHeader?: string;
  /** In place of the path of the URL. */
  path?: string;
  /** Posted. */
  body?: string;
  /** Requests a second, about; null: as many as can be. */
  rate?: number | null;
}

export interface Loaded {
  requestsPerSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers other than 2xx: denials, where these have such a status. */
  refused: number;
  /** Requests without an answer. */
  failed: number;
  requests: number;
}

const connections = 32;

/** @throws AppError not_found where there is no wrk */
export async function runWrk(load: Load): Promise<Loaded> {
  const script = join(load.dir, `load-${Math.random().toString(36).slice(2)}.lua`);
  await writeFile(script, scriptOf(load));
  const wanted = ['-t1', `-c${connections}`, `-d${load.seconds}s`, '--timeout', '5s', '-s', script, load.url];
  const { stdout } = await promisify(execFile)('wrk', wanted).catch(error => {
    if (error.code === 'ENOENT') throw new AppError('not_found', 'wrk is needed: install it (Debian: apt install wrk)');
    throw error;
  });
  const line = stdout.split('\n').find(text => text.startsWith('{"requests"'));
  if (line === undefined) throw new Error(`wrk said nothing of use: ${stdout}`);
  const { requests, seconds, p50, p99, status, connect, read, write, timeout } = JSON.parse(line);
  return {
    requestsPerSecond: Math.round(requests / seconds),
    p50Ms: p50 / 1_000,
    p99Ms: p99 / 1_000,
    refused: status,
    failed: connect + read + write + timeout,
    requests,
  };
}

function scriptOf({ idsFile, headers = {}, keys = [], idHeader, path, body, rate = null }: Load): string {
  const fixed = Object.entries(headers).map(([name, value]) => `wrk.headers[${lua(name)}] = ${lua(value)}`);
  const turns = keys.map(key => `${lua(`Bearer ${key}`)}`).join(', ');
  const withId = (text: string) => `(string.gsub(${lua(text)}, "ID", ids[i]))`;
  const request =
    path !== undefined
      ? [`return wrk.format("GET", ${withId(path)})`]
      : body === undefined
        ? [`wrk.headers[${lua(idHeader ?? '')}] = ids[i]`, 'return wrk.format("GET")']
        : ['wrk.headers["Content-Type"] = "application/json"', `return wrk.format("POST", nil, nil, ${withId(body)})`];
  // Whole milliseconds only: around the pause that gives the rate.
  const pause = rate === null ? 0 : (connections * 1_000) / rate;
  return `
ids = {}
for line in io.lines(${lua(idsFile)}) do ids[#ids + 1] = line end
i = 0
keys = { ${turns} }
${fixed.join('\n')}
function request()
  i = i % #ids + 1
  ${keys.length === 0 ? '' : 'wrk.headers["Authorization"] = keys[i % #keys + 1]'}
  ${request.join('\n  ')}
end
${rate === null ? '' : `function delay() return math.random(0, ${Math.max(1, Math.round(2 * pause))}) end`}
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{"requests":%d,"seconds":%.6f,"p50":%.1f,"p99":%.1f,"status":%d,"connect":%d,"read":%d,"write":%d,"timeout":%d}\\n',
    summary.requests, summary.duration / 1000000, latency:percentile(50), latency:percentile(99), e.status, e.connect, e.read, e.write, e.timeout))
end
`;
}

/** A text as Lua writes it. */
function lua(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&').replaceAll('\n', '\\n')}"`;
}
