// The service that pages are tested with: a process of its own with its worker, a database, and a pretended console whose faults are
// switched by the test. Files that only look share one; what changes things has one of its own.
import { once } from 'node:events';
import path from 'node:path';
import type { BrowserContext } from 'playwright-core';
import { inject } from 'vitest';
import { createApiKey } from '../../src/operations/keys.ts';
import type { Scope } from '../../src/posture/scopes.ts';
import { inventory } from '../../src/simulator/inventory.ts';
import type { SimulatorOptions } from '../../src/simulator/simulator.ts';
import { databaseClock } from '../../src/store/client.ts';
import { root } from './checkout.ts';
import { createInstallation, type Installation } from './cli.ts';
import { freePort } from './free-port.ts';
import { startProgram } from './gateways.ts';
import { tester } from './world.ts';

export interface PagesService {
  /** Without a slash at its end. */
  url: string;
  /** The key that may do everything. */
  key: string;
  /** Its database and console, and commands beside it. */
  installation: Installation;
  /** Asks the API with the key. @returns the answer's body @throws where it is refused */
  api<T = Record<string, unknown>>(method: string, path: string, body?: unknown): Promise<T>;
  /** @returns a new key */
  newKey(name: string, scopes: Scope[]): Promise<string>;
  /** All that it logged. */
  said(): string;
  stop(): Promise<void>;
}

export interface PagesServiceOptions {
  simulator?: SimulatorOptions;
  environment?: Record<string, string>;
  /** @returns the address at which the service, and it alone, finds its database */
  behind?(databaseUrl: string): Promise<string>;
  /** What its database has from the beginning. */
  fill?(databaseUrl: string): Promise<void>;
}

/** Resolves when it is ready: without devices, integrations and policies. */
export async function startPagesService(options: PagesServiceOptions = {}): Promise<PagesService> {
  const buildFailure = inject('buildFailure');
  if (buildFailure !== '') throw new Error(buildFailure);
  const installation = await createInstallation(options.simulator);
  await options.fill?.(installation.database.url);
  const behind = await options.behind?.(installation.database.url);
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const key = `pskey-${'k'.repeat(40)}`;
  const program = await startProgram(process.execPath, [path.join(root, 'src/main.ts'), 'serve'], port, {
    ...installation.environment,
    ...{ PORT: String(port), BOOTSTRAP_API_KEY: key, LOG_LEVEL: 'warn', DECISION_LOG: 'off' },
    // Receivers of webhooks too.
    PROVIDER_ALLOWED_HOSTS: '127.0.0.1',
    ...(behind === undefined ? {} : { DATABASE_URL: behind }),
    ...options.environment,
  });
  const stop = async () => {
    if (program.child.exitCode === null && program.child.signalCode === null) {
      const ended = once(program.child, 'exit');
      program.child.kill('SIGTERM');
      await ended;
    }
    await installation.close();
  };
  await isReady(url, program.said).catch(async error => {
    await stop();
    throw error;
  });
  const request = {
    db: installation.database.pool,
    now: await databaseClock(installation.database.pool),
    actor: tester,
  };
  return {
    url,
    key,
    installation,
    async api(method, below, body) {
      const headers = {
        authorization: `Bearer ${key}`,
        accept: 'application/json',
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      };
      const text = typeof body === 'string' ? body : JSON.stringify(body);
      const answer = await fetch(`${url}/api/v2/${below}`, {
        method,
        headers,
        ...(body === undefined ? {} : { body: text }),
      });
      const said = await answer.text();
      if (!answer.ok) throw new Error(`${method} ${below}: ${answer.status} ${said}`);
      return said === '' ? {} : JSON.parse(said);
    },
    newKey: async (name, scopes) => (await createApiKey(request, { name, scopes, expiresInMs: null })).key,
    said: program.said,
    stop,
  };
}

async function isReady(url: string, said: () => string): Promise<void> {
  for (let tries = 0; tries < 1_600; tries++) {
    const answer = await fetch(`${url}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await new Promise(resolve => setTimeout(resolve, 50));
  }
  throw new Error(`the service does not become ready: ${said()}`);
}

/** Imports the fleet's devices, adds the integration `hq` and waits for its first sync. @returns its id */
export async function withFleet(service: PagesService): Promise<string> {
  const { simulator } = service.installation;
  const lines = inventory(simulator.fleet).map(device => JSON.stringify(device));
  await service.installation.run(['device', 'import', '-'], { stdin: `${lines.join('\n')}\n` });
  await service.installation.addHq();
  const { status, stderr } = await service.installation.run(['sync', 'hq']);
  if (status !== 0) throw new Error(stderr);
  const { integrations } = await service.api<{ integrations: { id: string }[] }>(
    'GET',
    'tailnet/-/posture/integrations',
  );
  return integrations[0]?.id ?? '';
}

/** Signs a browser's context in by a key: it has the session's cookie then, as after the sign-in page. @throws where the key is refused */
export async function signIn(context: BrowserContext, { url, key }: { url: string; key: string }): Promise<void> {
  const answer = await context.request.post(`${url}/api/v2/session`, { data: { key } });
  if (!answer.ok()) throw new Error(`signing in: ${answer.status()} ${await answer.text()}`);
}
