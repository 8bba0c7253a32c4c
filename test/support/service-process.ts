// The service as a process of its own, on a fresh database, with a key that may do everything. It is an API process, which calls nobody:
// whatever addresses are stored in it, nothing is sent there.
import path from 'node:path';
import { newSecretKey } from '../../src/store/secrets.ts';
import { root } from './checkout.ts';
import { freshDatabase } from './database.ts';
import { freePort } from './free-port.ts';
import { startProgram } from './gateways.ts';

export interface ServiceProcess {
  url: string;
  key: string;
  databaseUrl: string;
  /** All that it logged. */
  said(): string;
  stop(): Promise<void>;
}

/** Resolves when it is ready. */
export async function startServiceProcess(): Promise<ServiceProcess> {
  const database = await freshDatabase();
  const port = await freePort();
  const key = `pskey-${'k'.repeat(40)}`;
  const program = await startProgram(process.execPath, [path.join(root, 'src/main.ts'), 'serve'], port, {
    ...{ DATABASE_URL: database.url, PORT: String(port), ROLE: 'api', BOOTSTRAP_API_KEY: key, LOG_LEVEL: 'warn' },
    ...{ SECRET_KEYS: newSecretKey('k1'), PROVIDER_ALLOWED_HOSTS: '127.0.0.1', DECISION_LOG: 'off' },
  });
  return { url: `http://127.0.0.1:${port}`, key, databaseUrl: database.url, said: program.said, stop: program.stop };
}
