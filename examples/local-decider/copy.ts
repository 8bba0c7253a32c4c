// A copy of what the service knows, made of the records that it tells (docs/http.md, "Snapshot and changes"), and decisions by
// it: the same pure functions as in the service, without it.
import type { AttributeType, AttributeValue } from '../../src/posture/attributes.ts';
import { type AttributeKey, type Catalogue, createCatalogue, namespaceOf } from '../../src/posture/catalogue.ts';
import { type Decision, type Destination, type Device, decide } from '../../src/posture/decide.ts';
import { bareTag } from '../../src/posture/facts.ts';
import type { Policy } from '../../src/posture/policy.ts';
import { readAppliedPolicy } from '../../src/posture/policy-check.ts';
import { canonicalSerial } from '../../src/posture/serials.ts';

/** One line. Others may come with later versions: what is not known here is passed over. */
export interface FeedRecord {
  snapshot?: { format: number; revision: number; at: string };
  catalogue?: { name: string; type: AttributeType; known?: string[]; resolutionMs?: number }[];
  integrations?: { id: string; name: string; provider: string; sweptAt: string | null }[];
  policy?: { revision: number; hash: string; text: string } | null;
  removed?: { id: string };
  device?: DeviceRecord;
  attributes?: AttributesRecord;
  end?: { after?: number; revision: number; at: string };
}

interface DeviceRecord {
  id: string;
  hostname: string | null;
  user: string | null;
  tags: string[];
  /** Canonical: `serial:C02XK1ZZJG5J`, `address:10.1.2.3`. */
  identifiers: string[];
}

/** What one source says of a device. */
interface AttributesRecord {
  deviceId: string;
  source: string;
  integrationId: string | null;
  observedAt: string | null;
  frozenAt: string | null;
  /** Values with an origin and a time of their own, by name. */
  withheld: Record<string, { integrationId: string; confirmedAt: string }>;
  /** Of what administrators state, by name: when that was, and when the value ends by itself. */
  stated?: Record<string, { at: string; expiresAt?: string }>;
  /** Null: nothing any more. */
  values: Record<string, AttributeValue> | null;
}

export interface Question {
  /** Of a device, one of the two. */
  device?: string | null;
  serial?: string | null;
  destination?: Destination;
}

export interface Answer extends Omit<Decision, 'outcome'> {
  /** Beside those of a decision: why the copy decides nothing. */
  outcome: Decision['outcome'] | 'copy_stale' | 'no_policy' | 'policy_unreadable';
  revision: number;
  /** How long ago the copy was what the service had. */
  copyAgeMs: number;
}

const formatKnown = 2;
/** Clocks that differ by more are not trusted with ages. */
const clockToleranceMs = 300_000;

export class Copy {
  revision = 0;
  /** When that was everything, by the service's clock, and when we learned so, by the clock that never jumps. */
  #at = Number.NaN;
  #learnedAt: number | null = null;
  readonly #devices = new Map<string, DeviceRecord>();
  readonly #attributes = new Map<string, Map<string, AttributesRecord>>();
  readonly #byIdentifier = new Map<string, string>();
  #integrations = new Map<string, { name: string; sweptAt: number }>();
  #records: Pick<FeedRecord, 'catalogue' | 'integrations' | 'policy'> = { policy: null };
  #catalogue: Catalogue = createCatalogue([], null);
  #policy: Policy | null = null;

  get size(): number {
    return this.#devices.size;
  }

  /** @throws Error where it is of a format that this program does not know */
  take(record: FeedRecord, learnedAt: number | null = performance.now()): void {
    const { snapshot, catalogue, integrations, policy, removed, device, attributes, end } = record;
    if (snapshot !== undefined && snapshot.format !== formatKnown)
      throw new Error(`the snapshot is of format ${snapshot.format}, which this program does not know`);
    if (catalogue !== undefined && JSON.stringify(catalogue) !== JSON.stringify(this.#records.catalogue)) {
      this.#records.catalogue = catalogue;
      this.#catalogue = createCatalogue(
        catalogue.map(spec => ({ ...spec, about: '' })),
        null,
      );
      this.#readPolicy();
    }
    if (integrations !== undefined) {
      this.#records.integrations = integrations;
      this.#integrations = new Map(integrations.map(it => [it.id, { name: it.name, sweptAt: ms(it.sweptAt) ?? 0 }]));
    }
    if (policy !== undefined) {
      this.#records.policy = policy;
      this.#readPolicy();
    }
    if (removed !== undefined) this.#remove(removed.id);
    if (device !== undefined) this.#takeDevice(device);
    if (attributes !== undefined) this.#takeAttributes(attributes);
    if (end !== undefined) {
      this.revision = end.revision;
      this.#at = Date.parse(end.at);
      this.#learnedAt = learnedAt;
    }
  }

