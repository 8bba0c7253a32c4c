// What the page asks the service. Texts of policies go and come as they are written.
import { infiniteQueryOptions, keepPreviousData, queryOptions, useInfiniteQuery } from '@tanstack/react-query';
import { api, ask, here, RequestError, type Schemas } from '../../api/client.ts';
import { olderMs } from '../../api/queries.ts';
import { useMay } from '../../api/session.ts';
import { texts } from '../../texts.ts';

const asWritten = { bodySerializer: (text: unknown) => text as string } as const;
const type = { 'content-type': 'application/hujson' } as const;
const wanted = { accept: 'application/hujson' } as const;
const params = { path: here } as const;

/** A policy's text with its `ETag`: what must be in force where it is to be replaced. */
export interface Stored {
  text: string;
  etag: string;
}

async function stored(asking: Promise<{ data?: unknown; error?: unknown; response: Response }>): Promise<Stored> {
  const text = String(await ask(asking));
  return { text, etag: (await asking).response.headers.get('etag') ?? '' };
}

/** The one in force; before any was, the default, which grants nothing. */
export const inForceQuery = queryOptions({
  queryKey: ['policy', 'inForce'],
  queryFn: ({ signal }) =>
    stored(
      api.GET('/api/v2/tailnet/{tailnet}/acl', { params, headers: wanted, parseAs: 'text', cache: 'no-cache', signal }),
    ),
});

export const starterQuery = queryOptions({
  queryKey: ['policy', 'starter'],
  queryFn: ({ signal }) =>
    stored(api.GET('/api/v2/tailnet/{tailnet}/acl/starter', { params, headers: wanted, parseAs: 'text', signal })),
  staleTime: Number.POSITIVE_INFINITY,
});

/** @param revision of a policy that was applied */
export function revisionQuery(revision: number) {
  return queryOptions({
    queryKey: ['policy', 'revision', revision],
    queryFn: ({ signal }) =>
      stored(
        api.GET('/api/v2/tailnet/{tailnet}/acl/history/{revision}', {
          params: { path: { ...here, revision } },
          ...{ headers: wanted, parseAs: 'text', signal },
        }),
      ),
    // What was applied stays as it was.
    staleTime: Number.POSITIVE_INFINITY,
  });
}

const historyPage = 50;

export const historyQuery = infiniteQueryOptions({
  queryKey: ['policy', 'history'],
  queryFn: ({ signal, pageParam }) =>
    ask(
      api.GET('/api/v2/tailnet/{tailnet}/acl/history', {
        params: {
          path: here,
          query: { order: 'newest', limit: historyPage, ...(pageParam === '' ? {} : { cursor: pageParam }) },
        },
        signal,
      }),
    ),
  initialPageParam: '',
  getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
});

/** @returns whether a policy was applied ever, so that there may be postures; null: not known yet. Who may not know asks for them */
export function useHasPolicy(): boolean | null {
  const may = useMay()('policy_file:read');
  const { data, isError } = useInfiniteQuery({ ...historyQuery, enabled: may });
  if (!may || isError) return true;
  return data === undefined ? null : data.pages[0]?.revisions.length !== 0;
}

/** What is wrong or odd about a text. */
export function checkQuery(text: string) {
  return queryOptions({
    queryKey: ['policy', 'check', text],
    queryFn: ({ signal }) =>
      ask(
        api.POST('/api/v2/tailnet/{tailnet}/acl/validate', {
          params: { path: here, query: { details: '1' } },
          ...{ body: text, headers: type, ...asWritten, signal },
        }),
      ),
    staleTime: 60_000,
    gcTime: 60_000,
    placeholderData: keepPreviousData,
  });
}

const changesAPage = 25;

/** How far the impact is reckoned, in devices. */
export interface Reckoned {
  compared: number;
  devices: number;
}

/**
 * How many would gain and lose what by a text. The service goes no further when nobody waits any more. Not asked anew by a topic: while
 * devices are judged something changes each second, and all devices would be gone through from the beginning each time.
 * @param tell is told how far it is, where it takes a while
 */
