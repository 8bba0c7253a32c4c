// The attributes of a device as the view has them now, each with where it comes from and how old it is.
import type { ReadAttribute } from '../operations/attributes.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import { customType } from '../posture/custom-attributes.ts';
import type { Follower } from './follow.ts';
import type { ViewedDevice } from './view.ts';

const dateOf = (ms: number | null) => (ms === null ? null : new Date(ms));

/** @returns by full name in order, as `readAttributes` reads it from the database; what has expired at a time is not among it */
export function viewedAttributes(device: ViewedDevice, catalogue: Catalogue, at: Date): [string, ReadAttribute][] {
  const found: [string, ReadAttribute][] = [];
  for (const key of device.keys()) {
    const value = device.value(key);
    const expiresAt = dateOf(device.expiresAt(key));
    if (value === undefined || (expiresAt !== null && expiresAt <= at)) continue;
    const type = catalogue.type(key.name) ?? customType(value);
    const [integration, confirmedAt] = [device.integration(key), dateOf(device.confirmedAt(key))];
    found.push([key.name, { value, type, integration, confirmedAt, expiresAt }]);
  }
  return found.sort(([a], [b]) => (a < b ? -1 : 1));
}

export interface ViewedByParts {
  follower: Pick<Follower, 'known' | 'ageMs'>;
  catalogue: Catalogue;
  /** The database's clock. */
  now(): Date;
}

/** @returns what those who do not know the view may ask it: null for a device that is not in it */
export function viewedBy({ follower, catalogue, now }: ViewedByParts) {
  return {
    attributesOf(deviceId: string): [string, ReadAttribute][] | null {
      const device = follower.known()?.view.device(deviceId);
      return device ? viewedAttributes(device, catalogue, now()) : null;
    },
    ageMs: () => follower.ageMs(),
  };
}
