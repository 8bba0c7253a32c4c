// Asking workers to find something out of an integration: a test, whether settings work; a preview, what a sweep would change. Either
// of the settings as they are stored, or of others that are stored nowhere: their secret is sealed in the request and goes with it.
import { randomBytes } from 'node:crypto';
import { AppError, ProviderError } from '../errors.ts';
import { settingsFormOf } from '../providers/registry.ts';
import { checkSettings } from '../providers/settings.ts';
import type { Pool } from '../store/client.ts';
import { type Integration, integrationById } from '../store/integrations.ts';
import { expireChecks, type NewCheck, openCheck, requestById } from '../store/requests.ts';
import type { StoredError, SyncOutcome } from '../store/schema.ts';
import { type Sealed, type SecretKeys, seal, unseal } from '../store/secrets.ts';
import type { PlannedChange, PlannedEffects, WithheldLosses } from '../store/withheld.ts';
import { checkName } from './audited.ts';
import { changedSettings, type SettingsTools, splitSecrets } from './changed-settings.ts';
import type { Request } from './devices.ts';
import type { IntegrationTest } from './integration-test.ts';
import { checkLimits, type IntegrationChanges, type Limits, limitsOf, type NewIntegration } from './integrations.ts';
import { refusePaused, refuseUnsupported } from './runs.ts';
import { together } from './together.ts';

/** What a sweep found, or a dry run of one. */
export interface SweepFigures {
  integration: string;
  outcome: SyncOutcome;
  complete: boolean;
  pages: number;
  agents: number;
  skipped: number;
  matched: number;
  unmatched: Record<string, number>;
  attributes: { set: number; changed: number; removed: number; withheld: number };
  error: StoredError | null;
  durationMs: number;
}

/** What would change: the first thousand devices, how many there are, and what would be withheld. */
export interface SweepPlan {
  changes: PlannedChange[];
  changesTotal: number;
  effects: PlannedEffects;
  withheld: WithheldLosses;
}

/** What a sweep would do. The same as a dry run of the command line tells. */
export interface Preview extends SweepFigures, SweepPlan {}

/** What is found out, by what was asked for. */
export interface CheckResults {
  test: IntegrationTest;
  preview: Preview;
}

export type CheckKind = keyof CheckResults;

export interface Check<Kind extends CheckKind> {
  id: number;
  state: 'waiting' | 'under_way' | 'done' | 'failed';
  requestedAt: Date;
  finishedAt: Date | null;
  /** What was found out; null before its end, and where nothing came of it. */
  result: CheckResults[Kind] | null;
  /** Why nothing came of it. What the provider refused stands in the result. */
  error: { kind: string; message: string } | null;
}

/** Settings of a request that are stored nowhere else. */
export interface CheckInput {
  provider: string;
  /** Without secrets. */
  settings: Record<string, unknown>;
  /** Of the integration that they would change; null: of none. */
  change: {
    settingsVersion: number;
    limits: Limits;
    /** Whether it would be asked in another way, so that a pause would end by it, and what was accepted no longer hold. */
    asksAnew: boolean;
  } | null;
}

export interface CheckRequest extends Request, SettingsTools {}

/** With so many open ones of a kind none is added. */
const mostOpen = 20;
/** Nobody waits for what no worker took by then, and no secret lies about. */
const takenWithinMs = 5 * 60_000;

/** What a test of settings is about that belong to no integration. */
export const ofNone = 'new';

/** Asks for a test of settings that are not stored. @returns the request's id @throws AppError invalid, conflict, busy; ProviderError settings */
export async function askForTestOfSettings(
  request: CheckRequest,
  providerId: string,
  { name, settings: given }: Pick<NewIntegration, 'name' | 'settings'>,
): Promise<number> {
  refuseUnsupported(providerId);
  const provider = settingsFormOf(providerId);
  const [, settings] = await together(
    () => checkName(name ?? provider.id),
    () => checkSettings(provider, given, request.allowedHosts),
  );
  const { open, secret } = splitSecrets(provider, settings);
  return await ask(request, 'test', ofNone, { provider: providerId, settings: open, change: null }, secret);
}

/**
 * Asks for a test of an integration as it is stored, or as it would be after changes. Who asks for one as it is stored while such
 * a one is open gets the same.
 * @returns the request's id
 * @throws AppError invalid, conflict where its provider cannot be read, busy where too many are open; ProviderError settings
 */
export async function askForTest(
  request: CheckRequest,
  integration: Integration,
  changes: IntegrationChanges | null,
): Promise<number> {
  refuseUnsupported(integration.provider);
  return await askAbout(request, 'test', integration, changes);
}

/**
 * Asks for a preview of the next sweep, or of a sweep after changes. Otherwise as askForTest.
 * @throws AppError also conflict where it is paused and the changes would not end the pause
 */
export async function askForPreview(
  request: CheckRequest,
  integration: Integration,
  changes: IntegrationChanges | null,
): Promise<number> {
  refuseUnsupported(integration.provider);
  return await askAbout(request, 'preview', integration, changes);
}

