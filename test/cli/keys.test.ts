// `key create|list|revoke`: the key alone on standard output, once, and nowhere else.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createInstallation, type Installation } from '../support/cli.ts';

let it: Installation;
beforeAll(async () => {
  it = await createInstallation();
});
afterAll(() => it.close());

const create = (...words: string[]) => it.run(['key', 'create', '--name', 'nginx', ...words]);

test('key create prints the key alone, remarks apart from it, and neither list nor audit has it', async () => {
  const { status, stdout, stderr } = await create('--scope', 'gateway:decide', '--scope', 'policy_file:read');
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^pskey-[0-9A-Za-z]{12}-[0-9A-Za-z]{43}\n$/)]);
  expect(stderr).toContain('not shown again');
  const secret = stdout.trim().slice(19);
  const said = [stderr];
  for (const words of [
    ['key', 'list'],
    ['key', 'list', '--json'],
    ['audit', '--json'],
    ['key', 'revoke', 'nginx'],
  ])
    said.push((await it.run(words)).stdout);
  expect(said.join()).toContain('gateway:decide,policy_file:read');
  expect(said.join()).not.toContain(secret);
});

test('key list says what to do where there is none', async () => {
  const empty = await createInstallation();
  expect((await empty.run(['key', 'list'])).stdout).toContain('posture-sync key create --help');
  await empty.close();
});

test('key create --help lists every scope', async () => {
  const { stdout } = await it.run(['key', 'create', '--help']);
  for (const scope of ['all:read', 'gateway:stream', 'devices:report', 'logs:configuration:read'])
    expect(stdout).toContain(`  ${scope} `);
});

test.each<[number, string, string[]]>([
  [2, 'no "nope"', ['create', '--name', 'a', '--scope', 'nope']],
  [2, 'expires: from 1m', ['create', '--name', 'a', '--scope', 'all', '--expires', '1s']],
  [2, 'Allowed is a whole number and a unit', ['create', '--name', 'a', '--scope', 'all', '--expires', 'soon']],
  [2, "'--scope <scope>' not specified", ['create', '--name', 'a']],
  [2, "missing required argument 'id-or-name'", ['revoke']],
  [1, 'there is no API key "nope"', ['revoke', 'nope']],
])('exit status is %i with "%s" for %j', async (status, message, words) => {
  const result = await it.run(['key', ...words]);
  expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(message)]);
});
