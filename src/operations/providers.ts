// The providers that integrations can be of, as they are shown to whoever sets one up: what each is asked for, and what devices get
// from it.
import type { AttributeType } from '../posture/attributes.ts';
import type { Provider } from '../providers/provider.ts';
import { providers } from '../providers/registry.ts';
import { type SettingsField, settingsFields } from '../providers/settings.ts';
import { type UnsupportedProvider, unsupportedProviders } from '../providers/unsupported.ts';

type ProviderSetting = Pick<SettingsField, 'name' | 'label' | 'help' | 'tailscale' | 'example' | 'kind'> & {
  secret: boolean;
  required: boolean;
  default: string | number | null;
};

export interface ProviderView {
  id: string;
  title: string;
  /** Namespace of its attributes; null where nothing is read. */
  namespace: string | null;
  /** False: integrations of it are kept for other clients, and give no protection. */
  canBeSynced: boolean;
  guide: string | null;
  settings: ProviderSetting[];
  attributes: { name: string; type: AttributeType; about: string; known: string[]; resolutionMs: number | null }[];
}

/** @returns those that can be synced, and then the others, each by title */
export function listProviders(): ProviderView[] {
  const views = [...providers.values(), ...unsupportedProviders.values()].map(viewOf);
  return views.toSorted(
    (a, b) => Number(b.canBeSynced) - Number(a.canBeSynced) || a.title.localeCompare(b.title, 'en'),
  );
}

function viewOf(provider: Provider | UnsupportedProvider): ProviderView {
  const settings = settingsFields(provider).map(({ isSecret, isRequired, preset, ...field }) => ({
    ...field,
    secret: isSecret,
    required: isRequired,
    default: preset,
  }));
  const common = { id: provider.id, title: provider.title, settings };
  if (!('attributes' in provider)) {
    return { ...common, namespace: null, canBeSynced: false, guide: null, attributes: [] };
  }
  const attributes = provider.attributes.map(({ name, type, about, known = [], resolutionMs = null }) => ({
    ...{ name, type, about, resolutionMs },
    known: [...known],
  }));
  return { ...common, namespace: provider.namespace, canBeSynced: true, guide: provider.guide, attributes };
}