  /** @returns how old the copy is, in ms, by the worse of two clocks; infinity where a clock must be wrong */
  ageMs(): number {
    const byWall = Date.now() - this.#at;
    if (Number.isNaN(byWall)) return Number.POSITIVE_INFINITY;
    if (this.#learnedAt !== null) return Math.max(0, byWall, performance.now() - this.#learnedAt);
    return byWall < -clockToleranceMs ? Number.POSITIVE_INFINITY : Math.max(0, byWall);
  }

  /** @param now in ms @returns the decision; denied where the copy is older than that */
  decide({ device = null, serial = null, destination = {} }: Question, maxAgeMs: number, now = Date.now()): Answer {
    const copyAgeMs = Math.round(this.ageMs());
    const about = { revision: this.revision, copyAgeMs };
    const denied = { allowed: false, rule: null, posture: null, refusals: [], validUntil: null } as const;
    if (!(copyAgeMs <= maxAgeMs)) return { ...denied, outcome: 'copy_stale', ...about };
    if (this.#policy === null)
      return { ...denied, outcome: this.#records.policy ? 'policy_unreadable' : 'no_policy', ...about };
    const found = this.device(device, serial);
    return { ...decide(this.#policy, { device: found, destination }, now), ...about };
  }

  device(id: string | null, serial: string | null): Device | null {
    const named = id ?? this.#byIdentifier.get(`serial:${canonicalSerial(serial ?? '')}`);
    const record = named === undefined ? undefined : this.#devices.get(named);
    if (record === undefined) return null;
    return new CopiedDevice(record, this.#attributes.get(record.id) ?? new Map(), this.#integrations);
  }

  /** @returns all that the copy holds, as a snapshot tells it */
  *records(): Generator<FeedRecord> {
    const { revision } = this;
    const at = new Date(this.#at).toISOString();
    const { catalogue = [], integrations = [], policy = null } = this.#records;
    yield { snapshot: { format: formatKnown, revision, at } };
    yield { catalogue };
    yield { integrations };
    yield { policy };
    for (const device of this.#devices.values()) yield { device };
    for (const bySource of this.#attributes.values()) for (const attributes of bySource.values()) yield { attributes };
    yield { end: { revision, at } };
  }

  #readPolicy(): void {
    const { policy } = this.#records;
    this.#policy = policy ? readAppliedPolicy(policy.text, this.#catalogue) : null;
  }

  #remove(id: string): void {
    this.#release(id);
    this.#devices.delete(id);
    this.#attributes.delete(id);
  }

  #release(id: string): void {
    for (const identifier of this.#devices.get(id)?.identifiers ?? [])
      if (this.#byIdentifier.get(identifier) === id) this.#byIdentifier.delete(identifier);
  }

  #takeDevice(device: DeviceRecord): void {
    this.#release(device.id);
    this.#devices.set(device.id, device);
    for (const identifier of device.identifiers) this.#byIdentifier.set(identifier, device.id);
  }

  #takeAttributes(record: AttributesRecord): void {
    const bySource = this.#attributes.get(record.deviceId) ?? new Map<string, AttributesRecord>();
    if (record.values === null) bySource.delete(record.source);
    else bySource.set(record.source, record);
    if (bySource.size === 0) this.#attributes.delete(record.deviceId);
    else this.#attributes.set(record.deviceId, bySource);
  }
}

const ms = (time: string | null) => (time === null ? null : Date.parse(time));

/** A device as conditions ask it. */
class CopiedDevice implements Device {
  readonly id: string;
  readonly user: string | null;
  readonly tags: readonly string[];
  readonly addresses: readonly string[];
  readonly #attributes: ReadonlyMap<string, AttributesRecord>;
  readonly #integrations: ReadonlyMap<string, { name: string; sweptAt: number }>;

  constructor(
    { id, user, tags, identifiers }: DeviceRecord,
    attributes: ReadonlyMap<string, AttributesRecord>,
    integrations: ReadonlyMap<string, { name: string; sweptAt: number }>,
  ) {
    this.id = id;
    this.user = user;
    this.tags = tags.map(bareTag);
    this.addresses = identifiers.flatMap(text => (text.startsWith('address:') ? [text.slice(8)] : []));
    this.#attributes = attributes;
    this.#integrations = integrations;
  }

  value({ name }: AttributeKey): AttributeValue | undefined {
    return this.#about(name)?.values?.[name];
  }

  confirmedAt({ name }: AttributeKey): number | null {
    const said = this.#about(name);
    if (said === undefined) return null;
    const own = said.withheld[name];
    if (own !== undefined) return ms(own.confirmedAt);
    if (said.stated !== undefined) return ms(said.stated[name]?.at ?? null);
    if (said.frozenAt !== null) return ms(said.frozenAt);
    const observedAt = ms(said.observedAt);
    const sweptAt = this.#integrations.get(said.integrationId ?? '')?.sweptAt ?? 0;
    return observedAt === null ? null : Math.max(observedAt, sweptAt);
  }

  integration({ name }: AttributeKey): string | null {
    const said = this.#about(name);
    const id = said?.withheld[name]?.integrationId ?? said?.integrationId ?? null;
    return id === null ? null : (this.#integrations.get(id)?.name ?? id);
  }

  expiresAt({ name }: AttributeKey): number | null {
    return ms(this.#about(name)?.stated?.[name]?.expiresAt ?? null);
  }

  /** The source that speaks of a namespace speaks of all its attributes, also by not naming one. */
  #about(name: string): AttributesRecord | undefined {
    const namespace = namespaceOf(name);
    for (const record of this.#attributes.values())
      if (Object.keys(record.values ?? {}).some(each => namespaceOf(each) === namespace)) return record;
    return undefined;
  }
}
