// The feed test's long form: `node test/feed/run.ts --changes 100000 --seed 1`. Prints what was seen, and ends with status 1
// when it fails.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { changes: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
if (![values.changes, values.seed].every(number => /^\d{1,9}$/.test(number))) {
  console.error('usage: node test/feed/run.ts [--changes N] [--seed SEED]');
  process.exit(2);
}
const root = fileURLToPath(new URL('../..', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/feed', '--reporter=dot'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, FEED_CHANGES: values.changes, FEED_SEED: values.seed },
});
process.exit(status ?? 1);
