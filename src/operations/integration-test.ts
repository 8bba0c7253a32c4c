// Whether settings work right now: the first page of agents is taken through the provider, and nothing is stored. By the command line for
// a stored integration, and by workers for whoever asks over HTTP, also of settings that are stored nowhere.
import { ProviderError } from '../errors.ts';
import { rfc3339 } from '../posture/times.ts';
import type { Egress } from '../providers/http.ts';
import type { Agent, Provider } from '../providers/provider.ts';
import { providerOf } from '../providers/registry.ts';
import { openProvider } from '../providers/settings.ts';
import type { Now, Pool } from '../store/client.ts';
import type { Integration } from '../store/integrations.ts';
import type { StoredError } from '../store/schema.ts';
import { type AdvisedError, advised } from './advice.ts';
import { noAgents, tokenWarning } from './integration-view.ts';
import { theIntegration } from './integrations.ts';
import { refuseUnsupported } from './runs.ts';

export interface IntegrationTest {
  /** Its name; null for one that is not stored. */
  integration: string | null;
  ok: boolean;
  /** Whether the provider took the token; null: it came to no answer that tells. */
  tokenAccepted: boolean | null;
  /** Agents on the first page. */
  agents: number;
  skipped: number;
  /** The first of them. */
  sample: { id: string; hostname: string | null; serials: string[]; lastActiveAt: string | null }[];
  /** How many the provider says there are. */
  claimedTotal: number | null;
  /** Accounts and sites that were seen. */
  scope: string[] | null;
  tokenExpires: string | null;
  /** What is odd although it works. */
  warnings: string[];
  error: AdvisedError | null;
  durationMs: number;
}

export interface TestContext {
  now: Now;
  egress: Egress;
  signal: AbortSignal;
}

export interface TestSubject {
  /** Null where it is not stored. */
  name: string | null;
  provider: Provider;
  /** The settings whole, secrets opened. @throws ProviderError settings where they cannot be */
  settings(): Promise<Record<string, unknown>> | Record<string, unknown>;
}

/** Nobody waits longer for a page; one that a sweep would wait for takes less. */
const answerWithinMs = 60_000;

/** Takes the first page of agents and stops. Stores nothing, and is allowed during a pause. @throws the signal's reason */
export async function testSettings(context: TestContext, subject: TestSubject): Promise<IntegrationTest> {
  const { now, egress } = context;
  const begun = performance.now();
  const deadline = AbortSignal.timeout(answerWithinMs);
  const signal = AbortSignal.any([context.signal, deadline]);
  const told = { agents: 0, skipped: 0, sample: [], claimedTotal: null, scope: null, tokenExpires: null, warnings: [] };
  const result: IntegrationTest = {
    ...{ integration: subject.name, ok: false, tokenAccepted: null, ...told, error: null, durationMs: 0 },
  };
  try {
    const settings = await subject.settings();
    const http = openProvider(egress, subject.provider, settings);
    for await (const page of subject.provider.agents(settings, { kind: 'all' }, { http, signal, now })) {
      signal.throwIfAborted();
      result.agents = page.agents.length;
      result.skipped = page.skipped.length;
      result.sample = page.agents.slice(0, mostShown).map(shown);
      result.claimedTotal = page.claimedTotal;
      result.scope = page.account ? [...page.account.scope] : null;
      result.tokenExpires = rfc3339(page.account?.tokenExpiresAt ?? null);
      const warning = tokenWarning(page.account?.tokenExpiresAt ?? null, now());
      if (warning !== null) result.warnings.push(warning);
      if (page.agents.length + page.skipped.length === 0) result.warnings.push(noAgents);
      break;
    }
    result.ok = true;
    result.tokenAccepted = true;
  } catch (error) {
    context.signal.throwIfAborted();
    const failure = deadline.aborted ? tooSlow() : error;
    if (!(failure instanceof ProviderError)) throw failure;
    if (failure.kind === 'auth') result.tokenAccepted = false;
    result.error = advised(storedError(failure));
  }
  result.durationMs = Math.round(performance.now() - begun);
  return result;
}

const mostShown = 5;

const shown = ({ id, hostname, identifiers, lastActiveAt }: Agent): IntegrationTest['sample'][number] => ({
  ...{ id, hostname, lastActiveAt: rfc3339(lastActiveAt) },
  serials: identifiers.flatMap(({ kind, value }) => (kind === 'serial' ? [value] : [])),
});

const tooSlow = () =>
  new ProviderError('unavailable', `the provider did not answer within ${answerWithinMs / 1_000} s`, {
    timedOut: true,
  });

/** The same of an integration by its name. @throws AppError not_found, conflict where no version of ours reads its provider; the signal's reason */
export async function testIntegration(
  context: TestContext & {
    db: Pool;
    settingsOf(integration: Integration): Promise<Record<string, unknown>> | Record<string, unknown>;
  },
  name: string,
): Promise<IntegrationTest> {
  const integration = await theIntegration(context.db, name);
  refuseUnsupported(integration.provider);
  const provider = providerOf(integration.provider);
  return await testSettings(context, { name, provider, settings: () => context.settingsOf(integration) });
}

/** @returns a provider's failure as it is stored and shown: with its detail, and without anything of ours */
export function storedError(error: ProviderError): StoredError {
  const message =
    error.detail && !error.message.includes(error.detail) ? `${error.message}: ${error.detail}` : error.message;
  return { kind: error.kind, message, status: error.status, code: error.code, requestId: error.requestId };
}
