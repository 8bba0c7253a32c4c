// The bulk half of a sync run, all on the run's own session: the stage, what differs from `agents`, and the merge. The stage
// is a temporary table, so it dies with the session and nothing of a dead run can be merged later.
import { once } from 'node:events';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { confirmedAt, type Derived, derive, expired, type LossLimit, startDerivation, touchDevices } from './derive.ts';
import { agentMatches } from './match.ts';
import type { Write } from './write.ts';

/** An agent as it is staged: canonical identifiers, and values without those that move at every check-in. */
export interface StagedAgent {
  agentId: string;
  /** False: it was there but could not be read; all else is empty then. */
  readable: boolean;
  hostname: string | null;
  identifiers: readonly string[];
  serials: readonly string[];
  decommissioned: boolean;
  active: boolean | null;
  registeredAt: Date | null;
  lastActiveAt: Date | null;
  values: Readonly<Record<string, unknown>>;
  moving: Readonly<Record<string, string>>;
}

/** A time attribute that moves at every check-in, and how far the stored value may lag behind. */
export interface MovingAttribute {
  name: string;
  resolutionMs: number;
}

/** The integration as the run found it, and the run's own times. */
export interface SweepContext {
  integrationId: string;
  startedAt: Date;
  /** All of the provider that move. */
  moving: readonly MovingAttribute[];
  /** The last page was reached and the total adds up: absence counts. */
  complete: boolean;
  /** Every agent that was read is written as confirmed, however lately it was: for a few agents, asked for because of their age. */
  confirmsAll?: boolean;
}

/**
 * An incomplete sweep confirms what it saw by writing the row; not more often than this, since each is a row written, and
 * not later than a twelfth of the evidence's lifetime: what it saw must not expire by it.
 */
const confirmAgainAfterMs = 6 * 3_600_000;

export async function createStage(client: pg.Client): Promise<void> {
  await client.query("set work_mem = '64MB'");
  // The stage of a hundred thousand agents: it is read several times. Larger ones go to disk.
  await client.query("set temp_buffers = '128MB'");
  await client.query('set jit = off');
  // Of temporary tables the planner needs sizes, no histograms.
  await client.query('set default_statistics_target = 10');
  await client.query(
    `create temp table stage (agent_id text collate "C" not null, readable boolean not null, hostname text, identifiers text[] not null,
       serials text[] not null, decommissioned boolean not null, active boolean, registered_at timestamptz(3), last_active_at timestamptz(3),
       values jsonb not null, moving jsonb not null)`,
  );
}

const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const needsEscape = /[\\\n\r\t]/;
const escaped = (text: string) => (needsEscape.test(text) ? text.replace(/[\\\n\r\t]/g, c => escapes[c] ?? c) : text);
const field = (text: string | null) => (text === null ? '\\N' : escaped(text));
const flag = (value: boolean | null) => (value === null ? '\\N' : value ? 't' : 'f');
const time = (at: Date | null) => (at === null ? '\\N' : at.toISOString());
const array = (items: readonly string[]) =>
  items.length === 0 ? '{}' : escaped(`{${items.map(item => `"${item.replace(/["\\]/g, '\\$&')}"`).join(',')}}`);

/** Appends agents to the stage by one COPY. Strings must be free of NUL and of lone surrogates. */
export async function stageAgents(client: pg.Client, agents: readonly StagedAgent[], table = 'stage'): Promise<void> {
  if (agents.length === 0) return;
  let text = '';
  for (const a of agents) {
    text += `${field(a.agentId)}\t${flag(a.readable)}\t${field(a.hostname)}\t${array(a.identifiers)}\t${array(a.serials)}\t${flag(a.decommissioned)}\t${flag(a.active)}\t${time(a.registeredAt)}\t${time(a.lastActiveAt)}\t${escaped(JSON.stringify(a.values))}\t${escaped(JSON.stringify(a.moving))}\n`;
  }
  const stream = client.query(copyFrom(`copy ${table} from stdin`));
  stream.end(text);
  await once(stream, 'finish');
}

/** Statistics for the planner, and each agent once: of repeated ids the last readable row stays. @returns distinct agents */
export async function settleStage(client: pg.Client): Promise<number> {
  await client.query('analyze stage (agent_id)');
  const { rows } = await client.query(
    'select count(*)::int as agents, coalesce(sum(n), 0)::int as staged from (select count(*) as n from stage group by agent_id) s',
  );
  if (rows[0].staged > rows[0].agents) {
    await client.query(
      `delete from stage s using (
         select agent_id, (array_agg(ctid order by readable desc, ctid desc))[1] as keep from stage group by agent_id having count(*) > 1) d
       where s.agent_id = d.agent_id and s.ctid <> d.keep`,
    );
  }
  return rows[0].agents;
}

