// Listing devices: filters as they are asked for, in words that name what is wrong with them, and pages with or without values.
import { AppError } from '../errors.ts';
import type { AttributeType, AttributeValue } from '../posture/attributes.ts';
import { parseDuration } from '../posture/duration.ts';
import { canonicalAddress } from '../posture/identifiers.ts';
import { agentReasons, deviceReasons, identifierReasons } from '../posture/reasons.ts';
import type { StandingState } from '../posture/standings.ts';
import { attributeType } from '../providers/registry.ts';
import type { AttributeFilter, DeviceFilters } from '../store/device-filters.ts';
import type { FreshnessState } from '../store/device-freshness.ts';
import { type DeviceValues, devicePage, knownDevices, valuesOfDevices } from '../store/device-list.ts';
import type { DeviceRow } from '../store/devices.ts';
import { findIntegration, integrationById } from '../store/integrations.ts';
import { paged } from './cursors.ts';
import { noDevice, type Request } from './devices.ts';
import { freshWithinInUse } from './overview-counts.ts';
import { knownPosture } from './postures.ts';

type Asked = Pick<Request, 'db' | 'now'>;

export interface AskedFreshness extends Asked {
  /** Of this process: what is fresh hangs on it while no worker has said which is its own. */
  syncIntervalMs: number;
}

/** What may be asked for by `match`: whether some agent speaks for a device, or why none. */
export const matches: readonly string[] = [
  ...new Set(['matched', 'unmatched', ...Object.keys(deviceReasons), ...Object.keys(agentReasons)]),
];
export const problems: readonly string[] = Object.keys(identifierReasons);

/** Filters as texts. All that is given must be so; of a list every entry. */
export interface DeviceQuery
  extends Pick<DeviceFilters, 'id' | 'name' | 'hostname' | 'user' | 'os' | 'tags' | 'searchesValues'> {
  addresses?: readonly string[] | undefined;
  /** RFC 3339. */
  created?: readonly string[] | undefined;
  lastSeen?: readonly string[] | undefined;
  match?: string | undefined;
  problem?: string | undefined;
  /** `NAME=VALUE`, `NAME` for any value, `!NAME` for none. */
  attribute?: readonly string[] | undefined;
  /** With or without `posture:` in front. */
  posture?: string | undefined;
  /** `passing` where a posture is given without it; with a condition any that does not pass. */
  standing?: StandingState | undefined;
  /** That keeps it from passing the posture, being false or unknown, as causes of the posture have it. */
  condition?: string | undefined;
  /** Name or id of an integration whose agent speaks for it. */
  integration?: string | undefined;
  postureIdentity?: DeviceFilters['postureIdentity'] | undefined;
  /** How old what providers say of it is, the oldest of it. */
  freshness?: FreshnessState | undefined;
  /** What is not older is fresh: a duration; as the overview has it where none is given. */
  freshWithin?: string | undefined;
  search?: string | undefined;
}

/** With its values, where they were asked for. */
export type ListedDevice = DeviceRow & Partial<DeviceValues>;

const none: DeviceValues = { attributes: {}, expiries: {} };

/** @throws AppError invalid naming the filter, or not_found for a posture that there is not */
export async function readDeviceQuery(asked: AskedFreshness, query: DeviceQuery): Promise<DeviceFilters> {
  const { addresses, created, lastSeen, match, problem, attribute, posture, standing, condition, ...others } = query;
  const { integration, postureIdentity, freshness, freshWithin, search, ...plain } = others;
  if (match !== undefined && !matches.includes(match)) throw invalid('match', `one of ${matches.join(', ')}`);
  if (problem !== undefined && !problems.includes(problem)) throw invalid('problem', `one of ${problems.join(', ')}`);
  if (standing !== undefined && posture === undefined)
    throw new AppError('invalid', 'standing: it needs a posture to stand in, as in posture=healthy');
  if (condition !== undefined && posture === undefined)
    throw new AppError('invalid', 'condition: it needs a posture that it keeps from, as in posture=healthy');
  return {
    ...plain,
    // What is no address is on no device.
    ...(addresses === undefined ? {} : { addresses: addresses.map(text => canonicalAddress(text) ?? text) }),
    ...(created === undefined ? {} : { createdAt: created.map(text => timeOf('created', text)) }),
    ...(lastSeen === undefined ? {} : { lastActiveAt: lastSeen.map(text => timeOf('lastSeen', text)) }),
    ...(match === undefined ? {} : { match }),
    ...(problem === undefined ? {} : { problem }),
    ...(attribute === undefined
      ? {}
      : { attributes: attribute.map(text => ({ at: asked.now(), ...readAttributeFilter(text) })) }),
    ...(posture === undefined
      ? {}
      : { standing: { posture: await knownPosture(asked.db, posture), ...standsSo(standing, condition) } }),
    ...(integration === undefined ? {} : { integration: await integrationId(asked, integration) }),
    ...(postureIdentity === undefined ? {} : { postureIdentity }),
    ...(freshness === undefined
      ? {}
      : { freshness: { state: freshness, since: await freshSince(asked, freshWithin) } }),
    ...(search === undefined || search.trim() === '' ? {} : { search: search.trim() }),
  };
}

/** Half of a pair and NUL stand in no stored condition. */
function standsSo(state: StandingState | undefined, condition: string | undefined) {
  const kept = condition?.trim().toWellFormed().replaceAll('\0', '\ufffd') ?? null;
  if (state !== undefined) return { states: [state], condition: kept };
  return { states: kept === null ? (['passing'] as const) : (['failing', 'unknown'] as const), condition: kept };
}

