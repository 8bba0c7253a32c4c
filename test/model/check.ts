// Compares what is in the database with what the twin says, after each step, and looks for what must hold without a twin.
import { expect } from 'vitest';
import { verifyAll } from '../../src/operations/audit.ts';
import { devicePage } from '../../src/store/device-list.ts';
import type { DeviceRow } from '../../src/store/devices.ts';
import type { World } from '../support/world.ts';
import { nameFields } from './names.ts';
import { keyOf, type Twin, type TwinEvent, type Values } from './twin.ts';
import { sourceOf } from './twin-sweep.ts';

interface StoredAttributes {
  device: string;
  values: Values;
  integration: string;
  agent: string;
  revision: number;
}

interface StoredAgent {
  key: string;
  reason: string | null;
  device: string | null;
  moving: Values;
  confirmed: string;
}

interface StoredIntegration {
  name: string;
  pause: string | null;
  pausedUntil: string | null;
  failing: boolean;
  sweptAt: string | null;
  judgedAt: string | null;
  held: number | null;
  accepted: number | null;
  error: string | null;
}

interface StoredWithheld {
  device: string;
  name: string;
  value: unknown;
  integration: string;
  agent: string;
  confirmed: string;
}

export interface Snapshot {
  revision: number;
  attributes: StoredAttributes[];
  custom: { device: string; values: Values; stated: Record<string, { at: string; expiresAt?: string }> }[];
  agents: StoredAgent[];
  integrations: StoredIntegration[];
  withheld: StoredWithheld[];
  /** What finds a device besides serial numbers. */
  finding: { identifier: string; device: string }[];
  events: TwinEvent[];
}

const all = (columns: string, from: string) =>
  `(select coalesce(jsonb_agg(r), '[]') from (select ${columns} from ${from}) r)`;

const snapshotQuery = `select jsonb_build_object(
  'revision', (select revision from head),
  'attributes', ${all('device_id as device, values, integration_id as integration, agent_id as agent, revision', "device_attributes where values <> '{}' and source <> 'custom'")},
  'custom', ${all('device_id as device, values, stated', "device_attributes where values <> '{}' and source = 'custom'")},
  'agents', ${all(
    `a.integration_id || '/' || a.agent_id as key, a.reason, a.device_id as device, a.moving, coalesce(a.frozen_at, greatest(a.observed_at, i.swept_at)) as confirmed`,
    'agents a left join integrations i on i.id = a.integration_id',
  )},
  'integrations', ${all(
    `name, pause_reason as pause, paused_until as "pausedUntil", failing_since is not null as failing, swept_at as "sweptAt", judged_at as "judgedAt",
     held_devices as held, accepted_losses as accepted, error ->> 'kind' as error`,
    'integrations',
  )},
  'withheld', ${all(
    'device_id as device, e.key as name, e.value, integration_id as integration, agent_id as agent, confirmed_at as confirmed',
    'withheld_values w, jsonb_each(w.values) e',
  )},
  'finding', ${all('identifier, device_id as device', "device_identifiers where problem is null and identifier not like 'serial:%'")},
  'events', ${all(
    'event, target_id as target, coalesce(target_name, target_id) as name, old, new',
    '(select * from audit_log where revision > $1 order by revision, n) l',
  )}) as snapshot`;

export async function takeSnapshot(world: World, sinceRevision: number): Promise<Snapshot> {
  const { rows } = await world.db.query(snapshotQuery, [sinceRevision]);
  return rows[0].snapshot;
}

/** A name for everything in the database that a step may change. */
export async function checksum(world: World): Promise<string> {
  const tables = [
    'head',
    'revisions',
    'integrations',
    'sync_runs',
    'devices',
    'device_identifiers',
    'placeholder_serials',
    'agents',
    'device_attributes',
    'attribute_keys',
    'withheld_values',
    'settings',
    'audit_log',
  ];
  const parts = tables.map(
    table => `(select md5(coalesce(string_agg(t::text, '|' order by t::text), '')) from ${table} t)`,
  );
  const { rows } = await world.db.query(`select concat_ws(' ', ${parts.join(', ')}) as sum`);
  return rows[0].sum;
}

