// Some devices with all that decisions ask of them, straight from the database: for whoever looks at many devices once, or at one, and
// keeps none. The caller reads within one snapshot, so that ages fit what they are the ages of.
import type { Catalogue } from '../posture/catalogue.ts';
import type { Device } from '../posture/decide.ts';
import type { Client } from './client.ts';
import { readEvidence } from './evidence.ts';

export interface KnownDevice extends Device {
  readonly hostname: string | null;
}

interface Row {
  id: string;
  hostname: string | null;
  user: string | null;
  addresses: string[];
}

/**
 * @param catalogue that of the policies which they are judged by: it numbers the attributes
 * @returns those of the devices that there are, in the order of the ids
 */
export async function readKnownDevices(
  client: Client,
  catalogue: Catalogue,
  ids: readonly string[],
): Promise<KnownDevice[]> {
  const evident = new Map((await readEvidence(client, catalogue, ids)).map(device => [device.id, device.facts]));
  const names = await integrationNames(client);
  const { rows } = await client.query<Row>(
    `select d.id, d.hostname, d.user_name as "user", coalesce(a.addresses, '{}') as addresses
     from unnest($1::text[]) with ordinality asked(id, n) join devices d on d.id = asked.id
     left join lateral (
       select array_agg(substr(i.identifier, 9) order by i.identifier) as addresses from device_identifiers i
       where i.device_id = d.id and i.problem is null and starts_with(i.identifier, 'address:')
     ) a on true
     order by asked.n`,
    [ids],
  );
  return rows.flatMap(row => {
    const facts = evident.get(row.id);
    if (facts === undefined) return [];
    const named = (id: string | null) => (id === null ? null : (names.get(id) ?? id));
    return [
      {
        ...row,
        tags: facts.tags,
        value: key => facts.value(key),
        confirmedAt: key => facts.confirmedAt(key),
        integration: key => named(facts.integration(key)),
        expiresAt: key => facts.expiresAt(key),
      } satisfies KnownDevice,
    ];
  });
}

async function integrationNames(client: Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ id: string; name: string }>('select id, name from integrations');
  return new Map(rows.map(({ id, name }) => [id, name]));
}
