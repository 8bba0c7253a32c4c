// That a name is another one's already, found before or at the moment of the write: told at the name.
import { AppError } from '../errors.ts';

/** @param what has it, such as `an API key` @param hint what can be done with that one */
export function takenName(what: string, name: string, hint: string): AppError {
  const taken = `there is ${what} "${name}" already`;
  return new AppError('conflict', `${taken}; ${hint}`, { name: taken });
}

/** @returns for `catch` of a write: throws that the name is taken where another one took it in the same moment */
export function refuseDuplicate(taken: AppError): (error: unknown) => never {
  return error => {
    // drizzle wraps the driver's error.
    const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
    throw cause instanceof Error && 'code' in cause && cause.code === '23505' ? taken : error;
  };
}
