// The attributes that conditions may name: what providers declare, what is built in, and what administrators set (`custom:*`).
// It also numbers them, so that a condition finds a device's value by two numbers and not by its name.
import { type AttributeSpec, type AttributeType, specFinder } from './attributes.ts';
import { builtinAttributes } from './builtin-attributes.ts';
import { isCustom } from './custom-attributes.ts';

/** Where a value is found: the namespace's number, and the attribute's number within it. */
export interface AttributeKey {
  readonly name: string;
  readonly source: number;
  readonly slot: number;
}

export interface Catalogue {
  /** @returns what is known of an attribute, also where a family (`fleetPolicy:*`) declares it; null for an unknown one */
  spec(name: string): AttributeSpec | null;
  /** @returns its type, or null where it is unknown or was never told: its values then are taken as they come */
  type(name: string): AttributeType | null;
  /** @returns whether a device may have it at all */
  isKnown(name: string): boolean;
  /** The same name has the same key always. A name that was never seen gets one. */
  key(name: string): AttributeKey;
  /** Every name that is known, for suggestions; families are left out. */
  names(): string[];
}

/**
 * @param specs of all providers; a name that ends in `*` is a family
 * @param customTypes type of each `custom:*` attribute that is in use, by full name: for looking a policy over. Null: not known here,
 *   so that every `custom:*` may exist with values of any type. Whoever decides has null: keys come and go, and a policy stays in force
 */
export function createCatalogue(
  specs: Iterable<AttributeSpec>,
  customTypes: ReadonlyMap<string, AttributeType> | null,
): Catalogue {
  const all = [...builtinAttributes, ...specs];
  const find = specFinder(all);
  const exact = new Set(all.map(({ name }) => name).filter(name => !name.endsWith('*')));
  const keys = new Map<string, AttributeKey>();
  const sources = new Map<string, { source: number; slots: number }>();

  const spec = (name: string) => find(name) ?? null;

  return {
    spec,
    type: name => spec(name)?.type ?? customTypes?.get(name) ?? null,
    isKnown: name => spec(name) !== null || (isCustom(name) && (customTypes === null || customTypes.has(name))),
    key(name) {
      const found = keys.get(name);
      if (found !== undefined) return found;
      const namespace = namespaceOf(name);
      const of = sources.get(namespace) ?? { source: sources.size, slots: 0 };
      sources.set(namespace, of);
      const key = { name, source: of.source, slot: of.slots++ };
      keys.set(name, key);
      return key;
    },
    names: () => [...exact, ...(customTypes?.keys() ?? [])],
  };
}

/** @returns what stands before the first colon: sentinelOne:isActive -> sentinelOne */
export function namespaceOf(name: string): string {
  const colon = name.indexOf(':');
  return colon < 0 ? name : name.slice(0, colon);
}
