// The commands, run in the test's process against a real database and the simulated console: answers, exit statuses, where
// tokens come from, joining a run.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Stop } from '../../src/cli/surroundings.ts';
import { inventory } from '../../src/simulator/inventory.ts';
import { createInstallation, everyCommand, fakeTerminal, type Installation, runCommand } from '../support/cli.ts';

let it: Installation;
const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-commands-'));
afterAll(() => rmSync(place, { recursive: true }));

beforeEach(async () => {
  it = await createInstallation();
});
afterEach(() => it.close());

function file(name: string, content: string): string {
  const where = path.join(place, name);
  writeFileSync(where, content);
  return where;
}

const inventoryLines = () =>
  inventory(it.simulator.fleet)
    .map(device => `${JSON.stringify(device)}\n`)
    .join('');

/** Sets the database's clock, which is that of every command, so many minutes ahead. */
async function setClockAhead(minutes: number): Promise<void> {
  const { pool, url } = it.database;
  await pool.query(
    `create or replace function public.clock_timestamp() returns timestamptz language sql volatile
     as $$ select pg_catalog.clock_timestamp() + interval '${minutes} minutes' $$`,
  );
  // Sessions to come look there first; by default the server's own functions win.
  await pool.query(`alter database ${new URL(url).pathname.slice(1)} set search_path to public, pg_catalog`);
}

const revision = async () => (await it.database.pool.query('select revision from head')).rows[0].revision;

describe('exit status', () => {
  test.each<[number, string[]]>([
    [0, ['--help']],
    [0, ['integration', 'add', '--help']],
    [0, ['--version']],
    [0, ['migrate']],
    [0, ['integration', 'list']],
    [1, ['integration', 'show', 'nope']],
    [1, ['sync', 'nope']],
    [1, ['explain', 'nope']],
    [1, ['device', 'import', '/nowhere.csv']],
    [2, []],
    [2, ['nope']],
    [2, ['integration']],
    [2, ['integration', 'show']],
    [2, ['integration', 'show', 'a', 'b']],
    [2, ['integration', 'add', '--name', 'hq']],
    [2, ['sync', '--nope']],
    [2, ['sync', '--accept']],
    [2, ['sync', 'hq', '--ndjson']],
    [2, ['device', 'import']],
    [2, ['device', 'serials', 'd1']],
    [2, ['simulate', '--agents', 'many']],
    [2, ['simulate', '--fault', 'nope']],
    [2, ['audit', '--since', 'yesterday']],
    [2, ['audit', '--since', '99999999d']],
    [2, ['audit', '--since', '999999999999d']],
    [2, ['audit', '--since', '2026-13-01']],
    [2, ['audit', '--event', 'nix']],
    [2, ['integration', 'add', '--name', 'hq', '--provider', 'fleet', '--url', 'example.sentinelone.net']],
    [2, ['device', 'placeholders', '--add', ' ']],
    [2, ['integration', 'update', 'hq', '--hold-share', '120%']],
  ])('is %i for %j', async (status, words) => {
    const result = await it.run(words);
    expect([result.status, result.stderr]).toEqual([status, expect.any(String)]);
    if (status === 1) expect(result.stderr.trim().split('\n')).toHaveLength(1);
  });

  test('is 1 with one line for a wrong variable, and help needs no configuration', async () => {
    const wrong = { environment: { SYNC_INTERVAL: 'often' } };
    const { status, stderr } = await it.run(['integration', 'list'], wrong);
    expect([status, stderr.trim().split('\n')]).toEqual([1, [expect.stringContaining('SYNC_INTERVAL "often"')]]);
    expect((await it.run(['--help'], wrong)).status).toBe(0);
  });

  test('is 1 where the database does not answer, without its password', async () => {
    const url = 'postgres://u:hunter2@127.0.0.1:1/d';
    const { status, stderr } = await it.run(['integration', 'list'], { environment: { DATABASE_URL: url } });
    expect([status, stderr]).toEqual([
      1,
      'the database 127.0.0.1:1/d of DATABASE_URL cannot be used: nothing listens there\n',
    ]);
  });

  test('a stopped command says nothing and exits as the signal wants', async () => {
    const stopping = new AbortController();
    stopping.abort(new Stop(130));
    expect(await it.run(['integration', 'list'], { stop: stopping.signal })).toMatchObject({ status: 130, stderr: '' });
  });
});

