// What may be done with the attributes of devices: read them all; set, delete, and change many of those that administrators
// state. A change is one audited write, done as a whole or refused as a whole.
import { AppError } from '../errors.ts';
import type { AttributeType, AttributeValue } from '../posture/attributes.ts';
import {
  customType,
  foldedKey,
  mostCustomKeys,
  type Read,
  readComment,
  readCustomKey,
  readCustomValue,
  readExpiry,
  whyNotBeside,
} from '../posture/custom-attributes.ts';
import { attributeType } from '../providers/registry.ts';
import type { Client } from '../store/client.ts';
import {
  type CustomChange,
  changeCustomValues,
  countCustomKeys,
  customKeysInUse,
  unknownDevices,
} from '../store/custom-attributes.ts';
import { valuesOf } from '../store/explain.ts';
import { undo, write } from '../store/write.ts';
import { causeOf } from './audited.ts';
import { noDevice, type Request } from './devices.ts';

/** So many devices, and values over all of them, one change may concern: others wait for the head no longer than that takes. */
const mostAtOnce = { devices: 10_000, values: 50_000 };
const mostProblemsTold = 20;

export interface ReadAttribute {
  value: AttributeValue;
  type: AttributeType;
  /** Name of the integration that gave it; null: an administrator did. */
  integration: string | null;
  /** When it was last confirmed, or stated. */
  confirmedAt: Date | null;
  /** Null: it does not end by itself. */
  expiresAt: Date | null;
}

/**
 * @returns what a device has now, by full name in order; what has expired is not among it
 * @throws AppError not_found
 */
