// A text with the character 0 cannot be stored, nor be looked for: the database has no such texts. It is refused by the field.
import { AppError } from '../errors.ts';

/**
 * @param input anything that was read from JSON, a query or a path, however deep
 * @throws AppError invalid, naming the first field that holds such a text
 */
export function refuseZeros(input: unknown): void {
  const open: [path: string, value: unknown][] = [['', input]];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const [path, value] = next;
    if (typeof value === 'string' && value.includes('\0')) throw zeroIn(path);
    if (typeof value !== 'object' || value === null) continue;
    for (const [name, inner] of Object.entries(value)) {
      if (name.includes('\0')) throw zeroIn(path);
      open.push([path === '' ? name : `${path}.${name}`, inner]);
    }
  }
}

function zeroIn(path: string): AppError {
  return new AppError('invalid', `${path === '' ? 'the body' : path}: the character U+0000 is not possible in a text`);
}
