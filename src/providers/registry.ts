// The providers that there are. A new one is a folder beside this file and a line in it.
import { AppError } from '../errors.ts';
import { type AttributeSpec, type AttributeType, specFinder } from '../posture/attributes.ts';
import { namespaceOf } from '../posture/catalogue.ts';
import type { Provider } from './provider.ts';
import { sentinelone } from './sentinelone/index.ts';
import { type UnsupportedProvider, unsupportedProviders } from './unsupported.ts';

/** By id. */
export const providers: ReadonlyMap<string, Provider> = new Map<string, Provider>(
  [sentinelone].map(provider => [provider.id, provider]),
);

/** @throws AppError 'invalid' naming the providers there are */
export function providerOf(id: string): Provider {
  const provider = providers.get(id);
  if (provider) return provider;
  throw new AppError('invalid', `there is no provider "${id}"; there is ${[...providers.keys()].join(', ')}`);
}

/**
 * @returns what an integration of this provider is set up with, also of one that this version cannot read
 * @throws AppError 'invalid' naming the providers there are
 */
export function settingsFormOf(id: string): Provider | UnsupportedProvider {
  const form = providers.get(id) ?? unsupportedProviders.get(id);
  if (form) return form;
  const [read, kept] = [[...providers.keys()], [...unsupportedProviders.keys()]];
  throw new AppError(
    'invalid',
    `there is no provider "${id}"; there is ${read.join(', ')}, and ${kept.join(', ')} are kept without being synced`,
  );
}

/** @returns whether integrations of this provider are kept and never synced */
export function isUnsupported(id: string): boolean {
  return !providers.has(id) && unsupportedProviders.has(id);
}

/** @returns what all providers declare */
export function attributeSpecs(): AttributeSpec[] {
  return [...providers.values()].flatMap(provider => provider.attributes);
}

/** @returns names of the attributes that move at every check-in, of all providers */
export function movingAttributeNames(): string[] {
  return attributeSpecs().flatMap(({ name, resolutionMs }) => (resolutionMs ? [name] : []));
}

/**
 * @param name full name: `sentinelOne:isActive`
 * @returns what the provider declares of it, also where it declares a family (`fleetPolicy:*`); undefined for a name
 *   that no provider has
 */
export const attributeSpec: (name: string) => AttributeSpec | undefined = specFinder(attributeSpecs());

/** @returns the type of a provider's attribute, by its full name; undefined for a name that no provider has */
export function attributeType(name: string): AttributeType | undefined {
  return attributeSpec(name)?.type;
}

/** @returns the id of the provider that an attribute is of, by its full name; undefined for a name that no provider has */
export function providerOfAttribute(name: string): string | undefined {
  const namespace = namespaceOf(name);
  return [...providers.values()].find(provider => provider.namespace === namespace)?.id;
}
