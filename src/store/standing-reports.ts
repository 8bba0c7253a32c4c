// The standings as people ask for them: counts, causes, devices. Who asks reads within one snapshot, so that sums fit.
import type { StandingReason, StandingState } from '../posture/standings.ts';
import type { Client, Pool } from './client.ts';

/** Reads several things as of one moment. */
export async function inSnapshot<T>(db: Pool, read: (client: Client) => Promise<T>): Promise<T> {
  const client = await db.connect();
  let broken: Error | undefined;
  try {
    await client.query('begin isolation level repeatable read read only');
    return await read(client);
  } finally {
    await client.query('rollback').catch((lost: Error) => {
      broken = lost;
    });
    client.release(broken);
  }
}

/** Devices by state. */
export type StandingCounts = Record<StandingState, number>;

/** @returns the counts of each posture that any device has a standing in */
export async function countStandings(client: Client): Promise<Map<string, StandingCounts>> {
  const { rows } = await client.query(
    'select posture, state, count(*)::int as n from standings group by posture, state order by posture',
  );
  const counts = new Map<string, StandingCounts>();
  for (const { posture, state, n } of rows) {
    const its = counts.get(posture) ?? { passing: 0, failing: 0, unknown: 0 };
    its[state as StandingState] = n;
    counts.set(posture, its);
  }
  return counts;
}

export async function countDevices(client: Client): Promise<number> {
  const { rows } = await client.query('select count(*)::int as n from devices');
  return rows[0].n;
}

/** What keeps devices from passing a posture. */
export interface Cause extends Omit<StandingReason, 'integration'> {
  /** Devices that it keeps from passing. Those of several causes add up to more than there are, since each is told. */
  devices: number;
  /** Ids of some of them. */
  examples: string[];
}

/** @returns the causes of most devices first, and how many there are */
export async function causesOf(
  client: Client,
  posture: string,
  most: number,
  examples: number,
): Promise<{ causes: Cause[]; total: number }> {
  const { rows } = await client.query(
    `select r.posture, r.condition, r.attribute, r.found, r.unknown, count(distinct s.device_id)::int as devices,
       (array_agg(distinct s.device_id))[1:$3] as examples, count(*) over ()::int as total
     from standings s, jsonb_to_recordset(s.reasons) r(posture text, condition text, attribute text, found jsonb, unknown text)
     where s.posture = $1 and s.state <> 'passing'
     group by 1, 2, 3, 4, 5 order by devices desc, r.condition, r.found::text, r.unknown limit $2`,
    [posture, most, examples],
  );
  return { causes: rows.map(({ total: _, ...cause }) => cause), total: rows[0]?.total ?? 0 };
}

/** A device's standing in a posture, as it is shown. */
export interface DeviceStanding {
  device: string;
  hostname: string | null;
  posture: string;
  state: StandingState;
  since: Date;
  /** When it is judged again though nothing changes, or null. */
  validUntil: Date | null;
  reasons: StandingReason[];
}

const deviceStandings = `
  select s.device_id as device, d.hostname, s.posture, s.state, s.since, s.valid_until as "validUntil", s.reasons
  from standings s left join devices d on d.id = s.device_id`;

/** With the names that the integrations have now. */
async function named(client: Pick<Client, 'query'>, standings: DeviceStanding[]): Promise<DeviceStanding[]> {
  const { rows } = await client.query<{ id: string; name: string }>('select id, name from integrations');
  const names = new Map(rows.map(({ id, name }) => [id, name]));
  return standings.map(standing => ({
    ...standing,
    reasons: standing.reasons.map(reason => {
      return { ...reason, integration: reason.integration && (names.get(reason.integration) ?? reason.integration) };
    }),
  }));
}

/**
 * A page of the devices in a state, by id.
 * @param condition only those that it keeps from passing, as causes have it; null: all
 * @param after the last id of the page before, or ''
 */
export async function devicesInState(
  client: Pick<Client, 'query'>,
  posture: string,
  { state, condition }: { state: StandingState; condition: string | null },
  after: string,
  most: number,
): Promise<DeviceStanding[]> {
  const { rows } = await client.query(
    `${deviceStandings} where s.posture = $1 and s.state = $2 and s.device_id > $3
       and ($5::text is null or exists (select from jsonb_to_recordset(s.reasons) r(condition text) where r.condition = $5))
     order by s.device_id limit $4`,
    [posture, state, after, most, condition],
  );
  return await named(client, rows);
}

/** @returns null where the device has no standing in the posture */
export async function standingOf(
  client: Pick<Client, 'query'>,
  posture: string,
  device: string,
): Promise<DeviceStanding | null> {
  const { rows } = await client.query(`${deviceStandings} where s.posture = $1 and s.device_id = $2`, [
    posture,
    device,
  ]);
  return (await named(client, rows))[0] ?? null;
}

/** @returns a page of ids of all devices, for whoever goes through them */
export async function deviceIds(client: Client, after: string, most: number): Promise<string[]> {
  const { rows } = await client.query('select id from devices where id > $1 order by id limit $2', [after, most]);
  return rows.map(row => row.id);
}

/** @returns standings in other postures than these, and of devices that were removed up to a revision; the first ones, and how many */
export async function strayStandings(
  client: Client,
  postures: readonly string[],
  revision: number,
  most: number,
): Promise<{ rows: unknown[]; total: number }> {
  const { rows } = await client.query(
    `select s.device_id as device, s.posture, s.state as stored, count(*) over ()::int as total from standings s
     where s.posture <> all($1::text[])
       or (not exists (select from devices d where d.id = s.device_id) and not exists (select from removed_devices r where r.id = s.device_id and r.revision > $2))
     limit $3`,
    [postures, revision, most],
  );
  return { rows: rows.map(({ total: _, ...row }) => row), total: rows[0]?.total ?? 0 };
}
