// `simulate`: a pretended SentinelOne console with a seeded fleet, to try everything without a real one.
import type { Command } from 'commander';
import { AppError } from '../errors.ts';
import { createLog } from '../log.ts';
import { faultNames } from '../simulator/faults.ts';
import { createSimulator } from '../simulator/simulator.ts';
import { addExamples, asOptions, wholeNumber } from './options.ts';
import { say, sayJson } from './output.ts';
import { Stop, type Surroundings } from './surroundings.ts';

interface SimulateOptions {
  json?: boolean;
  agents: number;
  seed: number;
  port: number;
  latency: number;
  fault: string[];
  token?: string;
  requestsPerSecond?: string;
  still?: boolean;
}

export function registerSimulate(command: Command, to: Surroundings): void {
  addExamples(command, [
    'posture-sync simulate --agents 500 --seed 7 --port 9000',
    'posture-sync simulate --fault throttled:times=2 --latency 200',
  ])
    .option('--agents <n>', 'how many agents its listing shows', wholeNumber(0, 10_000_000), 500)
    .option('--seed <n>', 'which fleet; equal seeds make equal fleets', wholeNumber(0, 2_000_000_000), 1)
    .option('--port <n>', 'where it listens; 0 takes a free port', wholeNumber(0, 65_535), 0)
    .option('--latency <ms>', 'wait before each answer', wholeNumber(0, 600_000), 0)
    .option('--fault <name>', 'something that goes wrong, as NAME or NAME:option=value; may be repeated', collect, [])
    .option('--requests-per-second <n>', 'its rate limit; off for none', '25')
    .option('--still', 'the fleet does not change as time passes')
    .addHelpText(
      'after',
      ['', 'Faults:', ...faultNames.map(({ name, about }) => `  ${name.padEnd(24)}${about}`)].join('\n'),
    )
    .action(async (options: SimulateOptions) => {
      const { logLevel } = await to.config();
      const log = createLog(logLevel === 'info' ? 'warn' : logLevel, to.stderr);
      const wanted = {
        agents: options.agents,
        seed: options.seed,
        port: options.port,
        latencyMs: options.latency,
        faults: options.fault,
        requestsPerSecond: rate(options.requestsPerSecond ?? '25'),
        live: options.still !== true,
        log,
      };
      const simulator = await asOptions(() => createSimulator(wanted)).catch(error => refusePort(error, options.port));
      const { url, token } = simulator;
      const host = new URL(url).host;
      const agents = simulator.fleet.listed();
      if (options.json) await sayJson(to, { url, token, agents, seed: options.seed });
      else {
        await say(to, `A pretended SentinelOne console with ${agents} agents listens on ${url}`);
        await say(to, `Its token: ${token}`);
        await say(
          to,
          `Faults are switched at ${url}/simulator/faults; device records are at ${url}/simulator/inventory`,
        );
        await say(to, `To read it, posture-sync must run with PROVIDER_ALLOWED_HOSTS=${host}`);
      }
      await new Promise(resolve => to.stop.addEventListener('abort', resolve, { once: true }));
      await simulator.close();
      // To be stopped is how it ends.
      throw new Stop(0);
    });
}

function collect(value: string, before: readonly string[]): string[] {
  return [...before, value];
}

function rate(text: string): number | null {
  return text === 'off' ? null : wholeNumber(1, 1_000_000)(text);
}

function refusePort(error: unknown, port: number): never {
  if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE')
    throw new AppError('conflict', `port ${port} is taken; choose another one with --port`);
  throw error;
}
