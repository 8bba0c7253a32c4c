// The proof that what is derived is as it should be: the same SELECTs as in derive.ts, planned over everything, and what else
// must hold between the tables. An empty answer is the only right one.
import type { Client } from './client.ts';
import { expired, makePlan, startDerivation, touchDevices } from './derive.ts';
import { agentMatches, identifierProblems, isCollecting } from './match.ts';

export interface Finding {
  what: string;
  /** How many rows differ, and some of them. */
  count: number;
  examples: unknown[];
}

/**
 * Plans the derivation over everything and looks for what is not as it should be. Nothing found is the only right answer.
 * Reads one snapshot; writes nothing.
 */
export async function verify(client: Client): Promise<Finding[]> {
  const findings: Finding[] = [];
  const look = looker(client, findings);
  await client.query('begin isolation level repeatable read');
  try {
    await startDerivation(client);
    await look(
      'identifiers of devices whose problem is not what it should be',
      `select p.* from (${identifierProblems('device_identifiers d')}) p where p.stored is distinct from p.problem`,
    );
    await look(
      'agents matched to another device than they should be',
      `select m.*, a.device_id as stored_device, a.reason as stored_reason from (${agentMatches('agents')}) m join agents a using (integration_id, agent_id)
       where a.device_id is distinct from m.device_id or (m.device_id is null and a.reason is distinct from coalesce(a.gone_reason, m.problem))`,
    );
    await touchDevices(
      client,
      'select device_id from agents union select device_id from device_attributes union select device_id from withheld_values',
    );
    await makePlan(client);
    await look(
      'agents that speak, or do not, when they should not, or should',
      'select integration_id, agent_id, device_id, source, reason, stored_reason from places where reason is distinct from stored_reason',
    );
    await look('attributes that are not what agents say', 'select device_id, source, old_values, new_values from plan');
    await look(
      'withheld values that do not count any more',
      `select w.device_id, w.source, w.integration_id, w.withheld_by, w.values from withheld_values w
       left join integrations i on i.id = w.integration_id
       where i.id is null or not exists (select from integrations b where b.id = w.withheld_by) or ${expired('w.confirmed_at')} or w.values = '{}'
         or not ${isCollecting}
         or exists (select from places p where p.device_id = w.device_id and p.source = w.source and p.reason is null
           and p.values ?| array(select jsonb_object_keys(w.values)))`,
    );
    await look(
      'agents of integrations that do not exist',
      'select integration_id, agent_id from agents a where not exists (select from integrations i where i.id = a.integration_id)',
    );
    await look(
      'values of devices that do not exist',
      "select device_id, source from device_attributes a where values <> '{}' and not exists (select from devices d where d.id = a.device_id)",
    );
    await look(
      'custom attributes whose times are not those of their values',
      `select device_id, source, values, stated, expires_at from device_attributes a where a.source = 'custom' and (
         (select coalesce(array_agg(k order by k), '{}') from jsonb_object_keys(values) k) <> (select coalesce(array_agg(k order by k), '{}') from jsonb_object_keys(coalesce(stated, '{}')) k)
         or expires_at is distinct from (select min((value ->> 'expiresAt')::timestamptz) from jsonb_each(stated))
         or exists (select from jsonb_object_keys(values) k where k not like 'custom:%'))
         or a.source <> 'custom' and (stated is not null or expires_at is not null)`,
    );
    await look(
      'custom attributes of another type or spelling than their key, or counted wrongly',
      `select folded, f.key as found_key, f.type as found_type, f.devices as found_devices, k.key, k.type, k.devices from (select lower(v.key) as folded, min(v.key) as key, min(jsonb_typeof(v.value)) as type, count(*)::int as devices,
           count(distinct (v.key, jsonb_typeof(v.value))) as forms
         from device_attributes, jsonb_each(values) v where source = 'custom' group by 1) f
       full join attribute_keys k using (folded)
       where (f.key, f.type, f.devices, f.forms) is distinct from (k.key::text, k.type, k.devices, 1::bigint)`,
    );
    await look(
      'agents matched to devices that do not exist',
      'select integration_id, agent_id, device_id from agents a where device_id is not null and not exists (select from devices d where d.id = a.device_id)',
    );
    await look(
      'revisions with gaps',
      'select head.revision as head, (select count(*) from revisions) as revisions, (select max(revision) from revisions) as last from head where revision <> (select count(*) from revisions)',
    );
    await look(
      'revisions whose entries in the audit log are not complete',
      `select r.revision, r.events, coalesce(l.n, 0) as entries from revisions r left join (select revision, count(*) as n, max(n) as last from audit_log group by revision) l using (revision)
       where coalesce(l.n, 0) <> r.events and r.at >= coalesce((select min(event_time) from audit_log), 'infinity')`,
    );
  } finally {
    await client.query('rollback');
  }
  return findings;
}

/** @returns what adds a finding where a select gives rows, with some of them as examples */
function looker(client: Client, findings: Finding[]): (what: string, select: string) => Promise<void> {
  return async (what, select) => {
    const { rows } = await client.query(
      `with found as materialized (${select}) select (select count(*) from found)::int as n, f.* from found f limit 5`,
    );
    if (rows.length > 0) findings.push({ what, count: rows[0].n, examples: rows.map(({ n: _, ...row }) => row) });
  };
}
