// `policy impact` on a small world with known answers: devices whose values are fresh, old, bad or not there.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { applyPolicy } from '../../src/operations/policies.ts';
import { runCommand } from '../support/cli.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { createWorld, tester, type World } from '../support/world.ts';

const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-impact-'));
afterAll(() => rmSync(place, { recursive: true }));

let world: World;
const run = (...words: string[]) => runCommand(['policy', 'impact', ...words], { DATABASE_URL: world.database.url });
const apply = (text: string) =>
  applyPolicy({ db: world.db, now: world.now, actor: tester }, { text, ifRevision: null });
const state = async () =>
  (await world.db.query('select (select count(*) from policies) as n, revision from head')).rows;

let files = 0;
function file(text: string): string {
  const where = path.join(place, `${files++}.hujson`);
  writeFileSync(where, text);
  return where;
}

/** Three devices with values of now, one with values of a week ago, one without an agent; `bad` has a threat. */
beforeAll(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  for (const id of ['bad', 'fine', 'old', 'tagged']) console.set(fakeAgent(id, `SER-${id}`));
  console.set(fakeAgent('bad', 'SER-bad', { values: { 'fake:isActive': true, 'fake:threats': 2 } }));
  await world.devices(
    { id: 'bad', serialNumbers: ['SER-bad'], user: 'anna@example.com' },
    { id: 'fine', serialNumbers: ['SER-fine'], user: 'anna@example.com', hostname: 'ANNA-LT' },
    { id: 'new', serialNumbers: ['SER-new'], user: 'anna@example.com' },
    { id: 'old', serialNumbers: ['SER-old'], user: 'bob@example.com' },
    { id: 'tagged', serialNumbers: ['SER-tagged'], tags: ['web'], addresses: ['10.9.0.7'] },
  );
  await world.sync('hq');
  // Commands go by the database's clock.
  await world.db.query('update device_attributes set observed_at = clock_timestamp()');
  await world.db.query("update integrations set swept_at = clock_timestamp() - interval '1 hour'");
  await world.db.query(
    "update device_attributes set frozen_at = clock_timestamp() - interval '7 days' where device_id = 'old'",
  );
});

const postures = `"postures": {
  "posture:calm": ["fake:threats == 0"],
  "posture:fresh": ["fake:isActive WITHIN '24h'"],
},`;
const open =
  '{ "acls": [{ "action": "accept", "src": ["*"], "dst": ["wiki.example.com:443"] }], "hosts": { "wiki.example.com": "10.0.0.5" } }';
const guarded = `{ ${postures}
  "hosts": { "wiki.example.com": "10.0.0.5" },
  "acls": [
    { "action": "accept", "src": ["autogroup:member"], "dst": ["wiki.example.com:443"], "srcPosture": ["posture:calm"] },
    { "action": "accept", "src": ["anna@example.com"], "dst": ["10.1.0.0/16:22"], "srcPosture": ["posture:fresh"] },
  ] }`;

