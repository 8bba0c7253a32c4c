// The two classes of expected failure. A ProviderError says what an outside API did; an AppError says why we refuse a
// request. Everything else thrown is internal: a bug or a broken machine, and its text never leaves the process.

/** What a provider's failure means. The table beside it says who must act and what happens next. */
export type ProviderErrorKind = 'settings' | 'auth' | 'permission' | 'throttled' | 'unavailable' | 'malformed';

/**
 * Who acts on each kind, what the scheduler does, and what to do about it. `pauses`: the integration waits AUTH_PAUSE before it is
 * tried again.
 */
export const providerErrorKinds: Readonly<
  Record<ProviderErrorKind, { who: 'administrator' | 'nobody' | 'us'; pauses: boolean; about: string; advice: string }>
> = {
  settings: {
    who: 'administrator',
    pauses: false,
    about: 'the settings cannot work, for example the URL',
    advice: 'Correct the settings: as they are they cannot work.',
  },
  auth: {
    who: 'administrator',
    pauses: true,
    about: 'the credentials are refused',
    advice: "Make a new token in the provider's console and give that: this one is wrong, expired or revoked.",
  },
  permission: {
    who: 'administrator',
    pauses: true,
    about: 'permission or scope: the credentials may not read agents',
    advice:
      "In the provider's console, give the token's user a role that may read agents, and the scope that holds your devices.",
  },
  throttled: {
    who: 'nobody',
    pauses: false,
    about: 'the provider asks for fewer requests',
    advice: 'Wait some minutes, and try again. If it goes on, ask the provider at a slower pace.',
  },
  unavailable: {
    who: 'nobody',
    pauses: false,
    about: 'the provider cannot be reached or answers with an error',
    advice: 'Try again later. If it goes on, check the address, and whether workers can reach it.',
  },
  malformed: {
    who: 'us',
    pauses: false,
    about: 'the answer cannot be understood',
    advice: 'Check that the address is that of a console. If it is, please report this with the request id.',
  },
};

export interface ProviderErrorFacts {
  /** HTTP status, if an answer came. */
  status?: number | null;
  /** The provider's own error code, as text. */
  code?: string | null;
  /** The provider's request id (SentinelOne: X-RQID), to quote in a support case. */
  requestId?: string | null;
  /** The provider's detail text beyond the title that is in the message. */
  detail?: string | null;
  /** Not to be asked again before so many ms (Retry-After). */
  retryAfterMs?: number | null;
  /** True when the answer did not come in time: a smaller page may succeed. */
  timedOut?: boolean;
  cause?: unknown;
}

/** A failure of, or on the way to, a provider. Its message is shown to administrators and never holds a secret. */
export class ProviderError extends Error {
  readonly kind: ProviderErrorKind;
  readonly status: number | null;
  readonly code: string | null;
  readonly requestId: string | null;
  readonly detail: string | null;
  readonly retryAfterMs: number | null;
  readonly timedOut: boolean;
  constructor(kind: ProviderErrorKind, message: string, facts: ProviderErrorFacts = {}) {
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.name = 'ProviderError';
    this.kind = kind;
    this.status = facts.status ?? null;
    this.code = facts.code ?? null;
    this.requestId = facts.requestId ?? null;
    this.detail = facts.detail ?? null;
    this.retryAfterMs = facts.retryAfterMs ?? null;
    this.timedOut = facts.timedOut ?? false;
  }
}

export type AppErrorCode =
  | 'invalid'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'conflict'
  | 'precondition'
  | 'gone'
  | 'busy';

/** A request that we refuse, with a message for whoever made it. */
export class AppError extends Error {
  readonly code: AppErrorCode;
  /** What is wrong by field, where that is known. */
  readonly fields: Readonly<Record<string, string>> | null;
  constructor(code: AppErrorCode, message: string, fields: Readonly<Record<string, string>> | null = null) {
    super(message);
    this.name = 'AppError';
    this.code = code;
    this.fields = fields;
  }
}

/** @param wrong what is wrong by field, at least one @returns a refusal that tells all of it: `url: it is missing; token: ...` */
export function invalidFields(wrong: Readonly<Record<string, string>>): AppError {
  const told = Object.entries(wrong).map(([field, said]) => `${field}: ${said}`);
  return new AppError('invalid', told.join('; '), wrong);
}

/** Makes the compiler prove that a union is handled whole. */
export function never(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`);
}
