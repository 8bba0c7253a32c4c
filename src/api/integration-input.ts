// From what clients send of a posture integration to what operations take: Tailscale's names for settings and ours, and limits.
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { AppError, invalidFields, ProviderError } from '../errors.ts';
import type { IntegrationChanges } from '../operations/integrations.ts';
import { parseDuration } from '../posture/duration.ts';
import { settingsFormOf } from '../providers/registry.ts';
import { settingsFields } from '../providers/settings.ts';
import { type ChangedIntegration, withoutTold } from './integrations-schema.ts';

/** Of a route whose body may hold what is only told. */
export const ignoringTold = {
  preValidation: async (request: FastifyRequest) => {
    request.body = withoutTold(request.body);
  },
};

export type Given = Omit<z.infer<typeof ChangedIntegration>, 'provider'>;

/** @returns the provider's own settings, of Tailscale's names for them and of ours @throws AppError invalid for fields that it has not */
export function settingsOf(providerId: string, given: Given): Record<string, unknown> {
  const form = settingsFormOf(providerId);
  const fields = settingsFields(form);
  const settings: Record<string, unknown> = {};
  const unknown: string[] = [];
  for (const name of ['cloudId', 'clientId', 'tenantId', 'clientSecret'] as const) {
    const value = given[name];
    // Clients send empty texts, or null, for what a provider has not.
    if (value === undefined || value === null || value === '') continue;
    const field = fields.find(({ tailscale }) => tailscale === name);
    if (field === undefined) unknown.push(name);
    else settings[field.name] = value;
  }
  for (const [name, value] of Object.entries(given.settings ?? {})) {
    if (fields.some(field => field.name === name)) settings[name] = value;
    else unknown.push(`settings.${name}`);
  }
  if (unknown.length > 0)
    throw invalidFields(Object.fromEntries(unknown.map(name => [name, `${form.title} has no such setting`])));
  return settings;
}

/** What is wrong with a setting is told by the name that it was given by. */
export function inTheirWords(error: unknown, providerId: string, given: Given): never {
  const theirs = theirNames(providerId, given);
  let message = error instanceof Error ? error.message : '';
  for (const [name, their] of theirs)
    if (their !== null) message = message.replace(new RegExp(`(^|; )${name}: `, 'g'), `$1${their}: `);
  if (error instanceof AppError && error.code === 'invalid') {
    const { fields: wrong } = error;
    throw new AppError('invalid', message, wrong && asSent(theirs, wrong));
  }
  if (!(error instanceof ProviderError) || error.kind !== 'settings') throw error;
  throw invalidFields({ [theirs.get('url') ?? 'settings.url']: message });
}

/** @returns of each setting Tailscale's name, which who sends no settings of ours is told also of what is missing; null: ours is meant */
function theirNames(providerId: string, given: Given): ReadonlyMap<string, string | null> {
  const { settings } = given;
  const sent: Readonly<Record<string, unknown>> = given;
  return new Map(
    settingsFields(settingsFormOf(providerId)).map(({ name, tailscale }) => {
      const isOurs =
        settings !== undefined && (name in settings || tailscale === null || sent[tailscale] === undefined);
      return [name, isOurs ? null : tailscale];
    }),
  );
}

/** @returns what is wrong by the names that the body has */
function asSent(theirs: ReadonlyMap<string, string | null>, wrong: Readonly<Record<string, string>>) {
  const sent = (field: string) => {
    const their = theirs.get(field.split('.')[0] ?? '');
    return their === undefined ? field : (their ?? `settings.${field}`);
  };
  return Object.fromEntries(Object.entries(wrong).map(([field, said]) => [sent(field), said]));
}

export function restOf({ name, expireAfter, holdFloor, holdShare }: Given) {
  return {
    name,
    limits: {
      // What cannot be read is refused along with the rest.
      ...(expireAfter === undefined
        ? {}
        : { expireAfterMs: expireAfter === 'off' ? null : (parseDuration(expireAfter) ?? Number.NaN) }),
      ...(holdFloor === undefined ? {} : { holdFloor }),
      ...(holdShare === undefined ? {} : { holdShare }),
    },
  };
}

/** @throws AppError invalid for a field that the provider has not */
export function changesOf(providerId: string, given: Given): IntegrationChanges {
  const { name, limits } = restOf(given);
  const settings = settingsOf(providerId, given);
  return {
    ...limits,
    ...(name === undefined ? {} : { name }),
    ...(Object.keys(settings).length === 0 ? {} : { settings }),
  };
}

/** @returns ms; null for `off` @throws AppError invalid */
export function durationOf(text: string): number | null {
  if (text === 'off') return null;
  const ms = parseDuration(text);
  if (ms === null) throw invalidFields({ expireAfter: 'a duration such as 72h or 7d, or off' });
  return ms;
}
