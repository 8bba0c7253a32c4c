// All commands, and how a command ends: 0 done, 1 failed, 2 wrongly used. What we refuse, or a provider does, is one plain
// line; anything else is ours, and its text goes to the log alone. A command's file, and with it all that it needs, is read
// only when the command is asked for: help, the version and wrong use are answered at once.
import { Command, CommanderError } from 'commander';
import manifest from '../../package.json' with { type: 'json' };
import { AppError, ProviderError } from '../errors.ts';
import { answersJson } from './options.ts';
import { Failed, Stop, type Surroundings } from './surroundings.ts';

/** Gives a command its options and what it does, or a group its commands. */
type Register = (command: Command, to: Surroundings) => void;

/** What the help of the program says of a command, and where the rest is. */
interface Listed {
  nameAndArguments: string;
  about: string;
  isGroup: boolean;
  register(): Promise<Register>;
}

const single = (nameAndArguments: string, about: string, register: Listed['register']): Listed => ({
  nameAndArguments,
  about,
  isGroup: false,
  register,
});
const group = (name: string, about: string, register: Listed['register']): Listed => ({
  nameAndArguments: name,
  about,
  isGroup: true,
  register,
});

/** In the order of the help. */
const commands: readonly Listed[] = [
  single('demo', 'try everything with a pretended console of 500 agents; Ctrl-C ends it', () =>
    import('./demo.ts').then(file => file.registerDemo),
  ),
  single('serve', 'run the service until it is stopped: syncs on schedule, answers on HOST and PORT', () =>
    import('./serve.ts').then(file => file.registerServe),
  ),
  single('overview', 'tell whether posture can be trusted right now, and what needs attention', () =>
    import('./overview.ts').then(file => file.registerOverview),
  ),
  single('migrate', "bring the database to this version's tables; harmless when it is up to date", () =>
    import('./migrate.ts').then(file => file.registerMigrate),
  ),
  single(
    'sealing-key',
    'print the public half of the first of SECRET_KEYS, as SECRET_SEALING_KEY of API processes wants it',
    () => import('./sealing-key.ts').then(file => file.registerSealingKey),
  ),
  group('integration', 'the providers that agents are read from', () =>
    import('./integration.ts').then(file => file.registerIntegration),
  ),
  group('device', 'our devices: the inventory that agents are matched to', () =>
    import('./device.ts').then(file => file.registerDevice),
  ),
  group('attribute', 'posture attributes of a device, and custom ones set by hand', () =>
    import('./attribute.ts').then(file => file.registerAttribute),
  ),
  single('sync [name]', 'sync an integration, or all of them, and say what happened', () =>
    import('./sync.ts').then(file => file.registerSync),
  ),
  single('explain <device-or-serial>', 'say why a device has the posture it has, or none', () =>
    import('./explain.ts').then(file => file.registerExplain),
  ),
  group('policy', 'access rules and the postures that they ask for', () =>
    import('./policy.ts').then(file => file.registerPolicy),
  ),
  group('posture', 'which devices pass the postures of the policy in force', () =>
    import('./posture.ts').then(file => file.registerPosture),
  ),
  group('key', 'API keys: who may ask the service over HTTP, and for what', () =>
    import('./key.ts').then(file => file.registerKey),
  ),
  single('sign-in', 'print a link that signs in to the pages once', () =>
    import('./sign-in.ts').then(file => file.registerSignIn),
  ),
  group('settings', 'service-wide settings, among them the switch of identity collection', () =>
    import('./settings.ts').then(file => file.registerSettings),
  ),
  group('webhook', 'webhooks: who is told of what happens, by signed notices', () =>
    import('./webhook.ts').then(file => file.registerWebhook),
  ),
  single('audit', 'print the audit log, oldest first', () => import('./audit.ts').then(file => file.registerAudit)),
  single('verify', 'derive everything again and compare; nothing is written', () =>
    import('./verify.ts').then(file => file.registerVerify),
  ),
  single('simulate', 'run a pretended SentinelOne console on loopback until it is stopped', () =>
    import('./simulate.ts').then(file => file.registerSimulate),
  ),
  group('bench', 'measure how fast it is on this machine, in a database of its own', () =>
    import('./bench.ts').then(file => file.registerBench),
  ),
  single('docs', 'write the documents that are made from code; for developers', () =>
    import('./docs.ts').then(file => file.registerDocs),
  ),
];

/**
 * @param words what follows `posture-sync` on the command line: commands that are not among them are there for the help
 * alone, with no more than it says of them. Without it every command is whole, for tests that look at them
 * @returns the program with all its commands
 */
export async function createProgram(to: Surroundings, words?: readonly string[]): Promise<Command> {
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
  for (const { nameAndArguments, about, isGroup, register } of commands) {
    const command = program.command(nameAndArguments).description(about);
    if (!isGroup) answersJson(command);
    if (words === undefined || words.includes(command.name())) (await register())(command, to);
  }
  return program;
}

/**
 * Runs one command.
 * @param words what follows `posture-sync` on the command line
 * @returns the exit status
 */
export async function runProgram(words: readonly string[], to: Surroundings): Promise<number> {
  try {
    const program = await createProgram(to, words);
    await program.parseAsync(words, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof Stop) return error.exitStatus;
    if (to.stop.aborted && to.stop.reason instanceof Stop) return to.stop.reason.exitStatus;
    return await exitStatus(error, to);
  }
}

async function exitStatus(error: unknown, to: Surroundings): Promise<number> {
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
  const { createLog } = await import('../log.ts');
  createLog('error', to.stderr).error({ err: error }, 'a command failed');
  to.stderr.write('internal error: this is a fault of posture-sync, please report it with the line above\n');
  return 1;
}

/** A token typed where none belongs must not be repeated on the screen. */
function withoutTokens(text: string): string {
  return text.replace(/[A-Za-z0-9+/_=-]{40,}(\.[A-Za-z0-9+/_=-]+)*/g, '[not shown]');
}
