// `policy check` as people and scripts see it. It needs no database.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, describe, expect, test } from 'vitest';
import { runCommand } from '../support/cli.ts';

const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-policy-'));
afterAll(() => rmSync(place, { recursive: true }));

function file(text: string): string {
  const where = path.join(place, 'policy.hujson');
  writeFileSync(where, text);
  return where;
}

const check = (words: readonly string[], stdin = '') => runCommand(['policy', 'check', ...words], {}, { stdin });

const broken = `{
  // one
  "postures": {
    "posture:healthy": ["node:os = 'linux'", "isActive", "sentinelOne:infected == 0"],
  },
  "ssh": [],
}`;

describe('policy check', () => {
  test('says where each thing is, what is wrong with it and what was probably meant', async () => {
    const where = file(broken);
    expect(await check([where])).toMatchObject({
      status: 1,
      stdout: [
        `${where}:4:34: expected ==, found =`,
        `${where}:4:47: expected an attribute such as sentinelOne:isActive, found isActive`,
        `${where}:4:83: warning: sentinelOne:infected is true or false, and 0 is a number: this is never true; did you mean sentinelOne:infected == false?`,
        `${where}:6:3: note: "ssh" is kept and not evaluated here`,
        '',
      ].join('\n'),
      stderr: `${where} has 2 errors\n`,
    });
  });

  test('says the same to scripts', async () => {
    const result = await check([file(broken), '--json']);
    expect(result.status).toBe(1);
    expect(result.json()).toMatchObject([
      {
        ok: false,
        errors: [
          { code: 'condition', line: 4, column: 34, suggestion: '==' },
          { code: 'condition', line: 4, column: 47, suggestion: 'sentinelOne:isActive' },
        ],
        warnings: [{ code: 'wrong_type', line: 4, column: 83, suggestion: 'sentinelOne:infected == false' }],
        notes: [{ code: 'not_evaluated', line: 6, column: 3, suggestion: null }],
        postures: null,
        rules: null,
        tests: { passed: 0, failed: 0 },
      },
    ]);
  });

  test('of the starter policy finds nothing', async () => {
    expect(await check(['config/policy.hujson'])).toEqual({
      status: 0,
      stdout: 'config/policy.hujson is in order: 1 posture, 2 rules, 8 tests passed, 0 failed\n',
      stderr: '',
      json: expect.anything(),
    });
  });

  test('reads standard input, also where a character comes in two parts', async () => {
    const bytes = Buffer.from('{ "acls": [] } // ü', 'utf8');
    const stdin = Readable.from([bytes.subarray(0, -1), bytes.subarray(-1)]);
    const { stdout, status } = await runCommand(['policy', 'check', '-'], {}, { stdin });
    expect([status, stdout]).toEqual([0, '- is in order: 0 postures, 0 rules, no tests\n']);
  });

  test('does not let a policy steer the terminal', async () => {
    const { stdout } = await check(['-'], '{ "acls": [{ "action": "accept", "src": ["\\u001b[2J"], "dst": [] }] }');
    expect(stdout).not.toContain('\u001b');
  });

  test('of a file that is not there is one line', async () => {
    const where = path.join(place, 'nowhere.hujson');
    expect(await check([where])).toMatchObject({
      status: 1,
      stdout: '',
      stderr: `the policy ${where} cannot be read (ENOENT)\n`,
    });
  });
});
