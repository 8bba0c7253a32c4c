// Asks before an integration is removed: says how many devices would lose how many values, and wants its name typed.
import { Skeleton, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate } from 'react-router';
import { AskFirst } from '../../parts/ask-first.tsx';
import { Failure } from '../../parts/failure.tsx';
import { forgetUnsaved } from '../../parts/unsaved.ts';
import { texts } from '../../texts.ts';
import { acts, integrationsQuery, lossesQuery } from './queries.ts';
import { counted, type Integration } from './words.ts';

const t = texts.integrations.remove;

interface DialogProps {
  integration: Integration;
  isOpen: boolean;
  onClose: () => void;
}

export function RemoveDialog({ integration, isOpen, onClose }: DialogProps) {
  const navigate = useNavigate();
  const { id, name } = integration;
  const losses = useQuery(lossesQuery(id, isOpen));
  const queries = useQueryClient();
  const remove = useMutation({ mutationFn: (devices: number) => acts.remove(id, devices) });
  const close = () => {
    remove.reset();
    onClose();
  };
  const confirm = () => {
    if (losses.data === undefined) return;
    remove.mutate(losses.data.devices, {
      onSuccess: () => {
        notifications.show({ message: t.done(name) });
        // Nor can what was typed for it be saved any more.
        forgetUnsaved();
        void navigate('/integrations');
        // What is gone is not asked for again.
        queries.removeQueries({ queryKey: ['integrations', id] });
        queries.removeQueries({ queryKey: ['runs', id] });
        void queries.invalidateQueries({ queryKey: integrationsQuery.queryKey });
      },
      // It may be another number by now: the service said so, and it is shown anew.
      onError: () => void losses.refetch(),
    });
  };
  return (
    <AskFirst
      isOpen={isOpen}
      onClose={close}
      title={t.title(name)}
      action={t.action}
      isBusy={remove.isPending || losses.data === undefined}
      error={remove.error}
      onConfirm={confirm}
      typed={name}
    >
      {losses.error !== null && <Failure error={losses.error} onRetry={() => void losses.refetch()} />}
      {losses.data === undefined ? (
        <Skeleton h={24} aria-label={t.counting} />
      ) : (
        <Text fw={600}>
          {losses.data.devices === 0
            ? t.takesNothing
            : t.takes(counted(losses.data.devices, 'device'), counted(losses.data.attributes, 'value'))}
        </Text>
      )}
      <Text size="sm">{t.about}</Text>
    </AskFirst>
  );
}
