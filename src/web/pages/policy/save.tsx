// Before a text is put in force: who would lose and gain what by it, against all devices as they are now.
import { Alert, Button, Group, Modal, Skeleton, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { RequestError } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { Impact } from './impact.tsx';
import { applyPolicy, impactQuery } from './queries.ts';

interface SaveProps {
  text: string;
  /** Of the one that it replaces. */
  etag: string;
  onClose: () => void;
  /** Another one is in force meanwhile. */
  onConflict: () => void;
  onSaved: () => void;
}

export function SaveDialog({ text, etag, onClose, onConflict, onSaved }: SaveProps) {
  const mayLook = useMay()('devices:posture_attributes:read');
  const queries = useQueryClient();
  const impact = useQuery({ ...impactQuery(text), enabled: mayLook, staleTime: 0 });
  const saving = useMutation({
    mutationFn: () => applyPolicy({ text, etag }),
    onSuccess: async () => {
      onSaved();
      notifications.show({ color: 'teal', message: texts.policy.save.done, withCloseButton: false });
      await queries.invalidateQueries({ queryKey: ['policy'] });
      await queries.invalidateQueries({ queryKey: ['devices', 'postures'] });
    },
    onError: async error => {
      if (!(error instanceof RequestError) || error.status !== 412) return;
      await queries.invalidateQueries({ queryKey: ['policy'] });
      onConflict();
    },
  });
  const isLosing = (impact.data?.losing ?? 0) > 0;
  return (
    <Modal opened onClose={onClose} title={texts.policy.save.title} size="xl">
      <Stack gap="md">
        {!mayLook && (
          <Alert color="orange" icon={<IconAlertTriangle aria-hidden />}>
            {texts.policy.save.unseen}
          </Alert>
        )}
        {mayLook && impact.isPending && (
          <Stack gap="xs" role="status">
            <Text c="dimmed">{texts.policy.impact.reckoning}</Text>
            <Skeleton h={180} />
          </Stack>
        )}
        {impact.isError && <Failure error={impact.error} onRetry={() => impact.refetch()} />}
        {impact.data !== undefined && <Impact text={text} impact={impact.data} />}
        {saving.isError && <Failure error={saving.error} />}
        <Group justify="flex-end" className="policy-foot">
          <Button variant="default" onClick={onClose} data-autofocus>
            {texts.policy.save.back}
          </Button>
          <Button
            color={isLosing ? 'red.9' : 'blue'}
            disabled={mayLook && impact.isPending}
            loading={saving.isPending}
            onClick={() => saving.mutate()}
          >
            {isLosing ? texts.policy.save.confirmLosing(impact.data?.losing ?? 0) : texts.policy.save.confirm}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
