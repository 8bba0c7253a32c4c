// Which agent belongs to which device (laws 1 and 5): identifiers of devices -> which of them match -> the agents that have them.
// SELECTs over tables, planned over everything by `verify` as well; writing takes just the rows in which they differ.
import type { Client } from './client.ts';
import type { Write } from './write.ts';

/** Whether agents are matched at all, by the service-wide settings: asked once a statement. */
export const isCollecting = '(select posture_identity_collection_on from settings)';

const isAddress = (identifier: string) => `starts_with(${identifier}, 'address:')`;
const isFingerprint = (identifier: string) => `starts_with(${identifier}, 'certificate_fingerprint:')`;

/**
 * Whether an identifier stands for no device: fewer than 4 characters, one character repeated, or on the list. An expression
 * and no function of the database, for such a function is called row by row, and this is asked for millions of them. Firmware
 * has placeholders; addresses and fingerprints are what they are, also `::1`.
 * @param identifier an SQL expression for `kind:value`
 */
export const isPlaceholder = (identifier: string) => {
  const value = `substr(${identifier}, strpos(${identifier}, ':') + 1)`;
  const bare = `translate(${value}, '-._', '')`;
  return `(not ${isAddress(identifier)} and not ${isFingerprint(identifier)} and (length(${value}) < 4 or ${bare} = repeat(left(${bare}, 1), length(${bare})) or ${value} in (select value from placeholder_serials)))`;
};

/**
 * For each identifier of a device: why it matches nothing, or null. A serial set by hand wins over reported ones; of addresses
 * and fingerprints none is set by hand, and on two devices they match neither. One pass over the rows, sorted by identifier:
 * looked up one by one, an import of a million devices takes minutes for it.
 * @param rows a FROM clause giving rows d of device_identifiers, all of each identifier among them
 */
export const identifierProblems = (rows: string) => `
  select device_id, identifier, source, stored,
    case
      when ${isPlaceholder('identifier')} then 'placeholder_serial'
      when source = 'manual' then null
      when is_replaced then 'replaced_by_manual'
      when bool_or(source = 'manual') over same then 'serial_set_on_other_device'
      -- A device has an identifier once as reported.
      when count(*) filter (where not is_replaced) over same > 1 then
        case when ${isAddress('identifier')} then 'address_on_several_devices'
          when ${isFingerprint('identifier')} then 'fingerprint_on_several_devices'
          else 'serial_on_several_devices' end
    end as problem
  from (
    select d.device_id, d.identifier, d.source, d.problem as stored,
      d.identifier like 'serial:%' and d.device_id in (select device_id from device_identifiers where source = 'manual') as is_replaced
    from ${rows}
  ) s
  window same as (partition by identifier)`;

/**
 * For each row of a relation with (integration_id, agent_id, identifiers, bound_device_id): the device it belongs to, or why none.
 * A million agents may go through here at once, or ten: a join that can be done by hash as by index. Where identity
 * collection is off none belongs to any, also none that was bound by hand.
 * @param columns of the relation to give besides, so that nothing has to be joined to it again
 */
export const agentMatches = (relation: string, columns: readonly string[] = []) => `
  select r.integration_id, r.agent_id, ${columns.map(name => `r.${name}, `).join('')}case when ${isCollecting} then coalesce(r.bound_device_id, one.device_id, several.device_id) end as device_id,
    case
      when not ${isCollecting} then 'identity_collection_off'
      when coalesce(r.bound_device_id, one.device_id, several.device_id) is not null then null
      when cardinality(r.identifiers) = 0 then 'no_serial'
      when several.devices > 1 then 'serials_of_several_devices'
      when several.is_shared or (cardinality(r.identifiers) = 1
        and r.identifiers[1] in (select identifier from device_identifiers where problem = 'serial_on_several_devices')) then 'serial_on_several_devices'
      when not exists (select from unnest(r.identifiers) u(identifier) where not ${isPlaceholder('u.identifier')}) then 'placeholder_serial'
      else 'no_device'
    end as problem
  from ${relation} r
  -- Nearly every agent has one identifier: no grouping then.
  left join device_identifiers one on one.problem is null and one.identifier = r.identifiers[1] and cardinality(r.identifiers) = 1
  left join (
    select p.integration_id, p.agent_id, bool_or(d.problem is not null) as is_shared, count(distinct d.device_id) filter (where d.problem is null) as devices,
      case when min(d.device_id) filter (where d.problem is null) = max(d.device_id) filter (where d.problem is null) then min(d.device_id) filter (where d.problem is null) end as device_id
    from (select x.integration_id, x.agent_id, u.identifier from ${relation} x, unnest(x.identifiers) u(identifier) where cardinality(x.identifiers) > 1) p
    join device_identifiers d on d.identifier = p.identifier and (d.problem is null or d.problem = 'serial_on_several_devices')
    group by 1, 2
  ) several on several.integration_id = r.integration_id and several.agent_id = r.agent_id`;

