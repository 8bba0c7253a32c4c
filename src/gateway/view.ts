// All devices in memory, with what is known of each: decisions are made from here, so that they go on while the database is
// down and cost no query. Values that devices share are kept once; ages are reckoned when they are asked for, since a sweep that
// confirms a million values changes one time.
import type { AttributeValue } from '../posture/attributes.ts';
import type { AttributeKey, Catalogue } from '../posture/catalogue.ts';
import type { Device } from '../posture/decide.ts';
import { type ValueSet, valueSets } from '../posture/facts.ts';
import type { IdentifierKind } from '../posture/identifiers.ts';
import type { FedDevice, FedIntegration, FedValues, Portion } from '../store/feed.ts';

/** Values that several devices have, by the catalogue's numbers: of the namespace, then of the attribute. */
interface SharedSet {
  readonly json: string;
  readonly keys: readonly AttributeKey[];
  readonly values: readonly (ValueSet | undefined)[];
  uses: number;
}

/** An integration as evidence hangs on it. Its times are moved in place. */
interface Source {
  name: string;
  sweptAt: number;
}

/** What one source says of a device. */
interface Evidence {
  readonly source: string;
  readonly set: SharedSet;
  /** Values that move at every check-in. */
  readonly moving: readonly { key: AttributeKey; value: string }[];
  readonly from: Source | null;
  readonly observedAt: number | null;
  readonly frozenAt: number | null;
  readonly withheld: ReadonlyMap<string, { from: Source | null; confirmedAt: number }> | null;
  /** Of what administrators state, by name: when that was, and when it ends; in ms. */
  readonly stated: ReadonlyMap<string, { at: number; expiresAt: number | null }> | null;
}

/** A device as decisions see it. */
export class ViewedDevice implements Device {
  readonly id: string;
  hostname: string | null = null;
  user: string | null = null;
  /** As they are stored, with or without `tag:` in front. */
  tags: readonly string[] = [];
  addresses: readonly string[] = [];
  identifiers: readonly string[] = [];
  /** By the catalogue's number of the namespace; of a source with several namespaces it is the same. */
  evidence: (Evidence | undefined)[] = [];

  constructor(id: string) {
    this.id = id;
  }

  value(key: AttributeKey): AttributeValue | undefined {
    const evidence = this.evidence[key.source];
    if (evidence === undefined) return undefined;
    const value = evidence.set.values[key.source]?.[key.slot];
    if (value !== undefined) return value;
    for (const each of evidence.moving) if (each.key === key) return each.value;
    return undefined;
  }

  confirmedAt(key: AttributeKey): number | null {
    const evidence = this.evidence[key.source];
    if (evidence === undefined) return null;
    const own = evidence.withheld?.get(key.name);
    if (own !== undefined) return own.confirmedAt;
    if (evidence.stated !== null) return evidence.stated.get(key.name)?.at ?? null;
    if (evidence.frozenAt !== null) return evidence.frozenAt;
    return evidence.observedAt === null ? null : Math.max(evidence.observedAt, evidence.from?.sweptAt ?? 0);
  }

  expiresAt(key: AttributeKey): number | null {
    return this.evidence[key.source]?.stated?.get(key.name)?.expiresAt ?? null;
  }

  /** @returns every attribute that is set, also those that have expired and are about to be removed */
  keys(): AttributeKey[] {
    const evidence = new Set(this.evidence);
    return [...evidence].flatMap(each => (each ? [...each.set.keys, ...each.moving.map(({ key }) => key)] : []));
  }

  integration(key: AttributeKey): string | null {
    const evidence = this.evidence[key.source];
    return (evidence?.withheld?.get(key.name)?.from ?? evidence?.from)?.name ?? null;
  }
}

const nothing: readonly string[] = Object.freeze([]);

/** @returns a device's identifiers of a kind, without the kind; most have none of most kinds, and share that */
export function identifiersOf({ identifiers }: ViewedDevice, kind: IdentifierKind): readonly string[] {
  const prefix = `${kind}:`;
  const found = identifiers.filter(identifier => identifier.startsWith(prefix));
  return found.length === 0 ? nothing : found.map(identifier => identifier.slice(prefix.length));
}

function statedTimes(given: NonNullable<FedValues['stated']>): NonNullable<Evidence['stated']> {
  const entries = Object.entries(given).map(([name, { at, expiresAt }]) => {
    return [name, { at: Date.parse(at), expiresAt: expiresAt === undefined ? null : Date.parse(expiresAt) }] as const;
  });
  return new Map(entries);
}

/** Beyond that sharing lists of tags saves nothing. */
const mostLists = 10_000;

export class View {
  readonly #catalogue: Catalogue;
  readonly #devices = new Map<string, ViewedDevice>();
  readonly #byIdentifier = new Map<string, ViewedDevice>();
  readonly #sets = new Map<string, SharedSet>();
  readonly #sources = new Map<string, Source>();
  /** Most devices have tags that others have, and in the same order. */
  readonly #lists = new Map<string, readonly string[]>();

