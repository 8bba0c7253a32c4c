// All devices with what decisions ask of them, some at a time: for whoever goes through a whole fleet and keeps none. While one portion
// is looked at the next one is read. The caller reads within one snapshot, so that ages fit what they are the ages of.
import type { AttributeValue } from '../posture/attributes.ts';
import type { Catalogue } from '../posture/catalogue.ts';
import type { Client } from './client.ts';
import { type EvidenceRow, epochMs, StoredFacts } from './evidence.ts';
import type { KnownDevice } from './known-devices.ts';
import type { StatedTimes } from './schema-custom.ts';

/** As many as are judged in a moment: nothing else is done meanwhile. */
const portion = 500;

/** Values are null where no source says anything. */
type Row = [
  id: string,
  hostname: string | null,
  user: string | null,
  tags: string[],
  addresses: string[],
  values: Record<string, AttributeValue> | null,
  integrationId: string | null,
  observedAt: number | null,
  frozenAt: number | null,
  withheld: EvidenceRow['withheld'],
  stated: StatedTimes | null,
];

const addressesOfDevice = `(select coalesce(json_agg(substr(i.identifier, 9) order by i.identifier), '[]') from device_identifiers i
  where i.device_id = d.id and i.problem is null and starts_with(i.identifier, 'address:'))`;

/**
 * A row for each source of a device. The values are looked up device by device, also where the planner knows nothing of the table yet: it
 * would go through the values of all devices for each portion.
 */
const portionQuery = (compared: '>' | '>=', withAddresses: boolean) =>
  `select d.id, d.hostname, d.user_name, to_json(d.tags), ${withAddresses ? addressesOfDevice : "'[]'::json"},
     a.values, a.integration_id, ${epochMs('a.observed_at')}, ${epochMs('a.frozen_at')}, a.withheld, a.stated
   from (select id, hostname, user_name, tags from devices where id ${compared} $1 order by id limit $2) d
   left join lateral (select * from device_attributes where device_id = d.id offset 0) a on true order by d.id`;

export interface PortionOptions {
  /** A device to begin with; null: the first one. */
  from: string | null;
  /** False where nobody asks for addresses: they are left out. */
  withAddresses: boolean;
}

/**
 * @param catalogue that of the policies which they are judged by: it numbers the attributes
 * @returns all devices in the order of the ids
 */
export async function* devicePortions(
  client: Client,
  catalogue: Catalogue,
  { from, withAddresses }: PortionOptions,
): AsyncGenerator<KnownDevice[]> {
  const integrations = await readIntegrations(client);
  const read = async (compared: '>' | '>=', id: string) => {
    const text = portionQuery(compared, withAddresses);
    const { rows } = await client.query<Row>({ text, values: [id, portion], rowMode: 'array' });
    return devicesOf(rows, catalogue, integrations);
  };
  for (let next = read('>=', from ?? ''); ; ) {
    const devices = await next;
    const last = devices.at(-1);
    if (last === undefined) return;
    next = read('>', last.id);
    // Who goes no further does not wait for it.
    next.catch(() => {});
    yield devices;
  }
}

type Integrations = ReadonlyMap<string, { name: string; sweptAt: number | null }>;

async function readIntegrations(client: Client): Promise<Integrations> {
  const { rows } = await client.query<{ id: string; name: string; sweptAt: number | null }>(
    `select id, name, ${epochMs('swept_at')} as "sweptAt" from integrations`,
  );
  return new Map(rows.map(({ id, ...integration }) => [id, integration]));
}

function devicesOf(rows: readonly Row[], catalogue: Catalogue, integrations: Integrations): KnownDevice[] {
  const devices: KnownDevice[] = [];
  for (let i = 0; i < rows.length; ) {
    const [id, hostname, user, tags, addresses] = rows[i] as Row;
    const evidence: EvidenceRow[] = [];
    for (; rows[i]?.[0] === id; i++) {
      const [, , , , , values, integrationId, observedAt, frozenAt, withheld, stated] = rows[i] as Row;
      if (values === null) continue;
      const sweptAt = integrationId === null ? null : (integrations.get(integrationId)?.sweptAt ?? null);
      evidence.push({ values, integrationId, observedAt, frozenAt, sweptAt, withheld, stated });
    }
    const facts = new StoredFacts(catalogue, tags, evidence);
    const named = (integration: string | null) =>
      integration === null ? null : (integrations.get(integration)?.name ?? integration);
    devices.push({
      ...{ id, hostname, user, tags, addresses },
      value: key => facts.value(key),
      confirmedAt: key => facts.confirmedAt(key),
      integration: key => named(facts.integration(key)),
      expiresAt: key => facts.expiresAt(key),
    });
  }
  return devices;
}
