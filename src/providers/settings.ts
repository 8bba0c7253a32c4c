// What every provider's settings have in common: a URL, a pace, secrets. Checked before they are stored, and turned into
// a way out by whoever calls.
import { z } from 'zod';
import { invalidFields, ProviderError } from '../errors.ts';
import { allowedHostTest, cleanBaseUrl } from './addresses.ts';
import type { Egress } from './http.ts';
import type { RequestOutcome } from './outcomes.ts';
import type { Provider, ProviderHttp } from './provider.ts';
import type { UnsupportedProvider } from './unsupported.ts';

/** What the settings' fields say about themselves, in zod's meta. */
export interface SettingsField {
  name: string;
  label: string;
  help: string;
  isSecret: boolean;
  /** The field of Tailscale's API that it is, if any. */
  tailscale: string | null;
  /** What a value looks like. */
  example: string | null;
  /** A list is one of texts. */
  kind: 'text' | 'number' | 'list';
  isRequired: boolean;
  /** What holds where nothing is given, if anything does. */
  preset: string | number | null;
}

const kinds: Readonly<Record<string, SettingsField['kind']>> = { number: 'number', integer: 'number', array: 'list' };

/** By what declares them: every answer about an integration looks here. */
const knownFields = new WeakMap<z.ZodObject, SettingsField[]>();

/** @returns a provider's settings as a form shows them */
export function settingsFields({ Settings }: Pick<Provider, 'Settings'>): readonly SettingsField[] {
  const known = knownFields.get(Settings) ?? fieldsOf(Settings);
  knownFields.set(Settings, known);
  return known;
}

function fieldsOf(Settings: z.ZodObject): SettingsField[] {
  const { properties = {}, required = [] } = z.toJSONSchema(Settings, { io: 'input' });
  return Object.entries(Settings.shape).map(([name, field]) => {
    const meta = (field as z.ZodType).meta() ?? {};
    const { type, default: preset } = properties[name] as { type?: string; default?: unknown };
    return {
      name,
      label: typeof meta.label === 'string' ? meta.label : name,
      help: typeof meta.help === 'string' ? meta.help : '',
      isSecret: meta.secret === true,
      tailscale: typeof meta.tailscale === 'string' ? meta.tailscale : null,
      example: typeof meta.example === 'string' ? meta.example : null,
      kind: kinds[type ?? ''] ?? 'text',
      isRequired: required.includes(name),
      preset: (typeof preset === 'string' && preset !== '') || typeof preset === 'number' ? preset : null,
    };
  });
}

/**
 * Checks settings as an administrator gives them.
 * @param allowedHosts PROVIDER_ALLOWED_HOSTS
 * @returns the settings with defaults, and the URL cleaned
 * @throws AppError 'invalid' that names each field that is wrong; ProviderError 'settings' where it is only the URL, that cannot be
 *   used. Neither holds a value of a secret
 */
export function checkSettings(
  provider: Provider | UnsupportedProvider,
  input: unknown,
  allowedHosts: readonly string[],
): Record<string, unknown> {
  const parsed = provider.Settings.safeParse(input, {
    error: issue => (issue.code === 'invalid_type' && issue.input === undefined ? 'it is missing' : undefined),
  });
  if (!parsed.success) {
    const wrong = parsed.error.issues.map(({ path, message }) => [path.join('.') || 'settings', message]);
    // Only the first of a field: the others mostly follow from it.
    const told = { ...Object.fromEntries(wrong.toReversed()), ...wrongUrl(provider, input, allowedHosts) };
    throw invalidFields(told);
  }
  const settings: Record<string, unknown> = { ...parsed.data };
  if (!('limits' in provider)) return settings;
  const url = cleanBaseUrl(String(settings.url), allowedHosts);
  const most = provider.limits.requestsPerSecond;
  if (Number(settings.requestsPerSecond) > most && !allowedHostTest(allowedHosts)(new URL(url))) {
    throw invalidFields({ requestsPerSecond: `at most ${most}, the limit of ${provider.title}` });
  }
  return { ...settings, url };
}

/** Where other settings are wrong too, what is wrong with the URL is one field of several. */
function wrongUrl(provider: Provider | UnsupportedProvider, input: unknown, allowedHosts: readonly string[]) {
  const given = typeof input === 'object' && input !== null && 'url' in input ? input.url : undefined;
  if (!('limits' in provider) || typeof given !== 'string' || given.trim() === '') return {};
  try {
    cleanBaseUrl(given, allowedHosts);
    return {};
  } catch (error) {
    if (error instanceof ProviderError) return { url: error.message };
    throw error;
  }
}

/** @returns what counts requests by outcome in an object */
export function countInto(counts: Record<string, number>): (outcome: RequestOutcome) => void {
  return outcome => {
    counts[outcome] = (counts[outcome] ?? 0) + 1;
  };
}

/**
 * Opens the way out for an integration.
 * @param settings as checkSettings returned them
 * @param onAttempt is told what came of each request that went out, repeated ones too
 * @throws ProviderError 'settings' for a URL or a pace that is no longer allowed
 */
export function openProvider(
  egress: Egress,
  provider: Provider,
  settings: Readonly<Record<string, unknown>>,
  onAttempt: (outcome: RequestOutcome) => void = () => {},
): ProviderHttp {
  const secrets = settingsFields(provider).filter(field => field.isSecret);
  return egress.open({
    baseUrl: String(settings.url),
    credential: secrets.map(field => String(settings[field.name] ?? '')).join('\n'),
    limits: provider.limits,
    requestsPerSecond: Number(settings.requestsPerSecond),
    onAttempt,
  });
}
