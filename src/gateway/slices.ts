// A large change taken in small parts, so that decisions go on between them.
import { setImmediate as turn } from 'node:timers/promises';
import type { Everything, FedValues, Portion, RevisedPortion } from '../store/feed.ts';

/** Some milliseconds of work: who waits for a decision does not wait for the merge of a whole sweep. */
export const devicesASlice = 100;

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

/** What a view can be told. */
export interface Taker {
  take(portion: Portion): void;
  remove(id: string): void;
}

/**
 * Takes what changed while it is read, so that it is never all there at once: a device that changed itself waits for all of its
 * values, and of values those of one device stand together. Under another policy everything waits: in parts some devices would be
 * as they are now while the old policy is still in force, and that may allow what neither it nor the new one ever did.
 * @returns what there is around, and when everything is taken
 */
export async function takeChanges(
  taker: Taker,
  portions: AsyncGenerator<Everything | RevisedPortion, 'forgotten' | undefined>,
): Promise<Everything | 'forgotten'> {
  const first = await portions.next();
  if (first.done || !('revision' in first.value)) return 'forgotten';
  const around = first.value;
  const isHeld = around.policy !== null;
  const held: Portion = { devices: [], values: [] };
  const changed = new Set<string>();
  let open: FedValues[] = [];
  for await (const part of portions) {
    if ('revision' in part) continue;
    for (const { id } of part.removed) taker.remove(id);
    for (const device of part.devices) {
      held.devices.push(device);
      changed.add(device.id);
    }
    if (part.values.length === 0) continue;
    if (isHeld) {
      held.values.push(...part.values);
      continue;
    }
    const last = part.values.at(-1)?.deviceId;
    const whole: FedValues[] = [];
    const next: FedValues[] = [];
    for (const entry of [...open, ...part.values]) {
      if (changed.has(entry.deviceId)) held.values.push(entry);
      else (entry.deviceId === last ? next : whole).push(entry);
    }
    open = next;
    await inSlices({ devices: [], values: whole }, slice => taker.take(slice));
  }
  held.values.push(...open);
  if (isHeld) taker.take(held);
  else await inSlices(held, slice => taker.take(slice));
  return around;
}
