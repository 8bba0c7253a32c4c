// A database of its own for a bench, dropped afterwards.
import { randomBytes } from 'node:crypto';
import { connect, type Pool } from './client.ts';

/** @param serverUrl any database of the server; the user must be allowed to create databases */
export async function createBenchDatabase(serverUrl: string): Promise<{ url: string; drop(): Promise<void> }> {
  const name = `posture_bench_${randomBytes(4).toString('hex')}`;
  const admin = await connect(serverUrl, { applicationName: 'posture-sync bench' });
  await admin.query(`create database ${name}`);
  await admin.end();
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    url: url.href,
    async drop() {
      const client = await connect(serverUrl, { applicationName: 'posture-sync bench' });
      await client.query(`drop database ${name} with (force)`);
      await client.end();
    },
  };
}

/** @returns the query for what a provider says of a device, by name so that it is planned once; null: of every device */
export function benchValuesQuery(deviceId: string | null): { name: string; text: string; values: string[] } {
  const select = 'select device_id, values from device_attributes';
  return deviceId === null
    ? { name: 'every', text: select, values: [] }
    : { name: 'one', text: `${select} where device_id = $1`, values: [deviceId] };
}

/** @returns ids of devices in no order: those that the bench's posture lets through, and a tenth as many others */
export async function benchAskers(pool: Pool): Promise<string[]> {
  const { rows } = await pool.query(
    `with judged as (
       select d.id, a.values @> '{"sentinelOne:isActive": true, "sentinelOne:activeThreats": 0, "sentinelOne:operationalState": "na"}' is true as passes
       from devices d left join device_attributes a on a.device_id = d.id
     ), counted as (select *, row_number() over (partition by passes order by md5('other ' || id)) as n, count(*) filter (where passes) over () as passing from judged)
     select id from counted where passes or n <= passing / 10 order by md5(id)`,
  );
  return rows.map(row => row.id);
}

/**
 * Fills an empty database with devices and values as a sweep would leave them, without agents: for a view, nothing else counts.
 * Every device has values; of each 25 one has a set of its own.
 */
export async function fillBenchDevices(url: string, devices: number): Promise<void> {
  const client = await connect(url, { applicationName: 'posture-sync bench' });
  try {
    await client.query('begin');
    await client.query(
      `insert into integrations (id, name, provider, settings, secret, secret_key_id, config_updated_at, created_at, next_sync_at, swept_at, expire_after_ms, hold_floor, hold_share)
       values ('pbench', 'bench', 'sentinelone', '{}', '', 'none', now(), now(), now() + interval '1 day', now(), 259200000, 2, 0.2)`,
    );
    await client.query(
      `insert into devices (id, hostname, user_name, tags, created_at, updated_at, revision)
       select 'lt-' || n, 'lt-' || n, 'user' || n || '@example.com', array['tag:laptop'], now(), now(), 1 from generate_series(1, $1) n`,
      [devices],
    );
    await client.query(
      `insert into device_identifiers (device_id, identifier, source, raw) select 'lt-' || n, 'serial:SERIAL' || n, 'reported', 'SERIAL' || n from generate_series(1, $1) n`,
      [devices],
    );
    await client.query(
      `insert into device_attributes (device_id, source, values, integration_id, agent_id, observed_at, revision, changed_at)
       select 'lt-' || n, 'sentinelone', jsonb_build_object('sentinelOne:isActive', n % 10 <> 0, 'sentinelOne:activeThreats', case when n % 20 = 0 then 1 else 0 end,
         'sentinelOne:operationalState', 'na', 'sentinelOne:infected', n % 20 = 0, 'sentinelOne:agentVersion', '24.' || n % 3 || '.' || case when n % 25 = 0 then n else n % 40 end,
         'sentinelOne:lastActiveDate', to_char(now() - n % 1000 * interval '1 minute', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')),
         'pbench', 'a' || n, now(), 1, now() from generate_series(1, $1) n`,
      [devices],
    );
    await client.query('update head set revision = 1');
    await client.query('commit');
    await client.query('analyze');
  } finally {
    await client.end();
  }
}

/**
 * Judges the devices of `fillBenchDevices`, of which each hundredth has nothing, and samples a month, as workers would leave it.
 * @param postures by name, with `posture:` in front
 */
export async function fillBenchOverview(url: string, postures: readonly string[]): Promise<void> {
  const client = await connect(url, { applicationName: 'posture-sync bench' });
  try {
    await client.query("delete from device_attributes where device_id like '%00'");
    await client.query(
      `insert into standings (device_id, posture, state, since, reasons, awaits_sweep, revision)
       select d.id, p.posture, case when v.device_id is null then 'unknown' when hashtext(d.id) % 9 = p.n then 'failing' else 'passing' end, now(), '[]', false, 1
       from devices d cross join unnest($1::text[]) with ordinality p(posture, n) left join device_attributes v on v.device_id = d.id`,
      [postures],
    );
    await client.query(
      `insert into overview_samples (step_at, sampled_at, fresh_within_ms, devices, fresh, stale, oldest_evidence_at, postures, integrations)
       select at, at, 2700000, 100000, 99000 - n % 100, n % 100, at - interval '10 minutes',
         (select jsonb_object_agg(p, jsonb_build_array(90000, 9000, 1000 + n % 100)) from unnest($1::text[]) p), '{"pbench":[100000,99000]}'
       from (select now() - n * interval '5 minutes' as at, n from generate_series(1, 31 * 288) n) s`,
      [postures],
    );
    await client.query('vacuum analyze');
  } finally {
    await client.end();
  }
}

