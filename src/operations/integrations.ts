// What may be done with integrations: add, update, remove; integration-states.ts has what moves them besides. Each is one audited
// write; secrets are sealed before they are stored and appear in no event.
import { randomInt } from 'node:crypto';
import { AppError, invalidFields, ProviderError } from '../errors.ts';
import { formatDuration } from '../posture/duration.ts';
import { nearest } from '../posture/nearest.ts';
import { isUnsupported, settingsFormOf } from '../providers/registry.ts';
import { checkSettings } from '../providers/settings.ts';
import type { Client, Pool } from '../store/client.ts';
import { derive, startDerivation } from '../store/derive.ts';
import {
  countLosing,
  deleteEvidence,
  deleteIntegration,
  findIntegration,
  type Integration,
  insertIntegration,
  integrationById,
  listIntegrations,
  lockIntegration,
  updateIntegration as storeChanges,
  touchExpired,
} from '../store/integrations.ts';
import { bindingsOf, countAgents, lossesByExpiry, lossesByRemoval } from '../store/losses.ts';
import { type Sealer, type SecretKeys, seal, unseal } from '../store/secrets.ts';
import { readSettings } from '../store/settings.ts';
import { undo, type Write, write } from '../store/write.ts';
import { causeOf, checkName, differences, refuseUnconfirmed, tell } from './audited.ts';
import { type ChangedSettings, changedSettings, splitSecrets } from './changed-settings.ts';
import type { Request } from './devices.ts';
import { refuseDuplicate, takenName } from './taken-name.ts';
import { together } from './together.ts';

/** A request that stores settings. */
export interface SettingsRequest extends Request {
  /** They seal what is secret; the public key of workers does where this process has none of its own. See seal. */
  keys: Sealer | null;
  /** PROVIDER_ALLOWED_HOSTS. */
  allowedHosts: readonly string[];
}

export interface Limits {
  /** Values not confirmed for so long are removed; null: never. */
  expireAfterMs: number | null;
  /** A sweep may take values from so many devices, or from so large a share (0 to 1), whichever is more. */
  holdFloor: number;
  holdShare: number;
}

export const defaultLimits: Limits = { expireAfterMs: 72 * 3_600_000, holdFloor: 2, holdShare: 0.2 };

export interface NewIntegration extends Partial<Limits> {
  /** Without one it is called like its provider. */
  name?: string;
  provider: string;
  /** The provider's settings, secrets included. */
  settings: Readonly<Record<string, unknown>>;
  /** False: refused where there is one of the same provider already, unless the settings allow several. */
  allowMultiple?: boolean;
}

/** What is absent stays as it is; a setting that is null goes back to its default. */
export interface IntegrationChanges extends Partial<Limits> {
  name?: string;
  settings?: Readonly<Record<string, unknown>>;
}

/** By its name, or by its id, which nobody gives another one while one looks. */
export type IntegrationRef = string | { readonly id: string };

/** Checks everything, seals what is secret, and makes the integration due at once. @throws AppError invalid, conflict; ProviderError settings */
export async function addIntegration(request: SettingsRequest, input: NewIntegration): Promise<Integration> {
  const provider = settingsFormOf(input.provider);
  const [, limits, settings] = await together(
    () => checkName(input.name ?? provider.id),
    () => checkLimits({ ...defaultLimits, ...input }),
    () => checkSettings(provider, input.settings, request.allowedHosts),
  );
  const { open, secret } = splitSecrets(provider, settings);
  const id = newIntegrationId();
  const sealed = await seal(request.keys, id, JSON.stringify(secret));
  if (input.name !== undefined) await refuseTakenName(request.db, input.name);
  await write(request.db, request.now, causeOf(request, 'integration add'), async w => {
    if (input.allowMultiple === false) await refuseSecond(w, provider);
    // Under head nobody else takes the name that is free.
    const name = input.name ?? (await freeName(w.client, provider.id));
    await insertIntegration(w.client, {
      id,
      name,
      provider: provider.id,
      settings: open,
      secret: sealed.bytes,
      secretKeyId: sealed.keyId,
      configUpdatedAt: w.at,
      createdAt: w.at,
      nextSyncAt: w.at,
      // Never due, and resumed by a version that can read it.
      pauseReason: isUnsupported(provider.id) ? 'unsupported' : null,
      ...limits,
    }).catch(refuseDuplicate(taken(name)));
    const told = { name, provider: provider.id, ...open, ...toldLimits(limits) };
    await tell(w, 'TAILNET.CREATE.POSTURE_INTEGRATION', { id, name }, { new: told });
  });
  return await theIntegration(request.db, { id });
}

/**
 * Changes an integration. New settings are tried at once, and end a pause; a running sync with the old ones writes nothing.
 * @param confirm how many devices lose values by another lifetime of values, as the asker knows it; null: he is not asked
 * @returns the integration, and the names of what changed (none: nothing was written)
 * @throws AppError invalid, not_found, conflict; ProviderError settings
 */