/**
 * Keeps, in the table `absent`, the ids of agents that were there and are not in the stage, not counting those already known to be
 * gone: a token that lost its scope makes a million of them.
 */
export async function findAbsent(client: pg.Client, integrationId: string): Promise<void> {
  await client.query(
    `create temp table absent as select a.agent_id from agents a
     where a.integration_id = $1 and a.gone_reason is null and not exists (select from stage s where s.agent_id = a.agent_id)`,
    [integrationId],
  );
  await client.query('create index on absent (agent_id)');
  await client.query('analyze absent');
}

/** The ids in `absent`, in portions. */
export async function* absentAgents(client: pg.Client, portion: number): AsyncGenerator<string[]> {
  for (let after = ''; ; ) {
    const { rows } = await client.query('select agent_id from absent where agent_id > $1 order by agent_id limit $2', [
      after,
      portion,
    ]);
    if (rows.length === 0) return;
    yield rows.map(row => row.agent_id);
    after = rows.at(-1).agent_id;
  }
}

/** Stages the absent as unreadable: they keep what they have, with its age. */
export async function freezeAbsent(client: pg.Client): Promise<void> {
  await client.query(
    `insert into stage (agent_id, readable, identifiers, serials, decommissioned, values, moving)
     select b.agent_id, false, '{}', '{}', false, '{}', '{}' from absent b where not exists (select from stage s where s.agent_id = b.agent_id)`,
  );
}

/** @returns how many agents the integration had at its last sweep that are not known to be gone */
export async function presentAgents(client: pg.Client, integrationId: string): Promise<number> {
  const { rows } = await client.query(
    'select count(*)::int as n from agents where integration_id = $1 and gone_reason is null',
    [integrationId],
  );
  return rows[0].n;
}

export interface Differences {
  changed: number;
  gone: number;
}

/**
 * Compares the stage with `agents`, before anything is locked: rows that differ go to the temporary table `changed`, agents
 * that were asked for by id and are absent all the same to `gone`.
 * @param confirmedAbsent whether those in `absent` were asked for by id; otherwise none is gone
 */
export async function compareStage(
  client: pg.Client,
  context: SweepContext,
  confirmedAbsent: boolean,
): Promise<Differences> {
  // A moving value counts as changed when it is newer by its resolution; half of that is spread by the id, so that a fleet
  // which was loaded at once is not rewritten at once.
  const moved = context.moving.map(({ name, resolutionMs }) => {
    const key = `'${name.replaceAll("'", "''")}'`;
    const spread = `(1024 + (hashtext(a.agent_id) & 1023)) * interval '${resolutionMs / 2048} milliseconds'`;
    const [was, is] = [`(a.moving ->> ${key})`, `(s.moving ->> ${key})`];
    // Asked of every agent at every sweep, so it is kept short: where either is absent the comparison of times is null.
    return `or (${was} is distinct from ${is}
      and coalesce(${is}::timestamptz not between ${was}::timestamptz - ${spread} and ${was}::timestamptz + ${spread}, true))`;
  });
  await client.query(
    `create temp table changed as
     select s.*, $1::text collate "C" as integration_id, a.bound_device_id, a.device_id as old_device_id, a.agent_id is null as is_new,
       case when a.agent_id is not null then ${confirmedAt} end as confirmed_before
     from stage s join integrations i on i.id = $1
     left join agents a on a.integration_id = $1 and a.agent_id = s.agent_id
     where (s.readable and (a.agent_id is null or (a.observed_at <= $2::timestamptz(3) and (
         a.values is distinct from s.values or a.identifiers is distinct from s.identifiers or a.active is distinct from s.active
         or a.hostname is distinct from s.hostname or a.serials is distinct from s.serials or a.registered_at is distinct from s.registered_at
         or a.frozen_at is not null or a.gone_reason is distinct from case when s.decommissioned then 'decommissioned' end
         or (not $3 and ${confirmedAt} < $2::timestamptz(3) - least($4, i.expire_after_ms / 12.0) * interval '1 millisecond')
         ${moved.join('\n         ')}))))
       or (not s.readable and a.agent_id is not null and a.observed_at <= $2::timestamptz(3) and a.frozen_at is null and a.gone_reason is null)`,
    [context.integrationId, context.startedAt, context.complete, context.confirmsAll ? 0 : confirmAgainAfterMs],
  );
  await client.query('analyze changed (agent_id, is_new, readable, identifiers)');
  await client.query(
    `create temp table gone as
     select a.agent_id, a.device_id as old_device_id, ${confirmedAt} as confirmed_before
     from ${confirmedAbsent ? 'absent' : '(select null::text as agent_id where false)'} b
     join agents a on a.integration_id = $1 and a.agent_id = b.agent_id join integrations i on i.id = a.integration_id
     where a.gone_reason is null and a.observed_at <= $2::timestamptz(3) and not exists (select from stage s where s.agent_id = b.agent_id)`,
    [context.integrationId, context.startedAt],
  );
  await client.query('analyze gone (agent_id)');
  const { rows } = await client.query(
    'select (select count(*) from changed)::int as changed, (select count(*) from gone)::int as gone',
  );
  return rows[0];
}

