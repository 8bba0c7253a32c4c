// What an administrator can do about a provider's failure that is stored or shown.
import { type ProviderErrorKind, providerErrorKinds } from '../errors.ts';
import type { StoredError } from '../store/schema.ts';

/** `advice`: what to do about it. */
export type AdvisedError = StoredError & { advice: string };

export function advised(error: StoredError | null): AdvisedError | null {
  if (error === null) return null;
  const { advice = '' } = error.kind in providerErrorKinds ? providerErrorKinds[error.kind as ProviderErrorKind] : {};
  return { ...error, advice };
}
