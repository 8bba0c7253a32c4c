// What may be done with a device: add, replace, set serials by hand, bind an agent, remove. Each is one audited write that also
// derives, so that attributes appear at once: the agents are known already.
import { AppError } from '../errors.ts';
import type { Actor, Origin } from '../posture/events.ts';
import type { Now, Pool, Queryable } from '../store/client.ts';
import { removeCustomValues } from '../store/custom-attributes.ts';
import { derive, startDerivation, touchDevices } from '../store/derive.ts';
import {
  type DeviceRow,
  deleteDevice,
  deleteIdentifiers,
  deviceById,
  type IncomingDevice,
  identifiersOf,
  type Upserted,
  upsertDevices,
} from '../store/devices.ts';
import { rematchAgents, settleIdentifiers } from '../store/match.ts';
import { placeholdersAmong } from '../store/placeholders.ts';
import { undo, type Write, write } from '../store/write.ts';
import { causeOf } from './audited.ts';
import { readDevice } from './device-input.ts';

/** Who asks, and when. */
export interface Request {
  db: Pool;
  now: Now;
  actor: Actor;
  /** From where: `CONFIG_API` where nothing is said. */
  origin?: Origin;
}

export interface UpsertOptions {
  /** For the audit log. */
  cause: string;
  origin?: Origin;
  /** Finds out what would be done, and writes nothing. */
  dryRun?: boolean;
}

/** One audited write for all of them. @param check throws where it must not be done */
export async function upsert(
  request: Request,
  devices: readonly IncomingDevice[],
  { cause, origin = request.origin ?? 'CONFIG_API', dryRun = false }: UpsertOptions,
  check: (db: Queryable) => Promise<void> = async () => {},
): Promise<Upserted> {
  const written = await write(request.db, request.now, { actor: request.actor, origin, cause }, async w => {
    await check(w.client);
    const upserted = await upsertDevices(w, devices);
    if (dryRun || upserted.created.length + upserted.changed.length === 0) return undo(upserted);
    await derive(w);
    return upserted;
  });
  return written.value;
}

/** @throws AppError invalid naming the field; conflict when the id is taken */
export async function addDevice(request: Request, record: unknown): Promise<DeviceRow> {
  const { device } = mustRead(record);
  await upsert(request, [device], { cause: 'device add' }, async db => {
    if (await deviceById(db, device.id))
      throw new AppError('conflict', `there is a device "${device.id}" already; \`device import\` changes devices`);
  });
  return await theDevice(request.db, device.id);
}

const replaceable = [
  ...['hostname', 'serialNumbers', 'addresses', 'certificateFingerprints', 'user', 'os', 'tags'],
] as const;

/**
 * Makes a device what the record says: what is absent from it is cleared. Serial numbers set by hand stay.
 * @throws AppError not_found, or invalid naming the field
 */
export async function replaceDevice(
  request: Request,
  deviceId: string,
  record: Readonly<Record<string, unknown>>,
): Promise<DeviceRow> {
  if (record.id !== undefined && record.id !== deviceId)
    throw new AppError('invalid', `id: it is "${deviceId}" and cannot be changed`);
  const nothing = Object.fromEntries(replaceable.map(field => [field, null]));
  const { device } = mustRead({ ...nothing, ...record, id: deviceId });
  await upsert(request, [device], { cause: 'device replace' }, async db => void (await theDevice(db, deviceId)));
  return await theDevice(request.db, deviceId);
}

/** @throws AppError not_found */
export async function theDevice(db: Queryable, id: string): Promise<DeviceRow> {
  const device = await deviceById(db, id);
  if (!device) throw noDevice(id);
  return device;
}

export function noDevice(id: string): AppError {
  return new AppError('not_found', `there is no device "${id}"`);
}

/**
 * Sets a device's serial numbers by hand. They win over reported ones: this device is matched by them alone, and no other
 * device by them. An empty list goes back to the reported ones.
 * @throws AppError invalid for a placeholder; conflict when another device has one of them by hand: that is refused with an event
 */
export async function setSerials(request: Request, deviceId: string, serials: readonly string[]): Promise<DeviceRow> {
  const { device: wanted } = mustRead({ id: deviceId, serialNumbers: [...serials] });
  await refusePlaceholders(request.db, wanted);
  const by = causeOf(request, 'device serials');
  const { value: holder } = await write(request.db, request.now, by, async w => {
    const device = await theDevice(w.client, deviceId);
    const before = await identifiersOf(w.client, deviceId);
    const manual = before.filter(row => row.source === 'manual');
    const { rows: held } = await w.client.query(
      "select identifier, device_id, raw from device_identifiers where source = 'manual' and identifier = any($1) and device_id <> $2 order by identifier",
      [wanted.identifiers, deviceId],
    );
    if (held.length > 0) {
      const details = { serialNumber: held[0].raw, device: deviceId, heldBy: held[0].device_id };
      await w.event({
        event: 'NODE.REFUSE.POSTURE_IDENTITY',
        targetId: deviceId,
        targetName: device.hostname,
        new: details,
      });
      return held[0].device_id as string;
    }
    if (manual.map(row => row.identifier).join('\n') === [...wanted.identifiers].sort().join('\n')) return undo(null);
    await startDerivation(w.client);
    await deleteIdentifiers(w, deviceId, 'manual');
    await w.client.query(
      "insert into device_identifiers (device_id, identifier, source, raw, problem) select $1, i, 'manual', r, 'unsettled' from unnest($2::text[], $3::text[]) s(i, r)",
      [deviceId, wanted.identifiers, wanted.raws],
    );
    await settleIdentifiers(w, 'select unnest($1::text[])', [
      [...before.map(row => row.identifier), ...wanted.identifiers],
    ]);
    await w.event({
      event: 'NODE.UPDATE.POSTURE_IDENTITY',
      targetId: deviceId,
      targetName: device.hostname,
      old: { serialNumbersByHand: manual.map(row => row.raw) },
      new: { serialNumbersByHand: wanted.raws },
    });
    await derive(w);
    return null;
  });
  if (holder !== null)
    throw new AppError(
      'conflict',
      `the serial was set by hand on device "${holder}" already; take it from there first`,
    );
  return await theDevice(request.db, deviceId);
}

