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

/** A text that was written is in force: what was typed on while it was being saved goes on from there. */
function goOnFrom(owner: string, inForce: Stored): void {
  if (kept?.owner === owner) keep(owner, { text: kept.draft.text, base: inForce });
}

interface Drafting {
  draft: Draft | null;
  /** Replaces it, or drops it by null. */
  setDraft: (draft: Draft | null) => void;
  /** The draft was put in force, as it is told. */
  setApplied: (inForce: Stored) => void;
}

/** @returns the draft of who is signed in */
export function useDraft(): Drafting {
  const owner = useQuery(sessionQuery).data?.id ?? '';
  const held = useSyncExternalStore(subscribe, () => kept);
  return {
    draft: held?.owner === owner ? held.draft : null,
    setDraft: draft => keep(owner, draft),
    setApplied: inForce => goOnFrom(owner, inForce),
  };
}
