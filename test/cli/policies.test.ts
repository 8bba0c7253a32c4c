// `policy apply|show|history` as people and scripts see them.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { runCommand } from '../support/cli.ts';
import { freshDatabase, type TestDatabase } from '../support/database.ts';

const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-policies-'));
afterAll(() => rmSync(place, { recursive: true }));

let database: TestDatabase;
beforeEach(async () => {
  database = await freshDatabase();
});

const run = (...words: string[]) => runCommand(['policy', ...words], { DATABASE_URL: database.url });
const starter = 'config/policy.hujson';
function file(name: string, content: string | Uint8Array): string {
  const where = path.join(place, name);
  writeFileSync(where, content);
  return where;
}

describe('policy apply', () => {
  test('says what is in force now and what it replaced, and show prints the file', async () => {
    expect(await run('apply', starter)).toMatchObject({
      status: 0,
      stdout: `${starter} is in force as revision 1: 1 posture, 2 rules, 8 tests passed, 0 failed\n`,
      stderr: '',
    });
    expect((await run('show')).stdout).toBe(readFileSync(starter, 'utf8'));
    expect((await run('apply', starter)).stdout).toBe(`${starter} is in force already, since revision 1.\n`);
    const other = file('other.hujson', '{} // nothing at all, and no end of line');
    expect((await run('apply', other, '--if-revision', '1')).stdout).toBe(
      `${other} is in force as revision 2; it replaces that of revision 1: 0 postures, 0 rules, no tests\n`,
    );
    expect((await run('show')).stdout).toBe('{} // nothing at all, and no end of line');
    expect((await run('show', '--revision', '1')).stdout).toBe(readFileSync(starter, 'utf8'));
  });

  test('says the same to scripts', async () => {
    const hash = expect.stringMatching(/^[0-9a-f]{64}$/);
    const found = { ok: true, errors: [], warnings: [], notes: [], postures: 1, rules: 2 };
    const tests = { passed: 8, failed: 0 };
    expect((await run('apply', starter, '--json')).json()).toEqual([
      { state: 'applied', revision: 1, hash, replaced: null, ...found, tests },
    ]);
    expect((await run('apply', starter, '--json')).json()).toEqual([
      { state: 'unchanged', revision: 1, hash, replaced: null, ...found, tests },
    ]);
    const view = {
      revision: 1,
      appliedAt: expect.any(String),
      actor: expect.objectContaining({ id: 'cli:anna' }),
      hash,
      inForce: true,
    };
    expect((await run('history', '--json')).json()).toEqual([view]);
    expect((await run('show', '--json')).json()).toEqual([{ ...view, text: readFileSync(starter, 'utf8') }]);
  });

  test('of a policy with errors prints them as check does, with exit status 1, and applies nothing', async () => {
    const broken = file(
      'broken.hujson',
      '{\n  "acls": [{ "action": "accept", "src": ["group:nope"], "dst": ["*:*"] }]\n}',
    );
    const checked = await run('check', broken);
    expect(checked).toMatchObject({ status: 1, stdout: `${broken}:2:42: there is no group:nope in groups\n` });
    const { status, stdout, stderr } = await run('apply', broken);
    expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: checked.stdout, stderr: checked.stderr });
    const [answer] = (await run('apply', broken, '--json')).json();
    expect(answer).toMatchObject({ state: 'refused', revision: null, ok: false, errors: [{ line: 2, column: 42 }] });
    expect((await run('history', '--json')).json()).toEqual([]);
  });

  test('prints warnings and applies all the same', async () => {
    const odd = file('odd.hujson', '{ "postures": { "posture:a": ["node:os == \'linux\'"] } }');
    const { status, stdout } = await run('apply', odd);
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/warning: no access rule.*\n.*as revision 1: .*1 warning/),
    ]);
  });

  test('after somebody else applied another one is refused in one line', async () => {
    await run('apply', starter);
    expect(await run('apply', file('late.hujson', '{}'), '--if-revision', '0')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(
        /^the policy of revision 1 is in force, applied by cli:anna at \S+; nothing was applied\n$/,
      ),
    });
  });

  test.each<[number, string, string[]]>([
    [1, 'cannot be read (ENOENT)', ['apply', '/nowhere.hujson']],
    [1, 'is not written in UTF-8', ['apply', file('latin1.hujson', Buffer.from('{} // \xfc', 'latin1'))]],
    [1, 'a character that no text has', ['apply', file('nul.hujson', '{} // \0')]],
    [2, 'Allowed is a whole number', ['apply', starter, '--if-revision', 'latest']],
    [2, "missing required argument 'file'", ['apply']],
    [
      1,
      'no policy is in force, so all access is denied. Apply one: posture-sync policy apply config/policy.hujson',
      ['show'],
    ],
  ])('exit status is %i with "%s" for %j', async (status, message, words) => {
    const result = await run(...words);
    expect([result.status, result.stderr]).toEqual([status, expect.stringContaining(message)]);
  });
});

describe('policy history', () => {
  test('lists revision, time, who and hash, the one in force last', async () => {
    expect((await run('history')).stdout).toContain('posture-sync policy apply config/policy.hujson');
    await run('apply', starter);
    await run('apply', file('next.hujson', '{}'));
    const lines = (await run('history')).stdout.trim().split('\n');
    expect(lines).toEqual([
      expect.stringMatching(/^REVISION {2}APPLIED +BY +HASH$/),
      expect.stringMatching(/^ +1 {2}\d{4}-\S+Z \(\ds ago\) {2}cli:anna {2}[0-9a-f]{64}$/),
      expect.stringMatching(/^ +2 {2}\d{4}-\S+Z \(\ds ago\) {2}cli:anna {2}[0-9a-f]{64} {2}in force$/),
    ]);
  });
});
