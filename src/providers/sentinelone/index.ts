// SentinelOne: reads agents from GET /web/api/v2.1/agents, and nothing else that matters. What is known of that API, and
// how surely, is told where it is used.
import { z } from 'zod';
import { ProviderError } from '../../errors.ts';
import type { AccountFacts, AgentPage, AgentQuery, Provider, ProviderContext, ProviderResponse } from '../provider.ts';
import { askTokenExpiry, expiryOfToken, scopeOf } from './account.ts';
import { attributes, namespace } from './attributes.ts';
import { isNamed, readAgents } from './cast.ts';
import { failureOf, hasErrors, isRecord, malformed } from './failures.ts';
import { type Listing, listingsOf, pagePath, totalPath, unaskableIds } from './queries.ts';

/** The most that the API gives at once, and what is tried when that takes too long. */
const pageSizes = [1000, 500, 250] as const;

const IdList = z.array(z.string().regex(/^\d{1,20}$/, 'an id is a number of up to 20 digits')).max(500);

/** Tokens have 80 characters or more. One of a few characters would be struck from every text that holds them by chance. */
const shortestToken = 16;

const Settings = z.object({
  url: z.string().trim().min(1).max(2048).meta({
    label: 'SentinelOne URL',
    help: 'The address of your console, as the browser shows it when you are signed in there',
    example: 'usea1-011.sentinelone.net',
    tailscale: 'cloudId',
  }),
  token: z
    .string()
    .trim()
    .min(shortestToken, `a token has at least ${shortestToken} characters: paste all of it`)
    .max(8192)
    .regex(/^[\x21-\x7e]+$/, 'paste the token alone, without spaces or line breaks')
    .meta({
      label: 'API Token',
      help: 'Of a service user with the role Viewer (permission Endpoints: view). In the console: Settings, Users, Service Users, Actions, Create New Service User, with the scope that holds your devices. The token is shown once.',
      secret: true,
      tailscale: 'clientSecret',
    }),
  requestsPerSecond: z.number().min(1).max(10_000).default(20).meta({
    label: 'Requests per second',
    help: '1 to 25, the limit of the API; more only for PROVIDER_ALLOWED_HOSTS',
  }),
  siteIds: IdList.optional().meta({
    label: 'Site ids',
    help: 'Read agents of these sites only',
    example: '1234567890123456789',
  }),
  accountIds: IdList.optional().meta({
    label: 'Account ids',
    help: 'Read agents of these accounts only',
    example: '1234567890123456789',
  }),
});

type SentinelOneSettings = z.infer<typeof Settings>;

export const sentinelone: Provider<typeof Settings> = {
  id: 'sentinelone',
  title: 'SentinelOne',
  // SentinelOne's own documentation needs an account.
  guide: 'https://tailscale.com/docs/integrations/sentinelone',
  namespace,
  Settings,
  attributes,
  reads: ['all', 'some', 'changed'],
  someAtOnce: 1000,
  limits: {
    // 25 requests a second and token on /agents, without bursts: the vendor's table, as s1buildpartners/sentinelone-go-sdk
    // has it in ratelimit.go.
    requestsPerSecond: 25,
    atOnce: 2,
    // A page of 1000 takes a second or two on a healthy console; the vendor's SDK waits 180 s, its other tools 120 s.
    pageTimeoutMs: 120_000,
  },
  agents,
};

async function* agents(
  settings: SentinelOneSettings,
  query: AgentQuery,
  context: ProviderContext,
): AsyncGenerator<AgentPage, { claimedTotal: number | null }> {
  const listings = listingsOf(query, { siteIds: settings.siteIds, accountIds: settings.accountIds });
  let claimedTotal: number | null = null;
  for (const [index, listing] of listings.entries()) {
    claimedTotal = yield* readListing(settings, listing, query.kind, index === 0, context);
  }
  const unaskable = unaskableIds(query).map(id => ({ id, reason: 'cannot be asked for by id' }));
  if (unaskable.length > 0) yield unread(unaskable);
  // Totals of several lists overlap where an agent is asked for by id and by serial number: together they tell nothing.
  return { claimedTotal: query.kind === 'some' ? null : claimedTotal };
}

/** A page that holds no agents and says which there may be all the same. */
function unread(skipped: AgentPage['skipped']): AgentPage {
  return { agents: [], skipped, claimedTotal: null, unset: {} };
}

