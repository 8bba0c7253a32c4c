// The settings of an integration as a change would leave them: what may be shown and what is sealed, checked as a whole.
import { z } from 'zod';
import { AppError, invalidFields } from '../errors.ts';
import type { Provider } from '../providers/provider.ts';
import { settingsFormOf } from '../providers/registry.ts';
import { checkSettings, settingsFields } from '../providers/settings.ts';
import type { UnsupportedProvider } from '../providers/unsupported.ts';
import type { Integration } from '../store/integrations.ts';
import { isSealingKey, type Sealer, unseal } from '../store/secrets.ts';

/** Settings of a provider by whether they may be shown; what is undefined is in neither. */
export function splitSecrets(provider: Provider | UnsupportedProvider, settings: Readonly<Record<string, unknown>>) {
  const secretNames = new Set(settingsFields(provider).flatMap(field => (field.isSecret ? [field.name] : [])));
  const entries = Object.entries(settings).filter(([, value]) => value !== undefined);
  return {
    open: Object.fromEntries(entries.filter(([name]) => !secretNames.has(name))),
    secret: Object.fromEntries(entries.filter(([name]) => secretNames.has(name))),
  };
}

/** What settings are checked with. */
export interface SettingsTools {
  /** They seal what is secret; null where this process has none, and no worker has published one. */
  keys: Sealer | null;
  /** PROVIDER_ALLOWED_HOSTS. */
  allowedHosts: readonly string[];
}

export interface ChangedSettings {
  open: Record<string, unknown>;
  /** Null: as they are. */
  secret: Record<string, unknown> | null;
}

/**
 * Checks the settings as they would be. Opens the old secret only where a new one is given that may equal it, or not be all of it.
 * @throws AppError invalid, also for another address without the secret for it; ProviderError settings
 */
export async function changedSettings(
  request: SettingsTools,
  before: Integration,
  given: Readonly<Record<string, unknown>>,
): Promise<ChangedSettings> {
  const provider = settingsFormOf(before.provider);
  const split = splitSecrets(provider, given);
  const merged = Object.entries({ ...before.settings, ...split.open }).filter(([, value]) => value !== null);
  const allowedHosts = [...request.allowedHosts, ...keptHost(before, split.open)];
  const names = settingsFields(provider).flatMap(field => (field.isSecret ? [field.name] : []));
  if (Object.keys(split.secret).length === 0) {
    const shape = Object.entries(provider.Settings.shape).filter(([name]) => !names.includes(name));
    const withoutSecrets = z.object(Object.fromEntries(shape));
    const checked = checkSettings({ ...provider, Settings: withoutSecrets }, Object.fromEntries(merged), allowedHosts);
    refuseOtherOrigin(provider, before, checked.url);
    return { open: splitSecrets(provider, checked).open, secret: null };
  }
  const old = await openedSecret(
    request.keys,
    before,
    names.every(name => name in split.secret),
  );
  const whole = { ...Object.fromEntries(merged), ...old, ...split.secret };
  const { open, secret } = splitSecrets(provider, checkSettings(provider, whole, allowedHosts));
  if (!names.every(name => name in split.secret)) refuseOtherOrigin(provider, before, open.url);
  return {
    open,
    secret: old !== null && JSON.stringify({ ...old, ...secret }) === JSON.stringify(old) ? null : secret,
  };
}

/** An address that stays is not judged again: whether it may be connected to is looked at whenever it is. */
function keptHost({ settings }: Integration, given: Readonly<Record<string, unknown>>): string[] {
  return given.url === undefined && typeof settings.url === 'string' ? [new URL(settings.url).host] : [];
}

/** @param isReplaced then a secret that nobody here opens is no obstacle: a new token is the way out of a lost key */
async function openedSecret(
  keys: Sealer | null,
  before: Integration,
  isReplaced: boolean,
): Promise<Record<string, unknown> | null> {
  if (keys === null || isSealingKey(keys)) {
    if (isReplaced) return null;
    throw new AppError('invalid', 'this process has no SECRET_KEYS, so all secrets of the integration must be given');
  }
  try {
    return JSON.parse(await unseal(keys, before.id, { keyId: before.secretKeyId, bytes: before.secret }));
  } catch (error) {
    if (isReplaced && error instanceof AppError) return null;
    throw error;
  }
}

/** What was entrusted to one host is not another one's to see: whoever may change an address need not know the secret. */
function refuseOtherOrigin(provider: Provider | UnsupportedProvider, before: Integration, url: unknown): void {
  // What cannot be read is sent nowhere.
  if (!('limits' in provider)) return;
  if (new URL(String(url)).origin === new URL(String(before.settings.url)).origin) return;
  const labels = settingsFields(provider).flatMap(field => (field.isSecret ? [field.label] : []));
  if (labels.length > 0)
    throw invalidFields({
      url: `it is another host, so the ${labels.join(', ')} must be given too; the stored one is sent to ${new URL(String(before.settings.url)).host} only`,
    });
}