export function impactQuery(text: string, tell: (reckoned: Reckoned) => void) {
  return queryOptions({
    queryKey: ['impact', text],
    queryFn: async ({ signal }) => {
      const asking = api.POST('/api/v2/tailnet/{tailnet}/acl/impact', {
        params: { path: here, query: { limit: 0, each: changesAPage, progress: 'true' } },
        ...{
          body: text,
          headers: { ...type, accept: 'application/x-ndjson' },
          ...asWritten,
          signal,
          parseAs: 'stream',
        },
      });
      return await lastLine(await ask(asking), tell);
    },
    // Whoever comes back wants it as it is then.
    gcTime: 0,
  });
}

/** @throws RequestError for an answer that was cut */
async function lastLine(
  stream: ReadableStream<Uint8Array> | null | undefined,
  tell: (reckoned: Reckoned) => void,
): Promise<Schemas['PolicyImpact']> {
  let rest = '';
  const reader = stream?.getReader();
  const decoder = new TextDecoder();
  for (let read = await reader?.read(); read?.value !== undefined; read = await reader?.read()) {
    const lines = (rest + decoder.decode(read.value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines.map(each => JSON.parse(each) as Schemas['PolicyImpact'] | Reckoned)) {
      if (!('compared' in line)) return line;
      tell(line);
    }
  }
  throw new RequestError(0, texts.policy.impact.cut);
}

export type ChangeKind = 'loses' | 'gains';

type FirstChanges = Schemas['PolicyImpactChanges'];

/** Who these are. @param first those that came with the impact */
export function changesQuery(text: string, change: ChangeKind, first: FirstChanges) {
  return infiniteQueryOptions({
    queryKey: ['impact', text, change, first],
    queryFn: ({ signal, pageParam }) =>
      ask(
        api.POST('/api/v2/tailnet/{tailnet}/acl/impact/changes', {
          params: {
            path: here,
            query: { change, limit: changesAPage, ...(pageParam === '' ? {} : { cursor: pageParam }) },
          },
          ...{ body: text, headers: type, ...asWritten, signal },
        }),
      ),
    initialPageParam: '',
    initialData: { pages: [first], pageParams: [''] },
    // What was told stays until the impact is reckoned anew.
    staleTime: Number.POSITIVE_INFINITY,
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    gcTime: 60_000,
  });
}

/**
 * Puts a text in force, where the one that it was made from still is.
 * @param etag of the one that it was made from
 * @returns what is in force now
 * @throws RequestError 412 where another one was
 */
export function applyPolicy({ text, etag }: Stored): Promise<Stored> {
  const headers = { ...type, ...wanted, 'if-match': etag };
  return stored(
    api.POST('/api/v2/tailnet/{tailnet}/acl', { params, headers, body: text, ...asWritten, parseAs: 'text' }),
  );
}

/** Attributes with what occurs, for completion. */
export const catalogueQuery = queryOptions({
  queryKey: ['attributes', 'catalogue'],
  queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/attributes', { params, signal })),
  staleTime: 300_000,
});

export const posturesQuery = queryOptions({
  queryKey: ['devices', 'postures'],
  queryFn: ({ signal }) => ask(api.GET('/api/v2/tailnet/{tailnet}/postures', { params, signal })),
  // While devices are still to be judged the counts move on; that no worker runs any more is told by nobody.
  refetchInterval: ({ state }) => (state.data?.asOf.isCurrent === false && state.data.asOf.hasWorker ? 2_000 : olderMs),
});

export function postureQuery(posture: string) {
  return queryOptions({
    queryKey: ['devices', 'postures', posture],
    queryFn: ({ signal }) =>
      ask(
        api.GET('/api/v2/tailnet/{tailnet}/postures/{posture}', {
          params: { path: { ...here, posture }, query: { limit: 10 } },
          signal,
        }),
      ),
  });
}

/** @param text null: the policy in force */
export function trialQuery(device: string, text: string | null) {
  return queryOptions({
    queryKey: ['devices', 'trial', device, text],
    queryFn: ({ signal }) =>
      ask(
        api.POST('/api/v2/tailnet/{tailnet}/postures/simulate', {
          params,
          body: { device, attributes: {}, ...(text === null ? {} : { policy: text }) },
          signal,
        }),
      ),
    gcTime: 60_000,
    refetchInterval: olderMs,
  });
}
