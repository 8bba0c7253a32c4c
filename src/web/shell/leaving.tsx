// Asks before another place is gone to, by a link or the back button, while a form holds what was typed and not saved.
import { lazy, Suspense } from 'react';
import { type BlockerFunction, useBlocker } from 'react-router';
import { isFormUnsaved } from '../parts/unsaved.ts';

const AskDiscard = lazy(async () => ({ default: (await import('../parts/ask-discard.tsx')).AskDiscard }));

/** Who is no longer signed in could not save it anyway. */
const loses: BlockerFunction = ({ currentLocation: from, nextLocation: to }) =>
  isFormUnsaved() && (from.pathname !== to.pathname || from.search !== to.search) && to.pathname !== '/sign-in';

export function AskBeforeLeaving() {
  const blocker = useBlocker(loses);
  if (blocker.state !== 'blocked') return null;
  return (
    <Suspense fallback={null}>
      <AskDiscard onKeep={blocker.reset} onDiscard={blocker.proceed} />
    </Suspense>
  );
}
