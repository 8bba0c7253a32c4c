// Holds the house: who may import whom, where things are kept, how long they may grow. Each rule is applied to this
// repository and, beside it, to a small example that it must refuse.
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { root } from './support/checkout.ts';
import * as house from './support/house.ts';
import { missingMigration } from './tools/migration-drift.ts';

/** Longer than the red zone, and why. A figure may be lowered, never raised. */
const long: house.Exceptions = {
  'src/simulator/row.ts fields': { lines: 151, reason: "the console's fields in its order, a line each" },
  'src/web/texts.ts': { lines: 1450, reason: 'every text of the pages, in one file so that it is worded in one place' },
};

/** Packages used outside of their one place, and why. */
const astray: house.Exceptions = {
  'src/cli/bench-browser.ts': { reason: 'pages are measured in a checkout; production has no browser, and says so' },
  'src/cli/bench-pages.ts': { reason: 'as bench-browser.ts' },
  'src/cli/bench-evaluate.ts': { reason: 'CEL is compared with in a checkout; production does without, and says so' },
};

const sources = new Map(filesBelow('').map(file => [file, readFileSync(path.join(root, file), 'utf8')]));
const { dependencies } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

function filesBelow(folder: string): string[] {
  const skipped = ['node_modules', 'drizzle', 'coverage', 'dist'];
  return readdirSync(path.join(root, folder), { withFileTypes: true }).flatMap(entry => {
    const file = path.posix.join(folder, entry.name);
    if (entry.isDirectory()) return entry.name.startsWith('.') || skipped.includes(entry.name) ? [] : filesBelow(file);
    return /\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts') ? [file] : [];
  });
}

function files(contents: Record<string, string>): house.Sources {
  return new Map(Object.entries(contents));
}

describe('imports only point down', () => {
  test('in this repository', () => expect(house.ranksBroken(sources)).toEqual([]));

  test.each([
    ['upwards', 'src/posture/a.ts', "import { a } from '../store/a.ts';", 'posture must not import store'],
    ['sideways', 'src/store/a.ts', "import { a } from '../providers/a.ts';", 'store must not import providers'],
    ['sideways at the bottom', 'src/log.ts', "import { a } from './errors.ts';", 'log must not import errors'],
    ['by re-export', 'src/http/a.ts', "export { a } from '../api/a.ts';", 'http must not import api'],
    ['at run time', 'src/http/a.ts', "await import('../api/a.ts');", 'http must not import api'],
    ['types alike', 'src/posture/a.ts', "import type { A } from '../store/a.ts';", 'posture must not import store'],
    ['the configuration', 'src/sync/a.ts', "import type { Config } from '../config.ts';", 'only main imports config'],
    ['values of the configuration', 'src/cli/a.ts', "import { read } from '../config.ts';", 'only main imports config'],
    ['a test', 'src/cli/a.ts', "import { a } from '../../test/a.ts';", 'which is no source'],
    ['from nowhere', 'src/helpers/a.ts', '', '"helpers" has no rank'],
    ['by the pages', 'src/web/a.tsx', "import { a } from '../api/a.ts';", 'by its OpenAPI file alone'],
  ])('%s is refused', (_, file, text, problem) => {
    expect(house.ranksBroken(files({ [file]: text })).join()).toContain(problem);
  });

  test('downwards, within a folder, and types of the configuration by cli are fine', () => {
    const fine = {
      'src/cli/a.ts':
        "import type { C } from '../config.ts'; import './b.ts'; import '../store/c.ts'; import 'node:fs';",
    };
    expect(house.ranksBroken(files(fine))).toEqual([]);
  });
});

describe('a provider knows no other', () => {
  test('in this repository', () => expect(house.providersMeet(sources)).toEqual([]));
  test('one that does is refused', () => {
    const meeting = { 'src/providers/fleet/agents.ts': "import { cast } from '../sentinelone/cast.ts';" };
    expect(house.providersMeet(files(meeting))).toHaveLength(1);
  });
});

describe('packages stay where they belong', () => {
  test('in this repository', () =>
    expect(house.packagesAstray(sources, Object.keys(dependencies), astray)).toEqual([]));

  test.each([
    ['pg outside of the store', 'src/sync/a.ts', "import type pg from 'pg';"],
    ['drizzle-orm outside of the store', 'src/cli/a.ts', "import { eq } from 'drizzle-orm/pg-core';"],
    ['got outside of providers/http.ts', 'src/providers/sentinelone/a.ts', "import got from 'got';"],
    ['a package that production lacks', 'src/cli/a.ts', "import { test } from 'vitest';"],
  ])('%s is refused', (_, file, text) => {
    expect(house.packagesAstray(files({ [file]: text }), ['pg', 'drizzle-orm', 'got'], {})).toHaveLength(1);
  });

  test('an exception that nothing needs is refused', () => {
    const stale = { 'src/a.ts': { reason: 'once' } };
    expect(house.packagesAstray(files({ 'src/a.ts': '' }), [], stale)).toEqual([
      'src/a.ts: has an exception it does not need',
    ]);
  });
});

describe('a start reads no package that its command does not need', () => {
  test('in this repository', () => expect(house.packagesAtStart(sources)).toEqual(['commander']));
  test('one that is reached by imports at the top is found, types and what is read later are not', () => {
    const reaching = files({
      'src/main.ts': "import './cli/a.ts'; import type { B } from './cli/b.ts'; const c = () => import('./cli/c.ts');",
      'src/cli/a.ts': "export { pino } from 'pino'; import 'node:fs'; import type { Z } from 'zod';",
      'src/cli/b.ts': "import 'fastify';",
      'src/cli/c.ts': "import 'got';",
    });
    expect(house.packagesAtStart(reaching)).toEqual(['pino']);
  });
});

