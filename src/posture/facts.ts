// What is known of a device when a condition is judged: values, when each was last confirmed and by whom, and tags. Values
// stand in arrays by the numbers of the catalogue, which is what makes a decision cheap; devices with the same values share
// their arrays.
import type { AttributeValue } from './attributes.ts';
import type { AttributeKey, Catalogue } from './catalogue.ts';

/** Conditions ask this of a device. Whoever keeps devices in another form implements it. */
export interface Facts {
  /** With or without `tag:` in front. */
  readonly tags: readonly string[];
  /** @returns undefined where it is not set */
  value(key: AttributeKey): AttributeValue | undefined;
  /** @returns when the attribute's source last said what it says of the device, in ms, also where that is: no value; null: never */
  confirmedAt(key: AttributeKey): number | null;
  /** @returns the integration that gave the value, for explanations */
  integration(key: AttributeKey): string | null;
  /** @returns when the value ends by itself, in ms: from then on it counts as not set, though it still is; null: never */
  expiresAt(key: AttributeKey): number | null;
}

/** Facts of a device of which nothing is known. */
export const noFacts: Facts = {
  tags: [],
  value: () => undefined,
  confirmedAt: () => null,
  integration: () => null,
  expiresAt: () => null,
};

/** @returns the tag without `tag:` in front */
export function bareTag(tag: string): string {
  return tag.startsWith('tag:') ? tag.slice(4) : tag;
}

/** Values of one namespace, by slot. */
export type ValueSet = readonly (AttributeValue | undefined)[];

/** What one source says of a device. */
export interface Evidence {
  readonly values: ValueSet;
  readonly confirmedAt: number | null;
  readonly integration: string | null;
}

/** Facts by source: one namespace is one source. */
export class DeviceFacts implements Facts {
  readonly tags: readonly string[];
  readonly #evidence: readonly (Evidence | undefined)[];

  /** @param evidence by the catalogue's number of the source */
  constructor(evidence: readonly (Evidence | undefined)[], tags: readonly string[]) {
    this.#evidence = evidence;
    this.tags = tags;
  }

  value(key: AttributeKey): AttributeValue | undefined {
    return this.#evidence[key.source]?.values[key.slot];
  }

  confirmedAt(key: AttributeKey): number | null {
    return this.#evidence[key.source]?.confirmedAt ?? null;
  }

  integration(key: AttributeKey): string | null {
    return this.#evidence[key.source]?.integration ?? null;
  }

  /** Those that end come from the database, and not in this form. */
  expiresAt(): null {
    return null;
  }
}

/**
 * Brings values by name into the order of the catalogue.
 * @returns the values of each source by its number; undefined where it has none, which is not the same as having said nothing
 */
export function valueSets(
  catalogue: Catalogue,
  values: Readonly<Record<string, AttributeValue>>,
): (ValueSet | undefined)[] {
  const sets: ((AttributeValue | undefined)[] | undefined)[] = [];
  for (const [name, value] of Object.entries(values)) {
    const { source, slot } = catalogue.key(name);
    // Arrays with holes are slower to read than those that were filled in order.
    while (sets.length <= source) sets.push(undefined);
    const set = sets[source] ?? [];
    sets[source] = set;
    while (set.length <= slot) set.push(undefined);
    set[slot] = value;
  }
  return sets;
}

/** @returns the facts of a device all of whose values come from one integration and were confirmed at one time */
export function factsOf(
  catalogue: Catalogue,
  values: Readonly<Record<string, AttributeValue>>,
  { tags = [], confirmedAt = null, integration = null }: Partial<Omit<Evidence, 'values'>> & { tags?: string[] } = {},
): Facts {
  const evidence = valueSets(catalogue, values).map(set => set && { values: set, confirmedAt, integration });
  return new DeviceFacts(evidence, tags);
}
