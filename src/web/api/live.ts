// What changes while a page is open: the service sends which topics changed, and what is shown of them is asked anew. A connection that is
// lost is made again, slower each time; a tab that nobody sees has none, and catches up when it is looked at. Here alone it is known
// whether what is shown may be called good.
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { createContext, useContext, useEffect, useMemo, useState } from 'react';
import { serviceUrl } from './client.ts';
import { createDoubts, type Doubt, type Doubts, silentMs, watchSilence } from './doubt.ts';
import type { Topic } from './queries.ts';
import { sessionQuery } from './session.ts';

/** `waiting` while the connection, or the service's own to its database, is lost and tried again; `off` after a while of that. */
type LiveState = 'live' | 'waiting' | 'off';

export interface Live {
  state: LiveState;
  /** Null: what is shown is what the service has. Else nothing that is shown may be called good. */
  doubt: Doubt | null;
}

const topics: readonly Topic[] = ['devices', 'integrations', 'runs', 'policy', 'audit', 'webhooks', 'keys', 'settings'];
const firstWaitMs = 1_000;
const longestWaitMs = 30_000;
/** So many attempts in vain, and it is said plainly. */
const patience = 4;
/** A tab may be looked away from for so long. */
const hiddenMs = 20_000;

/** How far a sync is, as the service tells it; kept as the answer of a query by `['run', integrationId]`. */
export interface RunProgress {
  integrationId: string;
  runId: number;
  phase: string;
  agents: number;
  /** Null: the provider told no total. */
  claimedTotal: number | null;
}

/** @returns what resolves when all of them that are shown were asked anew */
async function changed(queries: QueryClient, which: readonly Topic[]): Promise<void> {
  await Promise.all([
    ...which.map(topic => queries.invalidateQueries({ queryKey: [topic] })),
    // It tells of nearly all of them, and one that is being asked for already is new enough.
    queries.invalidateQueries({ queryKey: ['overview'] }, { cancelRefetch: false }),
  ]);
}

/**
 * @param alive called at each event
 * @param tell gets the state by each event, and what resolves when what it brought was asked anew; undefined for the first one of the
 *   connection
 */
function take(
  queries: QueryClient,
  source: EventSource,
  alive: () => void,
  tell: (state: LiveState, caughtUp: Promise<void> | undefined) => void,
): void {
  const done = Promise.resolve();
  const on = (name: string, act: (data: string) => void) =>
    source.addEventListener(name, event => {
      alive();
      act((event as MessageEvent<string>).data);
    });
  on('hello', () => tell('live', undefined));
  on('here', () => tell('live', done));
  on('away', () => tell('waiting', done));
  // Once the database is back this comes first, with all topics.
  on('change', data => tell('live', changed(queries, (JSON.parse(data) as { topics: Topic[] }).topics)));
  on('run', data => {
    const progress = JSON.parse(data) as RunProgress;
    queries.setQueryData(['run', progress.integrationId], progress);
  });
}

/** @returns the wait after so many failures in a row, by chance longer or shorter: not all tabs come back at once */
function waitMs(failures: number): number {
  return Math.min(longestWaitMs, firstWaitMs * 2 ** (failures - 1)) * (0.75 + Math.random() / 2);
}

/** Follows until it is told to stop. @param tell gets each new state @returns stops it */
function follow(queries: QueryClient, doubts: Doubts, tell: (state: LiveState) => void): () => void {
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let hiding: ReturnType<typeof setTimeout> | undefined;
  let failures = 0;
  let isFirst = true;
  let aliveMs = Date.now();

  const close = () => {
    clearTimeout(timer);
    source?.close();
    source = null;
  };
  const fail = () => {
    close();
    failures++;
    isFirst = false;
    tell(!navigator.onLine || failures >= patience ? 'off' : 'waiting');
    doubts.lost('lost');
    // That nobody is signed in any more is one reason, and only asking tells.
    if (failures > 1) void queries.invalidateQueries({ queryKey: sessionQuery.queryKey });
    timer = setTimeout(open, waitMs(failures));
  };
  const alive = () => {
    aliveMs = Date.now();
  };
  const open = () => {
    close();
    const opened = new EventSource(`${serviceUrl}api/v2/tailnet/-/live`, { withCredentials: true });
    source = opened;
    take(queries, opened, alive, (state, caughtUp) => {
      tell(state);
      if (state !== 'live') return doubts.lost('away');
      doubts.heard();
      if (caughtUp !== undefined) return doubts.regained(caughtUp);
      failures = 0;
      // What changed meanwhile was told to nobody.
      doubts.regained(isFirst ? Promise.resolve() : changed(queries, topics));
      isFirst = false;
    });
    opened.addEventListener('error', fail);
    alive();
  };
  const onVisibility = () => {
    clearTimeout(hiding);
    if (document.hidden) hiding = setTimeout(close, hiddenMs);
    else if (source === null || Date.now() - aliveMs > silentMs) again();
  };
  const again = () => {
    if (document.hidden) return;
    failures = 0;
    isFirst = false;
    tell('waiting');
    doubts.lost('lost');
    open();
  };
  const lose = () => {
    // One that nobody sees, and that has ended its connection, makes none.
    if (!document.hidden || source !== null) fail();
  };
  const endWatch = watchSilence(() => (source === null ? null : aliveMs), fail);
  document.addEventListener('visibilitychange', onVisibility);
  window.addEventListener('online', again);
  window.addEventListener('offline', lose);
  // Opened behind another one, it waits to be looked at: a browser has six connections to a service without HTTP/2, for all its tabs.
  if (!document.hidden) {
    doubts.lost('lost');
    open();
  }
  return () => {
    clearTimeout(hiding);
    doubts.stop();
    endWatch();
    close();
    document.removeEventListener('visibilitychange', onVisibility);
    window.removeEventListener('online', again);
    window.removeEventListener('offline', lose);
  };
}

/** Keeps what is shown current as long as it is mounted, once. @returns whether it is; for `LiveContext` */
export function useFollowing(): Live {
  const queries = useQueryClient();
  const [state, setState] = useState<LiveState>('waiting');
  const [doubt, setDoubt] = useState<Doubt | null>(null);
  useEffect(() => follow(queries, createDoubts(setDoubt), setState), [queries]);
  return useMemo(() => ({ state, doubt }), [state, doubt]);
}

/** Given by the frame to all pages; a part whose own answer is old narrows it (parts/answered.tsx). */
export const LiveContext = createContext<Live>({ state: 'live', doubt: null });

/** @returns whether what is shown here is current */
export function useLive(): Live {
  return useContext(LiveContext);
}
