// `settings show|set`: what is shown, what is read as a value, and what is asked before identity collection is switched off.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInstallation, fakeTerminal, type Installation } from '../support/cli.ts';

let it: Installation;
let devices: number;
beforeAll(async () => {
  it = await createInstallation();
  await it.addHq();
  await it.run(['sync', 'hq']);
  await it.run(['device', 'import', '--from-agents']);
  const { rows } = await it.database.pool.query(
    "select count(*)::int as n from device_attributes where values <> '{}'",
  );
  devices = rows[0].n;
});
afterAll(() => it.close());

const set = (...words: string[]) => it.run(['settings', 'set', ...words]);
const shown = async () => (await it.run(['settings', 'show', '--json'])).json()[0];
const switchOff = 'postureIdentityCollectionOn=false';

test('settings show names every setting with its value', async () => {
  const { stdout, status } = await it.run(['settings', 'show']);
  expect([status, stdout.trim().split('\n')]).toEqual([
    0,
    expect.arrayContaining([expect.stringMatching(/^devicesKeyDurationDays: +180$/)]),
  ]);
  expect(stdout).toMatch(/^aclsExternalLink: +none$/m);
  expect(stdout).not.toContain('warning');
});

test('settings set reads flags, numbers and text, and says what changed', async () => {
  const first = await set(
    'devicesKeyDurationDays=90',
    'httpsEnabled=true',
    'aclsExternalLink=https://a.example/?b=c=d',
  );
  expect([first.status, first.stdout]).toEqual([
    0,
    'Changed aclsExternalLink, devicesKeyDurationDays, httpsEnabled.\n',
  ]);
  const wanted = { devicesKeyDurationDays: 90, httpsEnabled: true, aclsExternalLink: 'https://a.example/?b=c=d' };
  expect(await shown()).toMatchObject(wanted);
  expect((await set('httpsEnabled=true')).stdout).toBe('Nothing changed.\n');
  const { stdout } = await set('aclsExternalLink=', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ aclsExternalLink: '', httpsEnabled: true, changed: ['aclsExternalLink'] });
});

test.each<[number, string, string[]]>([
  [2, 'missing required argument', []],
  [2, '"httpsEnabled" is not of the form NAME=VALUE', ['httpsEnabled']],
  [2, '"=true" is not of the form NAME=VALUE', ['=true']],
  [2, 'httpsEnabled: it is given twice', ['httpsEnabled=true', 'httpsEnabled=false']],
  [2, 'did you mean "httpsEnabled"?', ['httpEnabled=true']],
  [2, 'there is no setting "__proto__"', ['__proto__=true']],
  [2, 'httpsEnabled: true or false', ['httpsEnabled=on']],
  [2, 'devicesKeyDurationDays: a whole number from 1 to 180', ['devicesKeyDurationDays=1e2']],
  [2, 'aclsExternalLink: an address', ['aclsExternalLink=true']],
  [2, 'Allowed is a whole number', [switchOff, '--confirm', 'all']],
])('exit status is %i with "%s" for %j, and nothing changes', async (status, message, words) => {
  const before = await shown();
  const result = await set(...words);
  expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(message)]);
  expect(await shown()).toEqual(before);
});

test('switching identity collection off wants the number of devices that lose values, and names it', async () => {
  expect(devices).toBeGreaterThan(10);
  const unasked = await set(switchOff);
  expect([unasked.status, unasked.stderr]).toEqual([
    2,
    expect.stringContaining(`add --confirm ${devices}: ${devices} devices would lose`),
  ]);
  const wrong = await set(switchOff, '--confirm', '3');
  expect([wrong.status, wrong.stderr]).toEqual([
    1,
    expect.stringMatching(new RegExp(`${devices} devices lose .*not 3.*confirm ${devices}`)),
  ]);
  expect(await shown()).toMatchObject({ postureIdentityCollectionOn: true });
  const right = await set(switchOff, '--confirm', String(devices));
  expect([right.status, right.stdout]).toEqual([
    0,
    expect.stringMatching(new RegExp(`^Changed .*\n${devices} devices lost \\d+ values\\.\n$`)),
  ]);
  expect((await it.run(['settings', 'show'])).stdout).toContain('warning: Identity collection is switched off');
  expect((await it.run(['integration', 'show', 'hq'])).stdout).toContain(
    'warning: identity collection is switched off',
  );
  const list = (await it.run(['device', 'list', '--match', 'identity_collection_off', '--json'])).json();
  const id = String(list[0]?.id);
  expect((await it.run(['device', 'show', id])).stdout).toContain('Identity collection is switched off');
  expect((await it.run(['explain', id])).stdout).toContain('unmatched, identity_collection_off: Identity collection');
  const verified = await it.run(['verify']);
  expect([verified.status, verified.stdout]).toEqual([0, 'Everything is as it should be.\n']);
  expect(verified.stderr).toContain('Identity collection is switched off');
  expect((await set('postureIdentityCollectionOn=true')).status).toBe(0);
});

test.each([
  ['the number', () => `${devices}\n`, 0, 'Changed postureIdentityCollectionOn'],
  ['another number', () => '3\n', 1, `not 3`],
  ['yes', () => 'yes\n', 2, 'nothing was changed'],
  ['nothing', () => '\n', 2, 'nothing was changed'],
])('at a terminal it is asked for, and %s is taken for what it is', async (_, typed, status, message) => {
  const stdin = fakeTerminal();
  stdin.write(typed());
  const result = await it.run(['settings', 'set', switchOff], { stdin });
  expect([result.status, result.stdout + result.stderr]).toEqual([status, expect.stringContaining(message)]);
  expect(result.stderr).toContain(`${devices} devices would lose`);
  await set('postureIdentityCollectionOn=true');
});
