// The processes that benches of answers measure: a service, and the servers that it is compared with. Each ends with its parent.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './bench-fleet.ts';
import type { BenchServerSetup } from './bench-servers.ts';

export interface Served {
  url: string;
  child: ChildProcess;
}

export async function startBenchServer(kind: BenchServerSetup['kind'], databaseUrl: string): Promise<Served> {
  const child = fork(new URL('./bench-servers.ts', import.meta.url), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send({ kind, databaseUrl } satisfies BenchServerSetup);
  const [url] = (await once(child, 'message')) as [string];
  return { url, child };
}

/** @param more of its environment @returns a service that serves and, unless that says otherwise, does not sync, once it is ready */
export async function startServiceProcess(
  program: string,
  databaseUrl: string,
  key: string,
  dir: string,
  more: Readonly<Record<string, string>> = {},
): Promise<Served> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const env = {
    DATABASE_URL: databaseUrl,
    DATA_DIR: dir,
    ROLE: 'api',
    PORT: String(port),
    BOOTSTRAP_API_KEY: key,
    TRUSTED_PROXIES: '127.0.0.1',
    IDENTIFY_BY: 'id:X-Device-Id',
    DECISION_LOG: 'off',
    LOG_LEVEL: 'warn',
    ...more,
  };
  const child = fork(program, ['serve'], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  for (;;) {
    const response = await fetch(`${url}/readyz`).catch(() => null);
    if (response?.ok) return { url, child };
    if (child.exitCode !== null) throw new Error(`the service ended with status ${child.exitCode}`);
    await sleep(100);
  }
}

/** Resident memory of a process, in MB; null where the system does not tell. */
export async function residentMb(child: ChildProcess): Promise<number | null> {
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
  const kb = /^VmRSS:\s+(\d+) kB/m.exec(status)?.[1];
  return kb === undefined ? null : Math.round(Number(kb) / 1024);
}

/** Asks it to end, and waits. */
export async function endProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const left = once(child, 'exit');
  child.disconnect();
  const kill = setTimeout(() => child.kill('SIGKILL'), 12_000);
  await left;
  clearTimeout(kill);
}