/** @throws AppError not_found */
async function integrationId({ db }: Asked, text: string): Promise<string> {
  const found = (await findIntegration(db, text)) ?? (await integrationById(db, text));
  if (found === null) throw new AppError('not_found', `integration: there is no integration "${text}"`);
  return found.id;
}

/** @returns since when values must have been confirmed to be fresh: without a duration as the overview has it @throws AppError invalid */
export async function freshSince(
  { db, now, syncIntervalMs }: AskedFreshness,
  within: string | undefined,
): Promise<Date> {
  const at = now();
  const withinMs = within === undefined ? await freshWithinInUse(db, at, syncIntervalMs) : parseDuration(within);
  if (withinMs === null || withinMs === 0 || withinMs > 366 * 86_400_000)
    throw invalid('freshWithin', 'how old values may be, as in 45m or 24h');
  return new Date(at.getTime() - withinMs);
}

function invalid(field: string, allowed: string): AppError {
  return new AppError('invalid', `${field}: ${allowed}`);
}

function timeOf(field: string, text: string): Date {
  const at = new Date(text);
  // PostgreSQL has no year above 294276, and nobody means one.
  if (!/^\d{4}-\d\d-\d\dT/.test(text) || Number.isNaN(at.getTime()))
    throw invalid(field, 'a time such as 2026-03-01T12:00:00Z');
  return at;
}

const typed: Readonly<Partial<Record<AttributeType, (text: string) => AttributeValue | null>>> = {
  boolean: text => (text === 'true' ? true : text === 'false' ? false : null),
  number: numberOf,
};

function numberOf(text: string): number | null {
  const number = Number(text);
  return text.trim() === '' || !Number.isFinite(number) ? null : number;
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

/** @throws AppError invalid */
function readAttributeFilter(text: string): DistributiveOmit<AttributeFilter, 'at'> {
  const [, not, name = '', value] = /^(!?)([\w.-]+:[^=]+)(?:=(.*))?$/s.exec(text) ?? [];
  if (name === '' || (not === '!' && value !== undefined))
    throw invalid('attribute', 'NAME=VALUE, NAME for any value or !NAME for none, as in sentinelOne:infected=true');
  if (not === '!') return { name, isSet: false };
  if (value === undefined) return { name, isSet: true, values: null };
  const type = attributeType(name);
  if (type === undefined) return { name, isSet: true, values: meant(value) };
  const found = (typed[type] ?? String)(value);
  if (found === null) throw invalid('attribute', `${name} is ${type === 'number' ? 'a number' : 'true or false'}`);
  return { name, isSet: true, values: [found] };
}

/** What a text may mean where the type of its attribute is not known here. */
function meant(text: string): AttributeValue[] {
  const number = numberOf(text);
  return [
    text,
    ...(number === null ? [] : [number]),
    ...(text === 'true' || text === 'false' ? [text === 'true'] : []),
  ];
}

export interface PageWanted {
  /** The last id of the page before; null for the first page. */
  after: string | null;
  limit: number;
  withAttributes: boolean;
}

/** @returns a page of the devices, by id, and where to go on; null: that was all */
export async function pageOfDevices(
  asked: Asked,
  filters: DeviceFilters,
  { after, limit, withAttributes }: PageWanted,
): Promise<{ devices: ListedDevice[]; nextCursor: string | null }> {
  const found: ListedDevice[] = await devicePage(asked.db, after, limit + 1, filters);
  const { page: devices, nextCursor } = paged(found, limit, ({ id }) => [id]);
  if (!withAttributes) return { devices, nextCursor };
  const values = await valuesOfDevices(
    asked.db,
    devices.map(({ id }) => id),
    asked.now(),
  );
  return { devices: devices.map(device => ({ ...device, ...(values.get(device.id) ?? none) })), nextCursor };
}

const pageSize = 500;

/** All the devices, by id, in pages of which each is as of its own moment. */
export async function* pagesOfDevices(
  asked: Asked,
  filters: DeviceFilters,
  withAttributes: boolean,
): AsyncGenerator<ListedDevice[]> {
  for (let after: string | null = null; ; ) {
    const page = await pageOfDevices(asked, filters, { after, limit: pageSize, withAttributes });
    if (page.devices.length > 0) yield page.devices;
    if (page.nextCursor === null) return;
    after = page.devices.at(-1)?.id ?? null;
  }
}

/** @returns its values @throws AppError not_found */
export async function attributesOfDevice(asked: Asked, id: string): Promise<DeviceValues> {
  const its = (await attributesOfDevices(asked, [id])).devices.get(id);
  if (its === undefined) throw noDevice(id);
  return its;
}

/**
 * @param ids of devices, each once or more
 * @returns the values of each, and which ids no device has
 */
export async function attributesOfDevices(
  { db, now }: Asked,
  ids: readonly string[],
): Promise<{ devices: Map<string, DeviceValues>; unknown: string[] }> {
  const wanted = [...new Set(ids)];
  const known = await knownDevices(db, wanted);
  const values = await valuesOfDevices(db, wanted, now());
  return {
    devices: new Map(wanted.filter(id => known.has(id)).map(id => [id, values.get(id) ?? none])),
    unknown: wanted.filter(id => !known.has(id)),
  };
}
