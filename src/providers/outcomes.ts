// What came of one request to a provider, in few words: for counting, where the whole story stands in the run's error. Pure.
import { type ProviderErrorKind, providerErrorKinds } from '../errors.ts';

/** `rejected`: an answer of another 4xx than those that tell of credentials or the pace; only the provider's code knows what it means. */
export type RequestOutcome = 'ok' | 'rejected' | ProviderErrorKind;

export const requestOutcomes: readonly RequestOutcome[] = [
  'ok',
  'rejected',
  ...(Object.keys(providerErrorKinds) as ProviderErrorKind[]),
];

/** @param status of an HTTP answer that is no redirection */
export function outcomeOf(status: number): RequestOutcome {
  if (status < 400) return 'ok';
  if (status === 401) return 'auth';
  if (status === 403) return 'permission';
  if (status === 429) return 'throttled';
  return status === 404 || status === 408 || status >= 500 ? 'unavailable' : 'rejected';
}
