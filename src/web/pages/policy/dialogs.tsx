// What the editor asks before a text is put in force or dropped; loaded once something was written.
import { Text } from '@mantine/core';
import { AskFirst } from '../../parts/ask-first.tsx';
import { texts } from '../../texts.ts';
import { ConflictDialog } from './conflict.tsx';
import type { Draft } from './draft.ts';
import type { Stored } from './queries.ts';
import { SaveDialog } from './save.tsx';

/** What is asked before something happens. */
export type Step = 'none' | 'saving' | 'conflict' | 'dropping';

interface DialogsProps {
  draft: Draft | null;
  step: Step;
  onStep: (step: Step) => void;
  onDraft: (draft: Draft | null) => void;
  /** A text that was a draft is in force. */
  onApplied: (inForce: Stored) => void;
}

export function Dialogs({ draft, step, onStep, onDraft, onApplied }: DialogsProps) {
  const close = () => onStep('none');
  const goOnWith = (next: Draft | null) => {
    onDraft(next);
    close();
  };
  return (
    <>
      <AskFirst
        isOpen={step === 'dropping'}
        onClose={close}
        title={texts.policy.drop.title}
        action={texts.policy.drop.button}
        onConfirm={() => goOnWith(null)}
        isBusy={false}
        error={null}
      >
        <Text>{texts.policy.drop.about}</Text>
      </AskFirst>
      {draft !== null && step === 'saving' && (
        <SaveDialog
          text={draft.text}
          etag={draft.base.etag}
          onClose={close}
          onConflict={() => onStep('conflict')}
          onSaved={inForce => {
            onApplied(inForce);
            close();
          }}
        />
      )}
      {draft !== null && step === 'conflict' && (
        <ConflictDialog draft={draft} onClose={goOnWith} onResolved={goOnWith} />
      )}
    </>
  );
}