/**
 * Devices whose evidence begins or ceases to count when swept_at and judged_at move as given. Of agents that are not frozen that
 * hangs on the integration's times alone, so the fleet is read only where those allow it: this runs while the head is held.
 */
const agingDevices = (() => {
  const lifetime = "i.expire_after_ms * interval '1 millisecond'";
  const turns = `${expired(confirmedAt)} is distinct from
    coalesce(coalesce(a.frozen_at, greatest(a.observed_at, $2::timestamptz)) + ${lifetime} <= greatest(i.judged_at, $3::timestamptz), false)`;
  const speaking = 'a.device_id is not null and a.gone_reason is null';
  return `
  select a.device_id from integrations i join agents a on a.integration_id = i.id
  where i.id = $1 and i.expire_after_ms is not null and ${speaking} and ${turns} and (i.swept_at is null
    or i.swept_at + ${lifetime} <= i.judged_at or $2::timestamptz + ${lifetime} <= greatest(i.judged_at, $3::timestamptz))
  union all
  select a.device_id from integrations i join agents a on a.integration_id = i.id
  where i.id = $1 and i.expire_after_ms is not null and ${speaking} and a.frozen_at is not null and ${turns}
  union all
  select w.device_id from withheld_values w join integrations i on i.id = w.integration_id
  where w.integration_id = $1 and w.confirmed_at + ${lifetime} <= greatest(i.judged_at, $3::timestamptz)`;
})();

/** As what something was seen: the version of an integration's row, and the last write. */
export interface SeenAs {
  rowVersion: string;
  revision: number;
}

/**
 * @returns whether anything would expire, or count again, when the integration's times move as given, and as what that was
 *   seen
 */
export async function evidenceWouldTurn(
  client: Pick<pg.ClientBase, 'query'>,
  integrationId: string,
  sweptAt: Date | null,
  judgedAt: Date,
): Promise<{ turns: boolean } & SeenAs> {
  const { rows } = await client.query(
    `select exists (${agingDevices}) as turns, (select xmin::text from integrations where id = $1) as "rowVersion",
       (select revision from head) as revision`,
    [integrationId, sweptAt, judgedAt],
  );
  return rows[0];
}

/**
 * Moves the integration's times where nothing turns by that, without a revision. The head is locked for that moment: an agent
 * that gets a device by a write under way is judged by the times before, and would keep what ends by these.
 * @returns whether it did: not if the row changed or anything was written since, for then something may turn after all
 */
export async function moveTimes(
  client: Pick<pg.ClientBase, 'query'>,
  integrationId: string,
  { rowVersion, revision }: SeenAs,
  sweptAt: Date | null,
  judgedAt: Date,
): Promise<boolean> {
  const { rowCount } = await client.query(
    `with locked as materialized (select revision from head for update)
     update integrations set swept_at = $3, judged_at = greatest(judged_at, $4) from locked
     where id = $1 and integrations.xmin::text = $2 and locked.revision = $5`,
    [integrationId, rowVersion, sweptAt, judgedAt, revision],
  );
  return rowCount === 1;
}

/**
 * Moves the integration's times and derives the devices whose evidence turns by that: expiry, and its undoing.
 * @param sweptAt the start of the last complete sweep
 * @param judgedAt the time as of which evidence is judged: a sync was tried then
 */
