// The model test's long form: `node test/model/run.ts --seeds 1000 --from 1`. Prints the seeds that fail, each with the
// fewest steps found, and ends with status 1 if there is one.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '1000' }, from: { type: 'string', default: '1' } },
});
if (![values.seeds, values.from].every(number => /^\d{1,9}$/.test(number))) {
  console.error('usage: node test/model/run.ts [--seeds N] [--from SEED]');
  process.exit(2);
}
const root = fileURLToPath(new URL('../..', import.meta.url));
const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url));
const { status } = spawnSync(process.execPath, [vitest, 'run', 'test/model', '--reporter=dot'], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, MODEL_FROM: values.from, MODEL_SEEDS: values.seeds },
});
process.exit(status ?? 1);
