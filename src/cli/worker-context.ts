// What sync runs of this process need, made of a session.
import { hostname } from 'node:os';
import { openCheckSecrets } from '../operations/checks.ts';
import { openSettings } from '../operations/integrations.ts';
import { openSigningSecrets } from '../operations/webhooks.ts';
import { createEgress, type Egress } from '../providers/http.ts';
import { providerOf } from '../providers/registry.ts';
import type { ChecksContext } from '../sync/checks-desk.ts';
import type { NoticesContext } from '../sync/notices.ts';
import type { TailnetImportContext } from '../sync/tailnet-import.ts';
import type { Session } from './session.ts';
import { readScheduledKey } from './tailnet-key.ts';

/** @returns the context, and the way out to be closed when all runs are done */
export function workerContext(session: Session): {
  context: Omit<ChecksContext, 'pool'> & Omit<NoticesContext & TailnetImportContext, 'pool'>;
  egress: Egress;
} {
  const egress = createEgress({ allowedHosts: session.allowedHosts, log: session.log });
  const scheduled = session.config.tailscaleImport;
  const context = {
    databaseUrl: session.url,
    egress,
    providerOf,
    settingsOf: openSettings(session.keys),
    checkSecretOf: openCheckSecrets(session.keys),
    signingSecretsOf: openSigningSecrets(session.keys),
    now: session.now,
    log: session.log,
    worker: `${hostname()}:${process.pid}`,
    syncIntervalMs: session.config.syncIntervalMs,
    authPauseMs: session.config.authPauseMs,
    tailnet: scheduled && { ...scheduled, readKey: () => readScheduledKey(scheduled) },
  };
  return { context, egress };
}
