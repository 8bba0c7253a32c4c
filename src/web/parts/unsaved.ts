// What is typed and not saved yet: who would lose it by closing a dialog, following a link or closing the window is asked first. It is
// kept in the form alone, secrets too: nothing of it is stored.
import { useEffect, useState } from 'react';

/** Of a form. */
export interface Unsaved {
  /** Something differs from what the form began with. */
  isUnsaved: boolean;
  /** From now on nobody is asked: it was saved, or is to be dropped. To be called before the page is left for that. */
  forget: () => void;
}

/** All that closing the window would lose, and what drops each of it. */
const warned = new Map<object, () => void>();
/** Of these the forms. */
const held = new Set<object>();

function warn(event: BeforeUnloadEvent): void {
  event.preventDefault();
}

/**
 * Whether the browser asks before the window is closed or loaded anew.
 * @param what any object that stands for what would be lost
 * @param drop drops it; null: nothing is unsaved
 */
export function warnBeforeClosing(what: object, drop: (() => void) | null): void {
  if (drop === null) warned.delete(what);
  else warned.set(what, drop);
  if (warned.size === 0) window.removeEventListener('beforeunload', warn);
  else window.addEventListener('beforeunload', warn);
}

/** @returns whether some form would lose what was typed if another place of these pages was gone to now */
export function isFormUnsaved(): boolean {
  return held.size > 0;
}

/** @returns whether closing the window, or signing out, would lose something: of a form, or a policy that is being written */
export function isAnythingUnsaved(): boolean {
  return warned.size > 0;
}

/** @param typed what stands in the form, as JSON can tell it: what it is at first is what it began with */
export function useUnsaved(typed: unknown): Unsaved {
  const now = JSON.stringify(typed);
  const [form] = useState(() => ({ begun: now }));
  const isUnsaved = now !== form.begun;
  useEffect(() => {
    hold(form, isUnsaved);
    return () => hold(form, false);
  }, [form, isUnsaved]);
  return { isUnsaved, forget: () => hold(form, false) };
}

/** From now on nobody is asked about any form that is open: what they are of is gone. To be called before the page is left for that. */
export function forgetUnsaved(): void {
  for (const form of [...held]) hold(form, false);
}

/** Drops all that is not saved: of whoever signs out. */
export function dropUnsaved(): void {
  for (const drop of [...warned.values()]) drop();
}

function hold(form: object, isUnsaved: boolean): void {
  if (isUnsaved) held.add(form);
  else held.delete(form);
  warnBeforeClosing(form, isUnsaved ? () => hold(form, false) : null);
}