describe('the database', () => {
  test('that was never migrated is refused with the command to run', async () => {
    const url = new URL(it.database.url);
    url.pathname = '/postgres';
    const { status, stderr } = await it.run(['integration', 'list'], { environment: { DATABASE_URL: url.href } });
    expect([status, stderr]).toEqual([1, expect.stringContaining('run `posture-sync migrate`')]);
  });

  test('of one’s own needs SECRET_KEYS for what is sealed, and says how to make one', async () => {
    const { status, stderr } = await it.run(['sync'], { environment: { SECRET_KEYS: '' } });
    expect([status, stderr]).toEqual([1, expect.stringContaining('openssl rand -base64 32')]);
    expect((await it.run(['integration', 'list'], { environment: { SECRET_KEYS: '' } })).status).toBe(0);
  });
});

const commands = await everyCommand();

describe('every command', () => {
  test.each(commands)('%s has --json and an example in its help', async command => {
    const { status, stdout } = await runCommand([...command.split(' '), '--help'], {});
    expect(status).toBe(0);
    expect(stdout).toMatch(/--json/);
    expect(stdout).toContain(`$ posture-sync ${command}`);
  });
});

describe('a token', () => {
  const add = () => ['integration', 'add', '--name', 'hq', '--provider', 'sentinelone', '--url', it.simulator.url];
  const stored = async () => (await it.run(['integration', 'test', 'hq', '--json'])).json()[0]?.ok;

  test('comes from standard input', async () => {
    expect((await it.run(add(), { stdin: `${it.simulator.token}\r\n` })).status).toBe(0);
    expect(await stored()).toBe(true);
  });

  test('comes from a file, or from standard input named -', async () => {
    const words = [...add(), '--token-file', file('token', `${it.simulator.token}\n`)];
    expect((await it.run(words)).status).toBe(0);
    expect(await stored()).toBe(true);
    const replaced = it.simulator.replaceToken('another-token-of-the-console');
    const update = ['integration', 'update', 'hq', '--token-file', '-'];
    expect((await it.run(update, { stdin: replaced })).stdout).toContain('Changed token of hq');
    expect(await stored()).toBe(true);
  });

  test('is replaced by update without other options', async () => {
    await it.addHq();
    const replaced = it.simulator.replaceToken('another-token-of-the-console');
    expect(await stored()).toBe(false);
    expect((await it.run(['integration', 'update', 'hq'], { stdin: replaced })).status).toBe(0);
    expect(await stored()).toBe(true);
  });

  test('that is empty changes nothing', async () => {
    for (const stdin of ['', '\n', '  \n']) {
      const { status, stderr } = await it.run(add(), { stdin });
      expect([status, stderr]).toEqual([1, 'there is no token on standard input: nothing was changed\n']);
    }
    expect(await revision()).toBe(0);
    await it.addHq();
    expect((await it.run(['integration', 'update', 'hq'], { stdin: '' })).status).toBe(1);
    expect((await it.run(['integration', 'update', 'hq', '--token-file', file('empty', '')])).status).toBe(1);
    expect(await revision()).toBe(1);
    expect(await stored()).toBe(true);
  });

  test('is not asked for by an update of something else', async () => {
    await it.addHq();
    const { status, stdout } = await it.run([
      'integration',
      'update',
      'hq',
      '--hold-share',
      '30%',
      '--expire-after',
      'off',
    ]);
    expect([status, stdout]).toEqual([0, 'Changed expireAfter, holdShare of hq.\n']);
  });

  test.each([['--token', 'hunter2'], ['--token=hunter2'], ['--api-token', 'hunter2'], ['--password', 'hunter2']])(
    'as an argument is refused with the reason: %s',
    async (...words) => {
      for (const command of [add(), ['integration', 'update', 'hq']]) {
        const { status, stdout, stderr } = await it.run([...command, ...words], { stdin: 'other' });
        expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining('a token is never an argument')]);
        expect(stderr).not.toContain('hunter2');
      }
      expect(await revision()).toBe(0);
    },
  );

  test('that was mistaken for an argument is not repeated on the screen', async () => {
    const { status, stderr } = await it.run(['integration', 'update', 'hq', `--tokn=${it.simulator.token}`]);
    expect(status).toBe(2);
    expect(stderr).not.toContain(it.simulator.token.slice(0, 40));
  });

  test('typed into a terminal stays hidden, with corrections', async () => {
    const stdin = fakeTerminal();
    const running = it.run(add(), { stdin });
    stdin.write(`x\u0015${it.simulator.token}y\u007f\r`);
    const { status, stdout, stderr } = await running;
    expect([status, stdin.raw]).toEqual([0, [true, false]]);
    expect(stderr).toContain('API Token');
    expect(stdout + stderr).not.toContain(it.simulator.token);
    expect(await stored()).toBe(true);
  });

  test('is given up with Ctrl-C, which a terminal in raw mode hands over as a character', async () => {
    const stdin = fakeTerminal();
    const running = it.run(add(), { stdin });
    stdin.write('half a token\u0003');
    expect((await running).status).toBe(130);
    expect([stdin.raw, await revision()]).toEqual([[true, false], 0]);
  });
});

