// Where tokens come from: standard input or a file, never an argument. A terminal does not show what is typed.
import { readFile } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import { unlessStopped } from './session.ts';
import { Stop, type Surroundings } from './surroundings.ts';

const longest = 65_536;

/**
 * @param file of `--token-file`: a path, or `-` for standard input; null: standard input
 * @param label of the prompt, for example 'API Token'
 * @returns the token, or '' when there was none
 * @throws AppError invalid when the file cannot be read or is no token
 */
export async function readToken(to: Surroundings, file: string | null, label: string): Promise<string> {
  const text = file !== null && file !== '-' ? await readTokenFile(file) : await readStandardInput(to, label);
  if (text.length > longest) throw new AppError('invalid', `what was given as ${label} is longer than any token`);
  return text.trim();
}

async function readTokenFile(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new AppError('invalid', `the token file ${file} cannot be read (${code}); nothing was changed`);
  }
}

async function readStandardInput(to: Surroundings, label: string): Promise<string> {
  if (to.stdin.isTTY === true) return await unlessStopped(to, readHidden(to, label));
  const read = async () => {
    let text = '';
    for await (const chunk of to.stdin) {
      text += String(chunk);
      if (text.length > longest) break;
    }
    return text;
  };
  return await unlessStopped(to, read());
}

/** Reads a line from a terminal without showing it. Ctrl-C and Ctrl-D end it without a token. */
async function readHidden({ stdin, stderr }: Surroundings, label: string): Promise<string> {
  stderr.write(`${label} (typing stays hidden, Enter ends): `);
  stdin.setRawMode?.(true);
  try {
    let typed = '';
    for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
      for (const character of String(chunk)) {
        if (character === '\r' || character === '\n' || character === '\u0004') return typed;
        // Raw mode hands Ctrl-C over as a character.
        if (character === '\u0003') throw new Stop(130);
        if (character === '\u007f' || character === '\b') typed = typed.slice(0, -1);
        else if (character === '\u0015') typed = '';
        else typed += character;
      }
    }
    return typed;
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    stderr.write('\n');
  }
}