export async function updateIntegration(
  request: SettingsRequest,
  ref: IntegrationRef,
  changes: IntegrationChanges,
  confirm: number | null = null,
): Promise<{ integration: Integration; changed: string[]; resumed: boolean }> {
  const found = await theIntegration(request.db, ref);
  if (changes.name !== undefined && changes.name !== found.name) await refuseTakenName(request.db, changes.name);
  const cause = causeOf(request, 'integration update');
  const { value } = await write(request.db, request.now, cause, async w => {
    const before = await locked(w, found);
    const newName = changes.name ?? before.name;
    const [, limits, settings] = await together(
      () => checkName(newName),
      () => checkLimits({ ...limitsOf(before), ...changes }),
      () => changedSettings(request, before, changes.settings ?? {}),
    );
    const told = differences(
      { name: before.name, ...before.settings, ...toldLimits(limitsOf(before)) },
      { name: newName, ...settings.open, ...toldLimits(limits) },
    );
    if (settings.secret) told.new.secretChanged = true;
    const changed = Object.keys(told.new);
    if (changed.length === 0) return undo({ changed, resumed: false });
    if (confirm !== null) {
      const losses = await lossesOfChange(w, before, limits.expireAfterMs);
      refuseUnconfirmed('with these settings', losses, confirm);
    }
    await startDerivation(w.client);
    if (limits.expireAfterMs !== before.expireAfterMs) await touchExpired(w.client, before.id);
    const asksAnew =
      settings.secret !== null || changed.some(field => field in settings.open || field in before.settings);
    await storeChanges(w.client, before.id, {
      name: newName,
      ...limits,
      configUpdatedAt: w.at,
      ...(limits.expireAfterMs === before.expireAfterMs ? {} : { evidenceWarned: null }),
      ...(changed.every(field => field === 'name') || (before.pauseReason !== null && !asksAnew)
        ? {}
        : { nextSyncAt: w.at }),
      ...(asksAnew ? await newSettings(request, before, settings) : {}),
    }).catch(refuseDuplicate(taken(newName)));
    await tell(w, 'TAILNET.UPDATE.POSTURE_INTEGRATION', { id: before.id, name: newName }, told);
    const resumed = asksAnew && before.pauseReason !== null && !isUnsupported(before.provider);
    if (resumed) await tell(w, 'TAILNET.RESUME.POSTURE_INTEGRATION', { id: before.id, name: newName }, {});
    if (limits.expireAfterMs !== before.expireAfterMs) {
      await touchExpired(w.client, before.id);
      await derive(w);
    }
    return { changed, resumed };
  });
  return { integration: await theIntegration(request.db, { id: found.id }), ...value };
}

async function lossesOfChange(w: Write, { id, expireAfterMs: before }: Integration, expireAfterMs: number | null) {
  if (expireAfterMs === null || expireAfterMs === before) return { devices: 0, attributes: 0 };
  return await lossesByExpiry(w.client, id, expireAfterMs);
}

/** The columns that go with other settings: whatever was known of the old ones no longer holds. */
async function newSettings(
  request: SettingsRequest,
  before: Integration,
  settings: ChangedSettings,
): Promise<Partial<Integration>> {
  const sealed = settings.secret && (await seal(request.keys, before.id, JSON.stringify(settings.secret)));
  return {
    settings: settings.open,
    ...(sealed ? { secret: sealed.bytes, secretKeyId: sealed.keyId } : {}),
    settingsVersion: before.settingsVersion + 1,
    ...(isUnsupported(before.provider) ? {} : { pauseReason: null, pausedUntil: null }),
    acceptedLosses: null,
    acceptedUntil: null,
  };
}

export interface Removal {
  integration: string;
  agents: number;
  /** Devices that lose values by it. */
  devices: number;
  attributes: number;
  dryRun: boolean;
}

const mostBindingsTold = 100;

/**
 * Removes an integration with its agents and every value that came from it.
 * @param dryRun counts and writes nothing, without keeping anybody who writes waiting
 * @param confirm how many devices lose values, as the asker knows it; null: he is not asked
 * @throws AppError not_found, or conflict where it is another number
 */
export async function removeIntegration(
  request: Request,
  ref: IntegrationRef,
  dryRun: boolean,
  confirm: number | null = null,
): Promise<Removal> {
  const found = await theIntegration(request.db, ref);
  if (dryRun) {
    const losses = await lossesByRemoval(request.db, found.id);
    return { integration: found.name, agents: await countAgents(request.db, found.id), ...losses, dryRun };
  }
  const { value } = await write(request.db, request.now, causeOf(request, 'integration remove'), async w => {
    const integration = await locked(w, found);
    if (confirm !== null)
      refuseUnconfirmed('with the integration', await lossesByRemoval(w.client, integration.id), confirm);
    const bindings = await bindingsOf(w.client, integration.id, mostBindingsTold);
    await startDerivation(w.client);
    const agents = await deleteEvidence(w.client, integration.id);
    await deleteIntegration(w.client, integration.id);
    const derived = await derive(w);
    const devices = await countLosing(w.client);
    const { name } = integration;
    const removal = { integration: name, agents, devices, attributes: derived.attributes.removed, dryRun };
    const told = {
      name,
      provider: integration.provider,
      ...integration.settings,
      ...toldLimits(limitsOf(integration)),
      // Nobody can read off the devices later what was bound by hand.
      ...(bindings.length > 0 ? { bindings } : {}),
    };
    await tell(w, 'TAILNET.DELETE.POSTURE_INTEGRATION', integration, { old: told });
    return removal;
  });
  return value;
}

