// Several checks of one request: who sent it is told at once all that is wrong with it.
import { AppError, invalidFields, ProviderError } from '../errors.ts';

type Checks<T extends readonly unknown[]> = { readonly [K in keyof T]: () => T[K] | Promise<T[K]> };

/**
 * @param checks each returns what it read, or refuses by throwing
 * @returns what they returned
 * @throws what one of them threw, if only one did; AppError invalid with the fields of all that refused fields
 */
export async function together<T extends readonly unknown[]>(...checks: Checks<T>): Promise<T> {
  const read: unknown[] = [];
  const refused: unknown[] = [];
  for (const check of checks) {
    try {
      read.push(await check());
    } catch (error) {
      if (fieldsOf(error) === null) throw error;
      refused.push(error);
    }
  }
  if (refused.length > 1) throw invalidFields(Object.assign({}, ...refused.map(fieldsOf)));
  if (refused.length === 1) throw refused[0];
  return read as unknown as T;
}

/** A provider's settings that cannot work are those of its address. */
function fieldsOf(error: unknown): Readonly<Record<string, string>> | null {
  if (error instanceof ProviderError && error.kind === 'settings') return { url: error.message };
  return error instanceof AppError && error.code === 'invalid' ? error.fields : null;
}
