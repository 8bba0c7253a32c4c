// By command line and over HTTP the same request has the same result: what is stored, what the audit log tells, what is refused in
// which words, and what is answered. And what changes something leaves exactly one group of events, with who did it; all else none.
import { beforeAll, describe, expect, it } from 'vitest';
import { openApiDocument } from '../../src/cli/openapi-document.ts';
import { createSimulator } from '../../src/simulator/simulator.ts';
import { startApi, type TestApi, testKeys } from '../support/api.ts';
import { everyCommand, runCommand } from '../support/cli.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';
import { attributePairs, devicePairs, integrationPairs, type Names, type Pair } from '../support/pairs.ts';
import {
  keyPairs,
  lastPairs,
  onlyByCommand,
  onlyOverHttp,
  policyPairs,
  settingsPairs,
  webhookPairs,
} from '../support/pairs-more.ts';

/** In this order: what one made, others change. */
const pairs: Pair[] = [
  ...[devicePairs, attributePairs, webhookPairs, integrationPairs].flat(),
  ...[policyPairs, settingsPairs, keyPairs, lastPairs].flat(),
];

interface State {
  tables: Record<string, string[]>;
  revision: number;
}

/** One of the two, with what it calls by random names. */
interface Side {
  database: TestDatabase;
  ids: Map<string, string>;
}

let begun: number;
let agents: Names['agents'];
let byCommand: Side;
let overHttp: Side;
let environment: Record<string, string>;
let key: string;

/** Both begin as copies of one: a fleet of which some are devices, a hold, and an integration that is paused. */
beforeAll(async () => {
  const base = await freshDatabase();
  const simulator = await createSimulator({ agents: 6, seed: 7, requestsPerSecond: null });
  environment = {
    DATABASE_URL: base.url,
    SECRET_KEYS: testKeys.map(({ id, key: bytes }) => `${id}:${bytes.toString('base64')}`).join(),
    PROVIDER_ALLOWED_HOSTS: '127.0.0.1',
  };
  const run = async (words: string, stdin = '') => {
    const done = await runCommand(words.split(' '), environment, { stdin });
    if (done.status !== 0) throw new Error(`${words}: ${done.stderr}`);
    return done;
  };
  const add = `integration add --provider sentinelone --url ${simulator.url} --name`;
  await run(`${add} hq`, simulator.token);
  await run(`${add} idle`, simulator.token);
  await run('integration pause idle');
  await run('sync hq');
  key = (await run('key create --name admin --scope all')).stdout.trim();
  await simulator.close();
  const { rows } = await base.pool.query(
    "select agent_id as id, serials[1] as serial from agents where reason = 'no_device' order by agent_id",
  );
  agents = rows;
  await base.pool.query("update integrations set held_since = created_at, held_devices = 3 where name = 'hq'");
  await base.pool.end();
  const name = new URL(base.url).pathname.slice(1);
  [byCommand, overHttp] = [
    { database: await freshDatabase(name), ids: new Map() },
    { database: await freshDatabase(name), ids: new Map() },
  ];
  environment = { ...environment, DATABASE_URL: byCommand.database.url };
  begun = Date.now();
});

