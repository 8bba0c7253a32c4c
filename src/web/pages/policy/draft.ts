// What is being written and not yet in force: kept while other pages are looked at, until it is put in force or dropped. It belongs to who
// wrote it: whoever signs in after finds none.
import { useQuery } from '@tanstack/react-query';
import { useSyncExternalStore } from 'react';
import { sessionQuery } from '../../api/session.ts';
import { warnBeforeClosing } from '../../parts/unsaved.ts';
import type { Stored } from './queries.ts';

export interface Draft {
  text: string;
  /** What it was made from. */
  base: Stored;
}

let kept: { owner: string; draft: Draft } | null = null;
const listeners = new Set<() => void>();

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

function keep(owner: string, draft: Draft | null): void {
  kept = draft === null || draft.text === draft.base.text ? null : { owner, draft };
  // Other pages here keep it; closing the window or loading anew would lose it.
  warnBeforeClosing(listeners, kept === null ? null : () => keep(owner, null));
  for (const tell of listeners) tell();
}

/** @returns the draft of who is signed in, and what replaces or drops it */
export function useDraft(): [Draft | null, (draft: Draft | null) => void] {
  const owner = useQuery(sessionQuery).data?.id ?? '';
  const held = useSyncExternalStore(subscribe, () => kept);
  return [held?.owner === owner ? held.draft : null, draft => keep(owner, draft)];
}