describe('integration remove', () => {
  test('says how many devices would lose values and wants --yes', async () => {
    await it.run(['device', 'import', '-'], { stdin: inventoryLines() });
    await it.addHq();
    await it.run(['sync', 'hq']);
    const asked = await it.run(['integration', 'remove', 'hq']);
    expect([asked.status, asked.stderr]).toEqual([
      2,
      expect.stringMatching(/add --yes: [1-9]\d* devices would lose \d+ values/),
    ]);
    expect((await it.run(['integration', 'list', '--json'])).json()).toHaveLength(1);
    const done = await it.run(['integration', 'remove', 'hq', '--yes']);
    expect([done.status, done.stdout]).toEqual([0, expect.stringMatching(/[1-9]\d* devices lost \d+ values/)]);
    expect((await it.run(['verify'])).status).toBe(0);
  });
});

describe('what takes values from devices says how many, and wants --yes', () => {
  /** Nobody can write meanwhile: a count must not wait for the head. */
  async function asked(...words: string[]) {
    const writer = await it.database.pool.connect();
    try {
      await writer.query('begin');
      await writer.query('update head set at = at');
      return await it.run(words);
    } finally {
      await writer.query('rollback');
      writer.release();
    }
  }
  const withValues = async () => (await it.run(['device', 'list', '--match', 'matched', '--json'])).json();
  beforeEach(async () => {
    await it.run(['device', 'import', '-'], { stdin: inventoryLines() });
    await it.addHq();
    await it.run(['sync', 'hq']);
  });

  test('device remove', async () => {
    const [device] = await withValues();
    const id = String(device?.id);
    const { status, stderr } = await asked('device', 'remove', id);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/add --yes: it would lose [1-9]\d* values/)]);
    expect((await it.run(['device', 'show', id])).status).toBe(0);
    const done = await it.run(['device', 'remove', id, '--yes', '--json']);
    expect(done.json()).toEqual([{ removed: id, attributes: expect.any(Number) }]);
    expect(stderr).toContain(` ${done.json()[0]?.attributes} values`);
  });

  test('device placeholders --add', async () => {
    const before = await withValues();
    const [device] = before;
    const serial = String(Object(device?.serialNumbers)[0]);
    const add = ['device', 'placeholders', '--add', ` ${serial.toLowerCase()}`];
    const { status, stderr } = await asked(...add);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/add --yes: 1 device would lose [1-9]\d* values/)]);
    expect(await withValues()).toHaveLength(before.length);
    expect((await it.run([...add, '--yes'])).status).toBe(0);
    expect(await withValues()).toHaveLength(before.length - 1);
    expect((await it.run(['device', 'placeholders', '--add', 'NOBODY HAS IT'])).status).toBe(0);
  });

  test('integration update --expire-after', async () => {
    const before = await withValues();
    await it.database.pool.query("update integrations set judged_at = judged_at + interval '3 hours'");
    const shorter = ['integration', 'update', 'hq', '--expire-after', '2h'];
    const { status, stderr } = await asked(...shorter);
    expect([status, stderr]).toEqual([2, expect.stringContaining(`add --yes: ${before.length} devices would lose`)]);
    expect(await withValues()).toHaveLength(before.length);
    expect((await it.run(['integration', 'update', 'hq', '--expire-after', '4h'])).status).toBe(0);
    expect((await it.run([...shorter, '--yes'])).status).toBe(0);
    expect(await withValues()).toEqual([]);
    expect((await it.run(['verify'])).status).toBe(0);
  });

  test('integration remove', async () => {
    const { status, stderr } = await asked('integration', 'remove', 'hq');
    expect([status, stderr]).toEqual([2, expect.stringMatching(/add --yes: [1-9]\d* devices would lose/)]);
  });
});

