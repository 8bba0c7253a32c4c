// Where somebody else put another policy in force while one was being written: theirs and the own text beside each other, and a choice.
// What was taken over by hand stays in the own text, also where the choice is left for later.
import { Button, Group, Modal, Skeleton, Stack, Text } from '@mantine/core';
import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { lazy, Suspense, useState } from 'react';
import { Age } from '../../parts/age.tsx';
import { isAskedAlready } from '../../parts/ask-discard.tsx';
import { Failure } from '../../parts/failure.tsx';
import { useUnsaved } from '../../parts/unsaved.ts';
import { texts } from '../../texts.ts';
import type { Draft } from './draft.ts';
import { historyQuery, inForceQuery } from './queries.ts';

const PolicyDiff = lazy(async () => ({ default: (await import('./diff.tsx')).PolicyDiff }));

interface ConflictProps {
  draft: Draft;
  /** @param draft as it is by now, where nothing was decided */
  onClose: (draft: Draft) => void;
  /** @param draft what to go on with; null: theirs */
  onResolved: (draft: Draft | null) => void;
}

export function ConflictDialog({ draft, onClose, onResolved }: ConflictProps) {
  const theirs = useQuery(inForceQuery);
  const history = useInfiniteQuery(historyQuery);
  const [text, setText] = useState(draft.text);
  // Closing keeps it; who goes elsewhere is asked.
  useUnsaved(text);
  const decideLater = () => {
    if (!isAskedAlready()) onClose({ ...draft, text });
  };
  const words = texts.policy.conflict;
  const newest = history.data?.pages[0]?.revisions[0];
  return (
    <Modal opened onClose={decideLater} title={words.title} size="90rem">
      <Stack gap="md">
        {newest !== undefined && (
          <Text size="sm">
            {words.by(newest.revision)} <bdi>{newest.actor.displayName || newest.actor.loginName}</bdi>,{' '}
            <Age at={newest.appliedAt} />. {words.choose}
          </Text>
        )}
        {theirs.isError && <Failure error={theirs.error} onRetry={() => theirs.refetch()} />}
        {theirs.data !== undefined && (
          <Suspense fallback={<Skeleton h={400} />}>
            <PolicyDiff before={theirs.data.text} after={draft.text} names={words.names} onChange={setText} />
          </Suspense>
        )}
        <Group justify="flex-end" className="policy-foot">
          <Button variant="default" onClick={decideLater}>
            {words.later}
          </Button>
          <Button variant="default" color="red" onClick={() => onResolved(null)}>
            {words.theirs}
          </Button>
          <Button
            disabled={theirs.data === undefined}
            onClick={() => theirs.data !== undefined && onResolved({ text, base: theirs.data })}
          >
            {words.mine}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
