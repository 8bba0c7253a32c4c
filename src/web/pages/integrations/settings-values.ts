// What is typed into the form of a provider's settings, and what of it is sent.
import type { components } from '../../api/schema.d.ts';
import type { FieldErrors } from '../../parts/refusal.ts';
import { texts } from '../../texts.ts';

type Provider = Pick<components['schemas']['Provider'], 'settings'>;
export type Setting = components['schemas']['ProviderSetting'];
export type Value = string | string[];
export type Values = Readonly<Record<string, Value>>;

/** @param stored of the integration that is edited. Secrets are never given out, so they begin empty */
export function startingValues({ settings }: Provider, stored: Readonly<Record<string, unknown>> = {}): Values {
  return Object.fromEntries(
    settings.map(({ name, kind, secret }) => {
      const value = secret ? undefined : stored[name];
      if (kind === 'list') return [name, Array.isArray(value) ? value.map(String) : []];
      return [name, value === undefined || value === null ? '' : String(value)];
    }),
  );
}

const isEmpty = (value: Value | undefined) => value === undefined || value.length === 0;

/** @returns what is missing, by field @param isStored secrets may be empty then: they stay */
export function missingOf({ settings }: Provider, values: Values, isStored: boolean): FieldErrors {
  return Object.fromEntries(
    settings
      .filter(({ required, secret, name }) => required && !(secret && isStored) && isEmpty(values[name]))
      .map(({ name }) => [name, texts.integrations.connecting.required]),
  );
}

/**
 * @param before what the form began with, where an integration is edited: only what differs is sent then, and null takes a setting away
 * @returns settings by their names, as the API takes them
 */
export function settingsToSend({ settings }: Provider, values: Values, before: Values | null): Record<string, unknown> {
  const sent: Record<string, unknown> = {};
  for (const { name, kind } of settings) {
    const value = values[name] ?? '';
    if (before !== null && JSON.stringify(value) === JSON.stringify(before[name] ?? '')) continue;
    if (isEmpty(value)) {
      if (before !== null) sent[name] = null;
    } else sent[name] = kind === 'number' ? Number(value) : typeof value === 'string' ? value.trim() : value;
  }
  return sent;
}

/** What a provider refused is shown where it can be mended: its credentials, or its address. */
export function fieldOfFailure({ settings }: Provider, kind: string): string {
  const isAboutSecret = kind === 'auth' || kind === 'permission';
  const field = isAboutSecret ? settings.find(({ secret }) => secret) : settings.find(({ name }) => name === 'url');
  return field?.name ?? '';
}