function mustRead(record: unknown): { device: IncomingDevice } {
  const read = readDevice(record);
  if ('message' in read) throw new AppError('invalid', read.message);
  return read;
}

async function refusePlaceholders(db: Queryable, device: IncomingDevice): Promise<void> {
  const [placeholder] = await placeholdersAmong(db, device.identifiers);
  if (placeholder === undefined) return;
  const raw = device.raws[device.identifiers.indexOf(placeholder)];
  throw new AppError('invalid', `"${raw}" is a placeholder that many machines share, not a serial number`);
}

/**
 * Binds an agent to a device, or with null undoes that. It wins over every serial.
 * @param integration name, needed where several integrations have an agent of that id
 * @param from undone only if the agent is bound to this device
 * @throws AppError not_found, or conflict when the id is ambiguous, or the agent is bound to another device than it was said to be
 */
export async function bindAgent(
  request: Request,
  deviceId: string | null,
  agentId: string,
  integration?: string,
  from?: string,
): Promise<void> {
  const by = causeOf(request, 'device bind');
  await write(request.db, request.now, by, async w => {
    const device = deviceId === null ? null : await theDevice(w.client, deviceId);
    const agent = await theAgent(w, agentId, integration);
    if (from !== undefined) await theDevice(w.client, from);
    if (agent.bound_device_id === deviceId) return undo(null);
    if (from !== undefined && agent.bound_device_id !== from)
      throw new AppError('conflict', `agent "${agentId}" is bound to device "${agent.bound_device_id}"`);
    await startDerivation(w.client);
    await w.client.query('update agents set bound_device_id = $3 where integration_id = $1 and agent_id = $2', [
      agent.integration_id,
      agentId,
      deviceId,
    ]);
    await rematchAgents(w.client, 'select $1::text, $2::text', [agent.integration_id, agentId]);
    const told = (id: string | null) =>
      id === null ? null : { device: id, agent: agentId, integration: agent.integration };
    // Whoever looks for what happened to a device must find it, also at the one that the agent was taken from.
    for (const id of [agent.bound_device_id, deviceId]) {
      if (id === null) continue;
      const { hostname } = id === device?.id ? device : await theDevice(w.client, id);
      await w.event({
        event: 'NODE.BIND.AGENT',
        targetId: id,
        targetName: hostname,
        old: told(agent.bound_device_id),
        new: told(deviceId),
      });
    }
    await derive(w);
    return null;
  });
}

async function theAgent(
  w: Write,
  agentId: string,
  integration?: string,
): Promise<{ integration_id: string; integration: string; bound_device_id: string | null }> {
  const { rows } = await w.client.query(
    `select a.integration_id, i.name as integration, a.bound_device_id from agents a join integrations i on i.id = a.integration_id
     where a.agent_id = $1 and ($2::text is null or i.name = $2)`,
    [agentId, integration ?? null],
  );
  if (rows.length === 0)
    throw new AppError(
      'not_found',
      `there is no agent "${agentId}"${integration ? ` in integration "${integration}"` : ''}; agents become known by a sync`,
    );
  if (rows.length > 1)
    throw new AppError(
      'conflict',
      `several integrations have an agent "${agentId}": ${rows.map(row => row.integration).join(', ')}; name one`,
    );
  return rows[0];
}

/** Removes a device with its identifiers and values; agents bound to it are free again. @throws AppError not_found */
export async function removeDevice(request: Request, deviceId: string): Promise<void> {
  const by = causeOf(request, 'device remove');
  await write(request.db, request.now, by, async w => {
    const device = await theDevice(w.client, deviceId);
    const identifiers = (await identifiersOf(w.client, deviceId)).map(row => row.identifier);
    await startDerivation(w.client);
    await touchDevices(w.client, 'select $1::text', [deviceId]);
    await w.client.query('update agents set bound_device_id = null where bound_device_id = $1', [deviceId]);
    await w.client.query('delete from withheld_values where device_id = $1', [deviceId]);
    await deleteIdentifiers(w, deviceId);
    await settleIdentifiers(w, 'select unnest($1::text[])', [identifiers]);
    await rematchAgents(w.client, 'select integration_id, agent_id from agents where device_id = $1', [deviceId]);
    await derive(w);
    await removeCustomValues(w, deviceId);
    await w.event({
      event: 'NODE.DELETE',
      targetId: deviceId,
      targetName: device.hostname,
      old: {
        hostname: device.hostname,
        serialNumbers: device.serials.map(s => s.serial),
        ...(device.addresses.length > 0 ? { addresses: device.addresses } : {}),
        ...(device.certificateFingerprints.length > 0
          ? { certificateFingerprints: device.certificateFingerprints }
          : {}),
      },
    });
    await deleteDevice(w, deviceId);
  });
}
