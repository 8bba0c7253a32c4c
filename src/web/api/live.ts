// What changes while a page is open: the service sends which topics changed, and what is shown of them is asked anew.
import { useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { serviceUrl } from './client.ts';
import type { Topic } from './queries.ts';

/** `waiting` while the connection is lost and tried again. */
export type LiveState = 'live' | 'waiting' | 'off';

/** Keeps what is shown current as long as it is mounted, once. @returns whether it is */
export function useLive(): LiveState {
  const queries = useQueryClient();
  const [state, setState] = useState<LiveState>('waiting');
  useEffect(() => {
    const source = new EventSource(`${serviceUrl}api/v2/tailnet/-/live`, { withCredentials: true });
    source.addEventListener('open', () => setState('live'));
    source.addEventListener('error', () => setState(source.readyState === EventSource.CLOSED ? 'off' : 'waiting'));
    source.addEventListener('change', event => {
      const { topics } = JSON.parse((event as MessageEvent<string>).data) as { topics: Topic[] };
      for (const topic of topics) void queries.invalidateQueries({ queryKey: [topic] });
      // It tells of nearly all of them, and one that is being asked for already is new enough.
      void queries.invalidateQueries({ queryKey: ['overview'] }, { cancelRefetch: false });
    });
    return () => source.close();
  }, [queries]);
  return state;
}
