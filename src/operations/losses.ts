// What a step would take from devices, to be asked before it is done.
import { canonicalSerial } from '../posture/serials.ts';
import type { Pool } from '../store/client.ts';
import { type Losses, lossesByDevice, lossesByExpiry, lossesByPlaceholders } from '../store/losses.ts';
import { theDevice } from './devices.ts';
import { type IntegrationRef, theIntegration } from './integrations.ts';

/** Of removing a device. @throws AppError not_found */
export async function lossesOfRemoval(db: Pool, deviceId: string): Promise<Losses> {
  await theDevice(db, deviceId);
  return await lossesByDevice(db, deviceId);
}

/** Of another lifetime of an integration's values; null is for ever. @throws AppError not_found */
export async function lossesOfLifetime(db: Pool, ref: IntegrationRef, expireAfterMs: number | null): Promise<Losses> {
  const { id } = await theIntegration(db, ref);
  return expireAfterMs === null ? { devices: 0, attributes: 0 } : await lossesByExpiry(db, id, expireAfterMs);
}

/** Of more placeholder serials. What is empty takes nothing; adding it is refused. */
export async function lossesOfPlaceholders(db: Pool, add: readonly string[]): Promise<Losses> {
  const serials = add.map(canonicalSerial).filter(serial => serial !== null);
  return await lossesByPlaceholders(
    db,
    serials.map(serial => `serial:${serial}`),
  );
}