async function askAbout(
  request: CheckRequest,
  kind: CheckKind,
  integration: Integration,
  changes: IntegrationChanges | null,
): Promise<number> {
  const { id, provider, settingsVersion } = integration;
  if (changes === null) {
    if (kind === 'preview') refusePaused(integration);
    return await ask(request, kind, id, null, null, `v${settingsVersion}`);
  }
  const { open, secret } = await changedSettings(request, integration, changes.settings ?? {});
  const limits = checkLimits({ ...limitsOf(integration), ...changes });
  const asksAnew = secret !== null || JSON.stringify(sorted(open)) !== JSON.stringify(sorted(integration.settings));
  if (kind === 'preview' && !asksAnew) refusePaused(integration);
  const input = { provider, settings: open, change: { settingsVersion, limits, asksAnew } };
  return await ask(request, kind, id, input, secret);
}

const sorted = (settings: Readonly<Record<string, unknown>>) =>
  Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1));

/** @param which keeps it apart from others about the same; those that agree in it are one */
async function ask(
  { db, now, actor, keys }: CheckRequest,
  kind: CheckKind,
  about: string,
  input: CheckInput | null,
  secret: Record<string, unknown> | null,
  which = randomBytes(12).toString('hex'),
): Promise<number> {
  const target = `${about}.${which}`;
  const sealed = secret && (await seal(keys, target, JSON.stringify(secret)));
  const at = now();
  await endOverdueChecks({ db, now });
  const check: NewCheck = { kind, target, by: actor.id, at, input, secret: sealed, mostOpen };
  const id = await openCheck(db, check);
  if (id === null)
    throw new AppError('busy', `${mostOpen} ${kind}s are waiting or under way already; ask again in a minute`);
  return id;
}

/** Ends what no worker took in time. To be called now and then, wherever somebody may ask. */
export async function endOverdueChecks({ db, now }: Pick<Request, 'db' | 'now'>): Promise<void> {
  const at = now();
  const message = `no worker took it within ${takenWithinMs / 60_000} minutes: does one run?`;
  const error = { kind: 'unavailable', message, status: null, code: null, requestId: null };
  await expireChecks(db, at, new Date(at.getTime() - takenWithinMs), error);
}

const lookEveryMs = 60_000;

/** Does so once a minute, in a process that answers: where no worker runs nobody else would. */
export function keepChecks(parts: Pick<Request, 'db' | 'now'>): { stop(): Promise<void> } {
  let current = Promise.resolve();
  const look = () => {
    // A database that is away is noticed by others, and looked at again.
    current = endOverdueChecks(parts).catch(() => {});
  };
  const timer = setInterval(look, lookEveryMs);
  look();
  return {
    async stop() {
      clearInterval(timer);
      await current;
    },
  };
}

/**
 * @param about the integration's id, or `ofNone`
 * @returns what came of a request so far; null for one that is unknown, or about something else, or was forgotten an hour after its end
 */
export async function checkResult<Kind extends CheckKind>(
  db: Pool,
  kind: Kind,
  about: string,
  id: number,
): Promise<Check<Kind> | null> {
  const found = await requestById(db, id);
  if (found === null || found.kind !== kind || aboutOf(found.target) !== about) return null;
  const { requestedAt, startedAt, finishedAt, result, error } = found;
  const ended = error === null ? 'done' : 'failed';
  return {
    id,
    state: finishedAt !== null ? ended : startedAt !== null ? 'under_way' : 'waiting',
    requestedAt,
    finishedAt,
    result: result as CheckResults[Kind] | null,
    error: error && { kind: error.kind, message: error.message },
  };
}

/** @returns the id of the integration that a request is about, or `ofNone` */
export function aboutOf(target: string): string {
  return target.slice(0, target.lastIndexOf('.'));
}

/** @returns the function that gives what is secret of a request; it throws ProviderError settings when the keys are other ones */
export function openCheckSecrets(
  keys: SecretKeys,
): (target: string, secret: Sealed) => Promise<Record<string, unknown>> {
  return async (target, secret) => {
    try {
      return JSON.parse(await unseal(keys, target, secret));
    } catch (error) {
      if (error instanceof AppError) throw new ProviderError('settings', error.message);
      throw error;
    }
  };
}

/** @returns the integration as it is now @throws AppError not_found, or conflict where its settings are not those any more that a change was reckoned from */
export async function integrationOfCheck(db: Pool, about: string, input: CheckInput | null): Promise<Integration> {
  const integration = await integrationById(db, about);
  if (integration === null) throw new AppError('not_found', 'the integration was removed');
  // The stored secret goes with the stored address alone: together with settings of before it might go elsewhere.
  if (input?.change && input.change.settingsVersion !== integration.settingsVersion)
    throw new AppError('conflict', 'its settings were changed meanwhile: ask again');
  return integration;
}
