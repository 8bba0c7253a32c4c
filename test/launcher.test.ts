// bin/posture-sync finds its checkout and a Node that is new enough, whoever calls it from wherever.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { root } from './support/checkout.ts';

let place: string;
let checkout: string;

beforeEach(() => {
  place = realpathSync(mkdtempSync('/tmp/posture-sync launcher-'));
  checkout = path.join(place, 'the checkout');
  for (const folder of ['bin', 'src', 'node_modules/.bin']) mkdirSync(path.join(checkout, folder), { recursive: true });
  copyFileSync(path.join(root, 'bin/posture-sync'), path.join(checkout, 'bin/posture-sync'));
  const says =
    'console.log(JSON.stringify({ cwd: process.cwd(), args: process.argv.slice(2), node: process.execPath, compiled: process.env.NODE_COMPILE_CACHE }));';
  writeFileSync(path.join(checkout, 'src/main.ts'), says);
});

afterEach(() => rmSync(place, { recursive: true, force: true }));

/** A directory for PATH that holds the few tools that the script needs and, if given, a node. */
function tools(node: ((file: string) => void) | null): string {
  const folder = path.join(place, 'tools');
  mkdirSync(folder);
  for (const tool of ['readlink', 'dirname', 'mkdir'])
    symlinkSync(
      execFileSync('/bin/sh', ['-c', `command -v ${tool}`], { encoding: 'utf8' }).trim(),
      path.join(folder, tool),
    );
  node?.(path.join(folder, 'node'));
  return folder;
}

function ownNode(): void {
  symlinkSync(process.execPath, path.join(checkout, 'node_modules/.bin/node'));
}

function launch(file: string, PATH: string) {
  return spawnSync(file, ['sync', 'two words', '--json'], { cwd: place, env: { PATH }, encoding: 'utf8' });
}

test('through a chain of links it finds its checkout, and keeps arguments and working directory', () => {
  ownNode();
  symlinkSync('the checkout/bin/posture-sync', path.join(place, 'relative'));
  symlinkSync(path.join(place, 'relative'), path.join(place, 'absolute'));
  const { stdout, status } = launch(path.join(place, 'absolute'), tools(null));
  expect(JSON.parse(stdout)).toMatchObject({ cwd: place, args: ['sync', 'two words', '--json'] });
  expect(status).toBe(0);
});

test('without a Node of its own it takes the one on PATH if that is new enough', () => {
  const { stdout, status } = launch(
    path.join(checkout, 'bin/posture-sync'),
    tools(file => symlinkSync(process.execPath, file)),
  );
  expect(JSON.parse(stdout).cwd).toBe(place);
  expect(status).toBe(0);
});

test('what Node compiles is kept beside the packages, and where nothing can be kept it starts all the same', () => {
  ownNode();
  const [file, PATH] = [path.join(checkout, 'bin/posture-sync'), tools(null)];
  const cache = path.join(checkout, 'node_modules/.cache');
  const kept = path.join(cache, 'compiled');
  for (const _ of ['first', 'later']) expect(JSON.parse(launch(file, PATH).stdout).compiled).toBe(kept);
  rmSync(cache, { recursive: true });
  writeFileSync(cache, 'no place for files');
  const { stdout, stderr, status } = launch(file, PATH);
  expect([JSON.parse(stdout).compiled, stderr, status]).toEqual([undefined, '', 0]);
});

test.skipIf(process.getuid?.() !== 0)('leaves nothing of root among packages of somebody else', () => {
  ownNode();
  chownSync(path.join(checkout, 'node_modules'), 65_534, 65_534);
  const { stdout, status } = launch(path.join(checkout, 'bin/posture-sync'), tools(null));
  expect([JSON.parse(stdout).compiled, status]).toEqual([undefined, 0]);
  expect(existsSync(path.join(checkout, 'node_modules/.cache'))).toBe(false);
});

test.each([
  ['an older Node', '20.20.2', 'found: 20.20.2'],
  ['no Node', null, 'found: none'],
])('with %s it says in one line what to do, and ends with 2', (_, version, found) => {
  const old = (file: string) => {
    writeFileSync(file, `#!/bin/sh\necho ${version}\n`);
    chmodSync(file, 0o755);
  };
  const { stdout, stderr, status } = launch(
    path.join(checkout, 'bin/posture-sync'),
    tools(version === null ? null : old),
  );
  expect(stderr).toContain(found);
  expect(stderr).toContain(`Run "npm ci" in ${checkout}`);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect([stdout, status]).toEqual(['', 2]);
});
