// Before a text is put in force: who would lose and gain what by it, against all devices as they are now.
import { Alert, Button, Group, Modal, Progress, Skeleton, Stack, Text } from '@mantine/core';
import { notifications } from '@mantine/notifications';
import { IconAlertTriangle } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { RequestError } from '../../api/client.ts';
import { useMay } from '../../api/session.ts';
import { Failure } from '../../parts/failure.tsx';
import { texts } from '../../texts.ts';
import { Impact } from './impact.tsx';
import { applyPolicy, impactQuery, type Reckoned } from './queries.ts';

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
  const [reckoned, setReckoned] = useState<Reckoned | null>(null);
  const impact = useQuery({ ...impactQuery(text, setReckoned), enabled: mayLook, staleTime: 0 });
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
        {mayLook && impact.isPending && <Reckoning reckoned={reckoned} />}
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

/** How far is told where it takes longer than a moment; its place is kept from the beginning. */
function Reckoning({ reckoned }: { reckoned: Reckoned | null }) {
  const words = texts.policy.impact;
  const { compared, devices } = reckoned ?? { compared: 0, devices: 0 };
  // The count may have moved on since it was begun.
  const percent = devices === 0 ? 0 : Math.min(100, Math.floor((compared / devices) * 100));
  return (
    <Stack gap="xs">
      <Text c="dimmed" role="status">
        {words.reckoning}
      </Text>
      <Stack gap={4} className="policy-reckoning" data-shown={reckoned !== null}>
        <Progress value={percent} transitionDuration={200} aria-label={words.progressLabel} />
        <Text size="xs" c="dimmed" className="figures">
          {words.progress(compared, devices)}
        </Text>
      </Stack>
      <Skeleton h={140} />
    </Stack>
  );
}
