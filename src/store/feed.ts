// What whoever keeps a copy reads: first everything, as of one revision, then what changed since. Every audited write carries a
// revision, revisions are the order of commits and have no gaps, so nothing more is needed to miss nothing and to see nothing
// twice. Ages move without revisions, so the integrations' times are read along each time.
import type pg from 'pg';
import { connect } from './client.ts';
import { policyInForce, policySince, type StoredPolicy } from './policies.ts';
import type { StatedTimes } from './schema-custom.ts';

export interface FedDevice {
  id: string;
  hostname: string | null;
  user: string | null;
  tags: readonly string[];
  /** Canonical, `kind:value`; only those that match. */
  identifiers: readonly string[];
}

/** What one source says of a device. */
export interface FedValues {
  deviceId: string;
  source: string;
  /** JSON by full name, without those that move at every check-in; null: it has none any more. */
  values: string | null;
  /** Those that move. */
  moving: Readonly<Record<string, string>>;
  integrationId: string | null;
  /** When the agent was seen, in ms; it was confirmed then, or by the integration's last complete sweep if that is later. */
  observedAt: number | null;
  /** In ms: since then it could not be read, and nothing later confirms it. */
  frozenAt: number | null;
  /** Values kept although no agent says them any more, with their own origin and time, by name. */
  withheld: Readonly<Record<string, { integration: string; confirmedAt: string }>> | null;
  /** Of what administrators state: when each value was stated, and when it ends by itself, by name. */
  stated: StatedTimes | null;
}

export interface Portion {
  devices: FedDevice[];
  values: FedValues[];
}

export interface FedIntegration {
  id: string;
  name: string;
  provider: string;
  /** Start of the last complete sweep, in ms: agents that are not frozen were confirmed then. */
  sweptAt: number | null;
}

/**
 * What else there is as of the same revision. Ages must come with what they are the ages of: a sweep freezes an agent and
 * confirms all others at once, and one without the other would make the frozen one look fresh.
 */
export interface Surroundings {
  revision: number;
  integrations: FedIntegration[];
}

export interface Everything extends Surroundings {
  /** The one in force; null where there is none, or where it is no other one since what changed is read. */
  policy: StoredPolicy | null;
}

/** Of what changed: with the revision that last wrote each. */
export interface RevisedPortion extends Portion {
  removed: { id: string; revision: number }[];
  devices: (FedDevice & { revision: number })[];
  values: (FedValues & { revision: number })[];
}

const rowsAtOnce = 5_000;
/** Of what changed: what is made of them is made at once, and others wait meanwhile. */
const rowsFedAtOnce = 1_000;
/** One portion takes no longer, or the way to the server is cut. */
const portionWithinMs = 60_000;
const epochMs = (column: string) => `(extract(epoch from ${column}) * 1000)::float8`;

/** @param identifiers joins x, with the identifiers of device d that match */
const deviceRows = (identifiers: string) => `
  select d.id, d.hostname, d.user_name as "user", d.tags, coalesce(x.identifiers, '{}') as identifiers, d.revision from devices d left join ${identifiers}`;

const everyDevice = deviceRows(`(
    select device_id, array_agg(identifier order by identifier) as identifiers from device_identifiers where problem is null group by device_id
  ) x on x.device_id = d.id`);

/**
 * By look-ups: few change at once, and grouping all identifiers for them would take longer than anything else here. Nothing but the device
 * stands in the condition: while a table was just filled the planner takes any other one for rare, and goes through a whole index for each.
 */
const changedDevices = deviceRows(`lateral (
    select array_agg(i.identifier order by i.identifier) filter (where i.problem is null) as identifiers from device_identifiers i where i.device_id = d.id
  ) x on true where d.revision > $1`);

const removedDevices = 'select id, revision from removed_devices where revision > $1';

/** Of the values those that move, of which $1 has the names. No subquery: for a million rows it takes as long as all the rest. */
const movingOf = (moving: readonly string[]) =>
  moving
    .map((_, i) => `($1::text[])[${i + 1}]`)
    .map(name => `case when values ? ${name} then jsonb_build_object(${name}, values -> ${name}) else '{}' end`)
    .join(' || ') || "'{}'::jsonb";

/** @param moving names of the attributes that move at every check-in, as $1 */
const valueRows = (where: string, moving: readonly string[]) => `
  select device_id as "deviceId", source, case when values <> '{}' then (values - $1::text[])::text end as values,
    ${movingOf(moving)} as moving,
    integration_id as "integrationId", ${epochMs('observed_at')} as "observedAt", ${epochMs('frozen_at')} as "frozenAt", withheld, stated, revision
  from device_attributes where ${where}`;

