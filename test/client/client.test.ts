// A client that is generated from docs/openapi.json compiles, has the types that it should, and works with a real service. The
// generator's packages are in this folder, by a lock of their own: `npm ci` here brings them, as .ci/run does; without them this is skipped.
import { execFile } from 'node:child_process';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it, test } from 'vitest';
import { root } from '../support/checkout.ts';
import { type ServiceProcess, startServiceProcess } from '../support/service-process.ts';
import { canMakeWebTypes, webTypes, webTypesFile } from '../tools/web-types.ts';

const folder = path.join(root, 'test/client');
const tool = (name: string) => path.join(folder, 'node_modules', name);
const program = 'test/client/calls.ts';
const built = path.join(folder, '.built', `${path.basename(program, '.ts')}.js`);
const isInstalled = existsSync(tool('@hey-api/openapi-ts'));

/** @returns what it wrote; fails with it where it ends with another status than 0 */
async function run(...words: string[]): Promise<string> {
  const { stdout, stderr } = await promisify(execFile)(process.execPath, words, { cwd: folder }).catch(error => {
    throw new Error(`${error.message}\n${error.stdout}\n${error.stderr}`);
  });
  return stdout + stderr;
}

test.skipIf(!canMakeWebTypes)("the admin pages' types are those of docs/openapi.json", () => {
  expect(readFileSync(path.join(root, webTypesFile), 'utf8'), 'npm run generate makes them').toBe(webTypes());
});

describe.skipIf(!isInstalled)('a client that is generated from docs/openapi.json', () => {
  let service: ServiceProcess;

  beforeAll(async () => {
    for (const made of ['.generated', '.built']) rmSync(path.join(folder, made), { recursive: true, force: true });
    service = await startServiceProcess();
  });
  afterAll(async () => await service?.stop());

  it('is generated and compiles, and with it a program that uses it', async () => {
    const from = ['--input', path.join(root, 'docs/openapi.json'), '--output', '.generated'];
    await run(tool('@hey-api/openapi-ts/bin/run.js'), ...from, '--client', '@hey-api/client-fetch', '--silent');
    expect(await run(tool('typescript/bin/tsc'))).toBe('');
  });

  it.each([
    ['lists, creates, reads, changes and deletes integrations', 'integrations'],
    ['creates, replaces, lists by page, explains and deletes devices', 'devices'],
    ['sets, reads and removes attributes, and reads the audit log', 'attributes'],
    ['applies a policy only where the one that it knows is in force, and has its errors by place', 'policy'],
    ['has errors as values with their types, or throws them, and takes a key either way', 'errors'],
  ])('%s', async (_what, step) => {
    expect(await run(built, service.url, service.key, step)).toBe('');
  });
});
