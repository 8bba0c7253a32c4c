// `bench sync`: measures and prints, with goals beside what was got, and exits 0 whatever came out: a figure is no test.
// It works in a database of its own, never in that of the installation.
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createLog } from '../log.ts';
import { joinEmbeddedServer } from '../store/embedded.ts';
import { benchSync, type SyncBench } from './bench-sync.ts';
import { declare, wholeNumber } from './options.ts';
import { remark, say, sayJson, table } from './output.ts';
import type { Surroundings } from './surroundings.ts';

interface Options {
  agents: number;
  seed: number;
  json?: boolean;
}

/** Goals in seconds for 100,000 agents, and as multiples of the floor of the same run. */
const goals = {
  first: { seconds: 8, ratio: 2.5 },
  unchanged: { seconds: 4, ratio: 1.5 },
  changed: { seconds: 4.5, ratio: null },
};

export function registerBench(program: Command, to: Surroundings): void {
  const group = program
    .command('bench')
    .description('measure how fast it is on this machine, in a database of its own');
  declare(
    group,
    'sync',
    'a first, an unchanged and a 1 % changed sync of a simulated fleet, against the least it could cost',
    ['posture-sync bench sync --agents 100000', 'posture-sync bench sync --agents 1000000 --json'],
  )
    .option('--agents <n>', 'size of the fleet', wholeNumber(1_000, 2_000_000), 100_000)
    .option('--seed <n>', 'which fleet', wholeNumber(0, 1_000_000), 1)
    .action(async (options: Options) => {
      const config = to.config();
      const dir = config.databaseUrl === null ? await mkdtemp(join(tmpdir(), 'posture-sync-bench-')) : null;
      // For root PostgreSQL runs as another user, who must get into it, or the data would go elsewhere and stay there.
      if (dir) await chmod(dir, 0o755);
      const server =
        dir === null ? null : await joinEmbeddedServer({ dataDir: dir, log: createLog('warn', to.stderr) });
      try {
        const url = server?.url ?? config.databaseUrl ?? '';
        const bench = await benchSync(url, options.agents, options.seed, line => remark(to, line));
        if (options.json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of report(bench)) await say(to, line);
      } finally {
        await server?.leave();
        if (dir) await rm(dir, { recursive: true, force: true });
      }
    });
}

function machine(): string {
  return `${cpus().length} x ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, Node ${process.versions.node}`;
}

function report(bench: SyncBench): string[] {
  const floorSeconds = (bench.floor.readMs + bench.floor.copyMs) / 1000;
  const scale = bench.agents / 100_000;
  const rows = bench.steps.map(({ name, seconds, result, headMs, rowsWritten, peakMb }) => {
    const goal = goals[name];
    const ratio = bench.ratios[name]?.toFixed(2) ?? '-';
    return [
      name,
      `${seconds.toFixed(2)} (goal ${(goal.seconds * scale).toFixed(1)})`,
      goal.ratio === null ? ratio : `${ratio} (goal ${goal.ratio})`,
      Math.round(bench.agents / seconds),
      headMs,
      rowsWritten,
      result.events,
      peakMb,
    ];
  });
  return [
    `${bench.agents} agents, ${bench.devices} devices, ${bench.steps[0]?.result.matched} matched; ${machine()}`,
    ...table(['sync', 'seconds', 'x floor', 'agents/s', 'head ms', 'rows written', 'events', 'peak MB'], rows),
    `floor: ${floorSeconds.toFixed(2)} s = ${(bench.floor.readMs / 1000).toFixed(2)} s reading the same pages and dropping them + ${(bench.floor.copyMs / 1000).toFixed(2)} s copying the same rows into a bare table`,
    `devices imported in ${bench.importSeconds} s; verified in ${bench.verifySeconds} s: ${bench.findings} findings`,
  ];
}
