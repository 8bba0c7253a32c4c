// What is stored of some devices, as conditions ask for it: for whoever judges devices without keeping them in memory. The
// caller reads within one snapshot, so that ages fit what they are the ages of.
import type { AttributeValue } from '../posture/attributes.ts';
import type { AttributeKey, Catalogue } from '../posture/catalogue.ts';
import type { Facts } from '../posture/facts.ts';
import type { Client } from './client.ts';
import type { StatedTimes } from './schema-custom.ts';

/** A device with what is known of it. */
export interface EvidentDevice {
  readonly id: string;
  readonly createdAt: Date;
  /** Of the last change of the device or of its values. */
  readonly revision: number;
  /** Ids of the integrations that its values come from. */
  readonly integrations: readonly string[];
  readonly facts: Facts;
}

/** Of `device_attributes`: what one source says of a device. Times in ms; `sweptAt` is the integration's. */
export interface EvidenceRow {
  values: Record<string, AttributeValue>;
  integrationId: string | null;
  observedAt: number | null;
  frozenAt: number | null;
  sweptAt: number | null;
  withheld: Record<string, { integration: string; confirmedAt: string }> | null;
  stated: StatedTimes | null;
}

interface EvidenceOfDevice extends EvidenceRow {
  deviceId: string;
  revision: number;
}

export const epochMs = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;

/** @returns those of the devices that there are, in no order */
export async function readEvidence(
  client: Client,
  catalogue: Catalogue,
  ids: readonly string[],
): Promise<EvidentDevice[]> {
  const devices = await client.query(
    'select id, tags, created_at as "createdAt", revision from devices where id = any($1::text[])',
    [ids],
  );
  const values = await client.query<EvidenceOfDevice>(
    `select a.device_id as "deviceId", a.values, a.integration_id as "integrationId", ${epochMs('a.observed_at')} as "observedAt",
       ${epochMs('a.frozen_at')} as "frozenAt", ${epochMs('i.swept_at')} as "sweptAt", a.revision, a.withheld, a.stated
     from device_attributes a left join integrations i on i.id = a.integration_id where a.device_id = any($1::text[])`,
    [ids],
  );
  const rows = new Map<string, EvidenceOfDevice[]>();
  for (const row of values.rows) {
    const others = rows.get(row.deviceId);
    if (others === undefined) rows.set(row.deviceId, [row]);
    else others.push(row);
  }
  return devices.rows.map(({ id, tags, createdAt, revision }) => {
    const its = rows.get(id) ?? [];
    return {
      id,
      createdAt,
      revision: Math.max(revision, ...its.map(row => row.revision)),
      integrations: its.flatMap(row => row.integrationId ?? []),
      facts: new StoredFacts(catalogue, tags, its),
    };
  });
}

/** Facts of rows of `device_attributes`. */
export class StoredFacts implements Facts {
  readonly tags: readonly string[];
  /** By the catalogue's number of the namespace; of a source with several namespaces it is the same row. */
  readonly #rows: (EvidenceRow | undefined)[] = [];

  constructor(catalogue: Catalogue, tags: readonly string[], rows: readonly EvidenceRow[]) {
    this.tags = tags;
    for (const row of rows) for (const name of Object.keys(row.values)) this.#rows[catalogue.key(name).source] = row;
  }

  value(key: AttributeKey): AttributeValue | undefined {
    const values = this.#rows[key.source]?.values;
    return values !== undefined && Object.hasOwn(values, key.name) ? values[key.name] : undefined;
  }

  confirmedAt(key: AttributeKey): number | null {
    const row = this.#rows[key.source];
    if (row === undefined) return null;
    const own = withheldOf(row, key);
    if (own !== undefined) return Date.parse(own.confirmedAt);
    const stated = statedOf(row, key);
    if (stated !== undefined) return Date.parse(stated.at);
    if (row.frozenAt !== null) return row.frozenAt;
    return row.observedAt === null ? null : Math.max(row.observedAt, row.sweptAt ?? 0);
  }

  /** Its id: names may change. */
  integration(key: AttributeKey): string | null {
    const row = this.#rows[key.source];
    return (row && (withheldOf(row, key)?.integration ?? row.integrationId)) ?? null;
  }

  expiresAt(key: AttributeKey): number | null {
    const row = this.#rows[key.source];
    const ends = row && statedOf(row, key)?.expiresAt;
    return ends === undefined ? null : Date.parse(ends);
  }
}

function statedOf({ stated }: EvidenceRow, { name }: AttributeKey) {
  return stated !== null && Object.hasOwn(stated, name) ? stated[name] : undefined;
}

function withheldOf({ withheld }: EvidenceRow, { name }: AttributeKey) {
  return withheld !== null && Object.hasOwn(withheld, name) ? withheld[name] : undefined;
}
