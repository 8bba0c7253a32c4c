// What is held: the devices that an integration's last sweep would have taken values from, as a list to look through before it is
// accepted.
import type { Pool } from '../store/client.ts';
import type { Integration } from '../store/integrations.ts';
import { emptiedDevices, type HeldDevice, heldDevices } from '../store/withheld.ts';
import { IdPlace, paged, readCursor } from './cursors.ts';
import { isEmptied } from './integration-view.ts';

export interface HeldRequest {
  /** Part of a device's id or host name. */
  search?: string | undefined;
  limit: number;
  cursor?: string | undefined;
}

/** @returns a page of them by id; none where nothing is held @throws AppError invalid for a cursor that is none */
export async function heldLosses(
  db: Pool,
  integration: Integration,
  { search = undefined, limit, cursor }: HeldRequest,
): Promise<{ devices: HeldDevice[]; nextCursor: string | null }> {
  const after = cursor === undefined ? null : readCursor(cursor, IdPlace)[0];
  const filter = { integrationId: integration.id, search: search ?? null, after, limit: limit + 1 };
  const found = (await isEmptied(db, integration)) ? await emptiedDevices(db, filter) : await heldDevices(db, filter);
  const { page, nextCursor } = paged(found, limit, ({ device }) => [device]);
  return { devices: page, nextCursor };
}
