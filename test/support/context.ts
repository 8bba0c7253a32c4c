// What a run needs of its process, with the outside faked. Free of the test runner, so that worker processes have it too.
import { pino } from 'pino';
import { createEgress } from '../../src/providers/http.ts';
import type { Provider } from '../../src/providers/provider.ts';
import type { ChecksContext } from '../../src/sync/checks-desk.ts';
import type { NoticesContext } from '../../src/sync/notices.ts';
import { FakeConsole, fakeProvider } from './fake-provider.ts';

const minute = 60_000;

export type TestContext = Omit<ChecksContext, 'pool'> & Omit<NoticesContext, 'pool'>;

/** @param consoleOf the console of that name; an integration's settings name it */
export function testContext(
  databaseUrl: string,
  consoleOf: (name: string) => FakeConsole | undefined,
  now: () => Date,
): TestContext {
  const log = pino({ level: 'silent' });
  const provider: Provider = fakeProvider(settings => consoleOf(settings.console) ?? new FakeConsole());
  return {
    databaseUrl,
    egress: createEgress({ allowedHosts: ['fake.test'], log }),
    providerOf: () => provider,
    settingsOf: integration => ({ ...integration.settings, token: 'planted-secret' }),
    checkSecretOf: () => ({ token: 'planted-secret' }),
    signingSecretsOf: () => [],
    now,
    log,
    worker: 'test',
    syncIntervalMs: 15 * minute,
    authPauseMs: 24 * 60 * minute,
  };
}
