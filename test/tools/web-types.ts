// The types of the admin pages' requests and answers, src/web/api/schema.d.ts, made from docs/openapi.json. Their generator is among
// the packages of test/client, which have a lock of their own since generators lag TypeScript: `npm ci --prefix test/client`.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const generator = path.join(root, 'test/client/node_modules/openapi-typescript/bin/cli.js');

/** From the checkout's top. */
export const webTypesFile = 'src/web/api/schema.d.ts';

/** Whether the generator is installed. */
export const canMakeWebTypes = existsSync(generator);

/** @returns the text of the file: what is below /api/v2, and whose key it is @throws with what the generator says */
export function webTypes(): string {
  const document = JSON.parse(readFileSync(path.join(root, 'docs/openapi.json'), 'utf8'));
  const isOfPages = (route: string) => route.startsWith('/api/v2/') || route === '/gateway/whoami';
  document.paths = Object.fromEntries(Object.entries(document.paths).filter(([route]) => isOfPages(route)));
  const run = spawnSync(process.execPath, [generator], {
    input: JSON.stringify(document),
    encoding: 'utf8',
    cwd: root,
  });
  if (run.status !== 0) throw new Error(`${run.stdout}${run.stderr}`);
  return run.stdout;
}

if (import.meta.main) {
  if (!canMakeWebTypes) {
    console.error(`${webTypesFile} was not made anew: its generator comes with npm ci --prefix test/client`);
    process.exit(1);
  }
  writeFileSync(path.join(root, webTypesFile), webTypes());
}
