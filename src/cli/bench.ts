// `bench sync|decide|view|overview|api|pages|devices|impact`: measures and prints, with goals beside what was got, and exits 0 whatever came out: a figure is no
// test. It works in a database of its own, never in that of the installation.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { createLog } from '../log.ts';
import { createBenchDatabase, fillBenchDevices } from '../store/bench.ts';
import { migrate } from '../store/client.ts';
import { joinEmbeddedServer } from '../store/embedded.ts';
import { benchApi } from './bench-api.ts';
import { benchDecide } from './bench-decide.ts';
import { benchDevices, devicesReport } from './bench-devices.ts';
import type { Evaluated, Loading } from './bench-evaluate.ts';
import { benchImpact } from './bench-impact.ts';
import { benchOverview } from './bench-overview.ts';
import { benchPages } from './bench-pages.ts';
import {
  apiReport,
  decideReport,
  impactReport,
  machine,
  overviewReport,
  pagesReport,
  viewReport,
} from './bench-report.ts';
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

export function registerBench(group: Command, to: Surroundings): void {
  declare(
    group,
    'sync',
    'a first, an unchanged and a 1 % changed sync of a simulated fleet, against the least it could cost',
    ['posture-sync bench sync --agents 100000', 'posture-sync bench sync --agents 1000000 --json'],
  )
    .option('--agents <n>', 'size of the fleet', wholeNumber(1_000, 2_000_000), 100_000)
    .option('--seed <n>', 'which fleet', wholeNumber(0, 1_000_000), 1)
    .action(async (options: Options) => {
      await inOwnPlace(to, async url => {
        const bench = await benchSync(url, options.agents, options.seed, line => remark(to, line));
        if (options.json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of report(bench)) await say(to, line);
      });
    });
  registerDecide(group, to);
  registerView(group, to);
  registerOverview(group, to);
  registerApi(group, to);
  registerPages(group, to);
  registerDevices(group, to);
  registerImpact(group, to);
}

function registerDecide(group: Command, to: Surroundings): void {
  declare(
    group,
    'decide',
    'decisions a second and how long they take, by wrk on this machine, and beside a bare server',
    ['posture-sync bench decide', 'posture-sync bench decide --devices 10000 --seconds 2 --json'],
  )
    .option('--devices <n>', 'size of the fleet', wholeNumber(1_000, 2_000_000), 100_000)
    .option('--seconds <n>', 'how long each load goes on', wholeNumber(1, 600), 8)
    .option('--seed <n>', 'which fleet', wholeNumber(0, 1_000_000), 1)
    .action(async (options: { devices: number; seconds: number; seed: number; json?: boolean }) => {
      const evaluated = await ask<Evaluated>({ databaseUrl: null });
      remark(to, `in process: ${evaluated.perSecond}/s`);
      await inOwnPlace(to, async (url, dir) => {
        const bench = { ...evaluated, ...(await benchDecide(url, to.program, dir, options, line => remark(to, line))) };
        if (options.json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of decideReport(bench)) await say(to, line);
      });
    });
}

function registerView(group: Command, to: Surroundings): void {
  declare(group, 'view', 'how long a process takes until it knows all devices, and what each costs in memory', [
    'posture-sync bench view --devices 1000000',
  ])
    .option('--devices <n>', 'how many', wholeNumber(1_000, 5_000_000), 1_000_000)
    .action(async ({ devices, json }: { devices: number; json?: boolean }) => {
      await inOwnPlace(to, async url => {
        const database = await createBenchDatabase(url);
        try {
          await migrate(database.url);
          remark(to, `filling a database with ${devices} devices`);
          await fillBenchDevices(database.url, devices);
          const loading = await ask<Loading>({ databaseUrl: database.url });
          if (json) await sayJson(to, { machine: machine(), ...loading });
          else for (const line of viewReport(loading)) await say(to, line);
        } finally {
          await database.drop();
        }
      });
    });
}

function registerOverview(group: Command, to: Surroundings): void {
  declare(group, 'overview', 'how long the overview takes, counted anew and kept, and its history', [
    'posture-sync bench overview --devices 100000',
  ])
    .option('--devices <n>', 'how many', wholeNumber(1_000, 2_000_000), 100_000)
    .action(async ({ devices, json }: { devices: number; json?: boolean }) => {
      await inOwnPlace(to, async url => {
        const bench = await benchOverview(url, devices);
        if (json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of overviewReport(bench)) await say(to, line);
      });
    });
}

