// One sender process, for tests that kill it: says in a line that a receiver has answered a notice, before anything is marked,
// and waits there for ever. Its one argument holds the order as JSON.
import { pino } from 'pino';
import { openSigningSecrets } from '../../src/operations/webhooks.ts';
import { createEgress } from '../../src/providers/http.ts';
import { createPool } from '../../src/store/client.ts';
import { startNotices } from '../../src/sync/notices.ts';
import { keys } from './receiver.ts';

/** What the process is to do. Its clock stands still. */
export interface SendOrder {
  databaseUrl: string;
  at: string;
}

const order: SendOrder = JSON.parse(process.argv[2] ?? '');
const log = pino({ level: 'silent' });
startNotices({
  databaseUrl: order.databaseUrl,
  pool: createPool(order.databaseUrl),
  egress: createEgress({ allowedHosts: ['127.0.0.1'], log }),
  signingSecretsOf: openSigningSecrets(keys),
  now: () => new Date(order.at),
  log,
  async reachedInNotices(point) {
    if (point !== 'sent') return;
    console.log('sent');
    await new Promise(() => {});
  },
});
