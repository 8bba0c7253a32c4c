// What a reporter on a device may do: say which device it runs on. A reporter is known by a secret that it made for itself, and the
// id of its device is that secret's hash: so a report reaches the reporter's own device and no other, whoever else has the key. It
// may take serial numbers that nobody has, never one that another device has.
import { createHash } from 'node:crypto';
import { AppError } from '../errors.ts';
import type { Client, Pool, Queryable } from '../store/client.ts';
import { derive } from '../store/derive.ts';
import { type DeviceRow, deviceById, type IncomingDevice, identifiersOf, upsertDevices } from '../store/devices.ts';
import { placeholdersAmong } from '../store/placeholders.ts';
import { type Holder, otherHolders, refusalsTold } from '../store/reports.ts';
import { readSettings } from '../store/settings.ts';
import { undo, write } from '../store/write.ts';
import { causeOf } from './audited.ts';
import { readDevice } from './device-input.ts';
import type { Request } from './devices.ts';

export interface Report {
  /** Known to the reporter alone. */
  reporterSecret: string;
  /** What is absent stays as it is. */
  hostname?: string | undefined;
  os?: string | undefined;
  serialNumbers: readonly string[];
}

export interface Reported {
  device: string;
  outcome: 'created' | 'changed' | 'unchanged';
  /** As they were reported: another device has them. */
  refusedSerialNumbers: string[];
}

/** A refusal of the same is told again after so long. */
const toldAgainAfterMs = 24 * 3_600_000;

/** @returns the id of the reporter's device, whether there is one or not; of 128 bits of a hash, so nobody finds another secret for it */
export function reportedDeviceId(reporterSecret: string): string {
  return `reported-${createHash('sha256').update(reporterSecret).digest('hex').slice(0, 32)}`;
}

/** @returns whether there is a device of that id */
export async function isKnownDevice(db: Queryable, id: string): Promise<boolean> {
  return (await deviceById(db, id)) !== null;
}

/**
 * Creates the reporter's device, or changes it, or finds that nothing changed and writes nothing. Serial numbers that other
 * devices have are left out, with an event of each such device a day. Those set by hand win as everywhere.
 * @throws AppError invalid naming the field; conflict while identity collection is off, and for a device that is not known and
 *   would have no serial number of its own
 */
export async function reportDevice(request: Request, report: Report): Promise<Reported> {
  const { reporterSecret, hostname, os, serialNumbers } = report;
  const record = {
    ...{ id: reportedDeviceId(reporterSecret), serialNumbers },
    ...(hostname === undefined ? {} : { hostname }),
    ...(os === undefined ? {} : { os }),
  };
  const read = readDevice(record);
  if ('message' in read) throw new AppError('invalid', read.message);
  const { device } = read;
  // Nearly every report finds all as it was: seen without keeping other writers waiting.
  const seen = await judge(request.db, device);
  if (!seen.isChange && (await untold(request.db, request, seen, request.now())).length === 0) return answer(seen);
  const { value } = await write(request.db, request.now, causeOf(request, 'device report'), async w => {
    const judged = await judge(w.client, device);
    for (const { identifier, deviceId, hostname: heldHostname } of await untold(w.client, request, judged, w.at)) {
      const serialNumber = device.raws[device.identifiers.indexOf(identifier)];
      await w.event({
        event: 'NODE.REFUSE.POSTURE_IDENTITY',
        targetId: deviceId,
        targetName: heldHostname,
        new: { serialNumber, device: device.id, heldBy: deviceId, hostname: device.hostname },
      });
    }
    if (judged.isChange) {
      await upsertDevices(w, [judged.device]);
      await derive(w);
    }
    return w.eventCount() === 0 ? undo(judged) : judged;
  });
  return answer(value);
}

interface Judged {
  /** As it will be written: without what is refused. */
  device: IncomingDevice;
  stored: DeviceRow | null;
  refused: { holder: Holder; raw: string }[];
  /** False also where all of it is refused. */
  isChange: boolean;
}

/** Under head it stays true; else it is only a look. */
async function judge(db: Pool | Client, given: IncomingDevice): Promise<Judged> {
  if (!(await readSettings(db)).postureIdentityCollectionOn)
    throw new AppError(
      'conflict',
      'identity collection is switched off here: nothing is reported, and nothing was stored',
    );
  const stored = await deviceById(db, given.id);
  const own = (await identifiersOf(db, given.id)).filter(row => row.source === 'reported');
  const had = new Set(own.map(row => row.identifier).filter(identifier => identifier.startsWith('serial:')));
  const holders = await otherHolders(
    db,
    given.id,
    // What it has already stays its own: whoever comes later comes into conflict, and both are told.
    given.identifiers.filter(identifier => !had.has(identifier)),
  );
  const refused = holders.map(holder => ({
    holder,
    raw: given.raws[given.identifiers.indexOf(holder.identifier)] ?? '',
  }));
  const device = without(given, new Set(holders.map(({ identifier }) => identifier)));
  const placeholders = new Set(await placeholdersAmong(db, [...device.identifiers, ...had]));
  const isUsable = (identifier: string) => !placeholders.has(identifier);
  const brings = device.identifiers.some(isUsable);
  if (stored === null) return { device, stored, refused, isChange: brings || refused.length === 0 };
  // A reporter that could read none this time says nothing about those that it read before.
  const keeps = !brings && [...had].some(isUsable);
  const isSame =
    keeps || (device.identifiers.length === had.size && device.identifiers.every(identifier => had.has(identifier)));
  const isChange = !isSame || device.fields.some(field => device[field] !== stored[field]);
  return { device: keeps ? { ...device, kinds: [], identifiers: [], raws: [] } : device, stored, refused, isChange };
}

function without(device: IncomingDevice, left: ReadonlySet<string>): IncomingDevice {
  const kept = device.identifiers.flatMap((identifier, i) =>
    left.has(identifier) ? [] : [[identifier, device.raws[i]]],
  );
  return {
    ...device,
    identifiers: kept.map(([identifier = '']) => identifier),
    raws: kept.map(([, raw = '']) => raw),
  };
}

/** Of the refusals those that the log should have and has not: one for each device that was asked of, and not every day's again. */
async function untold(db: Queryable, { actor }: Request, judged: Judged, at: Date): Promise<Holder[]> {
  if (judged.refused.length === 0) return [];
  const byDevice = new Map(judged.refused.map(({ holder }) => [holder.deviceId, holder]));
  const newcomer = judged.stored === null ? null : judged.device.id;
  const since = new Date(at.getTime() - toldAgainAfterMs);
  const told = await refusalsTold(db, [...byDevice.keys()], actor.id, newcomer, since);
  return [...byDevice.values()].filter(({ deviceId }) => !told.has(deviceId));
}

/** @throws AppError conflict where all of it was refused */
function answer({ device, stored, refused, isChange }: Judged): Reported {
  const refusedSerialNumbers = refused.map(({ raw }) => raw);
  if (stored === null && !isChange)
    throw new AppError(
      'conflict',
      'another device has the serial numbers already, and nothing was stored; is it this machine, from an inventory or an earlier reporter, an administrator removes that device first',
    );
  return {
    device: device.id,
    outcome: stored === null ? 'created' : isChange ? 'changed' : 'unchanged',
    refusedSerialNumbers,
  };
}