/** Random names become those that were given, times after the beginning steps of ten minutes. */
function plain(side: Side, value: unknown): unknown {
  const text = (value === undefined ? 'null' : JSON.stringify(value))
    .replace(/\b(p[1-9A-Za-z]{16}|wh[0-9a-f]{18}|[0-9A-Za-z]{12})(?=\b|_)/g, id => side.ids.get(id) ?? id)
    .replace(/\bwhsec_[\w+/=]+/g, 'whsec')
    .replace(/"\d{4}-\d\d-\d\dT[\d:.]+(Z|[+-]\d\d:\d\d)"/g, time => {
      const ms = Date.parse(time.slice(1, -1)) - begun;
      return ms < -60_000 ? time : JSON.stringify(`+${Math.floor((ms + 30_000) / 600_000)}`);
    })
    .replace(/"(actor|requested_by|created_by)":(\{"id":"(cli|key):[^}]*\}|"(cli|key):[^"]*")/g, '"$1":"who"')
    .replace(/"(ageMs|durationMs|viewAgeMs)":\d+/g, '"$1":0');
  return JSON.parse(text);
}

/** What differs although the same was done: keys' use, and what is sealed or hashed. */
const unlike: Readonly<Record<string, readonly string[]>> = {
  api_keys: ['last_used_at', 'hash', 'created_by_name'],
  integrations: ['secret'],
  webhooks: ['secret', 'old_secret'],
};

async function stateOf(side: Side): Promise<State> {
  const { pool } = side.database;
  const { rows: named } = await pool.query(
    'select id, name from integrations union all select id, name from webhooks union all select id, name from api_keys',
  );
  for (const { id, name } of named) side.ids.set(id, name);
  const { rows: relations } = await pool.query(
    `select relname as name from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and not relispartition order by 1`,
  );
  const tables: State['tables'] = {};
  for (const { name } of relations) {
    const { rows } = await pool.query(`select to_jsonb(t) - $1::text[] as row from "${name}" t`, [unlike[name] ?? []]);
    tables[name] = rows.map(({ row }) => JSON.stringify(plain(side, row))).sort();
  }
  const { rows: heads } = await pool.query('select revision from head');
  return { tables, revision: heads[0].revision };
}

const namesOf = ({ ids }: Side): Names => {
  const idOf = (wanted: string) => [...ids].find(([, name]) => name === wanted)?.[0] ?? wanted;
  return { integration: idOf, webhook: idOf, key: idOf, agents };
};

/** What a write left: its events, as revisions and the log have them. */
async function writesSince({ database: { pool } }: Side, revision: number) {
  const { rows: revisions } = await pool.query(
    'select revision, cause, actor, events from revisions where revision > $1 order by 1',
    [revision],
  );
  const { rows: events } = await pool.query(
    'select revision, actor, origin, event from audit_log where revision > $1 order by revision, n',
    [revision],
  );
  const { rows: notices } = await pool.query('select distinct revision from webhook_deliveries where revision > $1', [
    revision,
  ]);
  return { revisions, events, notices: notices.map(row => row.revision) };
}

const writesOf: Record<Pair['outcome'], number> = {
  ...{ changes: 1, confirms: 1, tells: 1 },
  ...{ nothing: 0, answers: 0, refused: 0 },
};

/** What holds of every request, whoever makes it. */
async function expectOneGroup(side: Side, before: State, pair: Pair, actor: object): Promise<void> {
  const { revisions, events, notices } = await writesSince(side, before.revision);
  expect(revisions.length).toBe(writesOf[pair.outcome]);
  if (revisions.length === 0) return expect([events, notices]).toEqual([[], []]);
  const [{ revision, cause }] = revisions;
  expect(revision).toBe(before.revision + 1);
  expect(cause).toBe(pair.cause);
  expect(revisions[0]).toMatchObject({ actor, events: events.length });
  expect(events.length > 0).toBe(pair.outcome !== 'confirms');
  for (const event of events) expect(event).toMatchObject({ revision, actor, origin: 'CONFIG_API' });
  if (pair.outcome === 'tells') expect(events.map(({ event }) => event.split('.')[1])).toEqual(['REFUSE']);
  // A notice is written along with what it tells.
  for (const of of notices) expect(of).toBe(revision);
}

const actors = {
  command: { id: 'cli:anna', type: 'USER' },
  key: { id: expect.stringMatching(/^key:/), type: 'OAUTH_CLIENT', displayName: 'admin' },
};

async function both(api: TestApi, pair: Pair): Promise<void> {
  const before = [await stateOf(byCommand), await stateOf(overHttp)] as const;
  expect(before[1].tables).toEqual(before[0].tables);
  const words = [...pair.command(namesOf(byCommand)), ...(pair.plain ? [] : ['--json'])];
  const command = await runCommand(words, environment, { stdin: pair.stdin ?? '' });
  const [method, path, body, type] = pair.request(namesOf(overHttp));
  const headers = type === undefined ? {} : { headers: { 'content-type': type } };
  const answer = await api.call(method, path, body, headers);
  const after = [await stateOf(byCommand), await stateOf(overHttp)] as const;
  const isRefused = pair.outcome === 'refused' || pair.outcome === 'tells';
  expect([answer.status, answer.body]).toEqual([isRefused ? pair.status : expect.toBeOneOf([200, 202]), answer.body]);
  if (isRefused) {
    const said = (pair.plain ? command.stdout : command.stderr).trim();
    const status = pair.exit ?? (pair.status === 400 ? 2 : 1);
    expect([command.status, (pair.said ?? String)(said)]).toEqual([
      status,
      answer.body.message.replace(...shortened(pair)),
    ]);
  } else if (pair.facts !== undefined) {
    const lines = pair.plain ? command.stdout : command.json();
    const [ofCommand, ofAnswer] = pair.facts;
    const told = plain(byCommand, ofCommand(lines as never));
    expect(told, command.stderr).toEqual(plain(overHttp, ofAnswer(answer.body)));
    expect(JSON.stringify(told)).not.toMatch(/^(\[?(null,?)*\]?|\{\})$/);
  } else expect([command.status, command.stderr]).toEqual([0, expect.any(String)]);
  expect(after[1].tables).toEqual(after[0].tables);
  await expectOneGroup(byCommand, before[0], pair, actors.command);
  await expectOneGroup(overHttp, before[1], pair, actors.key);
  if (writesOf[pair.outcome] === 0) expect(after[1].tables).toEqual(before[1].tables);
}

/** Hints at names that are near differ, where one looks by name and the other by id. */
function shortened({ said }: Pair): [RegExp, string] {
  return said === undefined ? [/(?!)/, ''] : [/; did you mean.*/, ''];
}

describe('by command line and over HTTP', () => {
  let api: TestApi | null = null;
  it('the same request has the same result, and one group of events where it changes something', async () => {
    api = await startApi({ database: overHttp.database, keys: testKeys, key });
    const failed: string[] = [];
    for (const pair of pairs) await both(api, pair).catch(error => failed.push(`${pair.name}: ${error.message}`));
    expect(failed).toEqual([]);
    const { rows } = await overHttp.database.pool.query(
      "select count(*)::int as n from audit_log where event like 'TAILNET.PAUSE%'",
    );
    expect(rows[0].n).toBeGreaterThan(1);
  });
});

describe('the table of pairs', () => {
  it('has every operation and every command, or why it has no counterpart', async () => {
    const document = JSON.parse(await openApiDocument()) as {
      paths: Record<string, Record<string, { operationId: string }>>;
    };
    const operations = Object.entries(document.paths)
      .filter(([path]) => path.startsWith('/api/v2'))
      .flatMap(([, item]) => Object.values(item).map(({ operationId }) => operationId));
    const paired = pairs.map(({ does }) => does);
    expect([...new Set([...paired, ...Object.keys(onlyOverHttp)])].sort()).toEqual(operations.sort());
    const names = (await everyCommand()).map(([name]) => name);
    const nobody: Names = { integration: name => name, webhook: name => name, key: name => name, agents: [] };
    const commands = pairs.map(pair => {
      const words = pair.command(nobody);
      return names.find(name => name === words.slice(0, name.split(' ').length).join(' '));
    });
    expect([...new Set([...commands, ...Object.keys(onlyByCommand)])].sort()).toEqual(names.sort());
  });

  it('has of every operation that changes something also what is refused, or changes nothing', () => {
    const changing = new Set(pairs.filter(({ outcome }) => outcome === 'changes').map(({ does }) => does));
    const harmless = pairs.filter(
      ({ outcome }) => outcome === 'nothing' || outcome === 'refused' || outcome === 'tells',
    );
    expect([...changing].filter(does => !harmless.some(pair => pair.does === does))).toEqual([]);
  });
});