describe('the environment is read in config.ts alone', () => {
  test('in this repository', () => expect(house.environmentRead(sources)).toEqual([]));
  test('elsewhere is refused, a comment about it is not', () => {
    const reading = files({
      'src/log.ts': 'const { LEVEL } = process.env;',
      'src/errors.ts': '// process.env',
      'src/config.ts': 'process.env',
    });
    expect(house.environmentRead(reading)).toEqual(['src/log.ts: process.env is read only in src/config.ts']);
  });
});

describe('no file is unused', () => {
  test('in this repository', () => expect(house.unusedFiles(sources)).toEqual([]));
  test('one that only a test imports, or nobody, is refused', () => {
    const unused = files({
      'src/main.ts': "import './a.ts'; new Worker('./worker.ts')",
      'src/a.ts': '',
      'src/worker.ts': '',
      'src/tested.ts': '',
      'test/a.test.ts': "import '../src/tested.ts';",
      'test/support/left.ts': '',
    });
    expect(house.unusedFiles(unused)).toEqual([
      'src/tested.ts: nothing uses it',
      'test/support/left.ts: nothing uses it',
    ]);
  });
});

describe('files and functions stay short', () => {
  test('in this repository', () => expect(house.tooLong(sources, long)).toEqual([]));
  test('every exception has a reason', () => {
    for (const [what, { reason }] of Object.entries({ ...long, ...astray })) expect(reason, what).not.toBe('');
  });

  const body = '\n'.repeat(house.longest.function);
  test('a long function is refused, and so is one that outgrew its exception', () => {
    const grown = files({ 'src/a.ts': `export function grown() {${body}}` });
    expect(house.tooLong(grown, {})).toEqual(['src/a.ts grown: 81 lines']);
    expect(house.tooLong(grown, { 'src/a.ts grown': { lines: 80, reason: 'why' } })).toHaveLength(1);
    expect(house.tooLong(grown, { 'src/a.ts grown': { lines: 81, reason: 'why' } })).toEqual([]);
  });
  test('a long file is refused', () => {
    expect(house.tooLong(files({ 'src/a.ts': `a${'\n'.repeat(400)}a` }), {})).toEqual(['src/a.ts: 401 lines']);
  });
  test('an exception for what has become short is refused', () => {
    expect(house.tooLong(files({}), { 'src/a.ts': { lines: 500, reason: 'why' } })).toHaveLength(1);
  });
});

describe('a file tells its purpose at its head', () => {
  test('in this repository', () => expect(house.headless(sources)).toEqual([]));
  test('one that begins with an import is refused', () => {
    expect(house.headless(files({ 'src/a.ts': "import './b.ts';\n// late" }))).toHaveLength(1);
  });
});

describe('there are no default exports', () => {
  test('in this repository', () => expect(house.defaultExports(sources)).toEqual([]));
  test('one is refused, but not where a tool wants it', () => {
    const text = 'export default {};';
    expect(house.defaultExports(files({ 'src/a.ts': text, 'a.config.ts': text }))).toEqual([
      'src/a.ts: has a default export',
    ]);
  });
});

describe('promises are kept', () => {
  test('every promise names tests that exist', () => {
    expect(house.promisesBroken(readFileSync(path.join(root, 'docs/promises.md'), 'utf8'), sources)).toEqual([]);
  });

  const tests = files({
    'test/a.test.ts':
      "test('works', () => {}); test.skip('is skipped', () => {}); test.each([1])('works with %s', () => {});",
  });
  test.each([
    ['a test that does not exist', '- It works. — `test/a.test.ts` > "does not"', 'has no test "does not"'],
    ['a test that is always skipped', '- It works. — `test/a.test.ts` > "is skipped"', 'has no test "is skipped"'],
    ['a file that does not exist', '- It works. — `test/b.test.ts` > "works"', 'there is no test/b.test.ts'],
    ['a promise without a test', '- It works.', 'not in the form'],
    ['something between the tests', '- It works. — `test/a.test.ts` > "works" and others', 'not in the form'],
  ])('%s is refused', (_, line, problem) => {
    expect(house.promisesBroken(`# Promises\n\n## Part\n\n${line}\n`, tests).join()).toContain(problem);
  });

  test('a title may hold quotation marks', () => {
    const quoting = files({ 'test/a.test.ts': `test('at "%s" works', () => {}); test('works', () => {});` });
    const line = '- It works. — `test/a.test.ts` > "at "%s" works",\n  `test/a.test.ts` > "works"';
    expect(house.promisesBroken(`# Promises\n\n## Part\n\n${line}\n`, quoting)).toEqual([]);
  });

  test('one promise may name several tests and go over several lines', () => {
    const line = '- It works,\n  always. — `test/a.test.ts` > "works",\n  `test/a.test.ts` > "works with %s"';
    expect(house.promisesBroken(`# Promises\n\n## Part\n\n${line}\n`, tests)).toEqual([]);
  });
});

describe('the schema and the migrations agree', () => {
  test('a schema without its migration is refused', () => {
    const empty = mkdtempSync(path.join(tmpdir(), 'posture-sync-empty-'));
    try {
      expect(missingMigration(empty, path.join(root, 'src/store/schema*.ts'))).toContain('CREATE TABLE');
    } finally {
      rmSync(empty, { recursive: true });
    }
  });
});
