// Writing the policy: the editor, what is wrong or odd at its line, and putting it in force after a look at whom that concerns.
import { Alert, Button, Group, Skeleton, Stack, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { IconInfoCircle, IconUserEdit } from '@tabler/icons-react';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { lazy, Suspense, useMemo, useRef, useState } from 'react';
import { useMay } from '../../api/session.ts';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { ConflictDialog } from './conflict.tsx';
import { useDraft } from './draft.ts';
import type { EditorHandle } from './editor.tsx';
import { type Placed, Problems, placedOf } from './problems.tsx';
import { catalogueQuery, checkQuery, historyQuery, type Stored, starterQuery } from './queries.ts';
import { SaveDialog } from './save.tsx';

/** CodeMirror is loaded where it is needed. */
const PolicyEditor = lazy(async () => ({ default: (await import('./editor.tsx')).PolicyEditor }));

const typingMs = 350;

export function EditorTab({ inForce }: { inForce: Stored }) {
  const may = useMay();
  const queries = useQueryClient();
  const [draft, setDraft] = useDraft();
  const [step, setStep] = useState<'none' | 'saving' | 'conflict' | 'dropping'>('none');
  const [failure, setFailure] = useState<unknown>(null);
  const editor = useRef<EditorHandle>(null);
  const mayWrite = may('policy_file');
  const base = draft?.base ?? inForce;
  const text = draft?.text ?? inForce.text;
  const [looked] = useDebouncedValue(text, typingMs);
  const check = useQuery(checkQuery(looked));
  const catalogue = useQuery({ ...catalogueQuery, enabled: may('devices:posture_attributes:read') });
  const isCurrent = looked === text && !check.isPlaceholderData && check.data !== undefined;
  const found = useMemo(() => placedOf(check.data), [check.data]);
  const isOutdated = draft !== null && inForce.etag !== draft.base.etag;
  const goTo = ({ line, column }: Pick<Placed, 'line' | 'column'>) => editor.current?.goTo(line, column);

  const save = async () => {
    if (draft === null || !mayWrite) return;
    setFailure(null);
    if (isOutdated) return setStep('conflict');
    try {
      const { errors = [] } = await queries.fetchQuery(checkQuery(draft.text));
      const [first] = errors;
      if (first === undefined) return setStep('saving');
      goTo(first);
      notifications.show({
        color: 'red',
        title: texts.policy.save.refused,
        message: texts.policy.problems.errors(errors.length),
      });
    } catch (error) {
      setFailure(error);
    }
  };
  return (
    <Stack gap="sm">
      {draft === null && <Beginning mayWrite={mayWrite} onStart={next => setDraft({ text: next, base })} />}
      {isOutdated && (
        <Alert color="orange" icon={<IconUserEdit aria-hidden />} title={texts.policy.conflict.title}>
          <Group gap="sm">
            <Text size="sm">{texts.policy.conflict.meanwhile}</Text>
            <Button size="xs" variant="default" onClick={() => setStep('conflict')}>
              {texts.policy.conflict.look}
            </Button>
          </Group>
        </Alert>
      )}
      {!mayWrite && (
        <Text size="sm" c="dimmed">
          {texts.policy.readOnly}
        </Text>
      )}
      <Suspense fallback={<Skeleton className="policy-waiting" />}>
        <PolicyEditor
          ref={editor}
          value={text}
          onChange={next => setDraft({ text: next, base })}
          onSave={() => void save()}
          isReadOnly={!mayWrite}
          findings={isCurrent ? found : null}
          catalogue={catalogue.data}
        />
      </Suspense>
      <Group justify="space-between" gap="sm">
        {mayWrite && (
          <Text size="xs" c="dimmed" flex="1 1 18rem" visibleFrom="sm">
            {texts.policy.editor.keys}
          </Text>
        )}
        {mayWrite && (
          <Group gap="xs">
            <Button variant="default" disabled={draft === null} onClick={() => setStep('dropping')}>
              {texts.policy.drop.button}
            </Button>
            <Button disabled={draft === null} onClick={() => void save()}>
              {texts.policy.save.button}
            </Button>
          </Group>
        )}
      </Group>
      {failure !== null && <Failure error={failure} />}
      {check.isError ? (
        <Failure error={check.error} onRetry={() => check.refetch()} />
      ) : (
        <Problems verdict={check.data} found={found} isCurrent={isCurrent} onChoose={goTo} />
      )}
      <AskFirst
        isOpen={step === 'dropping'}
        onClose={() => setStep('none')}
        title={texts.policy.drop.title}
        action={texts.policy.drop.button}
        onConfirm={() => {
          setDraft(null);
          setStep('none');
        }}
        isBusy={false}
        error={null}
      >
        <Text>{texts.policy.drop.about}</Text>
      </AskFirst>
      {draft !== null && step === 'saving' && (
        <SaveDialog
          text={draft.text}
          etag={draft.base.etag}
          onClose={() => setStep('none')}
          onConflict={() => setStep('conflict')}
          onSaved={() => {
            setDraft(null);
            setStep('none');
          }}
        />
      )}
      {draft !== null && step === 'conflict' && (
        <ConflictDialog
          draft={draft}
          onClose={() => setStep('none')}
          onResolved={next => {
            setDraft(next);
            setStep('none');
          }}
        />
      )}
    </Stack>
  );
}

/** Before any policy was applied: what that means, and one to start from. */
function Beginning({ mayWrite, onStart }: { mayWrite: boolean; onStart: (text: string) => void }) {
  const queries = useQueryClient();
  const [error, setError] = useState<unknown>(null);
  const { data } = useInfiniteQuery(historyQuery);
  if (data?.pages[0]?.revisions.length !== 0) return null;
  const start = async () => {
    try {
      onStart((await queries.fetchQuery(starterQuery)).text);
    } catch (failed) {
      setError(failed);
    }
  };
  return (
    <Alert color="blue" icon={<IconInfoCircle aria-hidden />} title={texts.policy.empty.title}>
      <Group gap="sm">
        <Text size="sm">{texts.policy.empty.about}</Text>
        {mayWrite && (
          <Button size="xs" onClick={() => void start()}>
            {texts.policy.empty.start}
          </Button>
        )}
      </Group>
      {error !== null && <Failure error={error} />}
    </Alert>
  );
}
