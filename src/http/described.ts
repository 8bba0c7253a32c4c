// What a route takes and answers, for the API's description alone. Routes of the gateway read and answer by hand, since it is they that
// are asked at each request; so nothing is checked by what stands here, and it costs a request nothing. Tests compare it with answers.
import { z } from 'zod';

/** Of an answer: its schema, or what comes in each of several types. */
type Answered =
  | z.ZodType
  | { readonly description: string; readonly content: Readonly<Record<string, { readonly schema: z.ZodType }>> };

export interface Description {
  readonly tags: readonly string[];
  readonly summary: string;
  /** Unlike that of any other route: generated clients are called by it. */
  readonly operationId: string;
  readonly description?: string;
  readonly params?: z.ZodType;
  readonly querystring?: z.ZodType;
  readonly headers?: z.ZodType;
  readonly body?: z.ZodType;
  readonly response: Readonly<Record<string, Answered>>;
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** In place of a schema, where the route has none. */
    described?: Description;
  }
}

export const ErrorBody = z
  .object({
    message: z.string().describe('Names the fields, where some are to blame.'),
    fields: z
      .record(z.string(), z.string())
      .optional()
      .describe(
        'Ours: what is wrong by field, named as it was sent (`clientSecret`, `settings.url`). Not every refusal has it.',
      ),
  })
  .meta({ id: 'Error', description: 'What is wrong.' });

/** Statuses of refusals that a route answers only where it says so. */
export type Refusal = 403 | 409 | 410 | 412;

const refusedBy = (own: Refusal[]) =>
  Object.fromEntries(own.map(status => [status, ErrorBody])) as Partial<Record<Refusal, typeof ErrorBody>>;

/** @param own statuses of refusals that not every route has @returns how a route refuses and fails */
export function refusals(...own: Refusal[]) {
  return { ...refusedBy(own), '4xx': ErrorBody, '5xx': ErrorBody };
}

/** @returns how a route refuses and fails that takes nothing but a key @param own statuses of other refusals of it */
export function keyRefusals(...own: Refusal[]) {
  return { 401: ErrorBody, 429: ErrorBody, 500: ErrorBody, ...refusedBy(own) };
}

/** @param description of a text that comes as it is made, in one of several types */
export function textAnswer(description: string, ...types: string[]): Answered {
  return { description, content: Object.fromEntries(types.map(type => [type, { schema: z.string() }])) };
}

const health = { tags: ['Health'] } as const;

export const healthDescribed: Description = {
  ...{ ...health, summary: 'Tell whether the process answers', operationId: 'getHealth' },
  response: { 200: z.object({ status: z.literal('ok') }) },
};

export const readinessDescribed: Description = {
  ...{ ...health, summary: 'Tell whether requests should come here', operationId: 'getReadiness' },
  response: {
    200: z.object({ status: z.literal('ready') }),
    503: z
      .object({ status: z.literal('not ready'), reasons: z.array(z.string()) })
      .describe('Requests should go elsewhere for now.'),
  },
};
