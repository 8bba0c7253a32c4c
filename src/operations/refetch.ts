// Asking that the agents of a device are read again at once, and what came of it. The asking is done here; a worker does it.
import { AppError } from '../errors.ts';
import { canonicalSerial } from '../posture/serials.ts';
import type { AnswerBell } from '../store/answer-bell.ts';
import type { Pool, Queryable } from '../store/client.ts';
import { type DeviceRow, deviceById, devicesWithIdentifier } from '../store/devices.ts';
import { openRefetches, openRequest, requestById } from '../store/requests.ts';
import type { StoredError } from '../store/schema.ts';
import { write } from '../store/write.ts';
import { causeOf } from './audited.ts';
import type { Request } from './devices.ts';

/** What one integration had to say of a device. */
export interface RefetchAnswer {
  integration: string;
  /** `not_asked`: it is paused, or told to be left alone for a while; `reason` says why. */
  outcome: 'read' | 'not_asked' | 'failed';
  reason: string | null;
  /** How many agents of the device came. */
  agents: number;
  /** Values of the device that differ, by full name; null where there were, or are, none. */
  old: Record<string, unknown> | null;
  new: Record<string, unknown> | null;
}

export interface Refetch {
  device: string;
  state: 'waiting' | 'under_way' | 'done' | 'failed';
  requestedAt: Date;
  finishedAt: Date | null;
  integrations: RefetchAnswer[];
  /** Why nothing came of it. */
  error: StoredError | null;
}

/** @param text a device's id, or a serial number of it in any spelling. @throws AppError not_found */
export async function deviceToRefetch(db: Queryable, text: string): Promise<DeviceRow> {
  const canonical = canonicalSerial(text);
  const byId = await deviceById(db, text);
  if (byId !== null || canonical === null) return byId ?? noDevice(text);
  const having = await devicesWithIdentifier(db, `serial:${canonical}`);
  if (having.length > 1)
    throw new AppError(
      'conflict',
      `several devices have the serial number "${text}": ${having.slice(0, 5).join(', ')}`,
    );
  const [only] = having;
  return (only === undefined ? null : await deviceById(db, only)) ?? noDevice(text);
}

function noDevice(text: string): never {
  throw new AppError('not_found', `no device has the id or serial number "${text}"`);
}

/**
 * Asks by hand for the agents of a device, with an event. Who asks while an answer is awaited gets the same one.
 * @returns the request's id
 * @throws AppError not_found
 */
export async function askForRefetch(request: Request, deviceId: string): Promise<number> {
  const by = causeOf(request, 'device refetch');
  const { value } = await write(request.db, request.now, by, async w => {
    const device = (await deviceById(w.client, deviceId)) ?? noDevice(deviceId);
    const { id } = await openRequest(w.client, 'refetch', device.id, request.actor.id, w.at);
    await w.event({ event: 'NODE.REFETCH.AGENT', targetId: device.id, targetName: device.hostname });
    return id;
  });
  return value;
}

/** @returns what came of a request so far; null for one that is unknown, or was forgotten an hour after its end */
export async function refetchResult(db: Pool, id: number): Promise<Refetch | null> {
  const found = await requestById(db, id);
  if (found === null || found.kind !== 'refetch') return null;
  const { target, requestedAt, startedAt, finishedAt, result, error } = found;
  const ended = error === null ? 'done' : 'failed';
  return {
    device: target,
    state: finishedAt !== null ? ended : startedAt !== null ? 'under_way' : 'waiting',
    requestedAt,
    finishedAt,
    integrations: (result as RefetchAnswer[] | null) ?? [],
    error,
  };
}

/** With so many that wait, devices that are refused meanwhile ask for nothing. */
const mostOpen = 10_000;

/**
 * Asks for the agents of devices because the gateway refused them. Asks for nothing where no integration could answer, where
 * too many wait, or for a device that was asked for less than `everyMs` ago, whoever asked.
 * @returns the devices for which an answer is under way, because of it or before
 */
export async function askForRefetches(
  { db, now }: Pick<Request, 'db' | 'now'>,
  devices: readonly string[],
  everyMs: number,
): Promise<string[]> {
  const at = now();
  return await openRefetches(db, devices, { at, notSince: new Date(at.getTime() - everyMs), mostOpen });
}

/**
 * Waits until a request has ended.
 * @returns what is known then, or when the time is over; null for an unknown one
 * @throws the signal's reason
 */
export async function waitForRefetch(
  { db, bell }: { db: Pool; bell: AnswerBell },
  id: number,
  withinMs: number,
  signal: AbortSignal,
): Promise<Refetch | null> {
  let refetch: Refetch | null = null;
  const hasEnded = async () => {
    refetch = await refetchResult(db, id);
    return refetch === null || refetch.finishedAt !== null;
  };
  await bell.until(id, hasEnded, withinMs, signal);
  return refetch;
}