  constructor(catalogue: Catalogue) {
    this.#catalogue = catalogue;
  }

  get size(): number {
    return this.#devices.size;
  }

  device(id: string): ViewedDevice | null {
    return this.#devices.get(id) ?? null;
  }

  /** @param identifier canonical, `kind:value` */
  deviceWith(identifier: string): ViewedDevice | null {
    return this.#byIdentifier.get(identifier) ?? null;
  }

  devices(): Iterable<ViewedDevice> {
    return this.#devices.values();
  }

  /** Takes the integrations as they are now: their names, and when each was swept. */
  takeIntegrations(integrations: readonly FedIntegration[]): void {
    for (const { id, name, sweptAt } of integrations) Object.assign(this.#source(id), { name, sweptAt: sweptAt ?? 0 });
  }

  /** Takes devices and values as they are now. Values come with or after their device. */
  take({ devices, values }: Portion): void {
    for (const device of devices) this.#takeDevice(device);
    for (const entry of values) this.#takeValues(entry);
  }

  /** Forgets a device that is no more. */
  remove(id: string): void {
    const device = this.#devices.get(id);
    if (device === undefined) return;
    this.#release(device);
    for (const evidence of new Set(device.evidence)) if (evidence !== undefined) this.#drop(evidence.set);
    this.#devices.delete(id);
  }

  /** Whichever of two devices comes first when an identifier goes from one to the other: what another one has is not let go. */
  #release(device: ViewedDevice): void {
    for (const identifier of device.identifiers)
      if (this.#byIdentifier.get(identifier) === device) this.#byIdentifier.delete(identifier);
  }

  #takeDevice({ id, hostname, user, tags, identifiers }: FedDevice): void {
    const device = this.#devices.get(id) ?? new ViewedDevice(id);
    this.#devices.set(id, device);
    this.#release(device);
    device.hostname = hostname;
    device.user = user;
    device.tags = this.#sharedList(tags);
    device.identifiers = identifiers.length === 0 ? nothing : identifiers;
    device.addresses = identifiersOf(device, 'address');
    for (const identifier of identifiers) this.#byIdentifier.set(identifier, device);
  }

  #takeValues(entry: FedValues): void {
    const device = this.#devices.get(entry.deviceId);
    // Values come after their device; those of one that is no more are tombstones.
    if (device === undefined) return;
    const before = device.evidence.find(evidence => evidence?.source === entry.source);
    if (before !== undefined) {
      this.#drop(before.set);
      device.evidence = device.evidence.map(evidence => (evidence === before ? undefined : evidence));
    }
    if (entry.values === null) return;
    const evidence: Evidence = {
      source: entry.source,
      set: this.#set(entry.values),
      moving: Object.entries(entry.moving).map(([name, value]) => ({ key: this.#catalogue.key(name), value })),
      from: entry.integrationId === null ? null : this.#source(entry.integrationId),
      observedAt: entry.observedAt,
      frozenAt: entry.frozenAt,
      withheld: entry.withheld && this.#withheld(entry.withheld),
      stated: entry.stated && statedTimes(entry.stated),
    };
    const numbers = new Set(evidence.moving.map(({ key }) => key.source));
    for (const [number, values] of evidence.set.values.entries()) if (values !== undefined) numbers.add(number);
    for (const number of numbers) {
      while (device.evidence.length <= number) device.evidence.push(undefined);
      device.evidence[number] = evidence;
    }
  }

  #withheld(given: NonNullable<FedValues['withheld']>): NonNullable<Evidence['withheld']> {
    const entries = Object.entries(given).map(([name, { integration, confirmedAt }]) => {
      return [name, { from: this.#source(integration), confirmedAt: Date.parse(confirmedAt) }] as const;
    });
    return new Map(entries);
  }

  #set(json: string): SharedSet {
    let set = this.#sets.get(json);
    if (set === undefined) {
      const values = JSON.parse(json);
      const keys = Object.keys(values).map(name => this.#catalogue.key(name));
      set = { json, keys, values: valueSets(this.#catalogue, values), uses: 0 };
      this.#sets.set(json, set);
    }
    set.uses++;
    return set;
  }

  #drop(set: SharedSet): void {
    set.uses--;
    if (set.uses === 0) this.#sets.delete(set.json);
  }

  #source(id: string): Source {
    let source = this.#sources.get(id);
    if (source === undefined) {
      source = { name: id, sweptAt: 0 };
      this.#sources.set(id, source);
    }
    return source;
  }

  #sharedList(list: readonly string[]): readonly string[] {
    if (list.length === 0) return nothing;
    const key = JSON.stringify(list);
    const shared = this.#lists.get(key);
    if (shared !== undefined) return shared;
    if (this.#lists.size < mostLists) this.#lists.set(key, list);
    return list;
  }
}
