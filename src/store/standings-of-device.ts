// How one device stands in all postures, as its keeper wrote it.
import type { StandingState } from '../posture/standings.ts';
import type { Client } from './client.ts';

/** @returns by posture */
export async function standingsSince(
  client: Pick<Client, 'query'>,
  device: string,
): Promise<Map<string, { state: StandingState; since: Date }>> {
  const { rows } = await client.query('select posture, state, since from standings where device_id = $1', [device]);
  return new Map(rows.map(({ posture, ...standing }) => [posture, standing]));
}