describe('sync', () => {
  test('answers in the promised shape, and exits 1 unless it succeeded', async () => {
    await it.run(['device', 'import', '-'], { stdin: inventoryLines() });
    await it.addHq();
    const { status, json } = await it.run(['sync', 'hq', '--json']);
    expect([status, json()]).toEqual([
      0,
      [
        {
          integration: 'hq',
          outcome: 'succeeded',
          complete: true,
          pages: 1,
          agents: 40,
          skipped: 0,
          matched: expect.any(Number),
          unmatched: expect.any(Object),
          attributes: { set: expect.any(Number), changed: 0, removed: 0, withheld: 0 },
          events: expect.any(Number),
          error: null,
          durationMs: expect.any(Number),
          dryRun: false,
        },
      ],
    ]);
    it.simulator.setFault('forbidden');
    const failed = await it.run(['sync', 'hq', '--json']);
    expect([failed.status, failed.json()[0]]).toMatchObject([
      1,
      { outcome: 'failed', error: { kind: 'permission', status: 403 } },
    ]);
  });

  test('a dry run tells what would change and writes nothing', async () => {
    await it.run(['device', 'import', '-'], { stdin: inventoryLines() });
    await it.addHq();
    const before = await revision();
    const [result] = (await it.run(['sync', 'hq', '--dry-run', '--json'])).json();
    const changes = (await it.run(['sync', 'hq', '--dry-run', '--ndjson'])).json();
    expect(result).toMatchObject({ dryRun: true, changesTotal: changes.length - 1 });
    expect(changes.at(-1)).toMatchObject({ integration: 'hq', dryRun: true });
    expect(changes[0]).toMatchObject({ device: expect.any(String), old: null });
    expect(await revision()).toBe(before);
    expect((await it.run(['integration', 'show', 'hq', '--json'])).json()[0]).toMatchObject({
      lastSync: null,
      status: null,
    });
  });

  test('of a paused integration is refused, saying how to go on; without a name it is passed over', async () => {
    await it.addHq();
    await it.run(['integration', 'pause', 'hq']);
    const { status, stderr } = await it.run(['sync', 'hq']);
    expect([status, stderr]).toEqual([1, expect.stringContaining('posture-sync integration resume hq')]);
    const all = await it.run(['sync']);
    expect([all.status, all.stdout, all.stderr]).toEqual([0, '', expect.stringContaining('"hq" is paused')]);
    await it.run(['integration', 'resume', 'hq']);
    expect((await it.run(['sync'])).stdout).toContain('hq: succeeded');
  });

  test('of an integration whose token was refused tells until when it waits', async () => {
    await it.addHq();
    it.simulator.setFault('forbidden');
    await it.run(['sync', 'hq']);
    const { status, stderr } = await it.run(['sync', 'hq']);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/paused until 20\S+Z \(its credentials may not read agents\)/),
    ]);
    expect((await it.run(['sync'])).status).toBe(1);
  });

  test('--accept admits what is held, and is refused when nothing is', async () => {
    await it.run(['device', 'import', '-'], { stdin: inventoryLines() });
    await it.addHq();
    await it.run(['sync', 'hq']);
    expect((await it.run(['sync', 'hq', '--accept'])).stderr).toContain('nothing is held');
    it.simulator.setFault('vanished-agents', { percent: 60 });
    const held = await it.run(['sync', 'hq']);
    expect([held.status, held.stdout]).toEqual([1, expect.stringContaining('sync hq --accept')]);
    const shown = await it.run(['integration', 'show', 'hq']);
    expect(shown.stdout).toMatch(/state: +held/);
    expect(shown.stdout).toContain('would lose sentinelOne:');
    const accepted = await it.run(['sync', 'hq', '--accept', '--json']);
    expect([accepted.status, accepted.json()[0]]).toMatchObject([0, { outcome: 'succeeded' }]);
    expect((await it.run(['verify'])).status).toBe(0);
  });

  test('--accept holds for 24 hours: what comes later is held again', async () => {
    await it.run(['device', 'import', '-'], { stdin: inventoryLines() });
    await it.addHq();
    await it.run(['sync', 'hq']);
    it.simulator.setFault('vanished-agents', { percent: 60 });
    await it.run(['sync', 'hq']);
    const outcome = async (...words: string[]) => (await it.run(['sync', 'hq', '--json', ...words])).json()[0]?.outcome;
    // The sync that comes with an acceptance does not get through, so that it is there for later ones.
    const accept = async () => {
      it.simulator.clearFaults();
      it.simulator.setFault('not-found');
      expect(await outcome('--accept')).toBe('failed');
      it.simulator.clearFaults();
      it.simulator.setFault('vanished-agents', { percent: 60 });
    };
    await accept();
    await setClockAhead(24 * 60 + 1);
    expect(await outcome()).toBe('held');
    await accept();
    await setClockAhead(2 * 24 * 60 - 5);
    expect(await outcome()).toBe('succeeded');
  });

  test('whose last runs died with their worker is not tried on at once, but when it is asked for again', async () => {
    await it.addHq();
    await it.database.pool.query(
      `insert into sync_runs (integration_id, worker, started_at, progress_at, finished_at, outcome)
       select i.id, 'gone', now(), now(), case when n < 3 then now() end, case when n < 3 then 'abandoned' end
       from integrations i, generate_series(1, 3) n order by n`,
    );
    const { status, stderr } = await it.run(['sync', 'hq']);
    const sentence = /^the last runs of hq died with their worker; it is tried again at 20\S+Z$/m;
    expect([status, stderr]).toEqual([1, expect.stringMatching(sentence)]);
    expect((await it.run(['sync', 'hq'])).status).toBe(0);
  });

  test('without a name it takes all integrations, an object a line', async () => {
    await it.addHq();
    const words = ['integration', 'add', '--name', 'branch', '--provider', 'sentinelone', '--url', it.simulator.url];
    await it.run(words, { stdin: it.simulator.token });
    const { status, json } = await it.run(['sync', '--json']);
    expect(status).toBe(0);
    expect(
      json()
        .map(result => result.integration)
        .sort(),
    ).toEqual(['branch', 'hq']);
  });
});

