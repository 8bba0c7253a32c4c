// Which devices a list is asked for, as an SQL condition: by what they are and are known by, by the values they have and how old these
// are, by how they stand in a posture. What a search goes through is stored in lower case or canonical, so that it costs little.
import type { AttributeValue } from '../posture/attributes.ts';
import { canonicalSerial } from '../posture/serials.ts';
import type { StandingState } from '../posture/standings.ts';
import { type FreshnessState, freshnessCondition } from './device-freshness.ts';
import { deviceReason } from './devices.ts';
import { isCollecting } from './match.ts';

/** All that is given must be so; of a list every entry. */
export interface DeviceFilters {
  id?: readonly string[];
  /** As it is told: the host name, or where there is none the id. */
  name?: readonly string[];
  hostname?: readonly string[];
  user?: readonly string[];
  os?: readonly string[];
  /** Each with or without `tag:` in front. */
  tags?: readonly string[];
  /** As they are stored. */
  addresses?: readonly string[];
  createdAt?: readonly Date[];
  lastActiveAt?: readonly Date[];
  /** A code of deviceReasons, or whether some agent speaks for it. */
  match?: string;
  /** It has an identifier with this problem. */
  problem?: string;
  attributes?: readonly AttributeFilter[];
  /** How it stands in a posture, named with `posture:` in front; and which condition keeps it from it, as causes have it. */
  standing?: { posture: string; states: readonly StandingState[]; condition: string | null };
  /** By the id of an integration: an agent of it speaks for the device. */
  integration?: string;
  postureIdentity?: PostureIdentity;
  /** What providers say of it is as old as that, the oldest of it. */
  freshness?: { state: FreshnessState; since: Date };
  /** Part of its id, host name or user, or of something that it is known by. */
  search?: string;
  /** `search` also finds a device by what one of its attributes is, all of it. */
  searchesValues?: boolean;
}

/** Tailscale's words for what is known of a device's identity; there is no client that would need an upgrade. */
export const postureIdentities = [
  'has-posture-identity',
  'empty-posture-identity',
  'not-collected',
  'not-enabled',
] as const;
export type PostureIdentity = (typeof postureIdentities)[number];

/** At a time. `values`: it has one of them; null: any; `isSet: false`: it has none. */
export type AttributeFilter =
  | { name: string; at: Date; isSet: true; values: readonly AttributeValue[] | null }
  | { name: string; at: Date; isSet: false };

const isMatched = 'exists (select from agents a where a.device_id = d.id and a.reason is null)';

/** @returns an SQL condition on device d, null where every device is meant; what it compares with is added to the parameters */
export function conditionOf(filters: DeviceFilters, parameters: unknown[]): string | null {
  const $ = (value: unknown) => `$${parameters.push(value)}`;
  const each = <T>(values: readonly T[] | undefined, condition: (value: T) => string) => (values ?? []).map(condition);
  const { match, problem, standing, integration, postureIdentity, freshness, search, searchesValues = false } = filters;
  const conditions = [
    ...each(filters.id, id => `d.id = ${$(id)}`),
    ...each(filters.name, name => `coalesce(nullif(d.hostname, ''), d.id) = ${$(name)}`),
    ...each(filters.hostname, name => `coalesce(d.hostname, '') = ${$(name)}`),
    ...each(filters.user, user => `coalesce(d.user_name, '') = ${$(user)}`),
    ...each(filters.os, os => `coalesce(d.os, '') = ${$(os)}`),
    ...each(
      filters.tags,
      tag => `d.tags && ${$([tag.replace(/^tag:/, ''), `tag:${tag.replace(/^tag:/, '')}`])}::text[]`,
    ),
    ...each(
      filters.addresses,
      address =>
        `exists (select from device_identifiers x where x.device_id = d.id and x.identifier = ${$(`address:${address}`)})`,
    ),
    ...each(filters.createdAt, at => `d.created_at = ${$(at)}`),
    ...each(
      filters.lastActiveAt,
      at =>
        `(select max(a.last_active_at) from agents a where a.device_id = d.id and a.reason is null) = ${$(at)}::timestamptz`,
    ),
    ...each(filters.attributes, attribute => attributeCondition(attribute, $)),
    ...(match === undefined ? [] : [matchCondition(match, $)]),
    ...(problem === undefined
      ? []
      : [`exists (select from device_identifiers x where x.device_id = d.id and x.problem = ${$(problem)})`]),
    ...(standing === undefined ? [] : [standingCondition(standing, $)]),
    ...(integration === undefined
      ? []
      : [
          `exists (select from agents a where a.device_id = d.id and a.integration_id = ${$(integration)} and a.reason is null)`,
        ]),
    ...(postureIdentity === undefined ? [] : [identityConditions[postureIdentity]]),
    ...(freshness === undefined
      ? []
      : [freshnessCondition(freshness.state, () => `${$(freshness.since)}::timestamptz`)]),
    ...(search === undefined ? [] : [searchCondition(search, searchesValues, $)]),
  ];
  return conditions.length === 0 ? null : conditions.join(' and ');
}