const everyValue = (moving: readonly string[]) => valueRows("values <> '{}'", moving);

/**
 * Reads everything, as of one revision, in portions: a million devices are never held at once on the way. Values come after
 * their devices.
 * @param moving names of the attributes that move at every check-in
 */
export async function readEverything(
  url: string,
  moving: readonly string[],
  take: (portion: Portion) => Promise<void> | void,
): Promise<Everything> {
  const session = await connect(url, { applicationName: 'posture-sync feed', answerWithinMs: portionWithinMs });
  try {
    await session.query('begin isolation level repeatable read read only');
    const { revision } = await headOf(session);
    const surroundings = {
      revision,
      integrations: await integrationsOf(session),
      policy: await policyInForce(session),
    };
    for await (const devices of portions<FedDevice>(session, everyDevice, [], rowsAtOnce))
      await take({ devices, values: [] });
    for await (const values of portions<FedValues>(session, everyValue(moving), [moving], rowsAtOnce))
      await take({ devices: [], values });
    await session.query('commit');
    return surroundings;
  } finally {
    await session.end();
  }
}

async function* portions<T>(
  session: pg.ClientBase,
  select: string,
  parameters: unknown[],
  atOnce: number,
): AsyncGenerator<T[]> {
  await session.query(`declare everything no scroll cursor for ${select}`, parameters);
  const fetch = () => {
    const fetched = session.query(`fetch ${atOnce} from everything`);
    // Whoever takes no more does not learn of its failure.
    fetched.catch(() => {});
    return fetched;
  };
  // The server reads the next ones while these are dealt with.
  for (let next = fetch(); ; ) {
    const { rows } = await next;
    const isLast = rows.length < atOnce;
    if (!isLast) next = fetch();
    if (rows.length > 0) yield rows;
    if (isLast) break;
  }
  await session.query('close everything');
}

/**
 * Reads in portions, as they can be taken: first what there is around, then what was removed, devices, and values, those of a
 * device one after the other where only changes are read. All of it is as of one revision: a transaction is open until the last
 * portion, or until the generator is ended.
 * @param after a revision: what changed since then is read; null: everything
 * @returns 'forgotten' at once where removals since then may not be known any more: then everything has to be read anew
 */
export async function* readPortions(
  session: pg.ClientBase,
  after: number | null,
  moving: readonly string[],
): AsyncGenerator<Everything | RevisedPortion, 'forgotten' | undefined> {
  await session.query('begin isolation level repeatable read read only');
  try {
    // By look-ups, also where the planner knows nothing yet of a table that was just filled: it would read that whole for each device.
    // PostgreSQL before 18 says of a table that has to be read whole all the same that it is very dear, and would compile each such query.
    if (after !== null) await session.query('set local enable_seqscan = off; set local jit = off');
    const { revision, forgotten } = await headOf(session);
    // A revision that is not there yet is of another database, or of this one before it was restored from a backup.
    if (after !== null && (after < forgotten || after > revision)) return 'forgotten';
    yield { revision, integrations: await integrationsOf(session), policy: await policySince(session, after ?? 0) };
    if (after === revision) return;
    const empty: RevisedPortion = { removed: [], devices: [], values: [] };
    const read = <T>(select: string, parameters: unknown[]) =>
      portions<T & { revision: number }>(session, select, parameters, rowsFedAtOnce);
    if (after === null) {
      for await (const devices of read<FedDevice>(everyDevice, [])) yield { ...empty, devices };
      for await (const values of read<FedValues>(everyValue(moving), [moving])) yield { ...empty, values };
      return;
    }
    for await (const removed of read<{ id: string }>(removedDevices, [after])) yield { ...empty, removed };
    for await (const devices of read<FedDevice>(changedDevices, [after])) yield { ...empty, devices };
    for await (const values of read<FedValues>(valueRows('revision > $2 order by device_id', moving), [moving, after]))
      yield { ...empty, values };
  } finally {
    await session.query('rollback');
  }
}

async function headOf(session: pg.ClientBase): Promise<{ revision: number; forgotten: number }> {
  const { rows } = await session.query('select revision, forgotten_revision as "forgotten" from head');
  return rows[0];
}

async function integrationsOf(session: pg.ClientBase): Promise<FedIntegration[]> {
  const { rows } = await session.query(
    `select id, name, provider, ${epochMs('swept_at')} as "sweptAt" from integrations`,
  );
  return rows;
}