/** Reads one list to its end. Returns its total: of page 1, or counted anew where fewer agents came. */
async function* readListing(
  settings: SentinelOneSettings,
  listing: Listing,
  kind: AgentQuery['kind'],
  isFirst: boolean,
  context: ProviderContext,
): AsyncGenerator<AgentPage, number | null> {
  const cursors = new Set<string>();
  const size = { step: 0 };
  const seen = { count: 0, last: '' };
  let given = 0;
  let total: number | null = null;
  let cursor: string | null = null;
  for (let number = 1; ; number += 1) {
    const page: Page = await readPage(settings, listing, cursor, size, context);
    // The total stands on page 1 alone; on the pages after it is 0.
    if (number === 1) total = page.total;
    given += page.rows.length;
    const rows = page.rows.filter(
      // A row that does not say whose it is may be the one that was asked for.
      row => !isRecord(row) || !isNamed(row) || listing.wants({ id: row.id, serialNumber: row.serialNumber }),
    );
    const reading = readAgents(rows);
    countDistinct(rows, seen);
    const account = isFirst && number === 1 ? await accountFacts(settings, page.rows, kind, context) : undefined;
    yield {
      ...reading,
      claimedTotal: number === 1 && kind !== 'some' ? total : null,
      ...(account === undefined ? {} : { account }),
    };
    if (page.next === null) break;
    if (cursors.has(page.next)) throw malformed('the cursor of a page came a second time', page.response);
    cursors.add(page.next);
    cursor = page.next;
  }
  if (total === null) return null;
  // Short answers prove no absence: an agent asked for by id may be the one that is counted and did not come.
  if (kind === 'some' && given < total) {
    yield unread([{ id: null, reason: `of ${total} agents that the console counts ${given} came` }]);
  }
  if (kind === 'all' && seen.count < total) return (await askTotal(settings, listing, context)) ?? total;
  return total;
}

interface Page {
  rows: readonly unknown[];
  total: number | null;
  next: string | null;
  response: ProviderResponse;
}

/** Reads one page, a smaller one where a larger takes too long. Cursors point at an id, so the size may change midway. */
async function readPage(
  settings: SentinelOneSettings,
  listing: Listing,
  cursor: string | null,
  size: { step: number },
  context: ProviderContext,
): Promise<Page> {
  for (;;) {
    const limit = pageSizes[size.step] ?? pageSizes[0];
    try {
      return parsePage(await get(settings, pagePath(listing, limit, cursor), context));
    } catch (error) {
      if (!(error instanceof ProviderError && error.timedOut) || size.step >= pageSizes.length - 1) throw error;
      size.step += 1;
    }
  }
}

/** @throws ProviderError for every answer but a 200 without errors */
async function get(settings: SentinelOneSettings, path: string, context: ProviderContext): Promise<ProviderResponse> {
  const headers = { authorization: `ApiToken ${settings.token}` };
  const response = await context.http.request({ path, headers }, context.signal);
  if (response.status !== 200 || !isRecord(response.json) || hasErrors(response.json)) {
    throw failureOf(response, context.now());
  }
  return response;
}

function parsePage(response: ProviderResponse): Page {
  const body = isRecord(response.json) ? response.json : {};
  if (!Array.isArray(body.data)) throw malformed('it holds no list of agents', response);
  // Without it nobody could tell the last page from the first of many.
  if (!isRecord(body.pagination)) throw malformed('it does not tell whether more pages follow', response);
  const { nextCursor, totalItems } = body.pagination;
  // Some requests return one page more, of empty objects. They stand for no agent, and counted as rows that cannot be read
  // they would make up for agents that are missing.
  const rows = body.data.filter((row: unknown) => !isRecord(row) || Object.keys(row).length > 0);
  return { rows, total: totalOf(totalItems), next: nextOf(nextCursor, response), response };
}

/** The end is null; absent, empty and the text "null" have been seen as well. */
function nextOf(nextCursor: unknown, response: ProviderResponse): string | null {
  if (nextCursor === undefined || nextCursor === null || nextCursor === '' || nextCursor === 'null') return null;
  if (typeof nextCursor !== 'string') throw malformed('the cursor is no text', response);
  return nextCursor;
}

function totalOf(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}

/**
 * Counts rows that have not come before. They come sorted by id, so one that does not stand behind its forerunner is a
 * repetition, and a million ids need not be kept. Where a console sorts otherwise the count falls short, and all that
 * follows is one more question for the total.
 */
function countDistinct(rows: readonly unknown[], seen: { count: number; last: string }): void {
  for (const row of rows) {
    const id = isRecord(row) ? row.id : null;
    if (typeof id !== 'string') continue;
    if (id.length < seen.last.length || (id.length === seen.last.length && id <= seen.last)) continue;
    seen.count += 1;
    seen.last = id;
  }
}

/** Agents come and go during a long sweep; what the total is now decides whether any were missed. Null: not told. */
async function askTotal(
  settings: SentinelOneSettings,
  listing: Listing,
  context: ProviderContext,
): Promise<number | null> {
  try {
    const { json } = await get(settings, totalPath(listing), context);
    const pagination = isRecord(json) && isRecord(json.pagination) ? json.pagination : {};
    return totalOf(pagination.totalItems);
  } catch {
    context.signal.throwIfAborted();
    return null;
  }
}

async function accountFacts(
  settings: SentinelOneSettings,
  rows: readonly unknown[],
  kind: AgentQuery['kind'],
  context: ProviderContext,
): Promise<AccountFacts> {
  const known = expiryOfToken(settings.token);
  // Asked once a sweep; a refetch of one device is not made to wait for it.
  const tokenExpiresAt = known ?? (kind === 'all' ? await askTokenExpiry(settings.token, context) : null);
  return { scope: scopeOf(rows), tokenExpiresAt };
}