function registerApi(group: Command, to: Surroundings): void {
  declare(
    group,
    'api',
    'many devices in one call, the attributes of one also while a sweep goes on, and a long list, beside a bare route and bare SQL',
    ['posture-sync bench api', 'posture-sync bench api --devices 10000 --seconds 2 --json'],
  )
    .option('--devices <n>', 'how many, and agents of the fleet', wholeNumber(1_000, 2_000_000), 100_000)
    .option('--seconds <n>', 'how long each load goes on', wholeNumber(1, 600), 8)
    .option('--seed <n>', 'which fleet', wholeNumber(0, 1_000_000), 1)
    .action(async (options: { devices: number; seconds: number; seed: number; json?: boolean }) => {
      await inOwnPlace(to, async (url, dir) => {
        const bench = await benchApi(url, to.program, dir, options, line => remark(to, line));
        if (options.json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of apiReport(bench)) await say(to, line);
      });
    });
}

function registerPages(group: Command, to: Surroundings): void {
  declare(
    group,
    'pages',
    'what a browser loads for the admin pages, and how long until they are usable; needs Chromium and a checkout',
    ['posture-sync bench pages', 'posture-sync bench pages --devices 10000 --json'],
  )
    .option('--devices <n>', 'agents of the fleet, about as many as devices', wholeNumber(1_000, 2_000_000), 100_000)
    .option('--seed <n>', 'which fleet', wholeNumber(0, 1_000_000), 1)
    .action(async (options: { devices: number; seed: number; json?: boolean }) => {
      await inOwnPlace(to, async (url, dir) => {
        const bench = await benchPages(url, to.program, dir, options, line => remark(to, line));
        if (options.json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of pagesReport(bench)) await say(to, line);
      });
    });
}

function registerDevices(group: Command, to: Surroundings): void {
  declare(
    group,
    'devices',
    'a page of the table of devices, with each filter, search and order, first and deep, and as CSV',
    ['posture-sync bench devices --devices 100000'],
  )
    .option('--devices <n>', 'how many', wholeNumber(1_000, 2_000_000), 100_000)
    .action(async ({ devices, json }: { devices: number; json?: boolean }) => {
      await inOwnPlace(to, async (url, dir) => {
        const bench = await benchDevices(url, to.program, dir, devices, line => remark(to, line));
        if (json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of devicesReport(bench)) await say(to, line);
      });
    });
}

function registerImpact(group: Command, to: Surroundings): void {
  declare(group, 'impact', 'how long it takes to tell who gains and who loses what by a policy', [
    'posture-sync bench impact --devices 100000',
  ])
    .option('--devices <n>', 'how many', wholeNumber(1_000, 2_000_000), 100_000)
    .action(async ({ devices, json }: { devices: number; json?: boolean }) => {
      await inOwnPlace(to, async url => {
        const bench = await benchImpact(url, devices, line => remark(to, line));
        if (json) await sayJson(to, { machine: machine(), ...bench });
        else for (const line of impactReport(bench)) await say(to, line);
      });
    });
}

/** Of a process of its own. */
async function ask<T>(order: { databaseUrl: string | null }): Promise<T> {
  const child = fork(new URL('./bench-evaluate.ts', import.meta.url), {
    execArgv: [...process.execArgv, '--expose-gc'],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send(order);
  const [answer] = await Promise.race([once(child, 'message'), once(child, 'exit').then(() => [null])]);
  if (answer === null) throw new Error('the process that measures ended');
  child.disconnect();
  return answer as T;
}

/** @param work is given a server in which databases may be made, and a directory for files */
async function inOwnPlace(to: Surroundings, work: (serverUrl: string, dir: string) => Promise<void>): Promise<void> {
  const config = await to.config();
  const dir = await mkdtemp(join(tmpdir(), 'posture-sync-bench-'));
  // For root PostgreSQL runs as another user, who must get into it, or the data would go elsewhere and stay there.
  await chmod(dir, 0o755);
  const server =
    config.databaseUrl === null ? await joinEmbeddedServer({ dataDir: dir, log: createLog('warn', to.stderr) }) : null;
  try {
    await work(server?.url ?? config.databaseUrl ?? '', dir);
  } finally {
    await server?.leave();
    await rm(dir, { recursive: true, force: true });
  }
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
