// What a posture attribute is: `namespace:name` with a typed value. Pure. A value that is not set is absent, never null.

export type AttributeType = 'boolean' | 'number' | 'string' | 'version' | 'time' | 'address';

/** Each type as it is called in a sentence: "it is a text". */
export const typeNames: Readonly<Record<AttributeType, string>> = {
  boolean: 'true or false',
  number: 'a number',
  string: 'a text',
  version: 'a version',
  time: 'a time',
  address: 'an IP address',
};

/** A value as it is stored and shown. Versions and IP addresses are strings, times RFC 3339 strings in UTC with milliseconds. */
export type AttributeValue = boolean | number | string;

export interface AttributeSpec {
  /** `namespace:name`; a name that ends in `*` is a family, as in 'fleetPolicy:*'. */
  name: string;
  type: AttributeType;
  /** One sentence or two for docs/attributes.md: what the value really means. */
  about: string;
  /** The values that are known, where the provider has a closed or well-known set. Others still pass through. */
  known?: readonly string[];
  /** For a time that moves at every check-in: how far the stored value may lag behind. */
  resolutionMs?: number;
}

/** @returns what finds an attribute's declaration by full name, also where a family (`fleetPolicy:*`) declares it */
export function specFinder(specs: Iterable<AttributeSpec>): (name: string) => AttributeSpec | undefined {
  const exact = new Map<string, AttributeSpec>();
  const families: AttributeSpec[] = [];
  for (const spec of specs) {
    if (spec.name.endsWith('*')) families.push(spec);
    else exact.set(spec.name, spec);
  }
  return name => exact.get(name) ?? families.find(family => name.startsWith(family.name.slice(0, -1)));
}
