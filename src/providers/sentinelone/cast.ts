// From a row of /agents to an Agent. The API declares nothing as optional and sends nulls, absent keys and odd types
// all the same, so each field is read alone: what is unusable is unknown (never false or 0), counted, and costs no other.
import { z } from 'zod';
import type { AttributeType, AttributeValue } from '../../posture/attributes.ts';
import type { Agent } from '../provider.ts';
import { attributeFields } from './attributes.ts';

/** Longer texts are no hostnames, versions or states; they are taken for garbage. */
const textLimit = 1000;

const idPattern = /^[\x21-\x7e]{1,64}$/;

/** The part of a row that decides whether it can be an agent at all. */
const Identity = z.object({
  id: z.string().regex(idPattern),
  // With a serial number that cannot be read we would not know whose agent it is, and a device would lose all it has.
  // Such a row is skipped as a whole, and the agent stays as it was.
  serialNumber: z.string().max(textLimit).nullish(),
});

/** One reader a type: the value, or undefined where the field holds nothing usable. */
const readers: Readonly<Record<AttributeType, (value: unknown) => AttributeValue | undefined>> = {
  boolean: readFlag,
  number: value => (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined),
  string: readText,
  version: readText,
  address: readText,
  time: value => readTime(value)?.toISOString(),
};

const columns = attributeFields.map(({ field, name, type }) => ({ field, name, read: readers[type] }));

/** @returns whether a row says whose it is; of one that does not, nobody knows which agent is unread */
export function isNamed(row: Readonly<Record<string, unknown>>): boolean {
  return typeof row.id === 'string' && idPattern.test(row.id);
}

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
  const parsed = Identity.safeParse(row);
  if (!parsed.success) {
    reading.skipped.push(unreadable(row, parsed.error));
    return;
  }
  const { id, serialNumber } = parsed.data;
  // The other fields are read where they are: copied first, even as unknowns, they would take half as long again.
  const fields = row as Readonly<Record<string, unknown>>;
  if (isHollow(fields)) {
    // Some requests return a page of hollow rows. Read as agents, they would strip their devices of every value.
    reading.skipped.push({ id, reason: 'the row holds nothing but an id' });
    return;
  }
  const lastActiveAt = readTime(fields.lastActiveDate);
  const values: Record<string, AttributeValue> = {};
  for (const { field, name, read } of columns) {
    // Read once for both of its uses: of all that is done here, times cost the most.
    const value = field === 'lastActiveDate' ? lastActiveAt?.toISOString() : read(fields[field]);
    if (value !== undefined) values[name] = value;
    else reading.unset[field] = (reading.unset[field] ?? 0) + 1;
  }
  const serial = readText(serialNumber);
  if (serial === undefined) reading.unset.serialNumber = (reading.unset.serialNumber ?? 0) + 1;
  reading.agents.push({
    id,
    hostname: readText(fields.computerName) ?? null,
    // `uuid` is no hardware UUID: it is made by the agent, in three spellings, and clones share it.
    identifiers: serial === undefined ? [] : [{ kind: 'serial', value: serial }],
    decommissioned: readFlag(fields.isDecommissioned) === true || readFlag(fields.isUninstalled) === true,
    active: readFlag(fields.isActive) ?? null,
    registeredAt: readTime(fields.registeredAt),
    lastActiveAt,
    values,
  });
}

function isHollow(fields: Readonly<Record<string, unknown>>): boolean {
  const hasIdentity = fields.serialNumber !== undefined || fields.computerName !== undefined;
  return !hasIdentity && columns.every(({ field }) => fields[field] === undefined);
}

function unreadable(row: unknown, error: z.ZodError): { id: string | null; reason: string } {
  const issue = error.issues[0];
  const field = issue?.path.join('.') ?? '';
  if (field === '') return { id: null, reason: 'the row is no object' };
  if (field === 'id') return { id: null, reason: 'the row has no id that can be used' };
  return { id: String((row as { id: unknown }).id), reason: `${field} cannot be read` };
}

const timePattern = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?$/;

/**
 * The API's times have six fraction digits, or none, and a few lack the Z but are UTC.
 * @returns the time, of a year from 1 to 9999 in UTC: others have no text form that PostgreSQL takes. Null for all else
 */
export function readTime(value: unknown): Date | null {
  if (typeof value !== 'string' || !timePattern.test(value) || !isDayOfCalendar(value.slice(0, 10))) return null;
  const isZoned = value.endsWith('Z') || /[+-]\d\d:\d\d$/.test(value);
  return withinYears(new Date(isZoned ? value : `${value}Z`), 1);
}

/** Date takes 30 February for 2 March. Months and days over 31 it refuses itself. */
function isDayOfCalendar(date: string): boolean {
  const day = Number(date.slice(8));
  return day <= 28 || new Date(`${date}T00:00:00Z`).getUTCDate() === day;
}

/** @returns the time, or null if it is none or not of a year from `first` to 9999 in UTC */
export function withinYears(time: Date, first: number): Date | null {
  const year = time.getUTCFullYear();
  return year >= first && year <= 9999 ? time : null;
}

/** Some payloads hold "True" and "False" as text. */
function readFlag(value: unknown): boolean | undefined {
  if (typeof value === 'boolean') return value;
  if (typeof value !== 'string') return undefined;
  const text = value.toLowerCase();
  return text === 'true' ? true : text === 'false' ? false : undefined;
}

/** An empty text says nothing, and would still compare as one. */
function readText(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > textLimit) return undefined;
  // PostgreSQL stores neither NUL nor half of a surrogate pair, and one such text would fail a whole page.
  const isStorable = !value.includes('\0') && value.isWellFormed();
  const text = (isStorable ? value : value.replaceAll('\0', '\uFFFD').toWellFormed()).trim();
  return text === '' ? undefined : text;
}
