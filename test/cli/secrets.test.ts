// A planted token is looked for wherever text goes: answers, remarks, logs, errors, the audit log and every column of the
// database. It must be nowhere.
import { expect, test } from 'vitest';
import { faultNames } from '../../src/simulator/faults.ts';
import { inventory } from '../../src/simulator/inventory.ts';
import { createInstallation, type Installation } from '../support/cli.ts';

const planted = 'planted-9f8e7d6c5b4a39281706f5e4d3c2b1a0';
const forms = [
  planted,
  Buffer.from(planted).toString('base64').slice(0, 40),
  encodeURIComponent(planted),
  Buffer.from(planted).toString('hex'),
];

/** Every table's rows as text. */
async function everything({ database }: Installation): Promise<string> {
  const { rows: tables } = await database.pool.query(
    "select oid::regclass::text as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace",
  );
  const texts: string[] = [];
  for (const { name } of tables) {
    const { rows } = await database.pool.query(`select t::text as text from ${name} t`);
    texts.push(...rows.map(row => row.text));
  }
  return texts.join('\n');
}

test('a planted token is in no answer, remark, log line, error, audit entry or column', async () => {
  const it = await createInstallation({ token: planted });
  const environment = { LOG_LEVEL: 'trace' };
  let said = '';
  const run = async (words: string[], stdin = '') => {
    const { stdout, stderr } = await it.run(words, { stdin, environment });
    said += `${stdout}\n${stderr}\n`;
  };
  const devices = inventory(it.simulator.fleet).map(device => `${JSON.stringify(device)}\n`);
  await run(['device', 'import', '-'], devices.join(''));
  await it.addHq();
  await run(['integration', 'update', 'hq', '--url', 'http://user:pass@example.com']);
  await run(['integration', 'update', 'hq', `--token=${planted}`]);
  await run(['integration', 'update', 'hq', planted]);
  await run([planted]);
  await run(['integration', 'update', 'hq'], `${planted} with a space`);
  await run(['integration', 'update', 'hq'], planted);
  await run(['integration', 'test', 'hq']);
  await run(['sync', 'hq', '--json']);
  // What answers at once; those that hang or send gigabytes are the provider's tests to try.
  const slow = ['timeout', 'slow', 'huge-body', 'gzip-bomb', 'throttled', 'error-5', 'cut-', 'garbage', 'cursor'];
  for (const { name } of faultNames.filter(fault => !slow.some(start => fault.name.startsWith(start)))) {
    it.simulator.setFault(name);
    await run(['sync', 'hq', '--json']);
    it.simulator.clearFaults();
    await run(['integration', 'show', 'hq']);
    await run(['integration', 'resume', 'hq']);
  }
  await run(['audit', '--json']);
  await run(['integration', 'list', '--json']);
  await run(['integration', 'remove', 'hq']);
  const stored = await everything(it);
  expect(said).toContain('"sync finished"');
  expect(stored).toContain('POSTURE_INTEGRATION');
  for (const form of forms) {
    expect(said.includes(form), `${form} was said`).toBe(false);
    expect(stored.includes(form), `${form} was stored`).toBe(false);
  }
  await it.close();
});
