// What documents say that can become wrong, as pure functions over their text, so that each can be shown to fail: links,
// files, commands with their options, npm scripts. A problem is one line: the document, then what is wrong.
import path from 'node:path';
import type { Command } from 'commander';

const fence = /^ *```.*\n([\s\S]*?)^ *```$/gm;

/** @returns each line of the blocks of code, and each piece of code within the text */
export function codeOf(text: string): string[] {
  const blocks = [...text.matchAll(fence)].flatMap(([, block = '']) => block.split('\n'));
  const pieces = [...withoutBlocks(text).matchAll(/`([^`]+)`/g)].map(([, piece = '']) => piece.replaceAll(/\s+/g, ' '));
  return [...blocks, ...pieces];
}

function withoutBlocks(text: string): string {
  return text.replaceAll(fence, '').replaceAll(/^ {4}.*$/gm, '');
}

/** @returns the text below a heading of the second level, or null where there is no such heading */
export function section(text: string, heading: string): string | null {
  return text.split(/^## /m).find(part => part.startsWith(`${heading}\n`)) ?? null;
}

/**
 * Links within the repository lead to a file, and to a heading of it; files that are named exist.
 * @param textOf the text of a file or directory, by its path from the repository's top; null where there is none
 */
export function brokenLinks(document: string, text: string, textOf: (file: string) => string | null): string[] {
  const found: string[] = [];
  for (const [, target = ''] of withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file = '', anchor] = target.split('#');
    const linked = textOf(file === '' ? document : path.posix.join(path.posix.dirname(document), file));
    if (linked === null || (anchor !== undefined && !anchorsOf(linked).includes(anchor)))
      found.push(`${document}: ${target} leads nowhere`);
  }
  for (const code of codeOf(withoutBlocks(text)))
    if (/^(bin|config|docs|src|test)\/[\w./-]+$/.test(code) && textOf(code) === null)
      found.push(`${document}: there is no ${code}`);
  return found;
}

function anchorsOf(text: string): string[] {
  return [...withoutBlocks(text).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Commands that are shown exist, and so do their options; what takes no arguments is shown with none. */
export function wrongCommands(document: string, text: string, program: Command): string[] {
  return codeOf(text).flatMap(line => {
    const [, rest] = /(?:^|[\s/])posture-sync +([^#<|]+)/.exec(line) ?? [];
    return rest === undefined
      ? []
      : wrongWords(rest.trim().split(/\s+/), program).map(wrong => `${document}: ${wrong}`);
  });
}

function wrongWords(words: readonly string[], program: Command): string[] {
  let command = program;
  let depth = 0;
  for (const word of words.filter(word => !word.startsWith('-'))) {
    const child = command.commands.find(known => known.name() === word);
    // What follows a whole command are its arguments; in capitals it stands for any.
    if (command.commands.length === 0 || /^[A-Z]+$/.test(word)) break;
    if (!child) return [`there is no command ${word}`];
    command = child;
    depth += 1;
  }
  const [argument = ''] = words.slice(depth);
  if (depth > 0 && !command.registeredArguments.length && !command.commands.length && /^[^-[(]/.test(argument))
    return [`${command.name()} takes no ${argument}`];
  const options = words.filter(word => word.startsWith('--')).map(word => word.replace(/=.*/, ''));
  const known = ['--help', '--version', ...command.options.filter(o => !o.hidden).map(option => option.long)];
  return options.filter(option => !known.includes(option)).map(option => `${command.name()} has no ${option}`);
}

/** Scripts of npm that are named exist. */
export function wrongScripts(document: string, text: string, scripts: Readonly<Record<string, string>>): string[] {
  const named = [...text.matchAll(/\bnpm (?:run ([\w:-]+)|(test|start)\b)/g)].map(
    ([, run, short]) => run ?? short ?? '',
  );
  return named.filter(name => !(name in scripts)).map(name => `${document}: there is no script ${name}`);
}
