// Asks the service's API from a page: with the types of its OpenAPI file, with the session's cookie, and with failures that say what
// the service said.
import createClient from 'openapi-fetch';
import type { components, paths } from './schema.d.ts';

/** What the API's answers are made of, by the names of the OpenAPI file. */
export type Schemas = components['schemas'];

/** Where the service is: the pages stand at /admin/ below it. Ends in a slash. */
export const serviceUrl = new URL('..', document.baseURI).href;

/** openapi-fetch: `api.GET('/api/v2/...', { params })`, to be given to `ask`. */
export const api = createClient<paths>({ baseUrl: serviceUrl.replace(/\/$/, ''), credentials: 'same-origin' });

/** The tailnet that there is, for paths. */
export const here = { tailnet: '-' } as const;

/** What the service refused or failed to do; `status` is 0 where it could not be reached. */
export class RequestError extends Error {
  readonly status: number;
  /** The service's name of the request, for its log. */
  readonly requestId: string | null;
  /** What is wrong by field, as it was sent. */
  readonly fields: Readonly<Record<string, string>>;

  constructor(status: number, message: string, requestId: string | null = null, fields = {}) {
    super(message);
    this.status = status;
    this.requestId = requestId;
    this.fields = fields;
  }
}

/**
 * @param asking a request of `api`
 * @returns what was answered
 * @throws RequestError with the service's words, or status 0 where it could not be reached
 */
export async function ask<T>(asking: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await asking.catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === 'AbortError') throw cause;
    throw new RequestError(0, 'the service could not be reached');
  });
  if (response.ok) return data as T;
  const { message: said, fields } = (error ?? {}) as { message?: unknown; fields?: Record<string, string> };
  const message = typeof said === 'string' && said !== '' ? said : `the service answered ${response.status}`;
  throw new RequestError(response.status, message, response.headers.get('x-request-id'), fields);
}
