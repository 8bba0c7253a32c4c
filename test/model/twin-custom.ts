// Custom attributes on the naive twin: a map of what administrators stated of each device, and when each of it ends.

import type { Twin, Values } from './twin.ts';
import type { Act } from './twin-acts.ts';

export interface TwinCustom {
  value: boolean | number | string;
  at: number;
  expiresAt: number | null;
}

/** By device and key; null deletes, and an expiry is so many ms ahead. */
export type CustomPatch = Record<string, Record<string, { value: TwinCustom['value']; expiryMs?: number } | null>>;

type Stated = ReadonlyMap<string, TwinCustom>;

/** @returns the patch as clients send it */
export function sent(patch: CustomPatch, now: number): unknown {
  const nodes = Object.entries(patch).map(([device, entries]) => {
    const its = Object.entries(entries).map(([key, entry]) => {
      if (entry === null) return [key, null];
      const { value, expiryMs } = entry;
      return [key, { value, ...(expiryMs === undefined ? {} : { expiry: new Date(now + expiryMs).toISOString() }) }];
    });
    return [device, Object.fromEntries(its)];
  });
  return { nodes: Object.fromEntries(nodes) };
}

export function changeAttributes(twin: Twin, patch: CustomPatch): Act {
  const known = new Map<string, string>();
  for (const stated of twin.custom.values())
    for (const [key, { value }] of stated) known.set(key.toLowerCase(), `${key} ${typeof value}`);
  for (const [device, entries] of Object.entries(patch)) {
    if (!twin.devices.has(device)) return 'refused';
    for (const [key, entry] of Object.entries(entries)) {
      if (entry === null) continue;
      const form = `${key} ${typeof entry.value}`;
      if ((known.get(key.toLowerCase()) ?? form) !== form) return 'refused';
      known.set(key.toLowerCase(), form);
    }
  }
  for (const [device, entries] of Object.entries(patch)) {
    const stated = new Map(twin.custom.get(device));
    for (const [key, entry] of Object.entries(entries)) {
      if (entry === null) stated.delete(key);
      else {
        const expiresAt = entry.expiryMs === undefined ? null : twin.now() + entry.expiryMs;
        stated.set(key, { value: entry.value, at: twin.now(), expiresAt });
      }
    }
    state(twin, device, stated);
  }
  return 'done';
}

export function expireAttributes(twin: Twin): void {
  for (const [device, stated] of twin.custom) {
    const left = [...stated].filter(([, { expiresAt }]) => expiresAt === null || expiresAt > twin.now());
    state(twin, device, new Map(left));
  }
}

/** What a device has now, with an entry of what is different. */
export function state(twin: Twin, device: string, now: Stated): void {
  const before = twin.custom.get(device) ?? new Map<string, TwinCustom>();
  if (now.size === 0) twin.custom.delete(device);
  else twin.custom.set(device, new Map(now));
  const form = (stated?: TwinCustom) => stated && JSON.stringify([stated.value, stated.expiresAt]);
  const differing = [...new Set([...before.keys(), ...now.keys()])].filter(
    key => form(before.get(key)) !== form(now.get(key)),
  );
  if (differing.length === 0) return;
  const what = before.size === 0 ? 'CREATE' : now.size === 0 ? 'DELETE' : 'UPDATE';
  const { hostname } = twin.devices.get(device) ?? { hostname: null };
  twin.events.push({
    event: `NODE.${what}.ATTRIBUTES`,
    target: device,
    name: hostname ?? device,
    ...told('old', before, differing),
    ...told('new', now, differing),
  });
}

function told(which: 'old' | 'new', stated: Stated, keys: readonly string[]): Partial<Record<'old' | 'new', Values>> {
  const values: Values = {};
  const expiries: Values = {};
  for (const key of keys) {
    const entry = stated.get(key);
    if (entry === undefined) continue;
    values[key] = entry.value;
    if (entry.expiresAt !== null) expiries[key] = new Date(entry.expiresAt).toISOString();
  }
  if (Object.keys(values).length === 0) return {};
  return { [which]: { ...values, ...(Object.keys(expiries).length > 0 ? { expiries } : {}) } };
}