export async function moveEvidence(
  write: Write,
  integrationId: string,
  sweptAt: Date | null,
  judgedAt: Date,
): Promise<void> {
  await startDerivation(write.client);
  await touchDevices(write.client, agingDevices, [integrationId, sweptAt, judgedAt]);
  await write.client.query('update integrations set swept_at = $2, judged_at = greatest(judged_at, $3) where id = $1', [
    integrationId,
    sweptAt,
    judgedAt,
  ]);
}

/**
 * The merge proper: everything a sweep saw, in the write under way. Expects `changed` and `gone`.
 * @param times of the integration after it, or null where they stay: what was no sweep lets nothing expire
 */
export async function mergeStage(
  write: Write,
  context: SweepContext,
  times: { sweptAt: Date | null } | null,
  limit: LossLimit,
): Promise<Derived> {
  const { client } = write;
  const { integrationId, startedAt } = context;
  // They were compared before the head was taken: an administrator may have bound or matched them otherwise since.
  await client.query(
    `update changed c set bound_device_id = a.bound_device_id, old_device_id = a.device_id from agents a
     where not c.is_new and a.integration_id = c.integration_id and a.agent_id = c.agent_id
       and (c.bound_device_id is distinct from a.bound_device_id or c.old_device_id is distinct from a.device_id)`,
  );
  await client.query(
    `update gone g set old_device_id = a.device_id from agents a
     where a.integration_id = $1 and a.agent_id = g.agent_id and g.old_device_id is distinct from a.device_id`,
    [integrationId],
  );
  await client.query(
    `create temp table evidence_before on commit drop as
     select integration_id, agent_id, confirmed_before as confirmed_at from changed where not is_new
     union all select $1::text collate "C", agent_id, confirmed_before from gone`,
    [integrationId],
  );
  if (times === null) await startDerivation(client);
  else await moveEvidence(write, integrationId, times.sweptAt, startedAt);
  const columns = [
    'hostname',
    'identifiers',
    'serials',
    'active',
    'registered_at',
    'last_active_at',
    'values',
    'moving',
  ];
  const matched = (which: string) =>
    agentMatches(`(select * from changed where ${which} and readable)`, [...columns, 'decommissioned']);
  await touchDevices(client, 'select old_device_id from changed union all select old_device_id from gone');
  await client.query(
    `with added as (
       insert into agents (integration_id, agent_id, ${columns.join(', ')}, observed_at, gone_reason, gone_at, device_id, reason)
       select integration_id, agent_id, ${columns.join(', ')}, $1::timestamptz, case when decommissioned then 'decommissioned' end,
         case when decommissioned then $1::timestamptz end, device_id, case when decommissioned then 'decommissioned' else problem end
       from (${matched('is_new')}) m
       returning device_id
     ) insert into touched_devices select device_id from added where device_id is not null`,
    [startedAt],
  );
  await client.query(
    `with updated as (
       update agents a set ${columns.map(name => `${name} = m.${name}`).join(', ')},
         observed_at = $1, frozen_at = null,
         gone_reason = case when m.decommissioned then 'decommissioned' end,
         gone_at = case when m.decommissioned then coalesce(a.gone_at, $1) end,
         device_id = m.device_id, reason = case when m.decommissioned then 'decommissioned' else m.problem end
       from (${matched('not is_new')}) m where a.integration_id = m.integration_id and a.agent_id = m.agent_id
       returning a.device_id
     ) insert into touched_devices select device_id from updated where device_id is not null`,
    [startedAt],
  );
  await client.query(
    `update agents a set frozen_at = c.confirmed_before from changed c
     where not c.readable and a.integration_id = c.integration_id and a.agent_id = c.agent_id`,
  );
  await client.query(
    `update agents a set gone_reason = 'gone', gone_at = $2, reason = 'gone' from gone g
     where a.integration_id = $1 and a.agent_id = g.agent_id`,
    [integrationId, startedAt],
  );
  return await derive(write, limit);
}

export interface MatchCounts {
  matched: number;
  unmatched: Record<string, number>;
}

/** How many agents of an integration speak for a device, and the others by reason. */
export async function matchCounts(client: Pick<pg.ClientBase, 'query'>, integrationId: string): Promise<MatchCounts> {
  const { rows } = await client.query(
    'select reason, count(*)::int as n from agents where integration_id = $1 group by reason order by n desc, reason',
    [integrationId],
  );
  return {
    matched: rows.find(row => row.reason === null)?.n ?? 0,
    unmatched: Object.fromEntries(rows.filter(row => row.reason !== null).map(row => [row.reason, row.n])),
  };
}
