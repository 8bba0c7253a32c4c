// All commands, and how a command ends: 0 done, 1 failed, 2 wrongly used. What we refuse, or a provider does, is one plain
// line; anything else is ours, and its text goes to the log alone.
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { AppError, ProviderError } from '../errors.ts';
import { createLog } from '../log.ts';
import { registerAttribute } from './attribute.ts';
import { registerAudit } from './audit.ts';
import { registerBench } from './bench.ts';
import { registerDemo } from './demo.ts';
import { registerDevice } from './device.ts';
import { registerDocs } from './docs.ts';
import { registerExplain } from './explain.ts';
import { registerIntegration } from './integration.ts';
import { registerKey } from './key.ts';
import { registerMigrate } from './migrate.ts';
import { registerOverview } from './overview.ts';
import { registerPolicy } from './policy.ts';
import { registerPosture } from './posture.ts';
import { registerSealingKey } from './sealing-key.ts';
import { registerServe } from './serve.ts';
import { registerSettings } from './settings.ts';
import { registerSignIn } from './sign-in.ts';
import { registerSimulate } from './simulate.ts';
import { Failed, Stop, type Surroundings } from './surroundings.ts';
import { registerSync } from './sync.ts';
import { registerVerify } from './verify.ts';
import { registerWebhook } from './webhook.ts';

/** In the order of the help. */
const commands: readonly ((program: Command, to: Surroundings) => void)[] = [
  registerDemo,
  registerServe,
  registerOverview,
  registerMigrate,
  registerSealingKey,
  registerIntegration,
  registerDevice,
  registerAttribute,
  registerSync,
  registerExplain,
  registerPolicy,
  registerPosture,
  registerKey,
  registerSignIn,
  registerSettings,
  registerWebhook,
  registerAudit,
  registerVerify,
  registerSimulate,
  registerBench,
  registerDocs,
];

/** @returns the program with all its commands; tests look at it too */
export function createProgram(to: Surroundings): Command {
  const program = new Command('posture-sync')
    .description('Knows how trustworthy each device is: SentinelOne agents become posture attributes of your devices.')
    .version(manifest.version)
    .showHelpAfterError('(add --help for what is allowed)')
    .exitOverride()
    .configureOutput({
      writeOut: text => to.stdout.write(text),
      writeErr: text => to.stderr.write(withoutTokens(text)),
    })
    .addHelpText('after', '\nExit status: 0 done, 1 failed, 2 wrongly used. Settings: docs/configuration.md.');
  for (const register of commands) register(program, to);
  return program;
}

/**
 * Runs one command.
 * @param words what follows `posture-sync` on the command line
 * @returns the exit status
 */
export async function runProgram(words: readonly string[], to: Surroundings): Promise<number> {
  try {
    await createProgram(to).parseAsync(words, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof Stop) return error.exitStatus;
    if (to.stop.aborted && to.stop.reason instanceof Stop) return to.stop.reason.exitStatus;
    return exitStatus(error, to);
  }
}

function exitStatus(error: unknown, to: Surroundings): number {
  if (error instanceof Failed) return 1;
  if (error instanceof CommanderError) {
    if (error.code === 'posture-sync.wrongUse') to.stderr.write(`${withoutTokens(error.message)}\n`);
    // Help and version that were asked for are answers; everything else of commander's is wrong use.
    return error.exitCode === 0 ? 0 : 2;
  }
  if (error instanceof AppError || error instanceof ProviderError) {
    to.stderr.write(`${withoutTokens(error.message)}\n`);
    return 1;
  }
  createLog('error', to.stderr).error({ err: error }, 'a command failed');
  to.stderr.write('internal error: this is a fault of posture-sync, please report it with the line above\n');
  return 1;
}

/** A token typed where none belongs must not be repeated on the screen. */
function withoutTokens(text: string): string {
  return text.replace(/[A-Za-z0-9+/_=-]{40,}(\.[A-Za-z0-9+/_=-]+)*/g, '[not shown]');
}