/** Of those in the state, which an index has, the reasons are looked through. */
function standingCondition(
  { posture, states, condition }: NonNullable<DeviceFilters['standing']>,
  $: (value: unknown) => string,
): string {
  const stands = `s.posture = ${$(posture)} and s.state = any(${$(states)}::text[]) and s.device_id = d.id`;
  const because = condition === null ? '' : ` and s.reasons @> ${$(JSON.stringify([{ condition }]))}::jsonb`;
  return `exists (select from standings s where ${stands}${because})`;
}

const serials = "device_identifiers x where x.device_id = d.id and x.identifier like 'serial:%'";
const hasUsable = `exists (select from ${serials} and x.problem is null)`;
const hasAny = `exists (select from ${serials})`;

const someAgent = 'exists (select from agents a where a.device_id = d.id)';

/** What `deviceReason` says in these cases, as conditions that are joins. */
const plainReasons: Readonly<Record<string, string>> = {
  identity_collection_off: `not ${isCollecting}`,
  no_agent: `${isCollecting} and not ${someAgent} and ${hasUsable}`,
  no_serial: `${isCollecting} and not ${someAgent} and not ${hasAny}`,
};

function matchCondition(match: string, $: (value: unknown) => string): string {
  if (match === 'matched') return isMatched;
  if (match === 'unmatched') return `not ${isMatched}`;
  const plain = plainReasons[match];
  if (plain !== undefined) return `(${plain})`;
  // Which of several reasons counts is looked up one by one: of those only that have it among theirs.
  const reason = $(match);
  return `not ${isMatched} and d.id in (select a.device_id from agents a where a.reason = ${reason} and a.device_id is not null
    union all select x.device_id from device_identifiers x where x.problem = ${reason}) and (${deviceReason}) = ${reason}`;
}

/** What has expired may not be removed yet, and counts no more. */
function attributeCondition(filter: AttributeFilter, $: (value: unknown) => string): string {
  const at = `${$(filter.at)}::timestamptz`;
  const name = `${$(filter.name)}::text`;
  const having = (what: string) =>
    `exists (select from device_attributes v where v.device_id = d.id and ${what}
       and (v.expires_at is null or coalesce((v.stated -> ${name} ->> 'expiresAt')::timestamptz > ${at}, true)))`;
  if (!filter.isSet) return `not ${having(`v.values ? ${name}`)}`;
  if (filter.values === null) return having(`v.values ? ${name}`);
  // Of a scalar to contain it is to be it; and that is what the index answers.
  const is = filter.values.map(value => `v.values @> ${$(JSON.stringify({ [filter.name]: value }))}::jsonb`);
  return having(`(${is.join(' or ')})`);
}

const identityConditions: Readonly<Record<PostureIdentity, string>> = {
  'has-posture-identity': `(${isCollecting} and ${hasUsable})`,
  'empty-posture-identity': `(${isCollecting} and ${hasAny} and not ${hasUsable})`,
  'not-collected': `(${isCollecting} and not ${hasAny})`,
  'not-enabled': `not ${isCollecting}`,
};

/** Of device d, in Tailscale's words. */
export const devicePostureIdentity = `case ${postureIdentities.map(word => `when ${identityConditions[word]} then '${word}'`).join(' ')} end`;

const literally = (text: string) => text.replace(/[\\%_]/g, '\\$&');

/** Identifiers and values are gone through once, and not for each device. */
function searchCondition(text: string, searchesValues: boolean, $: (value: unknown) => string): string {
  const names = `d.search collate "C" like '%' || lower(${$(literally(text))}) || '%' collate "C"`;
  const patterns = $(identifierPatterns(text));
  const known = `d.id in (select x.device_id from device_identifiers x where x.identifier like any(${patterns}::text[]))`;
  if (!searchesValues) return `(${names} or ${known})`;
  // What has expired is found until it is removed, within a minute.
  const value = `d.id in (select v.device_id from device_attributes v where v.values @? ${$(valuePath(text))}::jsonpath)`;
  return `(${names} or ${known} or ${value})`;
}

/** Identifiers are searched as they are stored: a serial number in capitals and without spaces, the others in lower case. */
function identifierPatterns(text: string): string[] {
  const serial = canonicalSerial(text);
  const other = text.trim().toLowerCase();
  const fingerprint = other.replace(/[:\s]/g, '');
  return [
    ...(serial === null ? [] : [`serial:%${literally(serial)}%`]),
    ...(other === '' ? [] : [`address:%${literally(other)}%`]),
    ...(/^[0-9a-f]+$/.test(fingerprint) ? [`certificate_fingerprint:%${fingerprint}%`] : []),
  ];
}

/** A path that finds any value that is the text, however it is written, or the number: the index answers it. */
function valuePath(text: string): string {
  // Half of a pair of surrogates is in no value, and in no path.
  const trimmed = text.trim().toWellFormed();
  const [lower, upper] = [trimmed.toLowerCase(), trimmed.toUpperCase()];
  const spellings = new Set([trimmed, lower, upper, `${upper.slice(0, 1)}${lower.slice(1)}`]);
  const number = /^-?(0|[1-9]\d{0,14})(\.\d{1,6})?$/.test(trimmed) ? [trimmed] : [];
  const meant = [...[...spellings].map(spelling => JSON.stringify(spelling)), ...number];
  return `$.* ? (${meant.map(value => `@ == ${value}`).join(' || ')})`;
}
