// Files as commands read them whole: a text exactly as it is, or JSON; by their path, or from standard input.
import { readFile } from 'node:fs/promises';
import { AppError } from '../errors.ts';
import { unlessStopped } from './session.ts';
import type { Surroundings } from './surroundings.ts';

/**
 * @param file a path, or `-` for standard input
 * @param called what to call it where it cannot be read
 * @throws AppError invalid
 */
export async function readTextFile(to: Surroundings, file: string, called: string): Promise<string> {
  const bytes = file === '-' ? await unlessStopped(to, readAll(to)) : await readBytes(file, called);
  try {
    // A byte order mark is kept: a policy is applied as it stands in its file.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new AppError('invalid', `${called} is not written in UTF-8`);
  }
}

/** @param file as readTextFile @throws AppError invalid */
export async function readJsonFile(to: Surroundings, file: string): Promise<unknown> {
  const text = await readTextFile(to, file, file);
  try {
    return JSON.parse(text.replace(/^\ufeff/, ''));
  } catch {
    throw new AppError('invalid', `${file} is no JSON`);
  }
}

async function readAll({ stdin }: Surroundings): Promise<Buffer> {
  const parts: Buffer[] = [];
  for await (const part of stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts);
}

async function readBytes(file: string, called: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unreadable';
    throw new AppError('invalid', `${called} cannot be read (${code})`);
  }
}
