// Reads what a request brings, and says what is wrong with it in words for whoever sent it, not in those of the library that found
// it.
import type { z } from 'zod';
import { AppError } from '../errors.ts';

const kinds: Readonly<Record<string, string>> = {
  object: 'an object',
  array: 'a list',
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  record: 'an object',
};

/** Made once, as a body is read for each decision. */
const words: z.core.ParseContext<z.core.$ZodIssue> = {
  error(issue) {
    if (issue.code === 'unrecognized_keys') return 'there is no such field';
    if (issue.code !== 'invalid_type') return undefined;
    return issue.input === undefined ? 'it is missing' : `expected ${kinds[issue.expected] ?? issue.expected}`;
  },
};

/**
 * @param whole what the whole is called where no field of it is to blame
 * @returns the input as the schema reads it
 * @throws AppError invalid, naming the first field that is wrong
 */
export function readAs<T>(schema: z.ZodType<T>, input: unknown, whole = 'the body'): T {
  const found = schema.safeParse(input, words);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  const path = [...(issue?.path ?? []), ...(issue?.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : [])];
  throw new AppError('invalid', `${path.join('.') || whole}: ${issue?.message}`);
}