export async function readAttributes(
  { db, now }: Pick<Request, 'db' | 'now'>,
  deviceId: string,
): Promise<Record<string, ReadAttribute>> {
  const at = now();
  const sources = await valuesOf(db, deviceId);
  if (sources === null) throw noDevice(deviceId);
  const found: [string, ReadAttribute][] = [];
  for (const { values, integration, confirmedAt, withheld, stated } of sources)
    for (const [name, value] of Object.entries(values)) {
      const [kept, own] = [withheld[name], stated[name]];
      const expiresAt = own?.expiresAt === undefined ? null : new Date(own.expiresAt);
      if (expiresAt !== null && expiresAt <= at) continue;
      const confirmed = own?.at ?? kept?.confirmedAt;
      found.push([
        name,
        {
          value,
          type: attributeType(name) ?? customType(value),
          integration: kept?.integration ?? integration,
          confirmedAt: confirmed === undefined ? confirmedAt : new Date(confirmed),
          expiresAt,
        },
      ]);
    }
  return Object.fromEntries(found.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** As clients send it: nothing of it is trusted. */
export interface AttributeInput {
  value?: unknown;
  /** RFC 3339; absent, null and 0001-01-01T00:00:00Z: none. */
  expiry?: unknown;
  /** For the audit log. */
  comment?: unknown;
}

/**
 * Sets a custom attribute of a device. What is set anew has just the expiry that it is set with.
 * @returns the value as it is now
 * @throws AppError not_found, or invalid naming the field and what is allowed
 */
export async function setAttribute(
  request: Request,
  deviceId: string,
  key: string,
  { value, expiry, comment }: AttributeInput,
): Promise<ReadAttribute> {
  const at = request.now();
  const change: CustomChange = {
    device: deviceId,
    key: must('key', readCustomKey(key)),
    value: must('value', readCustomValue(value)),
    expiresAt: must('expiry', readExpiry(expiry, at.getTime())),
  };
  await apply(request, [deviceId], [change], must('comment', readComment(comment)), 'attribute set');
  const set = (await readAttributes(request, deviceId))[key];
  // Somebody else may have deleted it at once.
  if (set === undefined) throw new AppError('conflict', `${key} of ${deviceId} was deleted right after it was set`);
  return set;
}

/**
 * Deletes a custom attribute of a device.
 * @returns false where the device does not have it, which changes nothing
 * @throws AppError not_found where there is no such device, or invalid
 */
export async function deleteAttribute(
  request: Request,
  deviceId: string,
  key: string,
  { comment }: Pick<AttributeInput, 'comment'> = {},
): Promise<boolean> {
  const change = { device: deviceId, key: must('key', readCustomKey(key)), value: null, expiresAt: null };
  const said = must('comment', readComment(comment));
  return (await apply(request, [deviceId], [change], said, 'attribute delete')) > 0;
}

/**
 * Sets and deletes custom attributes of many devices in one write: all of it, or nothing.
 * @param patch `{nodes: {deviceId: {key: {value, expiry?} | null}}, comment?}`, as Tailscale's; null deletes
 * @returns how many devices have other values than before
 * @throws AppError invalid or not_found, naming devices and keys
 */
export async function patchAttributes(request: Request, patch: unknown): Promise<{ changed: number }> {
  if (!isRecord(patch)) throw new AppError('invalid', 'an object with nodes is needed');
  const { nodes, comment, ...rest } = patch;
  refuseOthers(rest, 'nodes and comment');
  if (!isRecord(nodes)) throw new AppError('invalid', 'nodes: an object of devices by id is needed');
  const said = must('comment', readComment(comment));
  const changes = readNodes(nodes, request.now().getTime());
  return { changed: await apply(request, Object.keys(nodes), changes, said, 'attribute batch') };
}

function readNodes(nodes: Record<string, unknown>, now: number): CustomChange[] {
  const devices = Object.entries(nodes);
  if (devices.length > mostAtOnce.devices)
    throw new AppError('invalid', `nodes: at most ${mostAtOnce.devices} devices can be changed at once`);
  const changes: CustomChange[] = [];
  const problems: string[] = [];
  for (const [device, entries] of devices) {
    if (!isRecord(entries)) {
      problems.push(`nodes.${device}: an object of attributes by key is needed`);
      continue;
    }
    for (const [key, entry] of Object.entries(entries)) {
      const read = readEntry(device, key, entry, now);
      if ('problem' in read) problems.push(`nodes.${device}.${key}${read.problem}`);
      else changes.push(read.value);
    }
    if (changes.length > mostAtOnce.values)
      throw new AppError('invalid', `nodes: at most ${mostAtOnce.values} values can be changed at once`);
  }
  refuse('invalid', problems);
  return changes;
}

/** The problem begins with the field in which it is. */
function readEntry(device: string, given: string, entry: unknown, now: number): Read<CustomChange> {
  const key = readCustomKey(given);
  if ('problem' in key) return { problem: `: ${key.problem}` };
  if (entry === null) return { value: { device, key: given, value: null, expiresAt: null } };
  if (!isRecord(entry)) return { problem: ': {"value": ...} sets it, and null deletes it' };
  const { value, expiry, ...rest } = entry;
  const [other] = Object.keys(rest);
  if (other !== undefined) return { problem: `.${other}: only value and expiry are allowed` };
  const read = readCustomValue(value);
  if ('problem' in read) return { problem: `.value: ${read.problem}` };
  const ends = readExpiry(expiry, now);
  if ('problem' in ends) return { problem: `.expiry: ${ends.problem}` };
  return { value: { device, key: given, value: read.value, expiresAt: ends.value } };
}

/**
 * @param devices all must be there, also one of which nothing is to be changed
 * @returns how many devices have other values than before
 * @throws AppError after which nothing is written
 */
async function apply(
  request: Request,
  devices: readonly string[],
  changes: readonly CustomChange[],
  comment: string | null,
  cause: string,
): Promise<number> {
  const by = causeOf(request, cause);
  const { value } = await write(request.db, request.now, by, async w => {
    await refuseUnknownDevices(w.client, devices);
    await refuseKeys(w.client, changes);
    const { changed, written } = await changeCustomValues(w, changes, comment);
    return written === 0 ? undo(0) : changed;
  });
  return value;
}

async function refuseUnknownDevices(client: Client, devices: readonly string[]): Promise<void> {
  const unknown = await unknownDevices(client, devices);
  refuse(
    'not_found',
    unknown.map(id => `there is no device "${id}"`),
  );
}

/** The first value of a key gives it spelling and type, for all devices; also the first one among these. */
async function refuseKeys(client: Client, changes: readonly CustomChange[]): Promise<void> {
  const set = changes.filter(({ value }) => value !== null);
  const stored = await customKeysInUse(client, [...new Set(set.map(({ key }) => foldedKey(key)))]);
  const inUse = new Map<string, { key: string; type: AttributeType }>(stored.map(row => [row.folded, row]));
  const problems: string[] = [];
  for (const { device, key, value } of set) {
    if (value === null) continue;
    const folded = foldedKey(key);
    const known = inUse.get(folded);
    if (known === undefined) inUse.set(folded, { key, type: customType(value) });
    const why = known === undefined ? null : whyNotBeside(known, key, value);
    if (why !== null) problems.push(`${key} of ${device}: ${why}`);
  }
  refuse('invalid', problems);
  const added = inUse.size - stored.length;
  if (added > 0 && (await countCustomKeys(client)) + added > mostCustomKeys)
    throw new AppError('invalid', `key: at most ${mostCustomKeys} custom attributes can be in use`);
}

function refuse(code: 'invalid' | 'not_found', problems: readonly string[]): void {
  if (problems.length === 0) return;
  const more = problems.length - mostProblemsTold;
  const told = problems.slice(0, mostProblemsTold).join('; ');
  throw new AppError(code, more > 0 ? `${told}; and ${more} more` : told);
}

function must<T>(field: string, read: Read<T>): T {
  if ('problem' in read) throw new AppError('invalid', `${field}: ${read.problem}`);
  return read.value;
}

function refuseOthers(rest: Record<string, unknown>, allowed: string): void {
  const [other] = Object.keys(rest);
  if (other !== undefined) throw new AppError('invalid', `${other}: only ${allowed} are allowed`);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
