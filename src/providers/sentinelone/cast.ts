// From a row of /agents to an Agent. The API declares nothing as optional and sends nulls, absent keys and odd types
// all the same, so each field is read alone: what is unusable is unknown (never false or 0), counted, and costs no other.
import { z } from 'zod';
import type { AttributeValue } from '../../posture/attributes.ts';
import type { Agent } from '../provider.ts';
import { attributeFields } from './attributes.ts';

/** Longer texts are no hostnames, versions or states; they are taken for garbage. */
const textLimit = 1000;

/** True and false; some payloads hold "True" and "False" as text. */
const Flag = z
  .union([z.boolean(), z.stringbool({ truthy: ['true'], falsy: ['false'], case: 'insensitive' })])
  .nullish()
  .catch(undefined);
const Count = z.int().nonnegative().nullish().catch(undefined);
/** PostgreSQL stores neither NUL nor half of a surrogate pair, and one such text would fail a whole page. */
const Text = z.string().max(textLimit).transform(storable).nullish().catch(undefined);
const Time = z.string().max(textLimit).nullish().catch(undefined);

/** The fields that are wanted, and no others: each further one costs at a million agents. */
const Row = z.object({
  id: z.string().regex(/^[\x21-\x7e]{1,64}$/),
  // No catch: with a serial number that cannot be read we would not know whose agent it is, and a device would lose
  // all it has. Such a row is skipped as a whole, and the agent stays as it was.
  serialNumber: z.string().max(textLimit).transform(storable).nullish(),
  computerName: Text,
  isDecommissioned: Flag,
  isUninstalled: Flag,
  registeredAt: Time,
  isActive: Flag,
  agentVersion: Text,
  activeThreats: Count,
  infected: Flag,
  firewallEnabled: Flag,
  encryptedApplications: Flag,
  operationalState: Text,
  networkStatus: Text,
  isUpToDate: Flag,
  threatRebootRequired: Flag,
  lastActiveDate: Time,
});

/** What one page's rows came to. */
export interface Reading {
  agents: Agent[];
  skipped: { id: string | null; reason: string }[];
  unset: Record<string, number>;
}

/**
 * Reads rows one by one; a row that cannot be read is skipped and costs no other.
 * @param rows `data` of an answer
 */
export function readAgents(rows: readonly unknown[]): Reading {
  const reading: Reading = { agents: [], skipped: [], unset: {} };
  for (const row of rows) readAgent(row, reading);
  return reading;
}

function readAgent(row: unknown, reading: Reading): void {
  const parsed = Row.safeParse(row);
  if (!parsed.success) {
    reading.skipped.push(unreadable(row, parsed.error));
    return;
  }
  const fields = parsed.data;
  const values: Record<string, AttributeValue> = {};
  let present = false;
  for (const { field, name, type } of attributeFields) {
    const value = fields[field];
    if (value !== undefined) present = true;
    const usable = type === 'time' ? (readTime(value)?.toISOString() ?? null) : value;
    // An empty text says nothing, and would still compare as one.
    if (usable === null || usable === undefined || usable === '')
      reading.unset[field] = (reading.unset[field] ?? 0) + 1;
    else values[name] = usable;
  }
  if (!present && fields.serialNumber === undefined && fields.computerName === undefined) {
    // Some requests return a page of hollow rows. Read as agents, they would strip their devices of every value.
    reading.skipped.push({ id: fields.id, reason: 'the row holds nothing but an id' });
    return;
  }
  const serial = fields.serialNumber?.trim();
  if (!serial) reading.unset.serialNumber = (reading.unset.serialNumber ?? 0) + 1;
  reading.agents.push({
    id: fields.id,
    hostname: fields.computerName || null,
    // `uuid` is no hardware UUID: it is made by the agent, in three spellings, and clones share it.
    identifiers: serial ? [{ kind: 'serial', value: serial }] : [],
    decommissioned: fields.isDecommissioned === true || fields.isUninstalled === true,
    active: fields.isActive ?? null,
    registeredAt: readTime(fields.registeredAt),
    lastActiveAt: readTime(fields.lastActiveDate),
    values,
  });
}

function unreadable(row: unknown, error: z.ZodError): { id: string | null; reason: string } {
  const issue = error.issues[0];
  const field = issue?.path.join('.') ?? '';
  if (field === '') return { id: null, reason: 'the row is no object' };
  if (field === 'id') return { id: null, reason: 'the row has no id' };
  return { id: String((row as { id: unknown }).id), reason: `${field} cannot be read` };
}

const timePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/;

/** @returns the time, or null. The API's times have six fraction digits, or none, and a few lack the Z but are UTC. */
export function readTime(value: unknown): Date | null {
  if (typeof value !== 'string') return null;
  const found = timePattern.exec(value.trim());
  if (!found) return null;
  const time = new Date(`${found[1]}${(found[2] ?? '').slice(0, 4)}${found[3] ?? 'Z'}`);
  return Number.isNaN(time.getTime()) ? null : time;
}

function storable(text: string): string {
  return text.includes('\0') || !text.isWellFormed() ? text.replaceAll('\0', '\uFFFD').toWellFormed() : text;
}