describe('policy impact', () => {
  test('beside no policy lists all that is granted, and says that everything is denied now', async () => {
    const { status, stdout, stderr } = await run(file(guarded));
    expect([status, stderr]).toEqual([0, 'No policy is in force: everything is denied until one is applied.\n']);
    expect(stdout.split('\n').map(line => line.trimEnd())).toEqual([
      'bad (anna@example.com) gains 10.1.0.0/16:22 by acls[1]',
      'fine ANNA-LT (anna@example.com) gains wiki.example.com:443 by acls[0]',
      'fine ANNA-LT (anna@example.com) gains 10.1.0.0/16:22 by acls[1]',
      'old (bob@example.com) gains wiki.example.com:443 by acls[0]',
      'Beside no policy at all, of 5 devices 3 would gain and 0 would lose access.',
      '',
      'DESTINATION           GAIN  LOSE',
      '10.1.0.0/16:22           2     0',
      'wiki.example.com:443     2     0',
      '',
      'POSTURE        PASS  FAIL  UNKNOWN  NOW PASS  NOW FAIL  NOW UNKNOWN',
      'posture:calm      3     1        1  -         -         -',
      'posture:fresh     3     0        2  -         -         -',
      '',
    ]);
  });

  test('knows devices by their addresses', async () => {
    const byAddress = '{ "acls": [{ "action": "accept", "src": ["10.9.0.0/24"], "dst": ["10.1.0.5:22"] }] }';
    const [line] = (await run(file(byAddress), '--json')).json();
    expect(line).toMatchObject({ device: 'tagged', change: 'gains', destination: '10.1.0.5:22' });
  });

  test('beside the policy in force lists who gains and who loses what, and why, and writes nothing', async () => {
    await apply(open);
    const before = await state();
    const result = await run(file(guarded), '--json');
    expect(result).toMatchObject({ status: 0, stderr: '' });
    const summary = result.json().at(-1);
    const lost = { change: 'loses', destination: 'wiki.example.com:443', rule: 'acls[0]' };
    const gained = {
      change: 'gains',
      destination: '10.1.0.0/16:22',
      rule: 'acls[1]',
      outcome: 'no_rule',
      postures: [],
    };
    const anna = { hostname: null, user: 'anna@example.com' };
    const none = { reasons: [], reasonsTotal: 0 };
    const calm = (found: number | null, unknown: string | null) => ({
      ...{ outcome: 'posture', postures: ['posture:calm'], reasonsTotal: 1 },
      reasons: [expect.objectContaining({ condition: 'fake:threats == 0', expected: 0, found, unknown })],
    });
    expect(result.json().slice(0, -1)).toEqual([
      { device: 'bad', ...anna, ...lost, ...calm(2, null) },
      { device: 'bad', ...anna, ...gained, ...none },
      { device: 'fine', ...anna, hostname: 'ANNA-LT', ...gained, ...none },
      { device: 'new', ...anna, ...lost, ...calm(null, 'unset') },
      { device: 'tagged', hostname: null, user: null, ...lost, outcome: 'no_rule', postures: [], ...none },
    ]);
    expect(summary).toEqual({
      comparedWith: expect.any(Number),
      ...{ ok: true, errors: [], tests: { passed: 0, failed: 0 } },
      devices: 5,
      gaining: 2,
      losing: 3,
      destinations: [
        { destination: 'wiki.example.com:443', gains: 0, loses: 3 },
        { destination: '10.1.0.0/16:22', gains: 2, loses: 0 },
      ],
      postures: [
        { posture: 'posture:calm', before: null, after: { pass: 3, fail: 1, unknown: 1 } },
        { posture: 'posture:fresh', before: null, after: { pass: 3, fail: 0, unknown: 2 } },
      ],
    });
    expect(await state()).toEqual(before);
    expect((await run(file(guarded))).stdout).toContain(
      'bad (anna@example.com) loses wiki.example.com:443, which acls[0] granted: posture:calm does not hold\n' +
        '  fake:threats == 0: found 2 (integration hq, confirmed ',
    );
  });

  test('tells by age: WITHIN takes away from who was not confirmed that recently', async () => {
    await apply(guarded);
    const within = guarded.replace('"fake:threats == 0"', `"fake:threats == 0 WITHIN '24h'"`);
    const answers = (await run(file(within), '--json')).json();
    expect(answers).toEqual([
      expect.objectContaining({ device: 'old', change: 'loses', destination: 'wiki.example.com:443' }),
      expect.objectContaining({
        gaining: 0,
        losing: 1,
        postures: [
          {
            posture: 'posture:calm',
            before: { pass: 3, fail: 1, unknown: 1 },
            after: { pass: 2, fail: 1, unknown: 2 },
          },
          { posture: 'posture:fresh', before: expect.anything(), after: { pass: 3, fail: 0, unknown: 2 } },
        ],
      }),
    ]);
  });

  test('of what is in force finds no change', async () => {
    await apply(guarded);
    const { stdout } = await run(file(guarded));
    expect(stdout).toMatch(/^Beside the policy of revision \d+, of 5 devices 0 would gain and 0 would lose access\.\n/);
  });

  test('beside a policy in force that this version cannot read says that it grants nothing', async () => {
    const other = await createWorld();
    await other.devices({ id: 'd1' });
    const columns = '(revision, text, hash, applied_at, actor)';
    await other.db.query(`insert into policies ${columns} values (1, '{ "acls": 1 }', '', now(), '{}')`);
    const { stdout, stderr } = await runCommand(['policy', 'impact', file(open)], { DATABASE_URL: other.database.url });
    expect(stderr).toBe('The policy of revision 1 has errors for this version: it grants nothing.\n');
    expect(stdout).toContain('d1 gains wiki.example.com:443 by acls[0]\n');
  });

  test('tells the first conditions of a change to people, and how many more there are', async () => {
    await apply(open);
    const many = Array.from({ length: 7 }, (_, n) => `"fake:threats >= ${10 + n}"`).join(', ');
    const { stdout } = await run(file(guarded.replace('"fake:threats == 0"', many)));
    const lines = stdout.split('\n');
    const from = lines.findIndex(line => line.startsWith('bad (anna@example.com) loses'));
    expect(lines.slice(from + 5, from + 8)).toEqual([
      expect.stringMatching(/^ {2}fake:threats >= 14: found 2 /),
      '  and 2 more',
      'bad (anna@example.com) gains 10.1.0.0/16:22 by acls[1]',
    ]);
    await apply(guarded);
    expect((await run(file(open))).stdout).toContain(
      'bad (anna@example.com) gains wiki.example.com:443 by acls[0]: until now posture:calm does not hold\n  fake:threats == 0: found 2',
    );
  });

  test('of a policy whose own tests fail tells who gains and loses, then the tests, with exit status 1', async () => {
    await apply(open);
    const tested = `${guarded.slice(0, guarded.lastIndexOf('}'))},
      "tests": [{ "src": "anna@example.com", "accept": ["wiki.example.com:443"] }] }`;
    const where = file(tested);
    const checked = await runCommand(['policy', 'check', where], {});
    const { status, stdout, stderr } = await run(where);
    expect([status, stderr, checked.stdout]).toEqual([1, checked.stderr, expect.stringContaining('wiki.example.com')]);
    expect(stdout).toContain('bad (anna@example.com) loses wiki.example.com:443');
    expect(stdout).toContain('of 5 devices 2 would gain and 3 would lose access.\n');
    expect(stdout.endsWith(`\n\n${checked.stdout}`)).toBe(true);
    const said = await run(where, '--json');
    expect([said.status, said.stderr]).toEqual([1, checked.stderr]);
    expect(said.json().at(-1)).toMatchObject({
      ...{ losing: 3, ok: false, tests: { passed: 0, failed: 1 } },
      errors: [expect.objectContaining({ code: 'test_failed' })],
    });
  });

  test('of a policy with errors prints them as check does, with exit status 1', async () => {
    const broken = file('{ "acls": 1 }');
    const checked = await runCommand(['policy', 'check', broken], {});
    const { status, stdout, stderr } = await run(broken);
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: checked.stdout, stderr: checked.stderr });
  });

  test('lists a thousand lines to people, and all of them to scripts', async () => {
    const big = await createWorld();
    await big.devices(...Array.from({ length: 600 }, (_, i) => ({ id: `d${i}` })));
    const two = file('{ "acls": [{ "action": "accept", "src": ["*"], "dst": ["*:22", "*:80"] }] }');
    const ask = (...words: string[]) =>
      runCommand(['policy', 'impact', two, ...words], { DATABASE_URL: big.database.url });
    const lines = (await ask()).stdout.split('\n');
    expect(lines.slice(999, 1_002)).toEqual([
      expect.stringMatching(/ gains \*:80 by acls\[0\]$/),
      'and 200 more; --json lists all',
      'Beside no policy at all, of 600 devices 600 would gain and 0 would lose access.',
    ]);
    expect((await ask('--json')).json()).toHaveLength(1_201);
  });
});