export interface SettleOptions {
  /**
   * Whether the list of placeholders changed. Otherwise placeholders are passed over: half a fleet may share one, it matches
   * nothing whoever has it, and rows of it are inserted as what they are.
   */
  placeholders?: 'changed' | 'unchanged';
  /** Of the identifiers those that may be settled otherwise than they are stored, where that is known; else all of them. */
  unsettled?: readonly string[];
}

/**
 * After identifiers of devices were changed: decides again which of them match, matches the agents that have them, and
 * touches the devices concerned. `selectIdentifiers` must give every identifier, old and new, of each changed device.
 */
export async function settleIdentifiers(
  write: Write,
  selectIdentifiers: string,
  parameters: unknown[] = [],
  { placeholders = 'unchanged', unsettled }: SettleOptions = {},
): Promise<void> {
  const { client, revision } = write;
  await client.query('drop table if exists touched_identifiers, settled_identifiers');
  await client.query(
    `create temp table touched_identifiers on commit drop as select * from (
       select distinct s.identifier collate "C" as identifier from (${selectIdentifiers}) s(identifier)) t
     ${placeholders === 'unchanged' ? `where not ${isPlaceholder('identifier')}` : ''}`,
    parameters,
  );
  await client.query('analyze touched_identifiers');
  const touched = `touched_identifiers t join device_identifiers d using (identifier)${unsettled === undefined ? '' : ' where t.identifier = any($1::text[])'}`;
  await client.query(
    `create temp table settled_identifiers on commit drop as
     select p.* from (${identifierProblems(touched)}) p where p.problem is distinct from p.stored`,
    unsettled === undefined ? [] : [unsettled],
  );
  // First those that stop matching: two rows of one identifier never match, not even within a statement.
  for (const which of ['is not null', 'is null']) {
    await client.query(
      `update device_identifiers d set problem = s.problem from settled_identifiers s
       where d.device_id = s.device_id and d.identifier = s.identifier and d.source = s.source and s.problem ${which}`,
    );
  }
  await client.query(
    'update devices set revision = $1 where id in (select device_id from settled_identifiers) and revision < $1',
    [revision],
  );
  await tellConflicts(write);
  await rematchAgents(
    client,
    `select integration_id, agent_id from agents where cardinality(identifiers) > 0 and (identifiers[1]) collate "C" in (select identifier from touched_identifiers)
     union
     select integration_id, agent_id from agents where cardinality(identifiers) > 1 and identifiers && (select coalesce(array_agg(identifier), '{}') from touched_identifiers)`,
  );
}

const mostDevicesTold = 20;

/** An event for each serial number of `settled_identifiers` that came into conflict, or that another device claims too now. */
async function tellConflicts(write: Write): Promise<void> {
  await write.events(
    `select 'NODE.CONFLICT.POSTURE_IDENTITY' as event, s.device_id as target_id, d.hostname as target_name, null::jsonb as old,
       jsonb_build_object('serialNumber', x.raw, 'devices', r.devices, 'count', r.count) as new
     from (select identifier, min(device_id) as device_id from settled_identifiers where problem = 'serial_on_several_devices' group by identifier) s
     join devices d on d.id = s.device_id
     join device_identifiers x on x.device_id = s.device_id and x.identifier = s.identifier and x.source = 'reported'
     cross join lateral (
       select count(*)::int as count, to_jsonb((array_agg(o.device_id order by o.device_id))[1:${mostDevicesTold}]) as devices
       from device_identifiers o where o.identifier = s.identifier and o.problem = 'serial_on_several_devices'
     ) r
     order by s.identifier`,
  );
}

/** Matches agents again, given by (integration_id, agent_id), and touches their devices before and after. */
export async function rematchAgents(client: Client, selectAgents: string, parameters: unknown[] = []): Promise<void> {
  await client.query('drop table if exists rematched_agents');
  await client.query(
    `create temp table rematched_agents on commit drop as select a.integration_id, a.agent_id, a.identifiers, a.bound_device_id
     from agents a join (${selectAgents}) s(integration_id, agent_id) using (integration_id, agent_id)`,
    parameters,
  );
  await client.query('analyze rematched_agents');
  await client.query(
    `with matched as (${agentMatches('rematched_agents')}), changed as (
       select m.*, a.device_id as old_device_id from matched m join agents a using (integration_id, agent_id)
       where a.device_id is distinct from m.device_id or (m.device_id is null and a.gone_reason is null and a.reason is distinct from m.problem)
     ), updated as (
       update agents a set device_id = c.device_id, reason = coalesce(a.gone_reason, c.problem) from changed c
       where a.integration_id = c.integration_id and a.agent_id = c.agent_id
     ), released as (
       -- A withheld value was the device's because its agent was: an administrator's word ends both.
       delete from withheld_values w using changed c
       where w.integration_id = c.integration_id and w.agent_id = c.agent_id and w.device_id = c.old_device_id
     )
     insert into touched_devices select id from changed c, lateral (values (c.device_id), (c.old_device_id)) v(id) where id is not null`,
  );
}
