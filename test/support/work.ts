// One worker process, for tests of several: runs the real scheduler and provider on the integrations that are due, until its
// standard input ends. Its clock stands still, and it names itself and the integration in the token that it sends, so that
// a console knows who asks. Its one argument holds the options as JSON.
import { once } from 'node:events';
import { pino } from 'pino';
import { createEgress } from '../../src/providers/http.ts';
import { providerOf } from '../../src/providers/registry.ts';
import { createPool } from '../../src/store/client.ts';
import { startScheduler } from '../../src/sync/scheduler.ts';

/** What the process is to do. Times come as text. */
export interface WorkOptions {
  databaseUrl: string;
  worker: string;
  at: string;
}

const options: WorkOptions = JSON.parse(process.argv[2] ?? '');
const day = 24 * 3_600_000;
const log = pino({ level: 'silent' });
const pool = createPool(options.databaseUrl, { max: 1 });
const egress = createEgress({ allowedHosts: ['127.0.0.1'], log });
const scheduler = startScheduler({
  databaseUrl: options.databaseUrl,
  pool,
  egress,
  providerOf,
  settingsOf: integration => ({ ...integration.settings, token: `${options.worker}.${integration.name}` }),
  checkSecretOf: () => ({ token: `${options.worker}.asked` }),
  signingSecretsOf: () => [],
  now: () => new Date(options.at),
  log,
  worker: options.worker,
  syncIntervalMs: day / 96,
  authPauseMs: day,
  concurrency: 1,
  auditRetentionMs: 400 * day,
});
process.stdin.resume();
await once(process.stdin, 'end');
await scheduler.stop();
egress.close();
await pool.end();
