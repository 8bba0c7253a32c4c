// What was done with a device and what became of it, newest first, out of the audit log: also of a device that is gone.
import type { AuditEntry } from '../posture/events.ts';
import { wasDevice } from '../store/attribute-history.ts';
import { auditOfTarget } from '../store/audit-of-target.ts';
import { knownDevices } from '../store/device-list.ts';
import { EntryPlace, paged, readCursor } from './cursors.ts';
import { noDevice, type Request } from './devices.ts';

/**
 * @param cursor of the page before; null: the first one
 * @returns the entries, and where to go on; null: that was all
 * @throws AppError not_found where there never was such a device, as far as the log goes back; invalid for a cursor that is none
 */
export async function eventsOfDevice(
  { db }: Pick<Request, 'db'>,
  device: string,
  cursor: string | null,
  most: number,
): Promise<{ events: AuditEntry[]; nextCursor: string | null }> {
  const [at, revision, n] = cursor === null ? [] : readCursor(cursor, EntryPlace);
  const before = at === undefined ? null : { at: new Date(at), revision: revision ?? 0, n: n ?? 0 };
  if ((await knownDevices(db, [device])).size === 0 && !(await wasDevice(db, device))) throw noDevice(device);
  const found = await auditOfTarget(db, device, before, most + 1);
  const { page, nextCursor } = paged(found, most, ({ position }) => [
    position.at.getTime(),
    position.revision,
    position.n,
  ]);
  return { events: page.map(({ entry }) => entry), nextCursor };
}