const iso = (at: number | null) => (at === null ? null : new Date(at).toISOString());
const time = (at: string | null) => (at === null ? null : new Date(at).toISOString());
const sorted = (values: Values) => Object.fromEntries(Object.entries(values).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Fails where the database and the twin differ. @param events that the twin expects since the last snapshot */
export async function compare(world: World, twin: Twin, found: Snapshot): Promise<void> {
  const ids = (name: string) => `p${name}`;
  const answers = Object.fromEntries(
    found.attributes.map(({ device, values, integration, agent }) => [
      device,
      { ...sorted(values), integration, agent },
    ]),
  );
  const expected = Object.fromEntries(
    [...twin.answers].map(([device, values]) => {
      const source = sourceOf(values);
      const plain = Object.fromEntries([...values].map(([name, { value }]) => [name, value]));
      return [device, { ...sorted(plain), integration: ids(source?.integration ?? ''), agent: source?.agent }];
    }),
  );
  expect(answers, 'what devices have').toEqual(expected);
  expect(customFound(found), 'what administrators stated').toEqual(customExpected(twin));
  expect(withheldFound(found), 'what is withheld').toEqual(withheldExpected(twin));
  const reasons = twin.agentReasons();
  const agents = Object.fromEntries(
    found.agents.map(({ key, reason, device, confirmed }) => [key, `${reason} on ${device} at ${time(confirmed)}`]),
  );
  const expectedAgents = Object.fromEntries(
    [...twin.agents].map(([key, agent]) => [
      ids(key),
      `${reasons.get(key) ?? null} on ${twin.matchOf(agent).device} at ${iso(twin.confirmedAt(agent))}`,
    ]),
  );
  expect(agents, 'why agents speak or not').toEqual(expectedAgents);
  const rows = await devicePage(world.db, null, 1_000);
  const deviceReasons = Object.fromEntries(rows.map(row => [row.id, row.reason]));
  expect(deviceReasons, 'why devices match or not').toEqual(Object.fromEntries(twin.deviceReasons()));
  expect(
    found.finding.map(({ identifier, device }) => `${identifier} of ${device}`).sort(),
    'what finds devices',
  ).toEqual(findingExpected(twin));
  expect(rows.map(namesTold), 'addresses and fingerprints').toEqual(rows.map(({ id }) => namesExpected(twin, id)));
  expect(integrationsFound(found), 'the state of integrations').toEqual(integrationsExpected(twin));
  expect(found.events.map(told).sort(), 'audit entries').toEqual(twin.events.map(told).sort());
}

function customFound({ custom }: Snapshot): string[] {
  return custom
    .flatMap(({ device, values, stated }) =>
      Object.entries(values).map(([key, value]) => {
        const { at, expiresAt = null } = stated[key] ?? {};
        return `${device} ${key} ${JSON.stringify(value)} at ${at} until ${expiresAt}`;
      }),
    )
    .sort();
}

function customExpected({ custom }: Twin): string[] {
  return [...custom]
    .flatMap(([device, stated]) =>
      [...stated].map(
        ([key, { value, at, expiresAt }]) =>
          `${device} ${key} ${JSON.stringify(value)} at ${iso(at)} until ${iso(expiresAt)}`,
      ),
    )
    .sort();
}

const kindOf = { addresses: 'address', certificateFingerprints: 'certificate_fingerprint' } as const;

function findingExpected(twin: Twin): string[] {
  const lines = [...twin.devices.values()].flatMap(device =>
    nameFields.flatMap(field =>
      device[field]
        .filter(name => twin.rivalsOf(device, field, name).length === 0)
        .map(name => `${kindOf[field]}:${name} of ${device.id}`),
    ),
  );
  return lines.sort();
}

function namesTold({ addresses, certificateFingerprints, conflicts }: DeviceRow) {
  return { addresses, certificateFingerprints, conflicts: conflicts.filter(({ kind }) => kind !== 'serial') };
}

function namesExpected(twin: Twin, id: string) {
  const device = twin.devices.get(id);
  const { addresses = [], certificateFingerprints = [] } = device ?? {};
  const conflicts = nameFields.flatMap(field =>
    (device?.[field] ?? []).flatMap(value => {
      const devices = device ? twin.rivalsOf(device, field, value) : [];
      const problem = field === 'addresses' ? 'address_on_several_devices' : 'fingerprint_on_several_devices';
      return devices.length > 0 ? [{ kind: kindOf[field], value, problem, devices }] : [];
    }),
  );
  return { addresses, certificateFingerprints, conflicts };
}

function withheldFound(found: Snapshot): string[] {
  return found.withheld
    .map(w => `${w.device} ${w.name} ${JSON.stringify(w.value)} of ${w.integration}/${w.agent} at ${time(w.confirmed)}`)
    .sort();
}

function withheldExpected(twin: Twin): string[] {
  const lines: string[] = [];
  for (const [device, values] of twin.answers) {
    for (const [name, value] of values) {
      if (!value.withheld) continue;
      const source = `p${value.integration}/${value.agent} at ${iso(value.withheld.confirmedAt)}`;
      lines.push(`${device} ${name} ${JSON.stringify(value.value)} of ${source}`);
    }
  }
  return lines.sort();
}

function integrationsFound(found: Snapshot): unknown {
  const rows = found.integrations.map(({ error: _, ...it }) => ({
    ...it,
    pausedUntil: time(it.pausedUntil),
    sweptAt: time(it.sweptAt),
    judgedAt: time(it.judgedAt),
  }));
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function integrationsExpected(twin: Twin): unknown {
  const rows = [...twin.integrations.values()].map(it => ({
    name: it.name,
    pause: it.pause,
    pausedUntil: iso(it.pausedUntil),
    failing: it.failingSince !== null,
    sweptAt: iso(it.sweptAt),
    judgedAt: iso(it.judgedAt),
    held: it.heldDevices,
    accepted: it.accepted?.devices ?? null,
  }));
  return rows.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** An entry as text that does not depend on the order of keys; of an error only its kind. */
function told({ event, target, name, old, new: young }: TwinEvent): string {
  return `${event} ${target} "${name}" ${ordered(old)} -> ${ordered(young)}`;
}

function ordered(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(ordered).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value ?? null);
  if ('kind' in value && 'requestId' in value) return JSON.stringify(value.kind);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${entries.map(([name, item]) => `${name}:${ordered(item)}`).join(',')}}`;
}

/** The audit log played from empty: what it says devices have. Values that move at every check-in are not in it. */
export class Replay {
  values = new Map<string, Values>();

  take(events: readonly TwinEvent[]): void {
    for (const { event, target, old, new: young } of events) {
      if (!/^NODE\.\w+\.ATTRIBUTES$/.test(event)) continue;
      const values = { ...this.values.get(target) };
      for (const name of Object.keys((old as Values) ?? {})) delete values[name];
      Object.assign(values, young);
      delete values['fake:lastSeen'];
      delete values.expiries;
      this.values.set(target, values);
    }
  }

  compare(found: Snapshot): void {
    const replayed = [...this.values].filter(([, values]) => Object.keys(values).length > 0);
    const stored = new Map<string, Values>();
    for (const { device, values } of [...found.attributes, ...found.custom]) {
      const { 'fake:lastSeen': _, ...told } = values;
      if (Object.keys(told).length > 0) stored.set(device, { ...stored.get(device), ...told });
    }
    expect(Object.fromEntries(replayed), 'the audit log replayed').toEqual(Object.fromEntries(stored));
  }
}

/** What the administrator is told of one device is what the twin says of it, with the age of each value. */
export async function compareExplanation(world: World, twin: Twin, device: string): Promise<void> {
  if (!twin.devices.has(device)) return;
  const told = await world.explain(device);
  const expected = Object.fromEntries(
    [...(twin.answers.get(device) ?? [])].map(([name, { value, integration, agent, withheld }]) => {
      const speaker = twin.agents.get(`${integration}/${agent}`);
      const confirmedAt = iso(withheld ? withheld.confirmedAt : speaker ? twin.confirmedAt(speaker) : null);
      return [name, { value, type: null, integration, confirmedAt, withheld: withheld !== null, expiresAt: null }];
    }),
  );
  const stated = [...(twin.custom.get(device) ?? [])].map(([name, { value, at, expiresAt }]) => {
    const times = { confirmedAt: iso(at), expiresAt: iso(expiresAt) };
    return [name, { value, type: typeof value, integration: null, ...times, withheld: false }];
  });
  expect(told.attributes, `what is explained of ${device}`).toEqual({ ...expected, ...Object.fromEntries(stated) });
  const reasons = twin.agentReasons();
  for (const agent of told.agents) {
    const key = `${agent.integration}/${agent.id}`;
    const known = twin.agents.get(key);
    const isChosen =
      known !== undefined && (reasons.get(key) ?? null) === null && twin.matchOf(known).device === device;
    expect([agent.chosen, agent.reason], `what is explained of agent ${key}`).toEqual([
      isChosen,
      reasons.get(key) ?? null,
    ]);
  }
  const around = [...twin.agents.values()].filter(agent => twin.matchOf(agent).device === device).map(keyOf);
  expect(told.agents.map(agent => `${agent.integration}/${agent.id}`)).toEqual(expect.arrayContaining(around));
}

export async function proveVerified(world: World): Promise<void> {
  expect(await verifyAll(world.db), 'what verify finds').toEqual([]);
}
