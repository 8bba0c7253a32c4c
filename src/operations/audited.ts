// What audited operations on things with a name share: which names there may be, who caused a write, an
// event about one of them, and the number of devices that whoever takes values from them must know.
import { AppError, invalidFields } from '../errors.ts';
import type { EventCode } from '../posture/events.ts';
import type { Losses } from '../store/losses.ts';
import type { Write } from '../store/write.ts';
import type { Request } from './devices.ts';

/** @throws AppError invalid for what is no name of an integration, a key or a webhook */
export function checkName(name: string): void {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._@-]{0,98}$/u.test(name) || name.endsWith(' '))
    throw invalidFields({ name: 'up to 99 letters, digits, spaces and . _ @ -, beginning with a letter or digit' });
}

/** @param cause a word or two for revisions.cause @returns who caused a write, and from where it was asked for */
export function causeOf({ actor, origin = 'CONFIG_API' }: Request, cause: string) {
  return { actor, origin, cause } as const;
}

/** Writes an event about something that has an id and a name. */
export async function tell(
  w: Write,
  event: EventCode,
  target: { id: string; name: string },
  entry: { old?: unknown; new?: unknown },
): Promise<void> {
  await w.event({ event, targetId: target.id, targetName: target.name, ...entry });
}

/**
 * Refuses a step by which devices lose values unless the asker knows how many: looked up under the head, the number is still so when
 * it is done.
 * @param step the beginning of a sentence: `without identity collection`
 * @param confirm the number, as the asker knows it
 * @throws AppError conflict, with the right number
 */
export function refuseUnconfirmed(step: string, { devices, attributes }: Losses, confirm: number | null): void {
  if (devices === (confirm ?? 0)) return;
  const given = confirm === null ? '' : `, not ${confirm}`;
  const loses = `${devices} ${devices === 1 ? 'device loses' : 'devices lose'} ${attributes} ${attributes === 1 ? 'value' : 'values'}`;
  throw new AppError('conflict', `confirm: ${step} ${loses}${given}; to do it, confirm ${devices}`);
}

/** The fields that differ, as they were and as they are; null for one that is absent. */
export function differences(
  before: Readonly<Record<string, unknown>>,
  after: Readonly<Record<string, unknown>>,
): { old: Record<string, unknown>; new: Record<string, unknown> } {
  const told = { old: {} as Record<string, unknown>, new: {} as Record<string, unknown> };
  for (const name of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (JSON.stringify(before[name]) === JSON.stringify(after[name])) continue;
    told.old[name] = before[name] ?? null;
    told.new[name] = after[name] ?? null;
  }
  return told;
}
