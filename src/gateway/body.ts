// Reads the bodies of requests, and says what is wrong with one in words for whoever sent it, not in those of the library that
// found it.
import type { z } from 'zod';
import { AppError } from '../errors.ts';

const kinds: Readonly<Record<string, string>> = { object: 'an object', array: 'a list', string: 'a string' };

/** Made once, as a body is read for each decision. */
const words: z.core.ParseContext<z.core.$ZodIssue> = {
  error(issue) {
    if (issue.code !== 'invalid_type') return undefined;
    return issue.input === undefined ? 'it is missing' : `expected ${kinds[issue.expected] ?? issue.expected}`;
  },
};

/** @returns the body as the schema reads it @throws AppError invalid, naming the first field that is wrong */
export function readBody<T>(schema: z.ZodType<T>, body: unknown): T {
  const found = schema.safeParse(body, words);
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  throw new AppError('invalid', `${issue?.path.join('.') || 'the body'}: ${issue?.message}`);
}
