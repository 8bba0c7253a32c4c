// Writing the policy: the editor, what is wrong or odd at its line, and putting it in force after a look at whom that concerns.
import { Button, Group, Skeleton, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useRef, useState } from 'react';
import { useMay } from '../../api/session.ts';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { ConflictDialog } from './conflict.tsx';
import { type Draft, useDraft } from './draft.ts';
import type { EditorHandle } from './editor.tsx';
import { Beginning, Outdated } from './notices.tsx';
import { type Placed, Problems, placedOf } from './problems.tsx';
import { catalogueQuery, checkQuery, type Stored } from './queries.ts';
import { SaveDialog } from './save.tsx';

/** CodeMirror is loaded where it is needed. */
const PolicyEditor = lazy(async () => ({ default: (await import('./editor.tsx')).PolicyEditor }));

const typingMs = 350;

type Step = 'none' | 'saving' | 'conflict' | 'dropping';

export function EditorTab({ inForce }: { inForce: Stored }) {
  const may = useMay();
  const mayWrite = may('policy_file');
  const [draft, setDraft] = useDraft();
  const [step, setStep] = useState<Step>('none');
  const editor = useRef<EditorHandle>(null);
  const text = draft?.text ?? inForce.text;
  const [looked] = useDebouncedValue(text, typingMs);
  const check = useQuery(checkQuery(looked));
  const catalogue = useQuery({ ...catalogueQuery, enabled: may('devices:posture_attributes:read') });
  const isCurrent = looked === text && !check.isPlaceholderData && check.data !== undefined;
  const found = useMemo(() => placedOf(check.data), [check.data]);
  const isOutdated = draft !== null && inForce.etag !== draft.base.etag;
  const goTo = ({ line, column }: Pick<Placed, 'line' | 'column'>) => editor.current?.goTo(line, column);
  const write = (next: string) => setDraft({ text: next, base: draft?.base ?? inForce });
  const saving = useSaving({ draft: mayWrite ? draft : null, isOutdated, onStep: setStep, onError: goTo });
  return (
    <Stack gap="sm">
      {draft === null && <Beginning mayWrite={mayWrite} onStart={write} />}
      {isOutdated && <Outdated onLook={() => setStep('conflict')} />}
      {!mayWrite && (
        <Text size="sm" c="dimmed">
          {texts.policy.readOnly}
        </Text>
      )}
      <Suspense fallback={<Skeleton className="policy-waiting" />}>
        <PolicyEditor
          ref={editor}
          value={text}
          onChange={write}
          onSave={() => void saving.save()}
          isReadOnly={!mayWrite}
          findings={isCurrent ? found : null}
          catalogue={catalogue.data}
        />
      </Suspense>
      {mayWrite && (
        <Foot
          isUnsaved={draft !== null}
          isRefused={saving.refused === text}
          onDrop={() => setStep('dropping')}
          onSave={() => void saving.save()}
        />
      )}
      {saving.failure !== null && <Failure error={saving.failure} />}
      {check.isError ? (
        <Failure error={check.error} onRetry={() => check.refetch()} />
      ) : (
        <Problems verdict={check.data} found={found} isCurrent={isCurrent} onChoose={goTo} />
      )}
      <Dialogs draft={draft} step={step} onStep={setStep} onDraft={setDraft} />
    </Stack>
  );
}

interface SavingProps {
  /** Null where there is nothing to save. */
  draft: Draft | null;
  isOutdated: boolean;
  onStep: (step: Step) => void;
  /** Given the first error. */
  onError: (first: Pick<Placed, 'line' | 'column'>) => void;
}

/** @returns what begins to save, why that failed, and the text that was refused because of its errors */
function useSaving({ draft, isOutdated, onStep, onError }: SavingProps) {
  const queries = useQueryClient();
  const [failure, setFailure] = useState<unknown>(null);
  const [refused, setRefused] = useState<string | null>(null);
  const save = async () => {
    if (draft === null) return;
    setFailure(null);
    if (isOutdated) return onStep('conflict');
    try {
      const { errors = [] } = await queries.fetchQuery(checkQuery(draft.text));
      const [first] = errors;
      if (first === undefined) return onStep('saving');
      onError(first);
      setRefused(draft.text);
    } catch (error) {
      setFailure(error);
    }
  };
  return { save, failure, refused };
}

interface FootProps {
  isUnsaved: boolean;
  isRefused: boolean;
  onDrop: () => void;
  onSave: () => void;
}

function Foot({ isUnsaved, isRefused, onDrop, onSave }: FootProps) {
  return (
    <Group justify="space-between" gap="sm">
      <Text size="xs" c="dimmed" flex="1 1 18rem" visibleFrom="sm">
        {texts.policy.editor.keys}
      </Text>
      <Group gap="xs">
        {isRefused && (
          <Text size="sm" role="alert">
            {texts.policy.save.refused}
          </Text>
        )}
        <Button variant="default" disabled={!isUnsaved} onClick={onDrop}>
          {texts.policy.drop.button}
        </Button>
        <Button disabled={!isUnsaved} onClick={onSave}>
          {texts.policy.save.button}
        </Button>
      </Group>
    </Group>
  );
}

interface DialogsProps {
  draft: Draft | null;
  step: Step;
  onStep: (step: Step) => void;
  onDraft: (draft: Draft | null) => void;
}

function Dialogs({ draft, step, onStep, onDraft }: DialogsProps) {
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
          onSaved={() => goOnWith(null)}
        />
      )}
      {draft !== null && step === 'conflict' && <ConflictDialog draft={draft} onClose={close} onResolved={goOnWith} />}
    </>
  );
}
