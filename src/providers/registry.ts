// The providers that there are. A new one is a folder beside this file and a line in it.
import { AppError } from '../errors.ts';
import type { AttributeSpec, AttributeType } from '../posture/attributes.ts';
import type { Provider } from './provider.ts';
import { sentinelone } from './sentinelone/index.ts';

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

const specs = new Map(
  [...providers.values()].flatMap(provider => provider.attributes.map(spec => [spec.name, spec] as const)),
);
const families = [...specs.values()].filter(spec => spec.name.endsWith('*'));

/**
 * @param name full name: `sentinelOne:isActive`
 * @returns what the provider declares of it, also where it declares a family (`fleetPolicy:*`); undefined for a name
 *   that no provider has
 */
export function attributeSpec(name: string): AttributeSpec | undefined {
  return specs.get(name) ?? families.find(family => name.startsWith(family.name.slice(0, -1)));
}

/** @returns the type of a provider's attribute, by its full name; undefined for a name that no provider has */
export function attributeType(name: string): AttributeType | undefined {
  return attributeSpec(name)?.type;
}
