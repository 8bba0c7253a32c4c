// What a decision rests on where a posture let a device through: each value that was looked at, where it comes from, and when it
// was last confirmed. Pure.
import type { AttributeKey, Catalogue } from './catalogue.ts';
import type { Facts } from './facts.ts';

/** A value that a decision rests on. */
export interface Ground {
  readonly attribute: string;
  readonly integration: string | null;
  /** In ms; null: never confirmed. */
  readonly confirmedAt: number | null;
}

const keysOf = new WeakMap<Catalogue, WeakMap<ReadonlySet<string>, readonly AttributeKey[]>>();

/**
 * @param attributes those of a posture, by name
 * @param at in ms
 * @returns where each value of these attributes comes from and when it was confirmed; those that are not set are left out
 */
export function groundsOf(
  device: Facts,
  attributes: ReadonlySet<string>,
  catalogue: Catalogue,
  at: number,
): readonly Ground[] {
  const grounds: Ground[] = [];
  for (const key of keysIn(catalogue, attributes)) {
    if (device.value(key) === undefined) continue;
    const expiresAt = device.expiresAt(key);
    if (expiresAt !== null && expiresAt <= at) continue;
    const { name: attribute } = key;
    grounds.push({ attribute, integration: device.integration(key), confirmedAt: device.confirmedAt(key) });
  }
  return grounds;
}

/** Looked up once a posture: this is asked at each decision. */
function keysIn(catalogue: Catalogue, attributes: ReadonlySet<string>): readonly AttributeKey[] {
  let known = keysOf.get(catalogue);
  if (known === undefined) {
    known = new WeakMap();
    keysOf.set(catalogue, known);
  }
  let keys = known.get(attributes);
  if (keys === undefined) {
    keys = [...attributes].map(name => catalogue.key(name));
    known.set(attributes, keys);
  }
  return keys;
}