describe('a sync while another is on', () => {
  let held: Installation;
  beforeEach(async () => {
    held = await createInstallation({ agents: 2_000 });
    await held.addHq();
  });
  afterEach(() => held.close());

  /** Runs a command beside a sync that cannot write before the command has said that. */
  async function beside(words: string[], remark: string) {
    const writer = await held.database.pool.connect();
    await writer.query('begin; lock table head in exclusive mode');
    const first = held.run(['sync', 'hq', '--json']);
    await untilRunning(held);
    const said = Promise.withResolvers<void>();
    const second = held.run(words, { remarked: text => void (text.includes(remark) && said.resolve()) });
    await Promise.race([said.promise, second]);
    await writer.query('commit');
    writer.release();
    return { first: await first, second: await second };
  }

  test('joins it and reports it in the same shape', async () => {
    const { first, second } = await beside(['sync', 'hq', '--json'], 'joined it');
    expect(second.stderr).toMatch(/a sync of hq is on since 20\S+Z in \S+: joined it/);
    expect([second.status, second.json()]).toEqual([0, first.json()]);
    expect((await held.database.pool.query('select count(*)::int as n from sync_runs')).rows[0].n).toBe(1);
  });

  test('as a dry run waits for its end, and then plans', async () => {
    const { first, second } = await beside(['sync', 'hq', '--dry-run', '--json'], 'waiting for its end');
    expect(second.stderr).toContain('waiting for its end');
    expect(second.json()[0]).toMatchObject({ dryRun: true, outcome: 'succeeded', changesTotal: 0 });
    expect(first.status).toBe(0);
  });

  test('that is stopped leaves it, and the next one runs anew', async () => {
    const stopping = new AbortController();
    // The second page never comes, however slow this machine is.
    held.simulator.setFault('timeout', { page: 2 });
    const first = held.run(['sync', 'hq'], { stop: stopping.signal });
    await untilRunning(held);
    const isJoined = Promise.withResolvers<void>();
    const remarked = (text: string) => void (text.includes('joined it') && isJoined.resolve());
    const joined = held.run(['sync', 'hq', '--json'], { remarked });
    await isJoined.promise;
    held.simulator.clearFaults();
    stopping.abort(new Stop(130));
    expect((await first).status).toBe(130);
    expect((await joined).json()[0]).toMatchObject({ outcome: 'succeeded', agents: 2_000 });
    const { rows } = await held.database.pool.query('select outcome from sync_runs order by id');
    expect(rows.map(row => row.outcome)).toEqual(['abandoned', 'succeeded']);
  });
});

