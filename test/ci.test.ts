// .ci/run, with stand-ins for what it calls: whatever happens, its last line is `N passed, N failed`, and its status says
// the same.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { root } from './support/checkout.ts';

const places: string[] = [];
afterAll(() => {
  for (const place of places) rmSync(place, { recursive: true, force: true });
});

/** What a stand-in prints, and its exit status. */
type Ending = [says: string, status: number];
const well: Ending = ['12 passed, 0 failed', 0];

interface Happening {
  ci?: Ending;
  /** How the packages of test/client are installed. */
  client?: Ending;
  test?: Ending;
  /** Given where .ci/run shall find itself to be root: how the tests end as nobody; null where there is no such user. */
  nobody?: Ending | null;
  /** How the tests end on PostgreSQL 15. */
  oldest?: Ending;
}

function run({ ci = ['', 0], client = ['', 0], test = well, nobody, oldest = ['3 passed, 0 failed', 0] }: Happening) {
  const place = mkdtempSync(path.join(tmpdir(), 'posture-sync-ci-'));
  places.push(place);
  const [checkout, tools] = [path.join(place, 'checkout'), path.join(place, 'tools')];
  cpSync(path.join(root, '.ci/run'), path.join(checkout, '.ci/run'));
  mkdirSync(tools);
  const tool = (name: string, script: string) =>
    writeFileSync(path.join(tools, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const ending = ([says, status]: Ending) => `echo '${says}'; exit ${status}`;
  writeFileSync(path.join(checkout, '.ci/on-postgresql-15'), `#!/bin/sh\n${ending(oldest)}\n`, { mode: 0o755 });
  const brings =
    'mkdir -p "$1/bin" && printf "#!/bin/sh\\necho nginx is here" >"$1/bin/nginx" && chmod +x "$1/bin/nginx"';
  writeFileSync(path.join(checkout, '.ci/install-gateways'), `#!/bin/sh\n${brings}\n`, { mode: 0o755 });
  const comes =
    'mkdir -p "$1/bin" && printf "#!/bin/sh\\necho schemathesis is here" >"$1/bin/schemathesis" && chmod +x "$1/bin/schemathesis"';
  writeFileSync(path.join(checkout, '.ci/install-schemathesis'), `#!/bin/sh\n${comes}\n`, { mode: 0o755 });
  writeFileSync(path.join(checkout, '.ci/install-chromium'), '#!/bin/sh\necho chromium is here\n', { mode: 0o755 });
  const cases = `ci) ${ending(ci)} ;; "ci --prefix test/client") ${ending(client)} ;; test) ${ending(test)} ;;`;
  tool('npm', `case "$*" in ${cases} esac; exit 99`);
  tool('id', `[ "$*" = -u ] && echo ${nobody === undefined ? 1000 : 0} && exit; exit ${nobody === null ? 1 : 0}`);
  tool('su', ending(nobody ?? ['', 99]));
  tool('chown', 'exit 0');
  const env = { PATH: `${tools}:${process.env.PATH}` };
  const { stdout, stderr, status } = spawnSync(path.join(checkout, '.ci/run'), { cwd: place, env, encoding: 'utf8' });
  return { lines: stdout.trimEnd().split('\n'), stderr, status };
}

describe('.ci/run', () => {
  test.each<[string, Happening, string, number]>([
    ['all is well', {}, '12 passed, 0 failed', 0],
    ['the counts are in colours', { test: ['\x1b[32m12 passed, 0 failed\x1b[39m', 0] }, '12 passed, 0 failed', 0],
    [
      'a test prints counts of its own',
      { test: ['7 passed, 7 failed\nsee\n9 passed, 0 failed', 0] },
      '9 passed, 0 failed',
      0,
    ],
    ['tests fail', { test: ['10 passed, 2 failed', 1] }, '10 passed, 2 failed', 1],
    ['npm test fails though no test failed', { test: ['12 passed, 0 failed', 2] }, '12 passed, 1 failed', 1],
    ['npm test fails before the tests', { test: ['src/a.ts(1,1): error', 2] }, '0 passed, 1 failed', 1],
    ['npm ci fails', { ci: ['no such package', 1] }, '0 passed, 1 failed', 1],
    ['no test ran', { test: ['', 0] }, '0 passed, 1 failed', 1],
    ['a test fails on PostgreSQL 15', { oldest: ['2 passed, 1 failed', 1] }, '12 passed, 1 failed', 1],
    ['PostgreSQL 15 does not start', { oldest: ['no', 1] }, '12 passed, 1 failed', 1],
    [
      'fewer seeds are played on PostgreSQL 15',
      { oldest: ['2 passed, 0 failed, 1 skipped', 0] },
      '12 passed, 0 failed',
      0,
    ],
    ['as root, all is well', { nobody: ['5 passed, 0 failed', 0] }, '12 passed, 0 failed', 0],
    ['as root, a test fails as nobody', { nobody: ['4 passed, 1 failed', 1] }, '12 passed, 1 failed', 1],
    ['as root, nobody cannot run them', { nobody: ['su: no', 1] }, '12 passed, 1 failed', 1],
    ['as root, tests failed', { test: ['11 passed, 1 failed', 1], nobody: ['', 1] }, '11 passed, 1 failed', 1],
  ])('ends with its counts and a status to match when %s', (_, happening, last, status) => {
    const ended = run(happening);
    expect([ended.lines.at(-1), ended.status, ended.stderr]).toEqual([last, status, '']);
    expect(ended.lines.join('\n')).not.toMatch(/^\d+ skipped/m);
  });

  test.each<[string, Happening, number]>([
    ['by vitest', { test: ['SKIPPED: a\n12 passed, 0 failed, 3 skipped', 0] }, 3],
    ['as there is no nobody', { nobody: null }, 1],
    ['as there is no PostgreSQL 15', { oldest: ['SKIPPED: 15\n0 passed, 0 failed, 1 skipped', 0] }, 1],
    ['by both', { test: ['SKIPPED: a\n12 passed, 0 failed, 3 skipped', 0], nobody: null }, 4],
  ])('what was skipped %s is counted on the line before', (_, happening, skipped) => {
    const { lines, status } = run(happening);
    expect([lines.slice(-2), status]).toEqual([[`${skipped} skipped, named above`, '12 passed, 0 failed'], 0]);
    expect(lines.join('\n')).toMatch(/^SKIPPED: /m);
  });

  test('has what was installed for the tests on their path', () => {
    const { lines } = run({ test: ["'; nginx; schemathesis; echo '12 passed, 0 failed", 0] });
    expect(lines).toEqual(expect.arrayContaining(['nginx is here', 'schemathesis is here', 'chromium is here']));
  });

  test('goes on without the packages of the generated client, and says so', () => {
    const { lines, status } = run({ client: ['no such package', 1] });
    expect(lines).toContain('SKIPPED: the packages of test/client could not be had; its tests are skipped');
    expect([lines.at(-1), status]).toEqual(['12 passed, 0 failed', 0]);
  });
});
