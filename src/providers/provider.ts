// The interface that every provider implements: facts, and one verb that reads agents. A provider is one folder and one
// line in registry.ts; if it needs anything else, this interface is wrong.
import type { z } from 'zod';
import type { AttributeSpec, AttributeValue } from '../posture/attributes.ts';

/** What to read. Only `all` can show absence; `some` and `changed` set and change, and never remove by absence. */
export type AgentQuery =
  | { kind: 'all' }
  /**
   * Agents by id and by serial, also decommissioned and uninstalled ones. Ids and serials are or-ed. An id that is in no
   * page of the answer, skipped ones included, is an agent that the provider does not have, unless a row without an id
   * was skipped: that may be any of them. Of serials nothing of the kind can be said.
   */
  | { kind: 'some'; ids: readonly string[]; serials: readonly string[] }
  | { kind: 'changed'; since: Date };

export interface Identifier {
  kind: 'serial' | 'hardware_uuid';
  /** As the provider has it; made canonical by the sync. */
  value: string;
}

/** A provider's record of one installation. */
export interface Agent {
  id: string;
  hostname: string | null;
  identifiers: readonly Identifier[];
  /** Decommissioned or uninstalled, by the provider's own word. */
  decommissioned: boolean;
  active: boolean | null;
  registeredAt: Date | null;
  lastActiveAt: Date | null;
  /** By full attribute name. A key that is absent is unknown. Times are RFC 3339 strings in UTC with milliseconds. */
  values: Readonly<Record<string, AttributeValue>>;
}

/** What the credentials can see and how long they hold. */
export interface AccountFacts {
  /** Names of accounts and sites seen, for example `Account One / Site A`. */
  scope: readonly string[];
  tokenExpiresAt: Date | null;
}

export interface AgentPage {
  agents: readonly Agent[];
  /**
   * Rows that could not be read, and ids that could not be asked for. With an id: that agent is frozen, never missing.
   * Without: any agent, and no absence is proven. Rows that hold nothing at all are not among them.
   */
  skipped: readonly { id: string | null; reason: string }[];
  /** How many agents the provider says there are in all, where the page tells. */
  claimedTotal: number | null;
  /** How often each field held nothing usable, by the provider's field name. */
  unset: Readonly<Record<string, number>>;
  /** With the first page only. */
  account?: AccountFacts;
}

/** Who may be asked how: enforced in http.ts per origin and token, over all uses in this process. */
export interface ProviderLimits {
  requestsPerSecond: number;
  atOnce: number;
  pageTimeoutMs: number;
}

export interface ProviderRequest {
  method?: 'GET' | 'POST';
  /** Below the integration's base URL, with the query already encoded: `/web/api/v2.1/agents?limit=1000`. */
  path: string;
  headers: Readonly<Record<string, string>>;
  json?: unknown;
  /** Overrides the limits' pageTimeoutMs for this request. */
  timeoutMs?: number;
}

export interface ProviderResponse {
  status: number;
  headers: Readonly<Record<string, string | string[] | undefined>>;
  /** The parsed body when it is JSON, else undefined. */
  json: unknown;
  /** The first 500 characters of the body, for error messages. */
  excerpt: string;
}

/**
 * The way out, bound to one integration's base URL: guarded, limited, retried within bounds. Any status comes back as a
 * response once retries are used up; a ProviderError is thrown for what has no answer (settings, unavailable,
 * malformed by size) and the signal's reason when aborted.
 */
export interface ProviderHttp {
  request(request: ProviderRequest, signal: AbortSignal): Promise<ProviderResponse>;
}

export interface ProviderContext {
  http: ProviderHttp;
  signal: AbortSignal;
  now(): Date;
}

export interface Provider<S extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  readonly title: string;
  /** Namespace before the colon of its attribute names, for example 'sentinelOne'. */
  readonly namespace: string;
  /** Address of a guide to making its credentials, that anybody can read; null where none is known. */
  readonly guide: string | null;
  /**
   * The settings, secrets included. Field meta: `label`, `help`, `example`, `secret`, `tailscale` (the field of Tailscale's API it is).
   * Every provider's settings have `url` and `requestsPerSecond`.
   */
  readonly Settings: S;
  readonly attributes: readonly AttributeSpec[];
  readonly reads: readonly AgentQuery['kind'][];
  /** The most that one `some` query may ask for. */
  readonly someAtOnce: number;
  readonly limits: ProviderLimits;
  /**
   * Reads pages of agents. Returning means that the last page was reached; throwing a ProviderError means incomplete.
   * Breaking out of the loop early is fine: testing a connection is taking the first page and stopping.
   * The returned claimedTotal is the total asked for again at the end, where the count fell short of page 1's.
   */
  agents(
    settings: z.infer<S>,
    query: AgentQuery,
    context: ProviderContext,
  ): AsyncGenerator<AgentPage, { claimedTotal: number | null }>;
}