async function untilRunning({ database }: Installation): Promise<void> {
  const open = 'select from sync_runs where finished_at is null';
  await expect.poll(async () => (await database.pool.query(open)).rowCount).toBe(1);
}

describe('devices', () => {
  test('import tells created, changed, unchanged and rejected, and rejects a bad line only', async () => {
    const csv = file('devices.csv', 'id,hostname,serialNumbers\nd1,one,S1AA\nd2,two\nd3,three,"S3AA;S3BB"\n');
    expect((await it.run(['device', 'import', csv, '--json'])).json()).toEqual([
      {
        created: 2,
        changed: 0,
        unchanged: 0,
        rejected: [{ line: 3, message: 'the line has 2 fields, the header 3' }],
        rejectedTotal: 1,
      },
    ]);
    const lines = '{"id":"d1","hostname":"uno"}\n{"id":"d3"}\n{"id":7}\n';
    const { status, json } = await it.run(['device', 'import', '-', '--json'], { stdin: lines });
    expect([status, json()]).toEqual([
      0,
      [
        {
          created: 0,
          changed: 1,
          unchanged: 1,
          rejected: [{ line: 3, message: expect.stringContaining('id') }],
          rejectedTotal: 1,
        },
      ],
    ]);
    expect((await it.run(['device', 'show', 'd1', '--json'])).json()[0]).toMatchObject({
      id: 'd1',
      hostname: 'uno',
      serialNumbers: ['S1AA'],
      match: { state: 'unmatched', reason: 'no_agent' },
    });
  });

  test('a file of which nothing could be used fails', async () => {
    expect((await it.run(['device', 'import', '-'], { stdin: 'nope\n{' })).status).toBe(1);
    expect((await it.run(['device', 'import', '-'], { stdin: '{nope\n' })).status).toBe(1);
  });

  test('import keeps the first thousand rejected lines and counts them all, also on standard error', async () => {
    const stdin = `{"id":"d1"}\n${'nope\n'.repeat(1_200)}`;
    const { status, stderr, json } = await it.run(['device', 'import', '-', '--json'], { stdin });
    const [result] = json();
    expect([status, stderr]).toEqual([0, expect.stringContaining('1200 lines were rejected\n')]);
    expect(result).toMatchObject({ created: 1, rejectedTotal: 1_200 });
    expect(result?.rejected).toHaveLength(1_000);
  });

  test('are made of unmatched agents for a first picture, and the values are there at once', async () => {
    await it.addHq();
    await it.run(['sync', 'hq']);
    const made = (await it.run(['device', 'import', '--from-agents', '--json'])).json()[0];
    expect(made?.created).toBeGreaterThan(20);
    const devices = (await it.run(['device', 'list', '--match', 'matched', '--json'])).json();
    expect(devices).toHaveLength(Number(made?.created));
    const explained = (await it.run(['explain', String(devices[0]?.id), '--json'])).json()[0];
    expect(explained).toMatchObject({
      match: { state: 'matched', reason: null },
      agents: [{ chosen: true, integration: 'hq' }],
    });
    expect(Object.keys(Object(explained?.attributes)).length).toBeGreaterThan(5);
  });

  test('have serial numbers by hand, and agents bound', async () => {
    await it.addHq();
    await it.run(['sync', 'hq']);
    const [withSerial] = it.simulator.fleet.agents.filter(
      agent => agent.serial && agent.serial.length > 6 && !agent.decommissioned,
    );
    await it.run(['device', 'add', 'd1', '--hostname', 'ONE', '--tag', 'a', '--tag', 'b', '--serial', 'WRONG1']);
    const byHand = await it.run(['device', 'serials', 'd1', withSerial?.serial ?? '', '--json']);
    expect(byHand.json()[0]).toMatchObject({ tags: ['a', 'b'], match: { state: 'matched' } });
    expect((await it.run(['device', 'serials', 'd1', '--clear', '--json'])).json()[0]).toMatchObject({
      serialNumbers: ['WRONG1'],
      match: { reason: 'no_agent' },
    });
    const bound = await it.run(['device', 'bind', 'd1', withSerial?.id ?? '', '--json']);
    expect(bound.json()[0]).toMatchObject({ match: { state: 'matched' } });
    const undone = await it.run(['device', 'bind', 'd1', withSerial?.id ?? '', '--undo', '--json']);
    expect(undone.json()[0]).toMatchObject({ match: { state: 'unmatched' } });
    expect((await it.run(['device', 'remove', 'd1', '--yes'])).status).toBe(0);
    expect((await it.run(['verify'])).stdout).toBe('Everything is as it should be.\n');
  });
});

describe('audit', () => {
  test('prints an entry a line, oldest first, filtered by time, target and event', async () => {
    await it.run(['device', 'add', 'd1', '--hostname', 'ONE']);
    await it.run(['device', 'add', 'd2', '--hostname', 'TWO']);
    await it.addHq();
    const events = async (...words: string[]) =>
      (await it.run(['audit', '--json', ...words])).json().map(entry => `${entry.event} ${Object(entry.target).name}`);
    expect(await events()).toEqual(['NODE.CREATE ONE', 'NODE.CREATE TWO', 'TAILNET.CREATE.POSTURE_INTEGRATION hq']);
    expect(await events('--target', 'two')).toEqual(['NODE.CREATE TWO']);
    expect(await events('--event', 'tailnet.create')).toEqual(['TAILNET.CREATE.POSTURE_INTEGRATION hq']);
    expect(await events('--since', '1h', '--event', 'NODE')).toHaveLength(2);
    const text = await it.run(['audit', '--target', 'd1']);
    expect(text.stdout).toMatch(/^20\S+Z {2}anna {2}NODE\.CREATE {2}d1 \(ONE\)/);
  });
});
