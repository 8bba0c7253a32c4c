// A large change taken in small parts, so that decisions go on between them.
import { setImmediate as turn } from 'node:timers/promises';
import type { FedValues, Portion } from '../store/feed.ts';

/** Some milliseconds of work: who waits for a decision does not wait for the merge of a whole sweep. */
export const devicesASlice = 250;

/** Takes each device together with its values, so that at no time one is decided about by half of what changed. */
export async function inSlices({ devices, values }: Portion, take: (slice: Portion) => void): Promise<void> {
  if (devices.length + values.length <= devicesASlice) return take({ devices, values });
  const valuesOf = new Map<string, FedValues[]>();
  for (const entry of values) {
    const others = valuesOf.get(entry.deviceId);
    if (others === undefined) valuesOf.set(entry.deviceId, [entry]);
    else others.push(entry);
  }
  for (let from = 0; from < devices.length; from += devicesASlice) {
    const slice = devices.slice(from, from + devicesASlice);
    const theirs = slice.flatMap(({ id }) => valuesOf.get(id) ?? []);
    for (const { id } of slice) valuesOf.delete(id);
    take({ devices: slice, values: theirs });
    await turn();
  }
  const rest = [...valuesOf.values()];
  for (let from = 0; from < rest.length; from += devicesASlice) {
    take({ devices: [], values: rest.slice(from, from + devicesASlice).flat() });
    await turn();
  }
}
