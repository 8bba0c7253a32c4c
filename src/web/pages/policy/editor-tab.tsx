// Writing the policy: the editor, what is wrong or odd at its line, and putting it in force after a look at whom that concerns.
import { Button, Group, Skeleton, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import type { Step } from './dialogs.tsx';
import { type Draft, useDraft } from './draft.ts';
import type { EditorHandle } from './editor.tsx';
import { Beginning, Outdated } from './notices.tsx';
import { type Placed, Problems, placedOf } from './problems.tsx';
import { catalogueQuery, checkQuery, type Stored } from './queries.ts';

/** CodeMirror is loaded where it is needed. */
const PolicyEditor = lazy(async () => ({ default: (await import('./editor.tsx')).PolicyEditor }));

/** As what asks before something happens: that comes once there is something to lose. */
const loadDialogs = () => import('./dialogs.tsx');
const Dialogs = lazy(async () => ({ default: (await loadDialogs()).Dialogs }));

const typingMs = 350;

export function EditorTab({ inForce }: { inForce: Stored }) {
  const may = useMay();
  const mayWrite = may('policy_file');
  const { draft, setDraft, setApplied } = useDraft();
  const [step, setStep] = useState<Step>('none');
  const editor = useRef<EditorHandle>(null);
  const text = draft?.text ?? inForce.text;
  const [looked] = useDebouncedValue(text, typingMs);
  const check = useQuery(checkQuery(looked));
  const [isBegun, setBegun] = useState(false);
  const catalogue = useQuery({ ...catalogueQuery, enabled: isBegun && may('devices:posture_attributes:read') });
  const isCurrent = looked === text && !check.isPlaceholderData && check.data !== undefined;
  const found = useMemo(() => placedOf(check.data), [check.data]);
  const isUnsaved = draft !== null;
  useEffect(() => {
    if (isUnsaved) loadDialogs().catch(() => {});
  }, [isUnsaved]);
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
          onBegin={() => setBegun(true)}
          isReadOnly={!mayWrite}
          findings={isCurrent ? found : null}
          catalogue={catalogue.data}
        />
      </Suspense>
      {mayWrite && (
        <Foot
          isUnsaved={isUnsaved}
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
      <Suspense fallback={null}>
        {(isUnsaved || step !== 'none') && (
          <Dialogs draft={draft} step={step} onStep={setStep} onDraft={setDraft} onApplied={setApplied} />
        )}
      </Suspense>
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
      const { errors = [], tests } = await queries.fetchQuery(checkQuery(draft.text));
      const [first] = errors;
      if (first === undefined) return onStep('saving');
      onError(first);
      setRefused(draft.text);
      // Tests are run where nothing else is wrong: then what it would change tells why they fail.
      if ((tests?.failed ?? 0) > 0) onStep('saving');
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