/**
 * Adds to what `fillBenchDevices` made what a table of devices shows: agents for 19 of 20, of which one in ten has not been seen for days,
 * systems, and standings in one posture.
 */
export async function fillBenchAgents(url: string): Promise<void> {
  const client = await connect(url, { applicationName: 'posture-sync bench' });
  try {
    await client.query(`delete from device_attributes where substr(device_id, 4)::int % 20 = 3`);
    await client.query(
      `insert into agents (integration_id, agent_id, hostname, identifiers, serials, active, registered_at, last_active_at, values, moving, observed_at, device_id)
       select integration_id, agent_id, device_id, array['serial:SERIAL' || substr(device_id, 4)], array['SERIAL' || substr(device_id, 4)], true, now(),
         now() - substr(device_id, 4)::int % 10000 * interval '1 minute', values - 'sentinelOne:lastActiveDate',
         jsonb_build_object('sentinelOne:lastActiveDate', values -> 'sentinelOne:lastActiveDate'), observed_at, device_id
       from device_attributes`,
    );
    await client.query(
      `update devices set os = (array['Windows 11 Enterprise', 'macOS 15.2', 'Ubuntu 24.04'])[1 + substr(id, 4)::int % 3]`,
    );
    await client.query(
      `insert into standings (device_id, posture, state, since, reasons, awaits_sweep, revision)
       select id, 'posture:healthy', case when substr(id, 4)::int % 20 = 0 then 'failing' when substr(id, 4)::int % 20 = 3 then 'unknown' else 'passing' end,
         now(), case when substr(id, 4)::int % 20 in (0, 3) then jsonb_build_array(jsonb_build_object('posture', 'posture:healthy', 'condition', 'sentinelOne:activeThreats == 0',
           'attribute', 'sentinelOne:activeThreats', 'found', case when substr(id, 4)::int % 20 = 0 then 1 end, 'unknown', case when substr(id, 4)::int % 20 = 3 then 'unset' end, 'integration', null)) else '[]' end,
         false, 1 from devices`,
    );
    await client.query(
      `insert into policies (revision, text, hash, applied_at, actor)
       values (1, '{"postures": {"posture:healthy": ["sentinelOne:activeThreats == 0"]}}', 'none', now(), '{"id": "bench", "type": "USER", "loginName": "bench", "displayName": "bench"}')`,
    );
    await client.query('vacuum analyze devices, device_attributes, device_identifiers, agents, standings');
  } finally {
    await client.end();
  }
}

/** Of devices as lines give them: what is stored of each at the least. */
export interface BenchRecord {
  id: string;
  hostname: string | null;
  user: string | null;
  os: string | null;
  tags: readonly string[];
  serialNumbers: readonly string[];
}

/** Makes the tables for `benchUpsert`: those of devices and what they are known by, with their primary keys and nothing else. */
export async function createBenchTables(pool: Pool): Promise<void> {
  await pool.query('drop table if exists bench_identifiers, bench_devices');
  await pool.query(
    `create table bench_devices (id text primary key, hostname text, user_name text, os text, tags text[])`,
  );
  await pool.query(
    'create table bench_identifiers (device_id text, identifier text, raw text, primary key (device_id, identifier))',
  );
}

/** The least that storing devices costs: two statements, without a look at what others have, without entries in an audit log. */
export async function benchUpsert(pool: Pool, records: readonly BenchRecord[]): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('begin');
    const text = JSON.stringify(records);
    await client.query(
      `insert into bench_devices select id, hostname, "user", os, tags
       from jsonb_to_recordset($1) as r(id text, hostname text, "user" text, os text, tags text[])
       on conflict (id) do update set hostname = excluded.hostname, user_name = excluded.user_name, os = excluded.os, tags = excluded.tags`,
      [text],
    );
    await client.query(
      `insert into bench_identifiers select r.id, 'serial:' || s, s
       from jsonb_to_recordset($1) as r(id text, "serialNumbers" text[]), unnest(r."serialNumbers") s on conflict do nothing`,
      [text],
    );
    await client.query('commit');
  } finally {
    client.release();
  }
}

/** What a list of devices with their values cannot do without. @returns rows of as many devices, by id */
export async function benchListQuery(pool: Pool, devices: number): Promise<number> {
  const { rowCount } = await pool.query({
    name: 'bench list',
    text: `select d.*, a.values from (select * from devices order by id limit $1) d left join device_attributes a on a.device_id = d.id order by d.id`,
    values: [devices],
  });
  return rowCount ?? 0;
}