/** @returns the function that gives an integration's settings whole; it rejects with ProviderError settings when the keys are other ones */
export function openSettings(keys: SecretKeys): (integration: Integration) => Promise<Record<string, unknown>> {
  return async integration => {
    try {
      const sealed = { keyId: integration.secretKeyId, bytes: integration.secret };
      return { ...integration.settings, ...JSON.parse(await unseal(keys, integration.id, sealed)) };
    } catch (error) {
      // Who runs the installation must act, and sees it on the integration like any other wrong setting.
      if (error instanceof AppError) throw new ProviderError('settings', error.message);
      throw error;
    }
  };
}

/** @throws AppError not_found, with the nearest name */
export async function theIntegration(db: Pool, ref: IntegrationRef): Promise<Integration> {
  const found = typeof ref === 'string' ? await findIntegration(db, ref) : await integrationById(db, ref.id);
  if (found) return found;
  if (typeof ref !== 'string') throw new AppError('not_found', `there is no posture integration "${ref.id}"`);
  const name = ref;
  const names = (await listIntegrations(db)).map(integration => integration.name);
  const close = nearest(name, names);
  const hint = close
    ? `; did you mean "${close}"?`
    : names.length > 0
      ? `; there is ${names.slice(0, 5).join(', ')}${names.length > 5 ? ', ...' : ''}`
      : '; there is none yet';
  throw new AppError('not_found', `there is no integration "${name}"${hint}`);
}

/** Of the integration's own; to be told in events and views. */
export function limitsOf(integration: Integration): Limits {
  const { expireAfterMs, holdFloor, holdShare } = integration;
  return { expireAfterMs, holdFloor, holdShare };
}

export function toldLimits(limits: Limits): { expireAfter: string; holdFloor: number; holdShare: number } {
  const expireAfter = limits.expireAfterMs === null ? 'off' : formatDuration(limits.expireAfterMs);
  return { expireAfter, holdFloor: limits.holdFloor, holdShare: limits.holdShare };
}

/** @throws AppError invalid, naming each limit that is wrong */
export function checkLimits({ expireAfterMs, holdFloor, holdShare }: Limits): Limits {
  const isLifetime = expireAfterMs === null || (expireAfterMs >= 60_000 && expireAfterMs <= 3_650 * 86_400_000);
  const isCount = Number.isInteger(holdFloor) && holdFloor >= 0 && holdFloor <= 2_000_000_000;
  const isShare = holdShare >= 0 && holdShare <= 1;
  if (isLifetime && isCount && isShare) return { expireAfterMs, holdFloor, holdShare };
  throw invalidFields({
    ...(isLifetime ? {} : { expireAfter: 'a duration such as 72h or 7d, from 1m to 3650d, or off' }),
    ...(isCount ? {} : { holdFloor: 'a whole number of devices from 0 on' }),
    ...(isShare ? {} : { holdShare: 'from 0 % to 100 %' }),
  });
}

const base58 = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz';

function newIntegrationId(): string {
  return `p${Array.from({ length: 16 }, () => base58[randomInt(base58.length)]).join('')}`;
}

/** Locks its row until the write ends. @throws AppError not_found where it was removed meanwhile */
export async function locked(w: Write, found: Integration): Promise<Integration> {
  const current = await lockIntegration(w.client, found.id);
  if (!current) throw new AppError('not_found', `the integration "${found.name}" was just removed`);
  return current;
}

/** Looked up behind the head, so that of two at once one is refused. */
async function refuseSecond(w: Write, { id, title }: { id: string; title: string }): Promise<void> {
  if ((await readSettings(w.client)).allowMultipleIntegrations) return;
  if ((await listIntegrations(w.client)).some(({ provider }) => provider === id))
    throw new AppError(
      'conflict',
      `there is an integration of ${title} already; several are possible with ?allowMultiple=true`,
    );
}

/** @returns `sentinelone`, or `sentinelone-2` where that is taken, and so on */
async function freeName(db: Client, provider: string): Promise<string> {
  const taken = new Set((await listIntegrations(db)).map(({ name }) => name));
  let name = provider;
  for (let n = 2; taken.has(name); n++) name = `${provider}-${n}`;
  return name;
}

async function refuseTakenName(db: Pool, name: string): Promise<void> {
  if (await findIntegration(db, name)) throw taken(name);
}

function taken(name: string): AppError {
  return takenName('an integration', name, '`integration update` changes it');
}
