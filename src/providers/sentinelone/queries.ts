// The queries of GET /web/api/v2.1/agents. Names that the API does not know are refused by it, not ignored. Pure.
import type { AgentQuery } from '../provider.ts';

export const agentsPath = '/web/api/v2.1/agents';

/** One list to read to its end. */
export interface Listing {
  /** The filters, encoded, without limit and cursor. */
  filters: string;
  /** The API's filters are broader than what is asked for; rows that this refuses are none of ours. */
  wants(row: { id: unknown; serialNumber: unknown }): boolean;
}

/** The API takes 5000 ids and 255 serial numbers, but they stand in the URL, and servers refuse URLs over 8 kB. */
const idsAtOnce = 250;
const serialsAtOnce = 100;
const serialCharactersAtOnce = 4_000;

/**
 * @param scope siteIds and accountIds of the settings
 * @returns the lists that together answer a query; none when nothing in it can be asked for
 */
export function listingsOf(
  query: AgentQuery,
  scope: Readonly<Record<string, readonly string[] | undefined>>,
): Listing[] {
  switch (query.kind) {
    case 'all':
      return [{ filters: encode({ ...scope, ...installed }), wants: () => true }];
    case 'changed': {
      const since = { updatedAt__gte: [query.since.toISOString()] };
      return [{ filters: encode({ ...scope, ...installed, ...since }), wants: () => true }];
    }
    case 'some':
      return [
        ...idChunks(query.ids).map(ids => byIds(ids, scope)),
        ...serialChunks(query.serials).map(serials => bySerials(serials, scope)),
      ];
  }
}

/** Both are always sent: what the API does without them is not documented, and what clients have seen differs. */
const installed = { isDecommissioned: ['False'], isUninstalled: ['False'] };
const installedOrNot = { isDecommissioned: ['True', 'False'], isUninstalled: ['True', 'False'] };

function byIds(ids: readonly string[], scope: Readonly<Record<string, readonly string[] | undefined>>): Listing {
  const wanted = new Set<unknown>(ids);
  return { filters: encode({ ...scope, ...installedOrNot, ids }), wants: row => wanted.has(row.id) };
}

function bySerials(
  serials: readonly string[],
  scope: Readonly<Record<string, readonly string[] | undefined>>,
): Listing {
  // There is no exact filter on serial numbers. Who asked compares exactly; here only rows of another kind are dropped.
  const wanted = serials.map(serial => serial.toUpperCase());
  return {
    filters: encode({ ...scope, ...installedOrNot, serialNumber__contains: serials }),
    wants: ({ serialNumber }) => {
      if (typeof serialNumber !== 'string') return false;
      const found = serialNumber.toUpperCase();
      return wanted.some(serial => found.includes(serial));
    },
  };
}

/** One id of less than 18 digits, and the API refuses the whole query. Whether there is such an agent stays unknown. */
const askablePattern = /^\d{18,20}$/;

/** @returns the ids of a query that no list of it asks for */
export function unaskableIds(query: AgentQuery): string[] {
  return query.kind === 'some' ? [...new Set(query.ids)].filter(id => !askablePattern.test(id)) : [];
}

function idChunks(ids: readonly string[]): string[][] {
  const askable = [...new Set(ids)].filter(id => askablePattern.test(id));
  const chunks: string[][] = [];
  for (let at = 0; at < askable.length; at += idsAtOnce) chunks.push(askable.slice(at, at + idsAtOnce));
  return chunks;
}

function serialChunks(serials: readonly string[]): string[][] {
  const chunks: string[][] = [];
  let chunk: string[] = [];
  let characters = 0;
  for (const serial of new Set(serials.map(searchable))) {
    if (serial.length < 2) continue;
    const length = encodeURIComponent(serial).length + 1;
    if (chunk.length >= serialsAtOnce || (chunk.length > 0 && characters + length > serialCharactersAtOnce)) {
      chunks.push(chunk);
      chunk = [];
      characters = 0;
    }
    chunk.push(serial);
    characters += length;
  }
  if (chunk.length > 0) chunks.push(chunk);
  return chunks;
}

/** Values are separated by commas and cannot hold one: of such a serial number its longest part is searched for. */
function searchable(serial: string): string {
  const parts = serial.split(',').map(part => part.trim());
  return parts.reduce((longest, part) => (part.length > longest.length ? part : longest), '');
}

function encode(filters: Readonly<Record<string, readonly string[] | undefined>>): string {
  return Object.entries(filters)
    .filter((entry): entry is [string, readonly string[]] => (entry[1]?.length ?? 0) > 0)
    .map(([name, values]) => `${name}=${values.map(encodeURIComponent).join(',')}`)
    .join('&');
}

/**
 * @param cursor as `nextCursor` came, usually percent-encoded already; null for the first page
 * @param limit agents a page, 1 to 1000
 */
export function pagePath(listing: Listing, limit: number, cursor: string | null): string {
  // Sorted by id the list stands still while agents change: none is missed and none comes twice.
  const page = `limit=${limit}&sortBy=id&sortOrder=asc`;
  const at = cursor === null ? '' : `&cursor=${encodeURIComponent(decodeOnce(cursor))}`;
  return `${agentsPath}?${page}&${listing.filters}${at}`;
}

/** The total alone, counted anew. */
export function totalPath(listing: Listing): string {
  return `${agentsPath}?countOnly=true&${listing.filters}`;
}

function decodeOnce(cursor: string): string {
  try {
    return decodeURIComponent(cursor);
  } catch {
    // A percent sign of its own, so it was not encoded.
    return cursor;
  }
}
