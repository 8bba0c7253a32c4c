// Options that several commands have, and how their texts are read. What is wrong here is wrong use: exit status 2.
import { type Command, InvalidArgumentError, Option } from 'commander';
import { AppError, ProviderError } from '../errors.ts';
import { parseDuration } from '../posture/duration.ts';
import type { Losses } from '../store/losses.ts';
import { counted } from './output.ts';
import { wrongUse } from './surroundings.ts';

/** Declares a command with what every command has: `--json` and an example in its help. */
export function declare(
  parent: Command,
  nameAndArguments: string,
  about: string,
  examples: readonly string[],
): Command {
  return addExamples(answersJson(parent.command(nameAndArguments).description(about)), examples);
}

export function answersJson(command: Command): Command {
  return command.option('--json', 'answer as JSON, one object a line');
}

export function addExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText('after', ['', 'Example:', ...examples.map(example => `  $ ${example}`)].join('\n'));
}

/** @returns a reader of whole numbers for an option */
export function wholeNumber(least: number, most: number): (text: string) => number {
  return text => {
    if (/^\d{1,12}$/.test(text) && Number(text) >= least && Number(text) <= most) return Number(text);
    throw new InvalidArgumentError(`Allowed is a whole number from ${least} to ${most}.`);
  };
}

export function duration(text: string): number {
  const ms = parseDuration(text);
  if (ms === null) throw new InvalidArgumentError('Allowed is a whole number and a unit (s, m, h, d), as in 72h.');
  return ms;
}

/** `72h`, or `off`; commander makes an empty text of null, so the word stays. */
export function durationOrOff(text: string): number | 'off' {
  return text === 'off' ? text : duration(text);
}

/** `20%`, or 0.2 as a number between 0 and 1. */
export function share(text: string): number {
  const percent = /^(\d{1,3}(?:\.\d+)?)\s*%$/.exec(text.trim());
  const value = percent ? Number(percent[1]) / 100 : /^[01](\.\d+)?$|^\.\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= 0 && value <= 1) return value;
  throw new InvalidArgumentError('Allowed is a share from 0% to 100%, as in 20%.');
}

/** Reads an option that may be repeated. @returns all that was given, in order */
export function collect(value: string, before: readonly string[] = []): string[] {
  return [...before, value];
}

/** `a,b`; an empty text is an empty list. */
export function commaList(text: string): string[] {
  return text
    .split(',')
    .map(entry => entry.trim())
    .filter(entry => entry !== '');
}

/** What is refused because of an option or argument is wrong use, though an operation says so. @throws CommanderError for AppError invalid, and settings that no provider can have */
export async function asOptions<T>(work: () => Promise<T> | T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError && error.code === 'invalid') wrongUse(error.message);
    // As an address that is none.
    if (error instanceof ProviderError && error.kind === 'settings') wrongUse(error.message);
    throw error;
  }
}

/** Refuses a step without `--yes` by which devices lose values. @param step for example 'to change it' */
export function refuseLosses(step: string, { devices, attributes }: Losses): void {
  if (devices === 0) return;
  wrongUse(`${step}, add --yes: ${counted(devices, 'device')} would lose ${counted(attributes, 'value')}`);
}

const tokenOptions = ['--token', '--api-token', '--api-key', '--secret', '--password'];

/** Refuses a token on the command line with a word about why, instead of an unknown option. */
export function refuseTokenArguments(command: Command): Command {
  for (const flag of tokenOptions) {
    command.addOption(new Option(`${flag} [value]`).hideHelp().argParser(refuseToken));
    command.on(`option:${flag.slice(2)}`, refuseToken);
  }
  return command;
}

function refuseToken(): never {
  wrongUse(
    'a token is never an argument: other users see the arguments of processes, and shells remember them. Pipe it in, or use --token-file FILE. If it was a real one, replace it',
  );
}
