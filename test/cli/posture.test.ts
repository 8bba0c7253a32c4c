// `posture list|show` as people see them.
import { beforeEach, expect, test } from 'vitest';
import { runCommand } from '../support/cli.ts';
import { fakeAgent } from '../support/fake-provider.ts';
import '../support/registered.ts';
import { inForce, openKeeper } from '../support/standings.ts';
import { createWorld, type World } from '../support/world.ts';

let world: World;
const run = (...words: string[]) => runCommand(['posture', ...words], { DATABASE_URL: world.database.url });

beforeEach(async () => {
  world = await createWorld();
  const console = await world.integration('hq');
  for (const id of ['a', 'b', 'c']) await world.devices({ id, hostname: `HOST-${id}`, serialNumbers: [`SER-${id}`] });
  console.set(fakeAgent('a', 'SER-a'));
  console.set(fakeAgent('b', 'SER-b', { values: { 'fake:threats': 2 } }));
  await world.sync('hq');
  const described = { description: 'Nothing found.', resolution: 'Ask \u001b[2JAnna.' };
  await inForce(world, { 'posture:clean': { conditions: ['fake:threats == 0'], ...described } });
});

// The commands take the database's clock.
const judge = async () => await (await openKeeper(world, { now: () => new Date() })).judge();

test('posture list counts devices, and says as of what', async () => {
  await judge();
  const { status, stdout, stderr } = await run('list');
  expect([status, stdout]).toEqual([
    0,
    'POSTURE        PASSING  FAILING  UNKNOWN  DEVICES\nposture:clean        1        1        1        3\n',
  ]);
  expect(stderr).toMatch(/^As of revision \d+, looked at \ds ago\.\n$/);
});

test('posture list says what is missing where no worker judges', async () => {
  expect((await run('list')).stderr).toBe(
    'Nothing was judged yet; 3 devices still to be judged.\nNo worker judges devices now: `posture-sync serve` starts one.\n',
  );
});

test('posture list and show say so where no worker judges any more, also with nothing left to be judged', async () => {
  const keeper = await openKeeper(world, { now: () => new Date(Date.now() - 600_000) });
  await keeper.judge();
  await keeper.end();
  for (const words of [['list'], ['show', 'clean'], ['show', 'clean', '--device', 'a']]) {
    const { stderr } = await run(...words);
    expect(stderr).toMatch(
      /^As of revision \d+, looked at 10m ago\.\nNo worker judges devices now: `posture-sync serve` starts one\.\n$/,
    );
  }
});

test('posture show says what the posture asks for and what keeps devices from it', async () => {
  await judge();
  expect((await run('show', 'clean')).stdout.split('\n')).toEqual(
    [
      'posture:      posture:clean',
      'description:  Nothing found.',
      'resolution:   Ask \ufffd[2JAnna.',
      'passing:      1',
      'failing:      1',
      'unknown:      1',
      'devices:      3',
      '',
      'All of these must be true:',
      '  fake:threats == 0',
      '',
      'DEVICES  WHY NOT                               FOR EXAMPLE',
      '      1  fake:threats == 0: found 2            b',
      '      1  fake:threats == 0: it is not set      c',
      '',
    ].map(line =>
      expect.stringMatching(new RegExp(`^${line.replaceAll(/[[\]()]/g, '\\$&').replaceAll(/ {2,}/g, ' +')}$`)),
    ),
  );
  expect((await run('show', 'clean', '--limit', '1')).stdout).toContain('and 1 other cause; --limit lists more\n');
});

test('device list and device export have the devices that a condition keeps from a posture', async () => {
  await judge();
  const device = (...words: string[]) => runCommand(['device', ...words], { DATABASE_URL: world.database.url });
  const asked = ['--posture', 'clean', '--condition', 'fake:threats == 0'];
  expect((await device('list', ...asked, '--json')).json().map(({ id }) => id)).toEqual(['b', 'c']);
  expect((await device('list', ...asked, '--standing', 'unknown', '--json')).json().map(({ id }) => id)).toEqual(['c']);
  expect((await device('export', ...asked)).stdout.split(/\r?\n/).map(line => line.split(',')[0])).toEqual([
    ...['id', 'b', 'c', ''],
  ]);
  const alone = await device('list', '--condition', 'fake:threats == 0');
  expect([alone.status, alone.stderr]).toEqual([2, expect.stringContaining('condition: it needs a posture')]);
});

test('posture show lists the devices in a state, or tells of one', async () => {
  await judge();
  expect((await run('show', 'clean', '--state', 'failing')).stdout).toMatch(
    /^b HOST-b since \S+Z \(\ds ago\): fake:threats == 0: found 2\n$/,
  );
  expect((await run('show', 'clean', '--device', 'b')).stdout).toMatch(
    /^device: +b \(HOST-b\)\nposture: +posture:clean\nstate: +failing\nsince: .*\n {2}fake:threats == 0: found 2 \(integration hq\)\n$/,
  );
  expect((await run('show', 'clean', '--state', 'passing', '--json')).json()).toMatchObject([
    { device: 'a', state: 'passing', reasons: [], validUntil: null },
  ]);
});

test.each<[number, string, string[]]>([
  [1, 'the policy in force has no posture:nope; it has posture:clean', ['show', 'nope']],
  [1, 'there is no device z', ['show', 'clean', '--device', 'z']],
  [2, 'take one of the two', ['show', 'clean', '--device', 'a', '--state', 'failing']],
  [2, 'Allowed choices are passing, failing, unknown', ['show', 'clean', '--state', 'failed']],
  [2, 'Allowed is a whole number', ['show', 'clean', '--limit', '0']],
])('exit status is %i with "%s" for %j', async (status, message, words) => {
  const result = await run(...words);
  expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(message)]);
});
