// What the resources of administration share: what they are made of, who asks, and how their answers are described.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance, FastifyRequest, RawServerDefault } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { AppError, invalidFields } from '../errors.ts';
import { type Refusal, refusals } from '../http/described.ts';
import { callerOf } from '../http/guard.ts';
import type { KeyRing } from '../http/key-ring.ts';
import type { OpenId } from '../http/openid.ts';
import type { Refusals } from '../http/refusals.ts';
import type { Log } from '../log.ts';
import type { ReadAttribute } from '../operations/attributes.ts';
import type { SettingsRequest } from '../operations/integrations.ts';
import type { AnswerBell } from '../store/answer-bell.ts';
import type { Now, Pool } from '../store/client.ts';
import { publishedSealingKey } from '../store/sealing.ts';
import type { Sealer } from '../store/secrets.ts';
import type { Live } from './live-readers.ts';

export interface ApiParts {
  db: Pool;
  now: Now;
  log: Log;
  /** Null in a process that was given none: then it seals to the key that workers publish. */
  keys: Sealer | null;
  /** PROVIDER_ALLOWED_HOSTS. */
  allowedHosts: readonly string[];
  /** Rings when a worker has answered. */
  bell: AnswerBell;
  /** TAILNET. */
  tailnet: string;
  /** PUBLIC_URL: the pages that may change something. */
  publicUrl: string;
  signIn: SignInParts;
  /** What decisions are made from. Null: there is none here. */
  viewed: Viewed | null;
  live: Live;
  /** AUDIT_RETENTION, as this process was given it. */
  auditRetentionMs: number;
  /** VIEW_MAX_AGE. */
  viewMaxAgeMs: number;
  /** SYNC_INTERVAL, for what counts as fresh where no worker has said it. */
  syncIntervalMs: number;
}

/** What signing in to the pages needs. */
export interface SignInParts {
  keys: Pick<KeyRing, 'identify' | 'sessions'>;
  refusals: Pick<Refusals, 'note'>;
  /** Null: people sign in with keys and links alone. */
  openId: OpenId | null;
}

/** The devices in memory. */
export interface Viewed {
  /** @returns null where it is not known, which may be for it is new */
  attributesOf(deviceId: string): [string, ReadAttribute][] | null;
  /** @returns how long ago it was what the database had, in ms */
  ageMs(): number;
}

/** A server whose routes have zod's schemas. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyInstance['log'],
  ZodTypeProvider
>;

/** @returns who asks, and when, for operations */
export function requestOf({ db, now }: ApiParts, request: FastifyRequest) {
  const { actor, session } = callerOf(request);
  return { db, now, actor, origin: session === null ? 'CONFIG_API' : 'ADMIN_CONSOLE' } as const;
}

/** @returns who asks, with what to seal secrets: null where this process has no keys, and no worker has published one */
export async function settingsRequestOf(parts: ApiParts, request: FastifyRequest): Promise<SettingsRequest> {
  const { db, keys, allowedHosts } = parts;
  return { ...requestOf(parts, request), keys: keys ?? (await publishedSealingKey(db)), allowedHosts };
}

/** @returns the answers of a route: what it gives, and errors */
export function answers<T extends z.ZodType>(given: T, ...own: Refusal[]) {
  return { 200: given, ...refusals(...own) };
}

/** @returns the answers of a route that only begins something */
export function accepted<T extends z.ZodType>(given: T, ...own: Refusal[]) {
  return { 202: given, ...refusals(...own) };
}

/** Whoever did something, as in the audit log. */
export const Actor = z
  .object({ id: z.string(), type: z.string(), loginName: z.string(), displayName: z.string() })
  .meta({ id: 'Actor', description: 'Who did it.' });

/** Of an answer without a body. */
export const Nothing = z.undefined().describe('No body.');

/** Of routes that have an `ETag`; with the answer 304. */
export const ifNoneMatch = z.looseObject({
  'if-none-match': z.string().optional().describe('The `ETag` of what is known already.'),
});
export const Unchanged = Nothing.describe('It is still the one with the `ETag` of `If-None-Match`.');

const tailnetParam = z.string().describe('`-`, or the name that TAILNET gives.');

/** The path of what belongs to the tailnet as a whole. */
export const inTailnet = z.object({ tailnet: tailnetParam });

export const count = z.int().min(0);
export const time = z.string().meta({ format: 'date-time', description: 'RFC 3339.' });
export const maybeTime = time.nullable();

/** The number of devices that lose values by a step. Clients that were written for Tailscale cannot send it, and are not asked. */
export const confirmParam = z.coerce
  .number()
  .int()
  .min(0)
  .max(2_000_000_000)
  .optional()
  .describe('Ours: how many devices lose values by it. Refused with the right number where it is another one.');

/** What a step would take, to be asked before it is done. */
export const LossesBody = z
  .object({ devices: count, attributes: count.describe('Values over all of them.') })
  .meta({ id: 'Losses' });

/** A parameter that may be repeated. */
export const several = z
  .union([z.string().max(512), z.array(z.string().max(512)).max(100)])
  .transform(given => [given].flat())
  .optional();

/** Of lists that come in pages; what one gave out may be long. */
export const cursorParam = z
  .string()
  .max(4_096)
  .optional()
  .describe('`nextCursor` of the page before; the other parameters stay as they were.');
/** Of lists that come whole without it. */
export const limitOfWhole = z.coerce
  .number()
  .int()
  .min(1)
  .max(1_000)
  .optional()
  .describe('So many at most. Without it all come; with `cursor` 100.');
export const nextCursor = z.string().nullable().describe('Where to go on; null where that was all.');

/**
 * @param names those that fields are sent by, where operations have others
 * @returns for `catch`: throws the error anew, with what is wrong by the names that were sent
 */
export function toldBy(names: Readonly<Record<string, string>>): (error: unknown) => never {
  return error => {
    if (!(error instanceof AppError) || error.fields === null) throw error;
    const fields = Object.fromEntries(
      Object.entries(error.fields).map(([field, said]) => [names[field] ?? field, said]),
    );
    throw error.code === 'invalid' ? invalidFields(fields) : new AppError(error.code, error.message, fields);
  };
}
